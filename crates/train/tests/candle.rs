//! A third backend behind the same contract: candle's autograd, with BatchNorm, whose statistics run along with the
//! parameters. It stands for what a user of candle would bring.

use basin_core::{Array, Logits, Params, SeedTree, Simplex};
use basin_data::{AugmentConfig, DatasetId, ImageSet, Normalisation, Source, Split, batch_order, fill_batch};
use basin_ensemble::WarmupCosine;
use basin_kernels::conv::ConvShape;
use basin_kernels::ops::{cross_entropy, edit};
use basin_kernels::{Role, Sgd};
use basin_models::{Foreign, Init, Layout, Network, NetworkStatistics};
use basin_train::{
    Backend, Cpu, EvaluateError, Evaluator, Examples, Moments, Optimiser, Outcome, Recipe, Rule, Segment,
    SegmentObserver, StepSum, Teaching, TrainError, TrainState, Trainer, Trial, run, seconds_per_image,
};
use candle_core::{D, Device, Result, Tensor, Var};
use std::sync::Arc;

const SIDE: usize = 8;
const CLASSES: usize = 10;
const CHANNELS: usize = 6;
const EPOCHS: u64 = 30;

/// A convolution, BatchNorm, ReLU, the mean and a dense layer. Their places in the layout are their order.
#[derive(Debug)]
struct Small;

impl Small {
    fn network() -> Network {
        let mut layout = Layout::default();
        let conv = ConvShape { cin: 3, cout: CHANNELS, kernel: 3, stride: 1 };
        let role = |shape| Role::Conv { shape, input_gradient: true };
        layout.push("conv.weight", vec![CHANNELS, 3, 3, 3], role(conv), Init::LecunNormal);
        layout.push("bn.weight", vec![CHANNELS], Role::Plain, Init::Constant(1.0));
        layout.push("bn.bias", vec![CHANNELS], Role::Plain, Init::Constant(0.0));
        layout.push("bn.running_mean", vec![CHANNELS], Role::Statistic, Init::Constant(0.0));
        layout.push("bn.running_var", vec![CHANNELS], Role::Statistic, Init::Constant(1.0));
        let dense = role(ConvShape::dense(CHANNELS, CLASSES));
        layout.push("fc.weight", vec![CLASSES, CHANNELS], dense, Init::LecunNormal);
        layout.push("fc.bias", vec![CLASSES], Role::Plain, Init::Constant(0.0));
        let macs = (SIDE * SIDE * 27 * CHANNELS + CHANNELS * CLASSES) as u64;
        let foreign = Foreign { layout, macs, coupled: true, program: Arc::new(Self) };
        Network::foreign(foreign, SIDE, CLASSES).unwrap()
    }

    /// Logits of images `[n, side, side, 3]`; in training also the batch's mean and variance.
    fn forward(&self, p: &[Tensor], x: &Tensor, training: bool) -> Result<(Tensor, Option<[Tensor; 2]>)> {
        let x = x.permute((0, 3, 1, 2))?.contiguous()?.conv2d(&p[0], 1, 1, 1, 1)?;
        let wide = |t: &Tensor| t.reshape((1, CHANNELS, 1, 1));
        let (mean, variance) = match training {
            true => {
                let mean = x.mean_keepdim((0, 2, 3))?;
                let variance = x.broadcast_sub(&mean)?.sqr()?.mean_keepdim((0, 2, 3))?;
                (mean, variance)
            }
            false => (wide(&p[3])?, wide(&p[4])?),
        };
        let normal = x.broadcast_sub(&mean)?.broadcast_div(&(&variance + 1e-5)?.sqrt()?)?;
        let scaled = normal.broadcast_mul(&wide(&p[1])?)?.broadcast_add(&wide(&p[2])?)?;
        let pooled = scaled.relu()?.mean((2, 3))?;
        let logits = pooled.matmul(&p[5].t()?)?.broadcast_add(&p[6])?;
        Ok((logits, training.then_some([mean.flatten_all()?, variance.flatten_all()?])))
    }
}

/// Candle on one of its devices.
#[derive(Debug)]
struct Candle(Device);

impl Candle {
    fn variables(&self, network: &Network, params: &Params) -> Result<Vec<Var>> {
        let specs = network.layout().params.iter().zip(network.slices(params)?);
        specs.map(|(spec, values)| Var::from_slice(values, &spec.shape[..], &self.0)).collect()
    }
}

fn program(network: &Network) -> Result<&Small> {
    match network.program().and_then(|program| program.downcast_ref()) {
        Some(program) => Ok(program),
        None => candle_core::bail!("no module of candle's"),
    }
}

