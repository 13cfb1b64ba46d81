//! Training on the emulated device against training on the processor: the same states but for rounding, whatever is
//! taught, and one trajectory that may change between them.
#![cfg(feature = "gpu-emulator")]

use basin_core::{Params, SeedTree, Simplex};
use basin_data::{AugmentConfig, DatasetId, ImageSet, Source, Split, batch_order, fill_batch};
use basin_ensemble::WarmupCosine;
use basin_kernels::gpu::emulator::Emulator;
use basin_kernels::gpu::{Activation, GpuLayers, Gradients, Placement, Pool, Precision, Queue, Weights};
use basin_kernels::{Dims, Graph, Layers, Operation, Tape};
use basin_models::{Architecture, Network, VitConfig};
use basin_train::{
    Backend, Cpu, EvaluateError, Examples, Gpu, Optimiser, Outcome, Recipe, Rule, Segment, SegmentObserver,
    Teacher, Teaching, TrainError, TrainState, run,
};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

const SIDE: usize = 8;
const EPOCHS: u64 = 2;
const PER_EPOCH: u64 = 3;

fn emulator(falling: bool) -> Rc<dyn Queue> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kernels");
    Rc::new(Emulator::new(&folder, falling).unwrap())
}

fn gpu(precision: Precision) -> Gpu {
    Gpu { queue: emulator(false), precision }
}

fn resnet() -> Network {
    Architecture::from_name("resnet20", 0.25).unwrap().build(SIDE, 10).unwrap()
}

fn vit(dropout: f32) -> Network {
    Network::vit(VitConfig { patch: 4, dim: 24, hidden: 48, heads: 2, layers: 2, dropout }, SIDE, 10).unwrap()
}

fn images() -> Arc<ImageSet> {
    // 20 images in batches of 6: two of each epoch's order are left out.
    let images = Source { train_images: 20, ..Source::synthetic(3) }.load(Split::Train).unwrap();
    Arc::new(images.halved().unwrap().halved().unwrap())
}

fn recipe(optimiser: Optimiser, augment: AugmentConfig) -> Recipe {
    Recipe {
        examples: Examples {
            images: images(),
            augment,
            normalisation: DatasetId::Synthetic10.normalisation(),
        },
        batch: 6,
        optimiser,
        schedule: Arc::new(WarmupCosine { peak: 0.02, epochs: EPOCHS, warmup: 0.1, floor: None }),
        order: SeedTree::root(0).child("order"),
        teaching: Teaching::Labels,
        replay: None,
    }
}

fn sgd() -> Recipe {
    recipe(Optimiser { clip_norm: Some(1.0), ..Optimiser::sgd(0.9, 1e-3) }, AugmentConfig::paper())
}

fn adam() -> Recipe {
    let rule = Rule::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-3, l2: 1e-4, weight_decay: 0.01 };
    let recipe = recipe(Optimiser { rule, clip_norm: None }, AugmentConfig::git_rebasin());
    Recipe {
        schedule: Arc::new(WarmupCosine { peak: 1e-3, epochs: EPOCHS, warmup: 0.1, floor: None }),
        ..recipe
    }
}

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

fn on_processor(net: &Network, recipe: &Recipe, state: TrainState) -> TrainState {
    finished(run(&Cpu, net, recipe, Segment { state, end_epoch: EPOCHS }, &mut StopAt::default()))
}

fn on_device(net: &Network, recipe: &Recipe, state: TrainState, precision: Precision) -> TrainState {
    let segment = Segment { state, end_epoch: EPOCHS };
    finished(run(&gpu(precision), net, recipe, segment, &mut StopAt::default()))
}

/// The largest difference of two tables, relative to each array's largest value.
fn difference(a: &Params, b: &Params) -> f64 {
    let of = |(name, array): (&str, &basin_core::Array)| {
        let other = b.get(name).unwrap();
        assert_eq!(array.shape(), other.shape(), "{name}");
        let largest = array.data().iter().fold(f32::MIN_POSITIVE, |m, x| m.max(x.abs()));
        let worst = array.data().iter().zip(other.data()).fold(0.0f32, |m, (x, y)| m.max((x - y).abs()));
        assert!(other.data().iter().all(|x| x.is_finite()), "{name}");
        f64::from(worst) / f64::from(largest)
    };
    a.iter().map(of).fold(0.0, f64::max)
}

