//! Plans of the samplers: what they share, and what they are called.

use crate::{ACCEPTED, ONE, cx, random};
use basin_ensemble::conformance::assert_method_conforms;
use basin_ensemble::{EnsembleMethod, ParamOp, Recipe, Setting, Work, keys};
use basin_methods::{
    Averaged, Deep, RandomDirection, SubspaceDropout, SubspaceGaussian, SubspacePca, SubspacePcaRandom,
    Subspaces, Swag,
};
use std::collections::BTreeSet;

fn all(runs: usize, samples: usize) -> Vec<Box<dyn EnsembleMethod>> {
    let (subspaces, last, spread) = (Subspaces { runs, samples }, 10, ONE);
    vec![
        Box::new(random(runs, samples)),
        Box::new(SubspaceDropout { subspaces, rate: 0.1 }),
        Box::new(SubspaceGaussian { subspaces, last, spread }),
        Box::new(SubspacePca { subspaces, last, rank: 5, spread }),
        Box::new(Swag { subspaces, last, spread }),
        Box::new(SubspacePcaRandom { random: random(runs, samples), rank: 5, spread }),
    ]
}

#[test]
fn subspaces_conform_and_train_no_more_than_their_runs() {
    for method in all(1, 10) {
        assert_method_conforms(method.as_ref(), &cx(), 110);
        assert_eq!(method.members(&cx()), 11);
    }
    for method in all(3, 6) {
        assert_method_conforms(method.as_ref(), &cx(), 330);
        assert_eq!(method.members(&cx()), 21);
    }
    assert_method_conforms(&Averaged { last: 10 }, &cx(), 550);
}

fn digests(recipe: &Recipe) -> Vec<basin_core::Digest> {
    keys(recipe, &Setting::named("cifar10, seed 0")).nodes
}

#[test]
fn runs_are_the_deep_ensemble_s_and_stand_first_in_their_subspaces() {
    let deep = Deep.plan(&cx()).unwrap();
    let of = |recipe: &Recipe, member: usize| digests(recipe)[recipe.members()[member].index()];
    for method in all(2, 6) {
        let recipe = method.plan(&cx()).unwrap();
        assert_eq!(of(&recipe, 0), of(&deep, 0), "{}", method.id());
        assert_eq!(of(&recipe, 7), of(&deep, 1), "{}", method.id());
        let name = |member: usize| recipe.nodes()[recipe.members()[member].index()].name();
        assert_eq!([name(7), name(8)], ["deep-2".to_owned(), format!("{}-2-1", method.id())]);
    }
}

#[test]
fn states_are_those_after_the_last_epochs_and_end_with_the_solution() {
    let recipe = Averaged { last: 3 }.plan(&cx()).unwrap();
    let first = &recipe.nodes()[recipe.members()[0].index()];
    let epoch = |id: &basin_ensemble::NodeId| match &recipe.nodes()[id.index()] {
        Work::Train { epoch, .. } => *epoch,
        other => panic!("{other:?}"),
    };
    assert_eq!(first.inputs().iter().map(epoch).collect::<Vec<_>>(), [108, 109, 110]);
    let deep = digests(&Deep.plan(&cx()).unwrap())[1];
    assert_eq!(digests(&recipe)[first.inputs()[2].index()], deep);
}

#[test]
fn more_samples_leave_the_others_as_they_are_and_components_are_of_the_random_samples_themselves() {
    let of = |method: &dyn EnsembleMethod| {
        let recipe = method.plan(&cx()).unwrap();
        let all = digests(&recipe);
        recipe.members().iter().map(|m| all[m.index()]).collect::<BTreeSet<_>>()
    };
    for (fewer, more) in all(1, 6).iter().zip(all(2, 9)).filter(|(m, _)| m.id() != "subspace-pca-random") {
        assert!(of(&**fewer).is_subset(&of(&*more)), "{}", fewer.id());
    }
    let pca = SubspacePcaRandom { random: random(2, 9), rank: 5, spread: ONE }.plan(&cx()).unwrap();
    let used: BTreeSet<_> = digests(&pca).into_iter().collect();
    assert!(of(&random(2, 9)).is_subset(&used));
}

#[test]
fn what_is_accepted_is_part_of_a_sample_s_name_and_off_leaves_no_mark() {
    let id = |acceptance| RandomDirection { scale: 10.0, acceptance }.id();
    assert_eq!(id(None), "random-direction 1 (scale 10.0)");
    assert_eq!(
        id(Some(ACCEPTED)),
        "random-direction 1 (scale 10.0, at least 0.99 of the accuracy on 1000 training images in 5 tries)"
    );
}
