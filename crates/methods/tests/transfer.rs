//! The methods of transfer learning: their plans, their rates step by step, what they share and what they refuse.

use basin_core::{DataRef, Digest, digest};
use basin_ensemble::conformance::assert_method_conforms;
use basin_ensemble::{EnsembleMethod, PlanContext, Recipe, Schedule, Setting, Work, keys};
use basin_methods::{
    Cycles, Fge, FineTuned, FineTuning, Heads, Mixture, PretrainedFile, Soup, Spread, Sse, StarSse, Swa,
    TunedSwag,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Five members of eight epochs, pre-trained for twenty.
fn cx() -> PlanContext {
    let source = PlanContext::new(5, 20, 0.1);
    PlanContext { source: Some(Box::new(source)), ..PlanContext::new(5, 8, 0.04) }
}

fn tuning() -> FineTuning {
    let head = vec!["linear.weight".into(), "linear.bias".into()];
    FineTuning { checkpoint: 1, files: Vec::new(), head, heads: Heads::Own, data: DataRef::train() }
}

fn cycles(length: f64, rate: f64) -> Cycles {
    Cycles { length, rate, peak: 0.04 }
}

fn sse() -> Sse {
    Sse { tuning: tuning(), cycles: cycles(0.5, 2.0) }
}

fn star() -> StarSse {
    StarSse { tuning: tuning(), cycles: cycles(0.5, 2.0) }
}

fn swa() -> Swa {
    Swa { tuning: tuning(), cycles: cycles(0.5, 0.5) }
}

fn fge(epochs: u64) -> Fge {
    Fge { tuning: tuning(), cycles: cycles(1.0, 1.0), epochs }
}

fn soup(id: &'static str, mixture: Mixture) -> Soup {
    Soup { id, of: Arc::new(star()), mixture }
}

/// Every method with the epochs that it takes, twenty for each pre-trained network.
fn all() -> Vec<(Box<dyn EnsembleMethod>, u64)> {
    let spread = Spread { scale: 1.0, varied: false };
    vec![
        (Box::new(FineTuned::Local(tuning())), 20 + 40),
        (Box::new(FineTuned::Global(tuning())), 100 + 40),
        (Box::new(sse()), 20 + 8 + 16),
        (Box::new(star()), 20 + 8 + 16),
        (Box::new(fge(2)), 20 + 8 + 7),
        (Box::new(swa()), 20 + 8 + 16),
        (Box::new(TunedSwag { swa: swa(), last: 10, spread }), 20 + 8 + 16),
        (Box::new(soup("star-sse-soup", Mixture::Uniform)), 20 + 8 + 16),
        (Box::new(soup("star-sse-stock", Mixture::ModelStock)), 20 + 8 + 16),
        (
            Box::new(soup("star-sse-greedy-soup", Mixture::Greedy(Some(DataRef::train().share(0, 20, 0))))),
            20 + 8 + 16,
        ),
    ]
}

#[test]
fn every_method_conforms_within_its_budget() {
    for (method, epochs) in all() {
        assert_method_conforms(&*method, &cx(), epochs);
        // From scratch, too.
        let scratch = PlanContext { source: None, ..cx() };
        assert_method_conforms(&*method, &scratch, epochs);
    }
}

fn names(recipe: &Recipe) -> Vec<String> {
    recipe.members().iter().map(|member| recipe.nodes()[member.index()].name()).collect()
}

/// Members of an ensemble by name, and where each begins, of its own layout.
fn origins(recipe: &Recipe) -> Vec<String> {
    let origins = recipe.origins().unwrap();
    origins.iter().map(|origin| recipe.nodes()[origin.start.index()].name()).collect()
}

#[test]
fn members_begin_where_their_method_says() {
    let plan = |method: &dyn EnsembleMethod| method.plan(&cx()).unwrap();
    let local = plan(&FineTuned::Local(FineTuning { checkpoint: 2, ..tuning() }));
    assert_eq!(names(&local), ["tuned-2-1", "tuned-2-2", "tuned-2-3", "tuned-2-4", "tuned-2-5"]);
    assert_eq!(origins(&local), ["start-2-1", "start-2-2", "start-2-3", "start-2-4", "start-2-5"]);
    let shared = plan(&FineTuned::Local(FineTuning { heads: Heads::Shared, ..tuning() }));
    assert_eq!(origins(&shared), ["start-1-1"; 5]);
    let global = plan(&FineTuned::Global(tuning()));
    assert_eq!(names(&global), ["tuned-1-1", "tuned-2-2", "tuned-3-3", "tuned-4-4", "tuned-5-5"]);
    let at_source = global
        .origins()
        .unwrap()
        .iter()
        .map(|origin| global.is_at_source(origin.pretrained.unwrap()))
        .collect::<Vec<_>>();
    assert_eq!(at_source, [true; 5]);
    let chain = plan(&sse());
    assert_eq!(names(&chain), ["tuned-1-1", "sse-2", "sse-3", "sse-4", "sse-5"]);
    assert_eq!(origins(&chain), ["start-1-1"; 5]);
    assert_eq!(names(&plan(&soup("star-sse-soup", Mixture::Uniform))), ["star-sse-soup"]);
    let scratch = FineTuned::Global(tuning()).plan(&PlanContext { source: None, ..cx() }).unwrap();
    assert_eq!(origins(&scratch)[4], "member-5-init");
}

/// What follows one fine-tune shares it, and its pre-trained network.
#[test]
fn methods_share_the_pre_trained_network_and_the_first_fine_tune() {
    let settings = || Setting { source: Some(Box::new(Setting::named("source"))), ..Setting::named("own") };
    let mut first: BTreeSet<Digest> = BTreeSet::new();
    for (method, _) in all().into_iter().take(6) {
        let recipe = method.plan(&cx()).unwrap();
        let keys = keys(&recipe, &settings()).nodes;
        let tuned = recipe.nodes().iter().position(|work| work.name() == "tuned-1-1").unwrap();
        first.insert(keys[tuned]);
    }
    assert_eq!(first.len(), 1);
    // What is pre-trained is named by the source alone.
    let recipe = sse().plan(&cx()).unwrap();
    let trained = recipe.nodes().iter().position(|work| work.name() == "pretrained-1").unwrap();
    let other = Setting { training: "other", ..settings() };
    assert_eq!(keys(&recipe, &settings()).nodes[trained], keys(&recipe, &other).nodes[trained]);
}

/// Rates of the node of that name in the first so many steps after an epoch.
fn rates(recipe: &Recipe, name: &str, epoch: u64, steps: u64) -> Vec<f64> {
    let work = recipe.nodes().iter().find(|work| work.name() == name).unwrap();
    let Work::Train { trajectory, .. } = work else { panic!("{name} is not trained") };
    let schedule: &dyn Schedule = &*trajectory.schedule;
    (0..steps).map(|step| schedule.rate(4 * epoch + step, 4)).collect()
}

fn close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-9, "{found}, expected {expected}");
    }
}