fn assert_near(processor: &TrainState, device: &TrainState, limit: f64) {
    let params = difference(&processor.params, &device.params);
    assert_eq!(processor.params.len(), device.params.len());
    assert_eq!(processor.moments.tables.len(), device.moments.tables.len());
    let moments = processor.moments.tables.iter().zip(&device.moments.tables);
    let moments = moments.map(|(a, b)| difference(a, b)).fold(0.0, f64::max);
    assert!(params < limit && moments < 10.0 * limit, "parameters {params:.1e}, moments {moments:.1e}");
    assert_eq!(processor.moments.updates, device.moments.updates);
    assert_eq!((processor.step, processor.rows.len()), (device.step, device.rows.len()));
    for (a, b) in processor.rows.iter().zip(&device.rows) {
        assert!((a.loss - b.loss).abs() < limit * a.loss, "{a:?} {b:?}");
        assert_eq!((a.epoch, a.step, a.learning_rate), (b.epoch, b.step, b.learning_rate));
    }
}

#[test]
fn a_resnet_trains_as_on_the_processor() {
    let (net, recipe) = (resnet(), sgd());
    let processor = on_processor(&net, &recipe, start(&net));
    let device = on_device(&net, &recipe, start(&net), Precision::F32);
    assert_near(&processor, &device, 1e-4);
    assert_eq!(processor.rows[0].accuracy, device.rows[0].accuracy);
}

#[test]
fn a_transformer_with_dropout_and_adam_trains_as_on_the_processor() {
    let (net, recipe) = (vit(0.2), adam());
    let processor = on_processor(&net, &recipe, start(&net));
    assert_near(&processor, &on_device(&net, &recipe, start(&net), Precision::F32), 1e-4);
}

#[test]
fn teachers_teach_as_on_the_processor() {
    let net = vit(0.0);
    for (count, replay) in [(1, None), (2, Some(1))] {
        let teacher = |i: u64| Arc::new(Teacher::new(&net, &net.init(&SeedTree::root(10 + i))).unwrap());
        let teachers = (0..count).map(teacher).collect();
        let teaching = Teaching::Teachers { teachers, label_weight: 0.3, temperature: 4.0, kept: None };
        let recipe = Recipe { teaching, replay, ..sgd() };
        let processor = on_processor(&net, &recipe, start(&net));
        assert_near(&processor, &on_device(&net, &recipe, start(&net), Precision::F32), 1e-4);
    }
}

