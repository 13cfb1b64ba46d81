//! Every method passes the conformance kit, and together they share what the paper's table lets them share.

use basin_ensemble::conformance::assert_method_conforms;
use basin_ensemble::{EnsembleMethod, PlanContext, RecipeError, Setting, Work, keys};
use basin_methods::{
    Constrained, Deep, Distillation, Distilled, DistilledDeep, Division, JointMatching, JointlyPermuted,
    Noise, Partition, Permuted, Shifted, Shortcut, Start, Swe, Teachers,
};
use std::collections::{BTreeMap, BTreeSet};
use weight_matching::PermutationSpec;

const PAPER: Distillation = Distillation { label_weight: 0.2, temperature: 3.0 };

fn cx() -> PlanContext {
    PlanContext::new(5, 110, 0.1)
}

fn all() -> Vec<(Box<dyn EnsembleMethod>, u64)> {
    let spec = PermutationSpec::resnet(20).unwrap();
    vec![
        (Box::new(Deep), 550),
        (Box::new(Constrained { split_epoch: 10 }), 510),
        (Box::new(Swe { peak: 0.1, warmup: 0.1, floor: 0.01 }), 550),
        (Box::new(Permuted { spec, spec_name: "resnet20".into() }), 550),
        (Box::new(Distilled::new(10, PAPER)), 1050),
        (Box::new(DistilledDeep { distillation: PAPER }), 1100),
    ]
}

#[test]
fn every_method_conforms() {
    for (method, epochs) in all() {
        assert_method_conforms(method.as_ref(), &cx(), epochs);
    }
    for matching in [JointMatching::MultiPcd, JointMatching::MergeMany, JointMatching::FrankWolfe] {
        let spec = PermutationSpec::resnet(20).unwrap();
        assert_method_conforms(&JointlyPermuted { matching, spec, spec_name: "resnet20".into() }, &cx(), 550);
    }
}

#[test]
fn together_they_need_2650_epochs_instead_of_4310() {
    let (mut shared, mut alone) = (BTreeMap::new(), 0);
    for (method, _) in all() {
        let recipe = method.plan(&cx()).unwrap();
        let mut own = BTreeMap::new();
        for ((work, key), needed) in recipe
            .nodes()
            .iter()
            .zip(keys(&recipe, &Setting::named("cifar10, seed 0")).trajectories)
            .zip(recipe.needed())
        {
            if let (Work::Train { trajectory, epoch, .. }, true) = (work, needed) {
                let epochs = epoch - trajectory.start_epoch;
                for table in [&mut shared, &mut own] {
                    table.entry(key).and_modify(|e: &mut u64| *e = epochs.max(*e)).or_insert(epochs);
                }
            }
        }
        alone += own.values().sum::<u64>();
    }
    assert_eq!((shared.values().sum::<u64>(), alone), (2650, 4310));
}

#[test]
fn distilled_and_constrained_members_differ_in_the_objective_alone() {
    let describe = |method: &dyn EnsembleMethod| {
        let recipe = method.plan(&cx()).unwrap();
        let member = |id: &basin_ensemble::NodeId| match &recipe.nodes()[id.index()] {
            Work::Train { trajectory: t, epoch, .. } => {
                (t.start_epoch, t.order.clone(), t.schedule.id(), *epoch)
            }
            other => panic!("{other:?}"),
        };
        recipe.members().iter().map(member).collect::<Vec<_>>()
    };
    let constrained = describe(&Constrained { split_epoch: 10 });
    assert_eq!(constrained, describe(&Distilled::new(10, PAPER)));
    let orders: BTreeSet<_> = constrained.iter().map(|m| &m.1).collect();
    assert_eq!(orders.len(), 5, "each run has a batch order of its own");
}

#[test]
fn the_reference_of_the_permuted_ensemble_is_the_deep_member_itself() {
    let spec = PermutationSpec::resnet(20).unwrap();
    let permuted = Permuted { spec, spec_name: "resnet20".into() }.plan(&cx()).unwrap();
    let deep = Deep.plan(&cx()).unwrap();
    let key = |recipe: &basin_ensemble::Recipe| {
        keys(recipe, &Setting::named("s")).nodes[recipe.members()[0].index()]
    };
    assert_eq!(key(&permuted), key(&deep));
}

#[test]
fn parameters_out_of_range_are_refused_by_name() {
    let key = |result: Result<_, RecipeError>| match result {
        Err(RecipeError::Parameter { key, .. }) => key,
        other => panic!("{other:?}"),
    };
    assert_eq!(key(Constrained { split_epoch: 110 }.plan(&cx())), "ensemble.split_epoch");
    assert_eq!(key(Constrained { split_epoch: 0 }.plan(&cx())), "ensemble.split_epoch");
    let wrong = |label_weight, temperature| {
        DistilledDeep { distillation: Distillation { label_weight, temperature } }.plan(&cx())
    };
    assert_eq!(key(wrong(1.5, 3.0)), "ensemble.label_weight");
    assert_eq!(key(wrong(f64::NAN, 3.0)), "ensemble.label_weight");
    assert_eq!(key(wrong(0.2, 0.0)), "ensemble.temperature");
    assert_eq!(key(Swe { peak: 0.1, warmup: 0.1, floor: 0.1 }.plan(&cx())), "ensemble.swe_floor");
}

