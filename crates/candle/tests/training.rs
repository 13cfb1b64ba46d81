//! A module in plain candle, with BatchNorm: trained, stopped, gone on with, evaluated, refused where it is wrong.

use basin_candle::{Candle, Module, ModuleError, reestimated};
use basin_core::{Params, SeedTree};
use basin_data::{AugmentConfig, Normalisation, SYNTHETIC, Source, Split};
use basin_ensemble::WarmupCosine;
use basin_models::Network;
use basin_train::{
    Backend, Cpu, EvaluateError, Examples, Optimiser, Outcome, Recipe, Segment, SegmentObserver, Teacher,
    Teaching, TrainError, TrainState, run, seconds_per_image,
};
use candle_core::{Device, Module as _, Result, Tensor};
use candle_nn::{Conv2dConfig, ModuleT, VarBuilder, batch_norm, conv2d, layer_norm, linear};
use std::sync::Arc;

const SIDE: usize = 8;
const CLASSES: usize = 10;
const CHANNELS: usize = 6;
const EPOCHS: u64 = 30;

/// A convolution, BatchNorm, ReLU, the mean and a dense layer.
struct Small {
    conv: candle_nn::Conv2d,
    norm: candle_nn::BatchNorm,
    head: candle_nn::Linear,
}

impl ModuleT for Small {
    fn forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        let x = self.norm.forward_t(&self.conv.forward(x)?, train)?.relu()?;
        self.head.forward(&x.mean((2, 3))?)
    }
}

fn small(vb: VarBuilder<'_>, classes: usize) -> Result<Box<dyn ModuleT>> {
    let padded = Conv2dConfig { padding: 1, ..Conv2dConfig::default() };
    Ok(Box::new(Small {
        conv: conv2d(3, CHANNELS, 3, padded, vb.pp("conv"))?,
        norm: batch_norm(CHANNELS, 1e-5, vb.pp("bn"))?,
        head: linear(CHANNELS, classes, vb.pp("fc"))?,
    }))
}

fn network() -> Network {
    Module::new("small", small).network(SIDE, CLASSES).unwrap()
}

fn recipe() -> Recipe {
    let images = Source { train_images: 40, ..Source::synthetic(3) }.load(Split::Train).unwrap();
    Recipe {
        examples: Examples {
            images: Arc::new(images.halved().unwrap().halved().unwrap()),
            augment: AugmentConfig::none(),
            normalisation: SYNTHETIC.normalisation,
        },
        batch: 20,
        optimiser: Optimiser::sgd(0.9, 1e-4),
        schedule: Arc::new(WarmupCosine { peak: 0.3, epochs: EPOCHS, warmup: 0.1, floor: None }),
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
    fn checkpoint(
        &mut self,
        state: &TrainState,
    ) -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.1 = Some(state.clone());
        Ok(())
    }
}

fn train(state: TrainState, stop: u64) -> (Outcome, Option<TrainState>) {
    let (net, recipe, mut observer) = (network(), recipe(), StopAt(stop, None));
    let segment = Segment { state, end_epoch: EPOCHS };
    (run(&Candle::new(Device::Cpu), &net, &recipe, segment, &mut observer).unwrap(), observer.1)
}

#[test]
fn a_module_of_candles_trains_stops_and_goes_on_in_the_same_loop() {
    let net = network();
    let start = || TrainState::new(net.init(&SeedTree::root(1)), 0);
    let (Outcome::Finished(whole), None) = train(start(), 0) else { panic!("nobody interrupted") };
    assert_eq!((whole.step, whole.rows.len()), (2 * EPOCHS, EPOCHS as usize));
    let (first, last) = (whole.rows[0].loss, whole.rows[EPOCHS as usize - 1].loss);
    assert!(last < 0.7 * first, "{first} and {last}");
    let (Outcome::Interrupted, Some(kept)) = train(start(), 7) else { panic!("interrupted after step 7") };
    let restored = TrainState::decode(&kept.encode(), &net.layout().shapes()).unwrap();
    assert!(train(restored, 0).0 == Outcome::Finished(whole.clone()), "the statistics go on, too");
    // Running statistics are part of the state, and no optimiser touched them.
    for name in ["bn.running_mean", "bn.running_var"] {
        assert!(whole.params.get(name) != start().params.get(name), "{name}");
        assert!(whole.moments.tables[0].get(name).unwrap().data().iter().all(|v| *v == 0.0), "{name}");
    }
    // Evaluated with them, it knows what it has learnt: better than chance, and than with those it began with.
    let recipe = recipe();
    let Examples { images, normalisation, .. } = &recipe.examples;
    let mut evaluator = Candle::new(Device::Cpu).evaluator(&net, images, normalisation).unwrap();
    let logits = evaluator.logits(&whole.params).unwrap();
    let hit = |(i, row): (usize, &[f32])| {
        let best = (0..CLASSES).max_by(|&a, &b| row[a].total_cmp(&row[b]));
        best == Some(images.labels()[i] as usize)
    };
    let hits = logits.values().chunks_exact(CLASSES).enumerate().filter(|row| hit(*row)).count();
    assert!(hits >= 12, "{hits} of {}", images.len());
    assert!(seconds_per_image(&Candle::new(Device::Cpu), &net, &recipe).unwrap() > 0.0);
}

