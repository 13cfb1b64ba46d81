//! A trajectory is a pure function of its recipe: stopping and going on leaves no trace, at any step.

use basin_core::SeedTree;
use basin_data::{AugmentConfig, SYNTHETIC, Source, Split};
use basin_ensemble::WarmupCosine;
use basin_gpu::{Precision, Queue, Recorder};
use basin_models::{Architecture, Network};
use basin_train::{
    Backend, Batch, Cpu, Examples, Gpu, KeptTargets, Moments, Optimiser, Outcome, Recipe, Segment,
    SegmentObserver, Stepper, Teacher, Teaching, TrainError, TrainState, run,
};
use std::rc::Rc;
use std::sync::Arc;

const EPOCHS: u64 = 3;
const PER_EPOCH: u64 = 5;

fn network() -> Network {
    Architecture::from_name("resnet20", 0.25).unwrap().build(32, 10).unwrap()
}

fn recipe(peak: f64) -> Recipe {
    // 42 images in batches of 8: the last two of each epoch's order are left out.
    let images = Source { train_images: 42, ..Source::synthetic(3) }.load(Split::Train).unwrap();
    assert_eq!(images.len() as u64 / 8, PER_EPOCH);
    Recipe {
        examples: Examples {
            images: Arc::new(images),
            augment: AugmentConfig::paper(),
            normalisation: SYNTHETIC.normalisation,
        },
        batch: 8,
        optimiser: Optimiser { clip_norm: Some(1.0), ..Optimiser::sgd(0.9, 1e-4) },
        schedule: Arc::new(WarmupCosine { peak, epochs: EPOCHS, warmup: 0.1, floor: None }),
        order: SeedTree::root(0).child("order").into(),
        teaching: Teaching::Labels,
        label_smoothing: 0.0,
        replay: None,
    }
}

/// Stops after a given number of global steps and keeps what it is handed.
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

fn finish(net: &Network, recipe: &Recipe, state: TrainState, end_epoch: u64) -> TrainState {
    match run(&Cpu, net, recipe, Segment { state, end_epoch }, &mut StopAt::default()).unwrap() {
        Outcome::Finished(state) => state,
        Outcome::Interrupted => panic!("nobody interrupted"),
    }
}

#[test]
fn interrupted_after_any_step_a_run_ends_with_the_same_state() {
    let (net, recipe) = (network(), recipe(0.05));
    let start = || TrainState::new(net.init(&SeedTree::root(1)), 0);
    let whole = finish(&net, &recipe, start(), EPOCHS);
    assert_eq!((whole.step, whole.rows.len() as u64), (EPOCHS * PER_EPOCH, EPOCHS));
    for stop in 1..EPOCHS * PER_EPOCH {
        let mut observer = StopAt { step: stop, kept: None };
        let outcome =
            run(&Cpu, &net, &recipe, Segment { state: start(), end_epoch: EPOCHS }, &mut observer).unwrap();
        assert_eq!(outcome, Outcome::Interrupted);
        let bytes = observer.kept.unwrap().encode();
        let restored = TrainState::decode(&bytes, &net.layout().shapes()).unwrap();
        assert_eq!(restored.step, stop);
        assert!(finish(&net, &recipe, restored, EPOCHS) == whole, "stopped after step {stop}");
    }
}

/// Kept targets are those that the teachers would give again, also where a resumed run has to make them anew.
#[test]
fn kept_targets_leave_no_trace_and_neither_does_stopping() {
    let net = network();
    let teacher = |seed| Arc::new(Teacher::new(&net, &net.init(&SeedTree::root(seed))).unwrap());
    let teachers = vec![teacher(8), teacher(9)];
    let images = recipe(0.05).examples.images.len();
    let with = |kept: Option<KeptTargets>, replay| Recipe {
        teaching: Teaching::Teachers {
            teachers: teachers.clone(),
            label_weight: 0.2,
            temperature: 3.0,
            kept: kept.map(Arc::new),
        },
        replay,
        ..recipe(0.05)
    };
    let keeping = || with(Some(KeptTargets::new(images, 2)), Some(2));
    let start = || TrainState::new(net.init(&SeedTree::root(1)), 0);
    let whole = finish(&net, &keeping(), start(), EPOCHS);
    assert!(finish(&net, &with(None, Some(2)), start(), EPOCHS) == whole, "computed every time");
    assert!(finish(&net, &with(None, None), start(), EPOCHS) != whole, "new augmentation in every epoch");
    // In the third epoch, which repeats the augmentation of the first.
    let mut observer = StopAt { step: 2 * PER_EPOCH + 2, kept: None };
    run(&Cpu, &net, &keeping(), Segment { state: start(), end_epoch: EPOCHS }, &mut observer).unwrap();
    assert!(finish(&net, &keeping(), observer.kept.unwrap(), EPOCHS) == whole, "stopped and gone on");
}

