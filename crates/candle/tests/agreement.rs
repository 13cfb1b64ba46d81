//! The same recipe on the engine and by candle: the same parameters up to rounding, and states that either goes on from.

use basin_candle::{Candle, run_by_candle};
use basin_core::{Array, Params, SeedTree};
use basin_data::{AugmentConfig, SYNTHETIC, Source, Split};
use basin_ensemble::WarmupCosine;
use basin_models::{Architecture, Network};
use basin_train::{
    Backend, Cpu, Examples, Optimiser, Outcome, Recipe, Segment, SegmentObserver, Teaching, TrainState, run,
};
use candle_core::Device;
use std::sync::Arc;

const STEPS: u64 = 20;

fn recipe(optimiser: Optimiser, peak: f64) -> Recipe {
    let images = Source { train_images: 160, ..Source::synthetic(3) }.load(Split::Train).unwrap();
    Recipe {
        examples: Examples {
            images: Arc::new(images.halved().unwrap()),
            augment: AugmentConfig::paper(),
            normalisation: SYNTHETIC.normalisation,
        },
        batch: 32,
        optimiser,
        schedule: Arc::new(WarmupCosine { peak, epochs: 8, warmup: 0.1, floor: None }),
        order: SeedTree::root(0).child("order").into(),
        teaching: Teaching::Labels,
        label_smoothing: 0.0,
        replay: None,
    }
}

/// Stops after a global step and keeps what it is handed.
struct StopAt(u64, Option<TrainState>);

impl SegmentObserver for StopAt {
    fn step(&mut self, step: u64) -> bool {
        step == self.0
    }
    fn checkpoint_due(&mut self) -> bool {
        false
    }
    fn checkpoint(&mut self, state: &TrainState) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.1 = Some(state.clone());
        Ok(())
    }
}

fn go_on(
    backend: &dyn Backend,
    network: &Network,
    recipe: &Recipe,
    state: TrainState,
    to: u64,
) -> TrainState {
    let mut observer = StopAt(to, None);
    match run(backend, network, recipe, Segment { state, end_epoch: 8 }, &mut observer).unwrap() {
        Outcome::Interrupted => observer.1.unwrap(),
        Outcome::Finished(_) => panic!("it ends after 40 steps"),
    }
}

/// The length of the difference, as a share of the length of what is expected.
fn apart<'a>(expected: impl Iterator<Item = (&'a str, &'a Array)>, found: &Params) -> f64 {
    let (mut difference, mut length) = (0.0, 0.0);
    for (name, expected) in expected {
        for (e, f) in expected.data().iter().zip(found.get(name).unwrap().data()) {
            difference += f64::from(e - f).powi(2);
            length += f64::from(*e).powi(2);
        }
    }
    (difference / length).sqrt()
}

fn agrees(architecture: Architecture, recipe: &Recipe) {
    let engine = architecture.build(16, 10).unwrap();
    let candle = run_by_candle(&engine).unwrap();
    let by_candle = Candle::new(Device::Cpu);
    let start = || TrainState::new(engine.init(&SeedTree::root(1)), 0);
    let expected = go_on(&Cpu, &engine, recipe, start(), STEPS);
    let moved = apart(start().params.iter(), &expected.params);
    assert!(moved > 1e-2, "training moves parameters: {moved}");
    // After the first step every array by itself, before rounding has grown.
    let first = go_on(&Cpu, &engine, recipe, start(), 1);
    let found = go_on(&by_candle, &candle, recipe, start(), 1);
    for (name, array) in first.params.iter() {
        let told = apart(std::iter::once((name, array)), &found.params);
        assert!(told <= 2e-5, "{name}: {told}");
    }
    let found = go_on(&by_candle, &candle, recipe, start(), STEPS);
    let told = apart(expected.params.iter(), &found.params);
    assert!(told <= 1e-4, "{told}");
    assert_eq!(expected.rows.len(), found.rows.len());
    for (e, f) in expected.rows.iter().zip(&found.rows) {
        assert!((e.loss - f.loss).abs() <= 1e-4 * e.loss, "{e:?} {f:?}");
    }
    // Handed to the other at every step, through the bytes of a checkpoint.
    let mut state = start();
    for step in 1..=STEPS {
        let (backend, network): (&dyn Backend, _) =
            if step % 2 == 0 { (&Cpu, &engine) } else { (&by_candle, &candle) };
        state = go_on(backend, network, recipe, state, step);
        state = TrainState::decode(&state.encode(), &engine.layout().shapes()).unwrap();
    }
    let told = apart(expected.params.iter(), &state.params);
    assert!(told <= 1e-4, "handed over: {told}");
    assert_eq!(state.moments.updates, expected.moments.updates);
}

#[test]
fn resnet20_trains_to_the_same_parameters() {
    agrees(Architecture::from_name("resnet20", 1.0).unwrap(), &recipe(Optimiser::sgd(0.9, 1e-4), 0.1));
}

/// Everything that is drawn: images mixed and erased, labels smoothed, values and branches dropped.
#[test]
fn softened_labels_mixed_images_and_dropped_branches_are_the_same_on_both() {
    let augment = AugmentConfig { erasing: 0.5, mixup: 0.8, cutmix: 1.0, ..AugmentConfig::paper() };
    let plain = recipe(Optimiser::sgd(0.9, 1e-4), 0.05);
    let examples = Examples { augment, ..plain.examples.clone() };
    let recipe = Recipe { label_smoothing: 0.1, examples, ..plain };
    let vit = Architecture::from_name("vit", 0.25).unwrap().with_dropout(0.1).unwrap();
    agrees(vit.with_drop_path(0.3).unwrap(), &recipe);
    every_step_agrees(
        Architecture::from_name("resnet14", 1.0).unwrap().with_drop_path(0.5).unwrap(),
        &recipe,
    );
}

/// Of a network whose rounding grows from step to step (its ReLUs and, on pixels that are all alike, its norms see to that):
/// each step by itself, from where the other one is.
fn every_step_agrees(architecture: Architecture, recipe: &Recipe) {
    let engine = architecture.build(16, 10).unwrap();
    let candle = run_by_candle(&engine).unwrap();
    let by_candle = Candle::new(Device::Cpu);
    let mut state = TrainState::new(engine.init(&SeedTree::root(1)), 0);
    for step in 1..=STEPS {
        let found = go_on(&by_candle, &candle, recipe, state.clone(), step);
        let expected = go_on(&Cpu, &engine, recipe, state, step);
        for (name, array) in expected.params.iter() {
            let told = apart(std::iter::once((name, array)), &found.params);
            assert!(told <= 2e-5, "step {step}, {name}: {told}");
        }
        assert!((expected.loss_sum - found.loss_sum).abs() <= 1e-5 * expected.loss_sum.abs(), "step {step}");
        assert_eq!(expected.correct, found.correct, "step {step}");
        state = expected;
    }
}

/// With dropout: both take the masks from the same seeds.
#[test]
fn the_transformer_trains_to_the_same_parameters() {
    let vit = Architecture::from_name("vit", 0.25).unwrap().with_dropout(0.1).unwrap();
    agrees(vit, &recipe(Optimiser::sgd(0.9, 1e-4), 0.05));
}