#[test]
fn backends_that_cut_batches_refuse_it() {
    let (net, recipe) = (network(), recipe());
    let segment = Segment { state: TrainState::new(net.init(&SeedTree::root(1)), 0), end_epoch: 1 };
    let refused = Cpu.trainer(&net, &recipe, &segment).err();
    assert!(matches!(refused, Some(TrainError::Coupled { .. })), "{refused:?}");
    let Examples { images, normalisation, .. } = &recipe.examples;
    let mut evaluator = Cpu.evaluator(&net, images, normalisation).unwrap();
    let refused = evaluator.logits(&segment.state.params).unwrap_err();
    assert!(matches!(refused, EvaluateError::Model(_)), "{refused:?}");
}

#[test]
fn teachers_are_asked_through_the_module() {
    let net = network();
    let teacher = Arc::new(Teacher::new(&net, &net.init(&SeedTree::root(7))).unwrap());
    let teaching =
        |teachers| Teaching::Teachers { teachers, label_weight: 0.0, temperature: 3.0, kept: None };
    let mut recipe = recipe();
    let taught = |recipe: &Recipe, params| {
        let segment = Segment { state: TrainState::new(params, 0), end_epoch: EPOCHS };
        match run(&Candle::new(Device::Cpu), &net, recipe, segment, &mut StopAt(0, None)).unwrap() {
            Outcome::Finished(state) => state,
            Outcome::Interrupted => panic!("nobody interrupted"),
        }
    };
    recipe.teaching = teaching(vec![teacher.clone()]);
    let one = taught(&recipe, net.init(&SeedTree::root(1)));
    assert!(one.rows[EPOCHS as usize - 1].loss < one.rows[0].loss, "{:?}", one.rows);
    // Two teachers that say the same are one, up to the rounding of their mean.
    recipe.teaching = teaching(vec![teacher.clone(), teacher]);
    let two = taught(&recipe, net.init(&SeedTree::root(1)));
    let last = EPOCHS as usize - 1;
    assert!(
        (one.rows[last].loss - two.rows[last].loss).abs() < 1e-3,
        "{:?} {:?}",
        one.rows[last],
        two.rows[last]
    );
}

#[test]
fn statistics_measured_again_are_the_means_of_batches() {
    let net = network();
    let images = Source { train_images: 300, ..Source::synthetic(3) }.load(Split::Train).unwrap();
    let images = images.halved().unwrap().halved().unwrap();
    let normalisation = SYNTHETIC.normalisation;
    let params = net.init(&SeedTree::root(1));
    let of = |params, kinds: &[_]| reestimated(&net, params, kinds, &Device::Cpu).unwrap();
    let again = of(&params, &[(&images, &normalisation)]);
    let again_twice = of(&again, &[(&images, &normalisation)]);
    assert_eq!(again, again_twice, "what they were before plays no part");
    // Two whole batches of 128, the rest left out.
    let batch = |index: usize| {
        let mut pixels = vec![0.0; 128 * ONE];
        basin_data::fill_plain(&images, index * 128..(index + 1) * 128, &normalisation, &mut pixels);
        pixels
    };
    assert_statistics(&again, &params, &[batch(0), batch(1)]);
    for name in ["conv.weight", "bn.weight", "bn.bias", "fc.weight", "fc.bias"] {
        assert_eq!(again.get(name), params.get(name), "{name}");
    }
}

/// Values of an image.
const ONE: usize = SIDE * SIDE * 3;

/// As many images of each side, in turn and normalised its own way, so that a batch's variance is that of both together.
#[test]
fn statistics_of_two_sides_are_those_of_their_images_together() {
    let net = network();
    let load = |n| Source { train_images: n, ..Source::synthetic(n as u64) }.load(Split::Train).unwrap();
    let small = |n| load(n).halved().unwrap().halved().unwrap();
    let (first, second, of_first) = (small(80), small(70), SYNTHETIC.normalisation);
    let of_second = Normalisation::colour([0.1, 0.8, 0.3], [0.5, 0.05, 0.2]);
    let params = net.init(&SeedTree::root(1));
    let kinds = [(&first, &of_first), (&second, &of_second)];
    let of = |kinds: &[_]| reestimated(&net, &params, kinds, &Device::Cpu);
    let again = of(&kinds).unwrap();
    // 70 pairs: a batch of 64 pairs, and six that are left out.
    let mut pixels = Vec::new();
    for (i, (images, how)) in (0..64).flat_map(|i| kinds.map(|kind| (i, kind))) {
        let value =
            |(at, byte): (usize, &u8)| (f32::from(*byte) / 255.0 - how.mean()[at % 3]) / how.std()[at % 3];
        pixels.extend(images.image(i).iter().enumerate().map(value));
    }
    assert_statistics(&again, &params, &[pixels]);
    assert_ne!(again, of(&kinds[..1]).unwrap(), "the first side alone");
    let refused = of(&[kinds[0], (&load(70), &of_second)]).unwrap_err().to_string();
    assert!(refused.contains("statistics on images of 32×32×3, expected 8×8×3"), "{refused}");
}