/// Everything that is drawn at random along a training, at once.
fn softened() -> Recipe {
    let plain = recipe(0.05);
    let augment = AugmentConfig { erasing: 0.5, mixup: 0.8, cutmix: 1.0, ..AugmentConfig::paper() };
    Recipe { label_smoothing: 0.1, examples: Examples { augment, ..plain.examples.clone() }, ..plain }
}

/// Mixing, erasing and what is dropped follow from the epoch and the place alone.
#[test]
fn softened_labels_and_mixed_images_leave_no_trace_of_stopping_or_threads() {
    let (net, recipe) = (network(), softened());
    let dropping = Architecture::from_name("resnet20", 0.25).unwrap().with_drop_path(0.3).unwrap();
    let dropping = dropping.build(32, 10).unwrap();
    let teacher = Arc::new(Teacher::new(&net, &net.init(&SeedTree::root(8))).unwrap());
    let teaching =
        Teaching::Teachers { teachers: vec![teacher], label_weight: 0.2, temperature: 3.0, kept: None };
    let taught = Recipe { teaching, ..recipe.clone() };
    let plain = recipe.clone();
    for (net, recipe) in [(&net, &recipe), (&net, &taught), (&dropping, &plain)] {
        let start = || TrainState::new(net.init(&SeedTree::root(1)), 0);
        let whole = finish(net, recipe, start(), EPOCHS);
        assert!(whole.rows.iter().all(|row| row.loss.is_finite()));
        for stop in [1, PER_EPOCH, PER_EPOCH + 2, 2 * PER_EPOCH + 3] {
            let mut observer = StopAt { step: stop, kept: None };
            run(&Cpu, net, recipe, Segment { state: start(), end_epoch: EPOCHS }, &mut observer).unwrap();
            assert!(finish(net, recipe, observer.kept.unwrap(), EPOCHS) == whole, "stopped after {stop}");
        }
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert!(one.install(|| finish(net, recipe, start(), EPOCHS)) == whole, "on one thread");
    }
}

/// Each setting changes what is learned.
#[test]
fn every_setting_that_softens_or_mixes_has_an_effect() {
    let net = network();
    let trained = |change: &dyn Fn(&mut Recipe)| {
        let mut recipe = recipe(0.05);
        change(&mut recipe);
        finish(&net, &recipe, TrainState::new(net.init(&SeedTree::root(1)), 0), 1).params.content_hash()
    };
    let all = [
        trained(&|_| {}),
        trained(&|recipe| recipe.label_smoothing = 0.1),
        trained(&|recipe| recipe.examples.augment.mixup = 0.8),
        trained(&|recipe| recipe.examples.augment.cutmix = 1.0),
        trained(&|recipe| recipe.examples.augment.erasing = 0.5),
    ];
    for (i, one) in all.iter().enumerate() {
        assert!(all[..i].iter().all(|other| other != one), "setting {i}");
    }
}

#[derive(Debug)]
struct OwnLoss;

impl basin_ensemble::LogitObjective for OwnLoss {
    fn id(&self) -> String {
        "none".into()
    }
    fn loss(&self, _: &[f32], _: &[u32], _: Option<&[f32]>, _: &mut [f32]) -> f64 {
        0.0
    }
}

