//! Training: the same states but for rounding, whatever is taught, and the same bits wherever it was stopped.

use crate::{EPOCHS, PER_EPOCH, SIDE, adam, difference, emulator, gpu, recipe, resnet, sgd, vit};
use basin_core::SeedTree;
use basin_data::{AugmentConfig, fill_batch};
use basin_gpu::Precision;
use basin_models::{Architecture, Network};
use basin_train::{
    Backend, Cpu, Examples, Gpu, Optimiser, Outcome, Recipe, Segment, SegmentObserver, Teacher, Teaching,
    TrainError, TrainState, run,
};
use std::sync::Arc;

/// Stops after a global step and keeps what it is handed.
#[derive(Default)]
struct StopAt {
    step: u64,
    kept: Option<TrainState>,
}

impl SegmentObserver for StopAt {
    fn step(&mut self, step: u64) -> bool {
        step == self.step
    }
    fn checkpoint_due(&mut self) -> bool {
        false
    }
    fn checkpoint(&mut self, state: &TrainState) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.kept = Some(state.clone());
        Ok(())
    }
}

fn start(net: &Network) -> TrainState {
    TrainState::new(net.init(&SeedTree::root(1)), 0)
}

fn finished(outcome: Result<Outcome, TrainError>) -> TrainState {
    match outcome.unwrap() {
        Outcome::Finished(state) => state,
        Outcome::Interrupted => panic!("nobody interrupted"),
    }
}

fn on_cpu(net: &Network, recipe: &Recipe, state: TrainState) -> TrainState {
    finished(run(&Cpu, net, recipe, Segment { state, end_epoch: EPOCHS }, &mut StopAt::default()))
}

fn on_device(net: &Network, recipe: &Recipe, state: TrainState, precision: Precision) -> TrainState {
    let segment = Segment { state, end_epoch: EPOCHS };
    finished(run(&gpu(precision), net, recipe, segment, &mut StopAt::default()))
}

fn assert_near(cpu: &TrainState, device: &TrainState, limit: f64) {
    let params = difference(&cpu.params, &device.params);
    assert_eq!(cpu.params.len(), device.params.len());
    assert_eq!(cpu.moments.tables.len(), device.moments.tables.len());
    let moments = cpu.moments.tables.iter().zip(&device.moments.tables);
    let moments = moments.map(|(a, b)| difference(a, b)).fold(0.0, f64::max);
    assert!(params < limit && moments < 10.0 * limit, "parameters {params:.1e}, moments {moments:.1e}");
    assert_eq!(cpu.moments.updates, device.moments.updates);
    assert_eq!((cpu.step, cpu.rows.len()), (device.step, device.rows.len()));
    for (a, b) in cpu.rows.iter().zip(&device.rows) {
        assert!((a.loss - b.loss).abs() < limit * a.loss, "{a:?} {b:?}");
        assert_eq!((a.epoch, a.step, a.learning_rate), (b.epoch, b.step, b.learning_rate));
    }
}

#[test]
fn a_resnet_trains_as_on_the_cpu() {
    let (net, recipe) = (resnet(), sgd());
    let cpu = on_cpu(&net, &recipe, start(&net));
    let device = on_device(&net, &recipe, start(&net), Precision::F32);
    assert_near(&cpu, &device, 1e-4);
    assert_eq!(cpu.rows[0].accuracy, device.rows[0].accuracy);
}

#[test]
fn a_transformer_with_dropout_and_adam_trains_as_on_the_cpu() {
    let (net, recipe) = (vit(0.2), adam());
    let cpu = on_cpu(&net, &recipe, start(&net));
    assert_near(&cpu, &on_device(&net, &recipe, start(&net), Precision::F32), 1e-4);
}

#[test]
fn teachers_teach_as_on_the_cpu() {
    let net = vit(0.0);
    for (count, replay) in [(1, None), (2, Some(1))] {
        let teacher = |i: u64| Arc::new(Teacher::new(&net, &net.init(&SeedTree::root(10 + i))).unwrap());
        let teachers = (0..count).map(teacher).collect();
        let teaching = Teaching::Teachers { teachers, label_weight: 0.3, temperature: 4.0, kept: None };
        let recipe = Recipe { teaching, replay, ..sgd() };
        let cpu = on_cpu(&net, &recipe, start(&net));
        assert_near(&cpu, &on_device(&net, &recipe, start(&net), Precision::F32), 1e-4);
    }
}

