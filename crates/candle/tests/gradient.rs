//! Gradients outside of training, by candle: by the batch's statistics, which leave no trace, and without dropout.

use basin_candle::layers::{Dense, Dropout, Norm};
use basin_candle::networks::{cifar_resnet, mlp};
use basin_candle::{Candle, Module, ModuleError, run_by_candle};
use basin_core::SeedTree;
use basin_data::{ImageSet, SYNTHETIC, Source, Split};
use basin_models::{Architecture, Network};
use basin_train::{Backend, Batch, Cpu, EvaluateError, Evaluator, Optimiser, Teaching, plain_batch};
use candle_core::{Module as _, Result, Tensor};
use candle_nn::{ModuleT, VarBuilder};

const SIDE: usize = 8;

fn images() -> ImageSet {
    let images = Source { train_images: 40, ..Source::synthetic(3) }.load(Split::Train).unwrap();
    images.halved().unwrap().halved().unwrap()
}

fn evaluator<'a>(network: &'a Network, images: &'a ImageSet) -> Box<dyn Evaluator + 'a> {
    Candle::cpu().evaluator(network, images, &SYNTHETIC.normalisation).unwrap()
}

fn with_statistics() -> [Network; 2] {
    let modules = [mlp(SIDE, &[16, 16], Norm::Batch), cifar_resnet(3, 1, 4, Norm::Batch)];
    modules.map(|module| module.network(SIDE, 10).unwrap())
}

fn is_statistic(name: &str) -> bool {
    name.ends_with("running_mean") || name.ends_with("running_var")
}

#[test]
fn every_array_has_a_gradient_and_statistics_have_none() {
    let set = images();
    let chosen: Vec<usize> = (0..40).step_by(2).collect();
    for network in with_statistics() {
        let params = network.init(&SeedTree::root(1));
        let (_, gradient) = evaluator(&network, &set).gradient(&params, &chosen).unwrap();
        for (array, values) in gradient.iter() {
            let length = values.data().iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
            match is_statistic(array) {
                true => assert!(values.data().iter().all(|g| *g == 0.0), "{array} has a gradient"),
                // A bias before BatchNorm does not matter.
                false => assert!(length > 1e-6 || array.ends_with("bias"), "{array} has no gradient"),
            }
        }
    }
}

#[test]
fn a_gradient_is_that_of_a_training_step_and_leaves_statistics_where_they_were() {
    let set = images();
    let chosen: Vec<usize> = (3..30).collect();
    for network in with_statistics() {
        let params = network.init(&SeedTree::root(2));
        let (pixels, labels) = plain_batch(&set, &chosen, 10, &SYNTHETIC.normalisation).unwrap();
        let mut stepper = Candle::cpu().stepper(&network, &params, Optimiser::sgd(0.9, 0.0)).unwrap();
        let seeds = vec![0; chosen.len()];
        let batch = Batch { dropout_seeds: &seeds, ..Batch::new(&pixels, &labels) };
        let sum = stepper.step(batch, &Teaching::Labels, 0.1).unwrap();
        let (moved, moments) = stepper.tables().unwrap();
        assert!(moved.iter().any(|(name, array)| is_statistic(name) && params.get(name) != Some(array)));

        let mut evaluator = evaluator(&network, &set);
        let logits = evaluator.logits(&params).unwrap();
        for _ in 0..2 {
            let (loss, gradient) = evaluator.gradient(&params, &chosen).unwrap();
            assert_eq!(loss, sum.loss / chosen.len() as f64);
            assert!(gradient == moments.tables[0], "not the gradient of the step");
            assert_eq!(evaluator.logits(&params).unwrap(), logits);
            // What runs beside it leaves no trace either.
            evaluator.gradient(&moved, &[0, 1]).unwrap();
        }
    }
}

#[test]
fn a_network_of_the_engine_has_the_engines_gradient() {
    let set = images();
    let native = Architecture::from_name("resnet8", 0.25).unwrap().build(SIDE, 10).unwrap();
    let params = native.init(&SeedTree::root(3));
    let expected = Cpu.evaluator(&native, &set, &SYNTHETIC.normalisation).unwrap();
    let (loss, expected) = { expected }.gradient(&params, &[0, 4, 5, 9]).unwrap();
    let by_candle = run_by_candle(&native).unwrap();
    let (found_loss, found) = evaluator(&by_candle, &set).gradient(&params, &[0, 4, 5, 9]).unwrap();
    assert!((loss - found_loss).abs() < 1e-5);
    let length = expected.dot(&expected, |_| true).unwrap().sqrt();
    assert!(found.l2_distance(&expected).unwrap() < 1e-4 * length);
}

/// A dense layer on what is left of the pixels.
struct Dropping {
    ours: Dropout,
    candles: Option<candle_nn::Dropout>,
    head: Dense,
}

impl ModuleT for Dropping {
    fn forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        let x = self.ours.forward_t(&x.flatten_from(1)?, train)?;
        let x = if let Some(dropout) = &self.candles { dropout.forward(&x, train)? } else { x };
        self.head.forward(&x)
    }
}

fn dropping(rate: f32, candles: bool) -> Network {
    let build = move |vb: VarBuilder<'_>, classes| -> Result<Box<dyn ModuleT>> {
        let candles = candles.then(|| candle_nn::Dropout::new(0.5));
        let head = Dense::head(3 * SIDE * SIDE, classes, vb.pp("fc"))?;
        Ok(Box::new(Dropping { ours: Dropout::new(rate), candles, head }))
    };
    Module::new("dropping", build).network(SIDE, 10).unwrap()
}

#[test]
fn nothing_is_dropped() {
    let set = images();
    let (plain, network) = (dropping(0.0, false), dropping(0.5, false));
    let params = plain.init(&SeedTree::root(4));
    let of = |network: &Network| evaluator(network, &set).gradient(&params, &[1, 2, 3]).unwrap();
    assert_eq!(of(&network), of(&plain));
    // Candle's own cannot be told to drop nothing.
    let network = dropping(0.0, true);
    let refused = evaluator(&network, &set).gradient(&params, &[1, 2, 3]).unwrap_err();
    let expected = ModuleError::NotRepeatable { module: "dropping".into() }.to_string();
    assert!(told(&refused).contains(&expected), "{}", told(&refused));
}

/// An error with its causes.
fn told(error: &EvaluateError) -> String {
    let mut all = vec![error.to_string()];
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        all.push(error.to_string());
        cause = error.source();
    }
    all.join(": ")
}

#[test]
fn images_that_there_are_not_and_batches_without_statistics_are_refused() {
    let set = images();
    let [network, _] = with_statistics();
    let params = network.init(&SeedTree::root(1));
    let mut evaluator = evaluator(&network, &set);
    assert!(matches!(evaluator.gradient(&params, &[]), Err(EvaluateError::NoImages)));
    let beyond = evaluator.gradient(&params, &[40, 1]);
    assert!(matches!(beyond, Err(EvaluateError::Image { image: 40, images: 40 })));
    let one = evaluator.gradient(&params, &[5]).unwrap_err();
    let expected = "expected at least 2 images in a batch, found 1";
    assert!(told(&one).contains(expected), "{}", told(&one));
    let few = mlp(SIDE, &[4], Norm::Batch).network(SIDE, 2).unwrap();
    let labelled = self::evaluator(&few, &set).gradient(&few.init(&SeedTree::root(1)), &[0, 1, 2, 3, 4]);
    assert!(matches!(labelled, Err(EvaluateError::Label { classes: 2, .. })));
}