#[test]
fn bf16_stays_near_with_parameters_in_f32() {
    // Not the narrow ResNet: four channels are too few for a norm to be well conditioned.
    let wide = Architecture::from_name("resnet20", 1.0).unwrap().build(SIDE, 10).unwrap();
    for (net, recipe, limit) in [(wide, sgd(), 0.15), (vit(0.1), adam(), 0.05)] {
        let processor = on_processor(&net, &recipe, start(&net));
        let device = on_device(&net, &recipe, start(&net), Precision::Bf16);
        let moved = processor.params.l2_distance(&start(&net).params).unwrap();
        let apart = processor.params.l2_distance(&device.params).unwrap() / moved;
        assert!(apart < limit, "{apart:.1e} of the way apart");
        for (a, b) in processor.rows.iter().zip(&device.rows) {
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
fn a_trajectory_moves_between_processor_and_device() {
    let (net, recipe) = (resnet(), adam());
    let processor = on_processor(&net, &recipe, start(&net));
    let mut observer = StopAt { step: 1, kept: None };
    run(&Cpu, &net, &recipe, Segment { state: start(&net), end_epoch: EPOCHS }, &mut observer).unwrap();
    let segment = Segment { state: observer.kept.take().unwrap(), end_epoch: EPOCHS };
    observer.step = 4;
    run(&gpu(Precision::F32), &net, &recipe, segment, &mut observer).unwrap();
    let state = observer.kept.unwrap();
    assert_eq!((state.step, state.moments.updates), (4, 4));
    assert_near(&processor, &on_processor(&net, &recipe, state), 1e-4);
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
fn a_loss_of_a_methods_own_trains_as_on_the_processor() {
    let net = vit(0.1);
    let teacher = Arc::new(Teacher::new(&net, &net.init(&SeedTree::root(10))).unwrap());
    for teacher in [None, Some(teacher)] {
        let teaching = Teaching::Custom { objective: Arc::new(Squares), teacher };
        let recipe = Recipe { teaching, ..sgd() };
        let processor = on_processor(&net, &recipe, start(&net));
        let device = on_device(&net, &recipe, start(&net), Precision::F32);
        assert_near(&processor, &device, 1e-4);
        assert_eq!(processor.rows[0].accuracy, device.rows[0].accuracy);
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
fn batches_have_the_bits_of_the_processors() {
    use basin_train::gpu::Feed;
    let chains = [AugmentConfig::none(), AugmentConfig::paper(), AugmentConfig::git_rebasin(), {
        let jitter = basin_data::Jitter { brightness: 0.8, contrast: 2.0, saturation: 3.0, hue: 0.5 };
        AugmentConfig { jitter, crop_padding: 3, ..AugmentConfig::git_rebasin() }
    }];
    for augment in chains {
        let recipe = recipe(Optimiser::adam(), augment);
        let Examples { images, normalisation, .. } = &recipe.examples;
        let mut feed = Feed::new(emulator(true), &recipe).unwrap();
        let order = batch_order(&recipe.order, 1, images.len());
        for step in 0..PER_EPOCH as usize {
            let indices = &order[step * recipe.batch..][..recipe.batch];
            let mut expected = vec![0.0; recipe.batch * SIDE * SIDE * 3];
            fill_batch(images, indices, &augment, &recipe.order, 1, normalisation, &mut expected);
            let (pixels, labels) = feed.batch(1, step).unwrap();
            assert_eq!(pixels, expected, "{augment:?}");
            let classes: Vec<u32> = indices.iter().map(|&i| images.labels()[i as usize]).collect();
            assert_eq!(labels, classes);
        }
    }
}

#[test]
fn logits_are_those_of_the_processor() {
    let set = images();
    let normalisation = DatasetId::Synthetic10.normalisation();
    for net in [resnet(), vit(0.1)] {
        let [a, b] = [1, 2].map(|seed| net.init(&SeedTree::root(seed)));
        let lambda = Simplex::new(vec![0.3, 0.7]).unwrap();
        let mut cpu = Cpu.evaluator(&net, &set, &normalisation).unwrap();
        let expected = cpu.logits_between(&[&a, &b], &lambda).unwrap();
        for (precision, limit) in [(Precision::F32, 1e-5), (Precision::Bf16, 4e-2)] {
            let mut device = gpu(precision).evaluator(&net, &set, &normalisation).unwrap();
            device.logits(&a).unwrap();
            let found = device.logits_between(&[&a, &b], &lambda).unwrap();
            let largest = expected.values().iter().fold(0.0f32, |m, x| m.max(x.abs()));
            assert_eq!(found.values().len(), expected.values().len());
            assert!(found.values().iter().all(|x| x.is_finite()), "{precision:?}");
            let worst = found.values().iter().zip(expected.values()).map(|(x, y)| (x - y).abs());
            let worst = worst.fold(0.0, f32::max) / largest;
            assert!(worst < limit, "{precision:?}: {worst:.1e}");
        }
    }
}

#[test]
fn what_does_not_fit_is_refused_alike_everywhere() {
    let (set, net) = (images(), resnet());
    let wide = Architecture::from_name("resnet20", 0.25).unwrap().build(2 * SIDE, 10).unwrap();
    let normalisation = DatasetId::Synthetic10.normalisation();
    for backend in [&Cpu as &dyn Backend, &gpu(Precision::F32)] {
        let refused = backend.evaluator(&wide, &set, &normalisation).err();
        assert!(matches!(refused, Some(EvaluateError::Side { images: 8, network: 16 })), "{refused:?}");
        let mut evaluator = backend.evaluator(&net, &set, &normalisation).unwrap();
        let params = net.init(&SeedTree::root(1));
        let refused = evaluator.logits_between(&[&params], &Simplex::vertex(2, 0)).err();
        assert!(matches!(refused, Some(EvaluateError::Weights { weights: 2, networks: 1 })), "{refused:?}");
        let refused = evaluator.logits(&Params::new()).err();
        assert!(matches!(refused, Some(EvaluateError::Model(_))), "{refused:?}");
    }
}

#[test]
fn a_speed_is_measured_everywhere_and_leaves_nothing_behind() {
    let (net, recipe) = (vit(0.1), adam());
    for backend in [&Cpu as &dyn Backend, &gpu(Precision::F32)] {
        let seconds = basin_train::seconds_per_image(backend, &net, &recipe).unwrap();
        assert!(seconds > 0.0 && seconds < 60.0, "{seconds} s per image on {}", backend.name());
    }
}

#[test]
fn statistics_and_repair_are_those_of_the_cpu() {
    let set = images();
    let normalisation = DatasetId::Synthetic10.normalisation();
    for net in [resnet(), vit(0.1)] {
        let [a, b] = [1, 2].map(|seed| net.init(&SeedTree::root(seed)));
        let lambda = Simplex::new(vec![0.3, 0.7]).unwrap();
        let merged = Params::convex_combination(&[&a, &b], &lambda).unwrap();
        let on = |backend: &dyn Backend| {
            let mut evaluator = backend.evaluator(&net, &set, &normalisation).unwrap();
            let ends = [&a, &b].map(|params| evaluator.statistics(params).unwrap());
            let repaired = evaluator.repaired(&merged, &[&ends[0], &ends[1]], &lambda).unwrap();
            let logits = evaluator.logits(&repaired).unwrap();
            (ends, repaired, logits)
        };
        let ((ends, repaired, logits), (theirs, device, on_device)) = (on(&Cpu), on(&gpu(Precision::F32)));
        for (ours, theirs) in ends.iter().zip(&theirs) {
            assert_eq!(ours.sites().len(), theirs.sites().len());
            for (ours, theirs) in ours.sites().iter().zip(theirs.sites()) {
                assert_eq!(ours.channels(), theirs.channels());
                for c in 0..ours.channels() {
                    let deviation = ours.deviation()[c].max(1e-3);
                    assert!((ours.mean()[c] - theirs.mean()[c]).abs() < 1e-4 * deviation);
                    assert!((ours.deviation()[c] - theirs.deviation()[c]).abs() < 1e-4 * deviation);
                }
            }
        }
        assert!(difference(&repaired, &device) < 1e-3);
        assert!(difference(&repaired, &merged) > 1e-2, "nothing was repaired");
        assert_eq!(logits.len(), on_device.len());
        let largest = logits.values().iter().fold(0.0f32, |m, x| m.max(x.abs()));
        for (a, b) in logits.values().iter().zip(on_device.values()) {
            assert!((a - b).abs() < 1e-3 * largest, "{a} and {b}");
        }
    }
}

/// Does every fusion by its parts.
struct Unfused<G>(G);

impl<G: Graph> Graph for Unfused<G> {
    type Value = G::Value;

    fn apply(
        &mut self,
        operation: Operation,
        x: &G::Value,
        other: Option<&G::Value>,
    ) -> candle_core::Result<G::Value> {
        match operation {
            Operation::ConvNorm { .. } | Operation::Dense(_) => self.unfused(operation, x, other),
            _ => self.0.apply(operation, x, other),
        }
    }
}

/// Logits and gradients of Σ logits of a few images, on the device.
fn differentiated(net: &Network, params: &Params, fused: bool) -> (Vec<f32>, Vec<Vec<f32>>) {
    let (n, precision) = (3, Precision::F32);
    let pool = Pool::new(emulator(false));
    let slices = net.slices(params).unwrap();
    let sizes = net.layout().params.iter().zip(&slices).map(|(spec, values)| (spec.role, values.len()));
    let placement = Rc::new(Placement::new(sizes).unwrap());
    let weights = Weights::new(&pool, placement.clone(), &slices, precision).unwrap();
    let bytes = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let mut rng = SeedTree::root(5).rng();
    let dims = Dims::new(n, SIDE, SIDE, 3);
    let x: Vec<f32> = (0..dims.len()).map(|_| rng.normal() as f32).collect();
    let seeds = pool.holding(&[7u64, 8, 9].map(u64::to_le_bytes).concat()).unwrap();
    let layers = GpuLayers::with_dropout(&pool, &weights, Some(seeds.span()));
    let mut tape = Unfused(Tape::new(layers));
    let input = tape.0.input(Activation { dims, block: pool.holding(&bytes(&x)).unwrap() });
    let output = match fused {
        true => net.forward(&mut tape.0, &input).unwrap(),
        false => net.forward(&mut tape, &input).unwrap(),
    };
    let logits = layers.read(tape.0.value(output).unwrap()).unwrap().into_owned();
    let mut gradients = Gradients::new(&pool, placement).unwrap();
    let gradient = pool.holding(&bytes(&vec![1.0; logits.len()])).unwrap();
    tape.0.backward(output, gradient, &mut gradients).unwrap();
    (logits, gradients.read(&pool).unwrap())
}

#[test]
fn fused_and_unfused_networks_compute_and_learn_the_same_on_a_device() {
    for net in [resnet(), vit(0.3)] {
        let params = net.init(&SeedTree::root(1));
        let (fused, unfused) = (differentiated(&net, &params, true), differentiated(&net, &params, false));
        let close = |what: &str, a: &[f32], b: &[f32], limit: f32| {
            assert_eq!(a.len(), b.len(), "{what}");
            let largest = a.iter().fold(f32::MIN_POSITIVE, |m, x| m.max(x.abs()));
            let near = a.iter().zip(b).all(|(a, b)| (a - b).abs() <= limit * largest);
            assert!(near, "{what}: {a:?} and {b:?}");
        };
        close("logits", &fused.0, &unfused.0, 1e-5);
        assert_eq!(fused.1.len(), unfused.1.len());
        for (spec, (a, b)) in net.layout().params.iter().zip(fused.1.iter().zip(&unfused.1)) {
            let limit = if spec.name.ends_with("in_proj_bias") { 2e-3 } else { 1e-4 };
            close(&spec.name, a, b, limit);
        }
    }
}