#[test]
fn what_does_not_go_with_softened_labels_is_refused_before_a_step() {
    let net = network();
    let refused = |recipe: &Recipe| {
        let state = TrainState::new(net.init(&SeedTree::root(1)), 0);
        let segment = Segment { state, end_epoch: EPOCHS };
        run(&Cpu, &net, recipe, segment, &mut StopAt::default()).unwrap_err()
    };
    let teaching = Teaching::Custom { objective: Arc::new(OwnLoss), teacher: None };
    let own = refused(&Recipe { teaching, ..softened() });
    let all = ["train.label_smoothing", "augment.mixup", "augment.cutmix"];
    assert!(matches!(&own, TrainError::OwnLoss { keys } if *keys == all), "{own}");
    let replayed = refused(&Recipe { replay: Some(2), ..softened() });
    assert!(matches!(&replayed, TrainError::Replayed { keys } if *keys == all[1..]), "{replayed}");
    // A GPU has kernels for none of it, and says so with every key.
    let mut plain = recipe(0.05);
    plain.examples.augment.erasing = 0.5;
    let dropping = Architecture::from_name("vit", 0.125).unwrap().with_drop_path(0.3).unwrap();
    let queue: Rc<dyn Queue> = Rc::new(Recorder::default());
    let gpu = Gpu { queue, precision: Precision::F32 };
    let on_gpu = |net: &Network, recipe: &Recipe| {
        let state = TrainState::new(net.init(&SeedTree::root(1)), 0);
        gpu.trainer(net, recipe, &Segment { state, end_epoch: EPOCHS }).map(drop).unwrap_err()
    };
    for (net, recipe, expected) in [
        (
            &net,
            &softened(),
            &["train.label_smoothing", "augment.mixup", "augment.cutmix", "augment.erasing"][..],
        ),
        (&dropping.build(32, 10).unwrap(), &plain, &["augment.erasing", "model.drop_path"]),
    ] {
        let error = on_gpu(net, recipe);
        assert!(matches!(&error, TrainError::NotOnDevice { keys, .. } if *keys == expected), "{error}");
    }
    // What is by itself repeats with its image.
    let mut erased = recipe(0.05);
    erased.examples.augment.erasing = 0.5;
    let state = TrainState::new(net.init(&SeedTree::root(1)), 0);
    finish(&net, &Recipe { replay: Some(2), label_smoothing: 0.1, ..erased }, state, 1);
}

#[test]
fn two_segments_are_one_trajectory() {
    let (net, recipe) = (network(), recipe(0.05));
    let start = TrainState::new(net.init(&SeedTree::root(1)), 0);
    let whole = finish(&net, &recipe, start.clone(), EPOCHS);
    let first = finish(&net, &recipe, start, 1);
    let second = finish(&net, &recipe, first, EPOCHS);
    assert_eq!(second.params.content_hash(), whole.params.content_hash());
    assert_eq!(second.moments, whole.moments);
}

#[test]
fn threads_leave_no_trace() {
    let (net, recipe) = (network(), Recipe { batch: 40, ..recipe(0.05) });
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let start = TrainState::new(net.init(&SeedTree::root(1)), 0);
        pool.install(|| finish(&net, &recipe, start, EPOCHS))
    };
    let one = on(1);
    assert!(on(2) == one && on(8) == one);
}

#[test]
fn a_non_finite_step_updates_nothing_and_keeps_the_state_before_it() {
    let (net, recipe) = (network(), recipe(0.05));
    let mut state = TrainState::new(net.init(&SeedTree::root(1)), 0);
    if let Some((_, array)) = state.params.iter_mut().next() {
        array.data_mut()[0] = f32::NAN;
    }
    let before = state.params.content_hash();
    let mut observer = StopAt::default();
    let error = run(&Cpu, &net, &recipe, Segment { state, end_epoch: 1 }, &mut observer).unwrap_err();
    assert!(matches!(error, TrainError::NonFinite { step: 0, .. }), "{error}");
    assert_eq!(observer.kept.unwrap().params.content_hash(), before);
}

#[test]
fn a_few_images_are_learnt_by_heart() {
    let (net, recipe) = (network(), Recipe { batch: 14, ..recipe(0.05) });
    let examples = Examples { augment: AugmentConfig::none(), ..recipe.examples.clone() };
    let schedule = Arc::new(WarmupCosine { peak: 0.02, epochs: 150, warmup: 0.1, floor: None });
    let recipe = Recipe { examples, schedule, ..recipe };
    let end = finish(&net, &recipe, TrainState::new(net.init(&SeedTree::root(2)), 0), 150);
    let last = end.rows.last().unwrap();
    assert!(last.accuracy > 0.9, "{last:?}");
}