/// That running statistics are the means over these batches of mean and variance behind the convolution, by hand.
fn assert_statistics(again: &Params, params: &Params, batches: &[Vec<f32>]) {
    let (weight, bias) = (params.get("conv.weight").unwrap(), params.get("conv.bias").unwrap());
    let mut means = vec![0.0; CHANNELS];
    let mut variances = vec![0.0; CHANNELS];
    let share = batches.len() as f64;
    for pixels in batches {
        for channel in 0..CHANNELS {
            let mut values = Vec::new();
            for image in pixels.chunks_exact(ONE) {
                for (y, x) in (0..SIDE * SIDE).map(|at| (at / SIDE, at % SIDE)) {
                    let mut sum = f64::from(bias.data()[channel]);
                    for (c, dy, dx) in (0..27).map(|at| (at / 9, at % 9 / 3, at % 3)) {
                        let (py, px) = ((y + dy).wrapping_sub(1), (x + dx).wrapping_sub(1));
                        if py < SIDE && px < SIDE {
                            let w = weight.data()[channel * 27 + c * 9 + dy * 3 + dx];
                            sum += f64::from(w) * f64::from(image[(py * SIDE + px) * 3 + c]);
                        }
                    }
                    values.push(sum);
                }
            }
            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n;
            means[channel] += mean / share;
            variances[channel] += values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0) / share;
        }
    }
    for (name, expected) in [("bn.running_mean", means), ("bn.running_var", variances)] {
        for (found, expected) in again.get(name).unwrap().data().iter().zip(&expected) {
            assert!(
                (f64::from(*found) - expected).abs() < 1e-4 * expected.abs().max(0.1),
                "{name} {found} {expected}"
            );
        }
    }
}

/// Its layer's LayerNorm has no backward pass in candle's fused form.
struct Cut {
    first: candle_nn::Linear,
    norm: candle_nn::LayerNorm,
    head: candle_nn::Linear,
    wide: bool,
}

impl ModuleT for Cut {
    fn forward_t(&self, x: &Tensor, _: bool) -> Result<Tensor> {
        let x = self.norm.forward(&self.first.forward(&x.flatten_from(1)?)?)?;
        let logits = self.head.forward(&x)?;
        if self.wide { logits.unsqueeze(2) } else { Ok(logits) }
    }
}

fn cut(wide: bool) -> Network {
    let build = move |vb: VarBuilder<'_>, classes: usize| -> Result<Box<dyn ModuleT>> {
        Ok(Box::new(Cut {
            first: linear(SIDE * SIDE * 3, 4, vb.pp("first"))?,
            norm: layer_norm(4, 1e-5, vb.pp("norm"))?,
            head: linear(4, classes, vb.pp("head"))?,
            wide,
        }))
    };
    Module::new("cut", build).network(SIDE, CLASSES).unwrap()
}

/// What training for one step ends with.
fn refused(net: &Network, recipe: &Recipe) -> String {
    let segment = Segment { state: TrainState::new(net.init(&SeedTree::root(1)), 0), end_epoch: 1 };
    let error = run(&Candle::new(Device::Cpu), net, recipe, segment, &mut StopAt(0, None)).unwrap_err();
    assert!(matches!(error, TrainError::Kernel(_)), "{error:?}");
    error.to_string()
}

#[test]
fn modules_that_cannot_be_trained_are_refused_by_name() {
    let no_gradient = refused(&cut(false), &recipe());
    assert!(no_gradient.starts_with("module cut: first.weight receives no gradient."), "{no_gradient}");
    let shape = refused(&cut(true), &recipe());
    assert!(
        shape.starts_with("module cut returned [20, 10, 1] for 20 images, expected logits [20, 10]"),
        "{shape}"
    );
    let alone = refused(&network(), &Recipe { batch: 1, ..recipe() });
    assert!(
        alone.starts_with(
            "module small has statistics over the batch, expected at least 2 images in a batch, found 1"
        ),
        "{alone}"
    );
    let empty = Module::new("empty", |_, _| Ok(Box::new(Nothing) as Box<dyn ModuleT>)).network(SIDE, CLASSES);
    let expected = ModuleError::Empty { module: "empty".into() }.to_string();
    assert!(empty.unwrap_err().to_string().starts_with(&expected));
}