/// Epochs of four steps; values of PyTorch's CosineAnnealingLR, stepped at every batch, of its constant rate, and of Garipov et
/// al.'s cycles.
#[test]
fn rates_of_cycles_are_those_of_public_code_step_by_step() {
    let chain = sse().plan(&cx()).unwrap();
    let cosine: Vec<f64> =
        (0..16).map(|step| 0.04 * (1.0 + (std::f64::consts::PI * f64::from(step) / 16.0).cos())).collect();
    assert_eq!(cosine[0], 0.08);
    // Cycles of four epochs, from epochs 8 and 12 of the chain, and from 8 for every arm of the star.
    close(&rates(&chain, "sse-2", 8, 16), &cosine);
    close(&rates(&chain, "sse-3", 12, 16), &cosine);
    let star = star().plan(&cx()).unwrap();
    close(&rates(&star, "star-sse-2", 8, 16), &cosine);
    close(&rates(&star, "star-sse-5", 8, 16), &cosine);
    let short = fge(2).plan(&cx()).unwrap();
    let down = [0.04, 0.0301, 0.0202, 0.0103, 0.0004, 0.0103, 0.0202, 0.0301];
    close(&rates(&short, "fge-2", 8, 8), &down);
    close(&rates(&short, "fge-5", 10, 8), &down);
    close(&rates(&swa().plan(&cx()).unwrap(), "swa-epoch-3", 8, 8), &[0.02; 8]);
}

#[test]
fn what_has_no_whole_epoch_no_images_to_judge_by_or_no_file_is_refused() {
    let told = |method: &dyn EnsembleMethod| method.plan(&cx()).unwrap_err().to_string();
    let short = Sse { cycles: cycles(0.1, 1.0), ..sse() };
    assert_eq!(
        told(&short),
        "transfer.cycle_length is 0.1, which is 0.8 epochs, expected a share of T = 8 epochs that has a whole epoch"
    );
    assert_eq!(
        told(&fge(3)),
        "transfer.fge_epochs is 3, expected an even number of epochs, at least 2: the lowest rate ends one"
    );
    assert_eq!(
        told(&soup("star-sse-greedy-soup", Mixture::Greedy(None))),
        "transfer.held_out is 0, none, expected training images held out for star-sse-greedy-soup to choose by, such as one share \
         of 20"
    );
    let file = PretrainedFile { path: "a.pt".into(), content: digest([&b"a"[..]]), classes: 1000 };
    let two = FineTuning { files: vec![file.clone(), file], ..tuning() };
    assert_eq!(
        told(&FineTuned::Global(two.clone())),
        "source.checkpoints is 2 files, expected 3 files, one for each pre-trained network"
    );
    let recipe = FineTuned::Local(two).plan(&cx()).unwrap();
    assert!(recipe.nodes().iter().any(|work| matches!(work, Work::Import { classes: Some(1000), .. })));
    let one = PlanContext { members: 2, ..cx() };
    let single = Swa { cycles: cycles(0.125, 1.0), ..swa() }.plan(&one).unwrap_err().to_string();
    assert_eq!(
        single,
        "transfer.cycle_length is 0.125, which is 1 epoch, expected two epochs or more to average, in all cycles together"
    );
}