/// Networks whose steps go through every kernel: Winograd's convolutions, attention, dropout, Adam.
#[test]
fn no_kernel_lets_threads_or_interruptions_show() {
    let images = Source { train_images: 24, ..Source::synthetic(3) }.load(Split::Train).unwrap();
    let examples = Examples { images: Arc::new(images), ..recipe(0.05).examples };
    let vit = Architecture::from_name("vit", 0.125).unwrap().with_dropout(0.2).unwrap();
    let cases = [
        (Architecture::from_name("resnet20", 1.0).unwrap(), Optimiser::sgd(0.9, 1e-4), 0.05),
        (vit, Optimiser::adam(), 1e-3),
    ];
    for (architecture, optimiser, peak) in cases {
        let net = architecture.build(32, 10).unwrap();
        let schedule = Arc::new(WarmupCosine { peak, epochs: 2, warmup: 0.1, floor: None });
        let recipe = Recipe { examples: examples.clone(), batch: 24, optimiser, schedule, ..recipe(peak) };
        let start = || TrainState::new(net.init(&SeedTree::root(1)), 0);
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| finish(&net, &recipe, start(), 2))
        };
        let whole = on(1);
        assert!(on(2) == whole && on(8) == whole, "{architecture:?}: threads");
        assert_eq!(whole.moments.updates, 2);
        let mut observer = StopAt { step: 1, kept: None };
        run(&Cpu, &net, &recipe, Segment { state: start(), end_epoch: 2 }, &mut observer).unwrap();
        let bytes = observer.kept.unwrap().encode();
        let restored = TrainState::decode(&bytes, &net.layout().shapes()).unwrap();
        assert!(finish(&net, &recipe, restored, 2) == whole, "{architecture:?}: interruption");
    }
}

#[test]
fn batches_that_do_not_fit_are_refused() {
    let net = network();
    let params = net.init(&SeedTree::root(1));
    let mut stepper = Stepper::new(&net, &params, &Moments::default(), Optimiser::sgd(0.9, 0.0)).unwrap();
    let images = vec![0.5; 2 * 3072];
    let mut refusal = |batch: Batch<'_>| stepper.step(batch, &Teaching::Labels, 0.1).unwrap_err().to_string();
    assert!(refusal(Batch::new(&images, &[3])).contains("6144 values for 1 images"));
    assert!(refusal(Batch::new(&images, &[3, 10])).contains("label 10 of 10 classes"));
    assert!(refusal(Batch::new(&[], &[])).contains("0 images"));
    let wide = Architecture::from_name("resnet20", 0.25).unwrap().build(64, 10).unwrap();
    let segment = Segment { state: TrainState::new(wide.init(&SeedTree::root(1)), 0), end_epoch: 1 };
    let error = run(&Cpu, &wide, &recipe(0.05), segment, &mut StopAt::default()).unwrap_err();
    assert!(
        matches!(error, TrainError::Extent { images, network } if (images.side, network.side) == (32, 64)),
        "{error}"
    );
}

#[test]
fn a_step_beyond_the_segment_is_refused() {
    let (net, recipe) = (network(), recipe(0.05));
    let state = TrainState { step: PER_EPOCH - 1, ..TrainState::new(net.init(&SeedTree::root(1)), 0) };
    let mut trainer = Cpu.trainer(&net, &recipe, &Segment { state, end_epoch: 1 }).unwrap();
    assert_eq!(trainer.step().unwrap().len(), 1);
    assert!(matches!(trainer.step(), Err(TrainError::Beyond { step: 6, end: 5 })));
    assert!(trainer.wait().unwrap().is_empty());
    let beyond = TrainState { step: PER_EPOCH + 1, ..TrainState::new(net.init(&SeedTree::root(1)), 0) };
    let refused = Cpu.trainer(&net, &recipe, &Segment { state: beyond, end_epoch: 1 }).err();
    assert!(matches!(refused, Some(TrainError::Beyond { step: 6, end: 5 })), "{refused:?}");
}

#[test]
fn dropout_without_seeds_is_refused() {
    let net =
        Architecture::from_name("vit", 0.125).unwrap().with_dropout(0.2).unwrap().build(32, 10).unwrap();
    let params = net.init(&SeedTree::root(1));
    let mut stepper = Stepper::new(&net, &params, &Moments::default(), Optimiser::adam()).unwrap();
    let error = stepper.step(Batch::new(&[0.0; 3072], &[1]), &Teaching::Labels, 0.1).unwrap_err();
    assert!(error.to_string().contains("dropout of 1 images with 0 seeds"), "{error}");
}

#[test]
fn a_transformer_learns_a_few_images_by_heart() {
    let net = Architecture::from_name("vit", 0.125).unwrap().build(32, 10).unwrap();
    let schedule = Arc::new(WarmupCosine { peak: 1e-3, epochs: 60, warmup: 0.1, floor: None });
    let examples = Examples { augment: AugmentConfig::none(), ..recipe(0.05).examples };
    let recipe = Recipe { examples, schedule, batch: 14, optimiser: Optimiser::adam(), ..recipe(0.05) };
    let end = finish(&net, &recipe, TrainState::new(net.init(&SeedTree::root(2)), 0), 60);
    let last = end.rows.last().unwrap();
    assert!(last.accuracy > 0.9, "{last:?}");
}