/// Dropout in training or evaluation, candle's or ours.
type Drops = Box<dyn Fn(&Tensor, bool) -> Result<Tensor> + Send + Sync>;

/// A dense layer behind dropout.
struct Dropped {
    dropout: Drops,
    head: candle_nn::Linear,
}

impl ModuleT for Dropped {
    fn forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        self.head.forward(&(self.dropout)(&x.flatten_from(1)?, train)?)
    }
}

fn dropped(ours: bool) -> Network {
    let build = move |vb: VarBuilder<'_>, classes: usize| -> Result<Box<dyn ModuleT>> {
        let (own, candles) = (basin_candle::layers::Dropout::new(0.5), candle_nn::Dropout::new(0.5));
        Ok(Box::new(Dropped {
            dropout: Box::new(move |x, train| match ours {
                true => own.forward_t(x, train),
                false => candles.forward(x, train),
            }),
            head: linear(SIDE * SIDE * 3, classes, vb.pp("head"))?,
        }))
    };
    Module::new("dropped", build).network(SIDE, CLASSES).unwrap()
}

#[test]
fn dropout_that_nobody_can_repeat_is_refused_and_ours_goes_on_exactly() {
    let told = refused(&dropped(false), &recipe());
    assert!(told.starts_with("module dropped gives other logits for the same images and seeds"), "{told}");
    let (net, recipe) = (dropped(true), recipe());
    let train = |state, stop| {
        let mut observer = StopAt(stop, None);
        let segment = Segment { state, end_epoch: EPOCHS };
        (run(&Candle::new(Device::Cpu), &net, &recipe, segment, &mut observer).unwrap(), observer.1)
    };
    let start = || TrainState::new(net.init(&SeedTree::root(1)), 0);
    let (Outcome::Finished(whole), None) = train(start(), 0) else { panic!("nobody interrupted") };
    assert_eq!(train(start(), 0).0, Outcome::Finished(whole.clone()), "twice the same");
    let (Outcome::Interrupted, Some(kept)) = train(start(), 7) else { panic!("interrupted after step 7") };
    assert_eq!(train(kept, 0).0, Outcome::Finished(whole), "as if nobody had interrupted");
}

struct Nothing;

impl ModuleT for Nothing {
    fn forward_t(&self, x: &Tensor, _: bool) -> Result<Tensor> {
        Ok(x.clone())
    }
}

#[test]
fn a_step_that_is_not_finite_leaves_the_running_statistics_alone() {
    let (net, recipe) = (network(), recipe());
    let mut params = net.init(&SeedTree::root(1));
    let (name, before) = ("fc.weight", params.get("bn.running_mean").unwrap().clone());
    let shape = params.get(name).unwrap().shape().to_vec();
    params.insert(name, basin_core::Array::new(shape, vec![f32::MAX; CLASSES * CHANNELS]).unwrap());
    let segment = Segment { state: TrainState::new(params, 0), end_epoch: 1 };
    let mut trainer = Candle::new(Device::Cpu).trainer(&net, &recipe, &segment).unwrap();
    let told = trainer.step().unwrap();
    assert!(!told[0].finite, "{told:?}");
    assert_eq!(trainer.tables().unwrap().0.get("bn.running_mean"), Some(&before));
}

/// Its running statistics have moved when its logits are found to be of the wrong shape.
#[test]
fn a_step_that_fails_leaves_the_running_statistics_alone() {
    struct Wide(Small);
    impl ModuleT for Wide {
        fn forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor> {
            self.0.forward_t(x, train)?.unsqueeze(2)
        }
    }
    let build = |vb: VarBuilder<'_>, classes: usize| -> Result<Box<dyn ModuleT>> {
        let padded = Conv2dConfig { padding: 1, ..Conv2dConfig::default() };
        Ok(Box::new(Wide(Small {
            conv: conv2d(3, CHANNELS, 3, padded, vb.pp("conv"))?,
            norm: batch_norm(CHANNELS, 1e-5, vb.pp("bn"))?,
            head: linear(CHANNELS, classes, vb.pp("fc"))?,
        })))
    };
    let (net, recipe) = (Module::new("wide", build).network(SIDE, CLASSES).unwrap(), recipe());
    let segment = Segment { state: TrainState::new(net.init(&SeedTree::root(1)), 0), end_epoch: 1 };
    let mut trainer = Candle::new(Device::Cpu).trainer(&net, &recipe, &segment).unwrap();
    assert!(trainer.step().is_err());
    assert_eq!(trainer.tables().unwrap().0, segment.state.params);
}
