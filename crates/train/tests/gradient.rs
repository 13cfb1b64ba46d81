//! Gradients outside of training, on the CPU: against finite differences, against a training step, and what is refused.

use basin_core::{Array, Params, SeedTree};
use basin_data::{ImageSet, SYNTHETIC, Source, Split};
use basin_models::{Architecture, Network};
use basin_train::{
    Backend, Batch, Cpu, EvaluateError, Evaluator, Moments, Optimiser, Stepper, Teaching, plain_batch,
};

const SIDE: usize = 8;

fn images(n: usize) -> ImageSet {
    let images = Source { train_images: n, ..Source::synthetic(3) }.load(Split::Train).unwrap();
    images.halved().unwrap().halved().unwrap()
}

fn network(name: &str, width: f64, dropout: f64) -> Network {
    let architecture = Architecture::from_name(name, width).unwrap();
    let architecture = if dropout > 0.0 { architecture.with_dropout(dropout).unwrap() } else { architecture };
    architecture.build(SIDE, 10).unwrap()
}

fn evaluator<'a>(network: &'a Network, images: &'a ImageSet) -> Box<dyn Evaluator + 'a> {
    Cpu.evaluator(network, images, &SYNTHETIC.normalisation).unwrap()
}

/// The network moved by `step` times a direction.
fn moved(params: &Params, direction: &Params, step: f64) -> Params {
    Params::linear_combination(&[params, direction], &[1.0, step]).unwrap()
}

fn of_array(gradient: &Params, wanted: &str) -> Params {
    gradient.map(|name, values| if name == wanted { values.to_vec() } else { vec![0.0; values.len()] })
}

/// Along the gradient of each array, the loss changes by the length of that gradient: of a network without kinks. At those of
/// ReLU a slope over a step is another number; that of a ResNet is held to the training step's below.
#[test]
fn gradients_are_the_slopes_of_the_loss() {
    let set = images(40);
    let chosen: Vec<usize> = (0..40).step_by(2).collect();
    let network = network("vit", 0.125, 0.0);
    let mut evaluator = evaluator(&network, &set);
    let params = network.init(&SeedTree::root(1));
    let (loss, gradient) = evaluator.gradient(&params, &chosen).unwrap();
    assert!(loss > 1.0 && loss < 10.0, "{loss}");
    for (array, _) in gradient.iter() {
        let direction = of_array(&gradient, array);
        let length = direction.dot(&direction, |_| true).unwrap().sqrt();
        assert!(length > 0.0, "{array} has no gradient");
        // The loss moves by a thousandth, far above the rounding of f32; where the slope is small, the step must stay so, too.
        let step = (1e-3 / length).min(0.02);
        let mut at = |by: f64| evaluator.gradient(&moved(&params, &direction, by), &chosen).unwrap().0;
        let slope = (at(step / length) - at(-step / length)) / (2.0 * step);
        let off = (slope - length).abs();
        assert!(off < 0.01 * length + 2e-5, "{array} has slope {slope}, gradient {length}");
    }
}

/// After one step, momentum is the gradient.
fn of_a_step(network: &Network, params: &Params, set: &ImageSet, chosen: &[usize]) -> Params {
    let (pixels, labels) = plain_batch(set, chosen, 10, &SYNTHETIC.normalisation).unwrap();
    let optimiser = Optimiser::sgd(0.9, 0.0);
    let mut stepper = Stepper::new(network, params, &Moments::default(), optimiser).unwrap();
    let sum = stepper.step(Batch::new(&pixels, &labels), &Teaching::Labels, 0.1).unwrap();
    assert!(sum.finite);
    stepper.tables().unwrap().1.tables.remove(0)
}

#[test]
fn a_gradient_is_that_of_a_training_step_to_the_bit_on_any_number_of_threads() {
    let set = images(90);
    let network = network("resnet8", 0.5, 0.0);
    let params = network.init(&SeedTree::root(2));
    for chosen in [vec![7], (0..90).rev().collect::<Vec<usize>>(), vec![3, 3, 5]] {
        let expected = of_a_step(&network, &params, &set, &chosen);
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let gradient = || evaluator(&network, &set).gradient(&params, &chosen).unwrap().1;
            assert!(pool.install(gradient) == expected, "{threads} threads");
        }
    }
}

#[test]
fn an_evaluator_goes_on_as_if_nobody_had_asked_for_gradients() {
    let set = images(20);
    let network = network("resnet8", 0.25, 0.0);
    let mut evaluator = evaluator(&network, &set);
    let [a, b] = [1, 2].map(|seed| network.init(&SeedTree::root(seed)));
    let (logits, gradient) = (evaluator.logits(&a).unwrap(), evaluator.gradient(&a, &[0, 1]).unwrap());
    assert_ne!(evaluator.gradient(&b, &[0, 1]).unwrap(), gradient);
    assert_eq!(evaluator.logits(&a).unwrap(), logits);
    assert_eq!(evaluator.gradient(&a, &[0, 1]).unwrap(), gradient);
}

#[test]
fn nothing_is_dropped() {
    let set = images(12);
    let chosen: Vec<usize> = (0..12).collect();
    let (plain, dropping) = (network("vit", 0.125, 0.0), network("vit", 0.125, 0.5));
    let params = plain.init(&SeedTree::root(3));
    let of = |network: &Network| evaluator(network, &set).gradient(&params, &chosen).unwrap();
    assert_eq!(of(&dropping), of(&plain));
}

/// A list of more images than are looked at together: the mean of its parts, each with its share.
#[test]
fn a_long_list_is_the_mean_of_its_parts() {
    let set = images(1100);
    let network = network("resnet8", 0.25, 0.0);
    let params = network.init(&SeedTree::root(4));
    let mut evaluator = evaluator(&network, &set);
    let all: Vec<usize> = (0..1100).collect();
    let (loss, whole) = evaluator.gradient(&params, &all).unwrap();
    let (left, first) = evaluator.gradient(&params, &all[..700]).unwrap();
    let (right, second) = evaluator.gradient(&params, &all[700..]).unwrap();
    assert!((loss - (7.0 * left + 4.0 * right) / 11.0).abs() < 1e-6);
    let mean = Params::linear_combination(&[&first, &second], &[7.0 / 11.0, 4.0 / 11.0]).unwrap();
    let off = whole.l2_distance(&mean).unwrap() / whole.dot(&whole, |_| true).unwrap().sqrt();
    assert!(off < 1e-5, "{off}");
}

#[test]
fn images_that_there_are_not_are_refused() {
    let set = images(20);
    let network = network("resnet8", 0.25, 0.0);
    let params = network.init(&SeedTree::root(1));
    let mut evaluator = evaluator(&network, &set);
    assert!(matches!(evaluator.gradient(&params, &[]), Err(EvaluateError::NoImages)));
    let beyond = evaluator.gradient(&params, &[3, 20]);
    assert!(matches!(beyond, Err(EvaluateError::Image { image: 20, images: 20 })));
    let few = Architecture::from_name("resnet8", 0.25).unwrap().build(SIDE, 2).unwrap();
    let labelled = self::evaluator(&few, &set).gradient(&few.init(&SeedTree::root(1)), &[0, 1, 2, 3, 4]);
    assert!(matches!(labelled, Err(EvaluateError::Label { classes: 2, .. })), "{labelled:?}");
    let other = Params::from_iter([("w".to_owned(), Array::full(vec![1], 0.0))]);
    assert!(matches!(evaluator.gradient(&other, &[0]), Err(EvaluateError::Model(_))));
}