#[test]
fn cheaper_distillation_conforms_and_costs_what_it_says() {
    use Shortcut::{Last, Replay};
    let with = |teachers, shortcut| Distilled { teachers, shortcut, ..Distilled::new(10, PAPER) };
    // One deep member and five students; five deep members and five students; 80 epochs on labels, then 20.
    for (teachers, shortcut, epochs) in [
        (Teachers::First, Shortcut::None, 110 + 5 * 100),
        (Teachers::All, Shortcut::None, 5 * 110 + 5 * 100),
        (Teachers::Own, Last(20), 5 * 110 + 5 * 100),
        (Teachers::First, Last(20), 110 + 5 * 100),
        (Teachers::Own, Replay(4), 5 * 110 + 5 * 100),
        (Teachers::All, Replay(4), 5 * 110 + 5 * 100),
    ] {
        assert_method_conforms(&with(teachers, shortcut), &cx(), epochs);
    }
    for refused in [Last(0), Last(101), Replay(0)] {
        assert!(with(Teachers::Own, refused).plan(&cx()).is_err(), "{refused:?}");
    }
}

#[test]
fn distilling_all_epochs_since_the_split_is_the_papers_procedure() {
    let keys_of = |shortcut| {
        let recipe = Distilled { shortcut, ..Distilled::new(10, PAPER) }.plan(&cx()).unwrap();
        keys(&recipe, &Setting::named("cifar10, seed 0")).nodes.into_iter().collect::<BTreeSet<_>>()
    };
    assert_eq!(keys_of(Shortcut::None), keys_of(Shortcut::Last(100)));
    assert_ne!(keys_of(Shortcut::None), keys_of(Shortcut::Last(99)));
    assert_ne!(keys_of(Shortcut::None), keys_of(Shortcut::Replay(100)));
    assert_eq!(keys_of(Shortcut::None), keys_of(Shortcut::Replay(110)), "what repeats after the end");
    assert_ne!(keys_of(Shortcut::Replay(2)), keys_of(Shortcut::Replay(4)));
}

fn shifted(start: Start, noise: Noise) -> Shifted {
    let division = Division { partition: Partition::Covariate, seed: 0, views: [None, None] };
    Shifted { division, noise, start }
}

#[test]
fn ensembles_on_parts_conform() {
    let spec = || Box::new(PermutationSpec::resnet(20).unwrap());
    for (start, epochs) in [
        (Start::Together, 550),
        (Start::Apart, 550),
        (Start::Trunk { split_epoch: 10 }, 110 + 5 * 100),
        (Start::Matched { spec: spec(), spec_name: "resnet20".into() }, 550),
    ] {
        for noise in [Noise::Fixed, Noise::Independent] {
            assert_method_conforms(&shifted(start.clone(), noise), &cx(), epochs);
        }
    }
    assert!(shifted(Start::Trunk { split_epoch: 110 }, Noise::Fixed).plan(&cx()).is_err());
}

#[test]
fn members_on_parts_share_what_they_should_and_nothing_else() {
    let members = |start, noise| {
        let recipe = shifted(start, noise).plan(&cx()).unwrap();
        let trained = recipe.nodes().iter().filter_map(|work| match work {
            Work::Train { trajectory, .. } => Some(trajectory.clone()),
            _ => None,
        });
        let trained: Vec<_> = trained.collect();
        let of = |f: &dyn Fn(&basin_ensemble::Trajectory) -> String| {
            trained.iter().map(f).collect::<BTreeSet<_>>().len()
        };
        let starts = of(&|t| recipe.nodes()[t.from.index()].name());
        (starts, of(&|t| t.order.clone()), of(&|t| t.data.id()), trained[0].sides.len())
    };
    assert_eq!(members(Start::Together, Noise::Fixed), (1, 1, 5, 5));
    assert_eq!(members(Start::Together, Noise::Independent), (1, 5, 5, 0));
    assert_eq!(members(Start::Apart, Noise::Fixed), (5, 1, 5, 5));
    let keys_of = |noise| {
        let recipe = shifted(Start::Together, noise).plan(&cx()).unwrap();
        keys(&recipe, &Setting::named("s")).nodes.into_iter().collect::<BTreeSet<_>>()
    };
    let (fixed, independent) = (keys_of(Noise::Fixed), keys_of(Noise::Independent));
    assert_eq!(fixed.intersection(&independent).count(), 1, "the initialisation");
}