#[test]
fn bf16_stays_near_with_parameters_in_f32() {
    // Not the narrow ResNet: four channels are too few for a norm to be well conditioned.
    let wide = Architecture::from_name("resnet20", 1.0).unwrap().build(SIDE, 10).unwrap();
    for (net, recipe, limit) in [(wide, sgd(), 0.15), (vit(0.1), adam(), 0.05)] {
        let cpu = on_cpu(&net, &recipe, start(&net));
        let device = on_device(&net, &recipe, start(&net), Precision::Bf16);
        let moved = cpu.params.l2_distance(&start(&net).params).unwrap();
        let apart = cpu.params.l2_distance(&device.params).unwrap() / moved;
        assert!(apart < limit, "{apart:.1e} of the way apart");
        for (a, b) in cpu.rows.iter().zip(&device.rows) {
            assert!((a.loss - b.loss).abs() < 2e-2 * a.loss, "{a:?} {b:?}");
        }
        let rounded = |x: &f32| x.to_bits() & 0xFFFF == 0;
        let whole = device.params.iter().all(|(_, array)| array.data().iter().all(rounded));
        assert!(!whole, "the parameters themselves were rounded to bf16");
    }
}

#[test]
fn the_same_run_has_the_same_bits_stopped_or_not_in_any_order_of_threads() {
    let (net, recipe) = (vit(0.2), sgd());
    for precision in [Precision::F32, Precision::Bf16] {
        let whole = on_device(&net, &recipe, start(&net), precision);
        for (stop, falling) in [(1, true), (4, false)] {
            let mut observer = StopAt { step: stop, kept: None };
            let segment = Segment { state: start(&net), end_epoch: EPOCHS };
            let gpu = Gpu { queue: emulator(falling), precision };
            let outcome = run(&gpu, &net, &recipe, segment, &mut observer);
            assert_eq!(outcome.unwrap(), Outcome::Interrupted);
            let bytes = observer.kept.unwrap().encode();
            let restored = TrainState::decode(&bytes, &net.layout().shapes()).unwrap();
            assert_eq!(restored.step, stop);
            assert!(on_device(&net, &recipe, restored, precision) == whole, "stopped after step {stop}");
        }
    }
}

#[test]
fn a_trajectory_moves_between_cpu_and_device() {
    let (net, recipe) = (resnet(), adam());
    let cpu = on_cpu(&net, &recipe, start(&net));
    let mut observer = StopAt { step: 1, kept: None };
    run(&Cpu, &net, &recipe, Segment { state: start(&net), end_epoch: EPOCHS }, &mut observer).unwrap();
    let segment = Segment { state: observer.kept.take().unwrap(), end_epoch: EPOCHS };
    observer.step = 4;
    run(&gpu(Precision::F32), &net, &recipe, segment, &mut observer).unwrap();
    let state = observer.kept.unwrap();
    assert_eq!((state.step, state.moments.updates), (4, 4));
    assert_near(&cpu, &on_cpu(&net, &recipe, state), 1e-4);
}

#[test]
fn a_step_that_is_not_finite_keeps_the_state_before_it() {
    let (net, recipe) = (vit(0.0), sgd());
    let mut state = start(&net);
    if let Some((_, array)) = state.params.iter_mut().next() {
        array.data_mut()[0] = f32::NAN;
    }
    let before = state.params.content_hash();
    let mut observer = StopAt::default();
    let segment = Segment { state, end_epoch: EPOCHS };
    let error = run(&gpu(Precision::F32), &net, &recipe, segment, &mut observer).unwrap_err();
    assert!(matches!(error, TrainError::NonFinite { step: 0, .. }), "{error}");
    let kept = observer.kept.unwrap();
    assert_eq!((kept.params.content_hash(), kept.moments.updates, kept.step), (before, 0, 0));
}

/// Half the squared distance from the teacher's logits, or from 3 at the label and 0 elsewhere.
#[derive(Debug)]
struct Squares;

impl basin_ensemble::LogitObjective for Squares {
    fn id(&self) -> String {
        "squares".into()
    }