impl Backend for Candle {
    fn name(&self) -> String {
        format!("candle on {:?}", self.0)
    }

    fn trainer<'a>(
        &self,
        network: &'a Network,
        recipe: &'a Recipe,
        segment: &Segment,
    ) -> std::result::Result<Box<dyn Trainer + 'a>, TrainError> {
        let state = &segment.state;
        let vars = self.variables(network, &state.params)?;
        let velocity = match &state.moments.tables[..] {
            [] => vars.iter().map(|var| vec![0.0; var.elem_count()]).collect(),
            [table, ..] => network.slices(table)?.into_iter().map(<[f32]>::to_vec).collect(),
        };
        let (updates, step) = (state.moments.updates, state.step);
        let device = self.0.clone();
        Ok(Box::new(CandleTrainer { network, recipe, device, vars, velocity, updates, step }))
    }

    fn evaluator<'a>(
        &self,
        network: &'a Network,
        images: &'a ImageSet,
        normalisation: &'a Normalisation,
    ) -> std::result::Result<Box<dyn Evaluator + 'a>, EvaluateError> {
        Ok(Box::new(CandleEvaluator { backend: Self(self.0.clone()), network, images, normalisation }))
    }

    fn trial(&self, batch: usize) -> Trial {
        Trial { batch, warm: 1, steps: 2 }
    }
}

struct CandleTrainer<'a> {
    network: &'a Network,
    recipe: &'a Recipe,
    device: Device,
    vars: Vec<Var>,
    velocity: Vec<Vec<f32>>,
    updates: u64,
    step: u64,
}

impl CandleTrainer<'_> {
    fn update(&mut self) -> Result<StepSum> {
        let Recipe { examples, batch, order, .. } = self.recipe;
        let per_epoch = (examples.images.len() / batch) as u64;
        let (epoch, within) = (self.step / per_epoch, (self.step % per_epoch) as usize);
        let all = batch_order(order, epoch, examples.images.len());
        let indices = &all[within * batch..][..*batch];
        let mut pixels = vec![0.0; batch * SIDE * SIDE * 3];
        let Examples { images, augment, normalisation } = examples;
        fill_batch(images, indices, augment, order, epoch, normalisation, &mut pixels);
        let labels: Vec<u32> = indices.iter().map(|&i| images.labels()[i as usize]).collect();
        let x = Tensor::from_vec(pixels, (*batch, SIDE, SIDE, 3), &self.device)?;
        let params: Vec<Tensor> = self.vars.iter().map(|var| var.as_tensor().clone()).collect();
        let (logits, statistics) = program(self.network)?.forward(&params, &x, true)?;
        let loss = cross_entropy(&logits, &labels)?;
        let gradients = loss.backward()?;
        let Rule::Sgd { momentum, l2 } = self.recipe.optimiser.rule else { candle_core::bail!("SGD alone") };
        let sgd = Sgd { rate: self.recipe.schedule.rate(self.step, per_epoch), momentum, l2 };
        let mut usable = true;
        for (i, spec) in self.network.layout().params.iter().enumerate() {
            if spec.role == Role::Statistic {
                continue;
            }
            let Some(gradient) = gradients.get(&self.vars[i]) else { candle_core::bail!("{}", spec.name) };
            let gradient = gradient.flatten_all()?.to_vec1::<f32>()?;
            let velocity = &mut self.velocity[i];
            usable &= edit(&self.vars[i], |values| sgd.update(values, velocity, &gradient))?;
        }
        for (at, new) in [3, 4].into_iter().zip(statistics.into_iter().flatten()) {
            self.vars[at].set(&((self.vars[at].as_tensor() * 0.9)? + (new.detach() * 0.1)?)?)?;
        }
        self.updates += 1;
        self.step += 1;
        let hits = logits.argmax(D::Minus1)?.to_vec1::<u32>()?;
        let correct = hits.iter().zip(&labels).filter(|(a, b)| a == b).count() as u64;
        let loss = f64::from(loss.to_scalar::<f32>()?) * *batch as f64;
        Ok(StepSum { loss, correct, finite: loss.is_finite(), usable })
    }

    fn table(&self, values: impl Fn(usize) -> Result<Vec<f32>>) -> Result<Params> {
        let entry = |(i, (name, shape)): (usize, (String, Vec<usize>))| {
            Ok((name, Array::new(shape, values(i)?).map_err(candle_core::Error::wrap)?))
        };
        self.network.layout().shapes().into_iter().enumerate().map(entry).collect()
    }
}

impl Trainer for CandleTrainer<'_> {
    fn step(&mut self) -> std::result::Result<Vec<StepSum>, TrainError> {
        Ok(vec![self.update()?])
    }

    fn wait(&mut self) -> std::result::Result<Vec<StepSum>, TrainError> {
        Ok(Vec::new())
    }

    fn tables(&self) -> std::result::Result<(Params, Moments), TrainError> {
        let params = self.table(|i| self.vars[i].flatten_all()?.to_vec1())?;
        let velocity = self.table(|i| Ok(self.velocity[i].clone()))?;
        Ok((params, Moments { tables: vec![velocity], updates: self.updates }))
    }
}

struct CandleEvaluator<'a> {
    backend: Candle,
    network: &'a Network,
    images: &'a ImageSet,
    normalisation: &'a Normalisation,
}

impl Evaluator for CandleEvaluator<'_> {
    fn logits_between(
        &mut self,
        networks: &[&Params],
        lambda: &Simplex,
    ) -> std::result::Result<Logits, EvaluateError> {
        let mixed = Params::convex_combination(networks, lambda).map_err(candle_core::Error::wrap)?;
        let params = self.backend.variables(self.network, &mixed)?;
        let params: Vec<Tensor> = params.into_iter().map(|var| var.as_tensor().clone()).collect();
        let n = self.images.len();
        let mut pixels = vec![0.0; n * SIDE * SIDE * 3];
        basin_data::fill_plain(self.images, 0..n, self.normalisation, &mut pixels);
        let x = Tensor::from_vec(pixels, (n, SIDE, SIDE, 3), &self.backend.0)?;
        let (logits, _) = program(self.network)?.forward(&params, &x, false)?;
        Ok(Logits::new(CLASSES, logits.flatten_all()?.to_vec1()?)?)
    }

    fn statistics(&mut self, _: &Params) -> std::result::Result<NetworkStatistics, EvaluateError> {
        Err(candle_core::Error::msg("this backend measures no statistics").into())
    }

    fn repaired(
        &mut self,
        _: &Params,
        _: &[&NetworkStatistics],
        _: &Simplex,
    ) -> std::result::Result<Params, EvaluateError> {
        Err(candle_core::Error::msg("this backend repairs nothing").into())
    }
}

fn recipe() -> Recipe {
    let images = Source { train_images: 40, ..Source::synthetic(3) }.load(Split::Train).unwrap();
    Recipe {
        examples: Examples {
            images: Arc::new(images.halved().unwrap().halved().unwrap()),
            augment: AugmentConfig::none(),
            normalisation: DatasetId::Synthetic10.normalisation(),
        },
        batch: 20,
        optimiser: Optimiser::sgd(0.9, 1e-4),
        schedule: Arc::new(WarmupCosine { peak: 0.3, epochs: EPOCHS, warmup: 0.1, floor: None }),
        order: SeedTree::root(0).child("order"),
        teaching: Teaching::Labels,
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
    let (net, recipe, mut observer) = (Small::network(), recipe(), StopAt(stop, None));
    let segment = Segment { state, end_epoch: EPOCHS };
    (run(&Candle(Device::Cpu), &net, &recipe, segment, &mut observer).unwrap(), observer.1)
}

#[test]
fn a_module_of_candles_trains_stops_and_goes_on_in_the_same_loop() {
    let net = Small::network();
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
    let mut evaluator = Candle(Device::Cpu).evaluator(&net, images, normalisation).unwrap();
    let logits = evaluator.logits(&whole.params).unwrap();
    let hit = |(i, row): (usize, &[f32])| {
        let best = (0..CLASSES).max_by(|&a, &b| row[a].total_cmp(&row[b]));
        best == Some(images.labels()[i] as usize)
    };
    let hits = logits.values().chunks_exact(CLASSES).enumerate().filter(|row| hit(*row)).count();
    assert!(hits >= 12, "{hits} of {}", images.len());
    assert!(seconds_per_image(&Candle(Device::Cpu), &net, &recipe).unwrap() > 0.0);
}

#[test]
fn backends_that_cut_batches_refuse_it() {
    let (net, recipe) = (Small::network(), recipe());
    let segment = Segment { state: TrainState::new(net.init(&SeedTree::root(1)), 0), end_epoch: 1 };
    let refused = Cpu.trainer(&net, &recipe, &segment).err();
    assert!(matches!(refused, Some(TrainError::Coupled { .. })), "{refused:?}");
    let Examples { images, normalisation, .. } = &recipe.examples;
    let mut evaluator = Cpu.evaluator(&net, images, normalisation).unwrap();
    let refused = evaluator.logits(&segment.state.params).unwrap_err();
    assert!(matches!(refused, EvaluateError::Model(_)), "{refused:?}");
}