    fn loss(&self, logits: &[f32], labels: &[u32], teacher: Option<&[f32]>, gradient: &mut [f32]) -> f64 {
        let classes = logits.len() / labels.len();
        let target = |i: usize| match teacher {
            Some(teacher) => teacher[i],
            None if labels[i / classes] as usize == i % classes => 3.0,
            None => 0.0,
        };
        gradient.iter_mut().enumerate().for_each(|(i, g)| *g = logits[i] - target(i));
        gradient.iter().map(|g| 0.5 * f64::from(g * g)).sum()
    }
}

#[test]
fn a_loss_of_a_methods_own_trains_as_on_the_cpu() {
    let net = vit(0.1);
    let teacher = Arc::new(Teacher::new(&net, &net.init(&SeedTree::root(10))).unwrap());
    for teacher in [None, Some(teacher)] {
        let teaching = Teaching::Custom { objective: Arc::new(Squares), teacher };
        let recipe = Recipe { teaching, ..sgd() };
        let cpu = on_cpu(&net, &recipe, start(&net));
        let device = on_device(&net, &recipe, start(&net), Precision::F32);
        assert_near(&cpu, &device, 1e-4);
        assert_eq!(cpu.rows[0].accuracy, device.rows[0].accuracy);
        // It is that loss, and not the labels' cross-entropy.
        let labels = Recipe { teaching: Teaching::Labels, ..sgd() };
        let other = on_device(&net, &labels, start(&net), Precision::F32);
        assert!(difference(&other.params, &device.params) > 1e-2);
        let half = on_device(&net, &recipe, start(&net), Precision::Bf16);
        assert!((half.rows[1].loss - device.rows[1].loss).abs() < 2e-2 * device.rows[1].loss);
    }
}

#[test]
fn steps_are_told_in_order_and_none_follows_the_segments_last() {
    let (net, recipe) = (vit(0.0), sgd());
    let state = TrainState { step: PER_EPOCH - 1, ..start(&net) };
    let segment = Segment { state, end_epoch: EPOCHS };
    let mut trainer = gpu(Precision::F32).trainer(&net, &recipe, &segment).unwrap();
    // The last step of one epoch and the first of the next, nobody having asked between them.
    for _ in 0..2 {
        assert!(trainer.step().unwrap().is_empty(), "steps are done behind what queues them");
    }
    let mut told = trainer.wait().unwrap();
    assert_eq!(told.len(), 2);
    assert!(trainer.wait().unwrap().is_empty(), "told twice");
    trainer.step().unwrap();
    trainer.step().unwrap();
    let refused = trainer.step().err();
    assert!(matches!(refused, Some(TrainError::Beyond { step: 7, end: 6 })), "{refused:?}");
    told.extend(trainer.wait().unwrap());
    let mut cpu = Cpu.trainer(&net, &recipe, &segment).unwrap();
    assert_eq!(told.len(), 4);
    for told in told {
        let expected = cpu.step().unwrap()[0];
        assert!((told.loss - expected.loss).abs() < 1e-4 * expected.loss, "{told:?} {expected:?}");
    }
}

/// Every configuration of the augmentation, pixel for pixel with the same bits.
#[test]
fn batches_have_the_bits_of_the_cpu() {
    use basin_train::gpu::Feed;
    let chains = [AugmentConfig::none(), AugmentConfig::paper(), AugmentConfig::git_rebasin(), {
        let jitter = basin_data::Jitter { brightness: 0.8, contrast: 2.0, saturation: 3.0, hue: 0.5 };
        AugmentConfig { jitter, crop_padding: 3, ..AugmentConfig::git_rebasin() }
    }];
    for augment in chains {
        let recipe = recipe(Optimiser::adam(), augment);
        let Examples { images, normalisation, .. } = &recipe.examples;
        let mut feed = Feed::new(emulator(true), &recipe).unwrap();
        let order = recipe.order.epoch(1, images.len());
        for step in 0..PER_EPOCH as usize {
            let picks = &order[step * recipe.batch..][..recipe.batch];
            let mut expected = vec![0.0; recipe.batch * SIDE * SIDE * 3];
            fill_batch(images, picks, &augment, &recipe.order.seeds, 1, normalisation, &mut expected);
            let (pixels, labels) = feed.batch(1, step).unwrap();
            assert_eq!(pixels, expected, "{augment:?}");
            let classes: Vec<u32> = picks.iter().map(|pick| images.labels()[pick.image as usize]).collect();
            assert_eq!(labels, classes);
        }
    }
}
