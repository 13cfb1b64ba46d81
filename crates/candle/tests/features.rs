//! What a network classifies by: its last layer makes its logits of them, whatever runs it.

use basin_candle::layers::Norm;
use basin_candle::networks::{Stem, cifar_resnet, fort_cnn, mlp, torchvision_resnet, vgg11};
use basin_candle::{Candle, Featured, Module, run_by_candle};
use basin_core::{Array, SeedTree};
use basin_data::{Extent, ImageSet, Normalisation, SYNTHETIC, Source, Split};
use basin_models::{Architecture, Network};
use basin_train::{Backend, Cpu};
use candle_core::{Result, Tensor};
use candle_nn::{Linear, ModuleT, VarBuilder, linear};

const SIDE: usize = 32;

const EXTENTS: [Extent; 2] = [Extent::colour(SIDE), Extent::grey(SIDE)];

/// More than one chunk of the CPU's, not a whole number of them; of one channel, their green.
fn images(extent: Extent) -> (ImageSet, Normalisation) {
    let images = Source { train_images: 21, ..Source::synthetic(3) }.load(Split::Train).unwrap();
    if extent.channels == 3 {
        return (images, SYNTHETIC.normalisation);
    }
    let green = images.images().iter().skip(1).step_by(3).copied().collect();
    (ImageSet::new(extent, 10, green, images.labels().to_vec()).unwrap(), Normalisation::HALF_GREY)
}

/// The features of a fresh network, held against its logits.
fn checked(backend: &dyn Backend, network: &Network) -> Array {
    let (images, normalisation) = images(network.extent());
    let params = network.init(&SeedTree::root(1));
    let mut evaluator = backend.evaluator(network, &images, &normalisation).unwrap();
    let logits = evaluator.logits(&params).unwrap();
    let features = evaluator.features(&params).unwrap().unwrap();
    assert_eq!(evaluator.logits(&params).unwrap(), logits, "features leave no trace");
    let [weight, bias] = [2, 1].map(|back| {
        let specs = &network.layout().params;
        params.get(&specs[specs.len() - back].name).unwrap()
    });
    let &[rows, width] = features.shape() else { panic!("{:?}", features.shape()) };
    assert_eq!((rows, weight.data().len()), (images.len(), 10 * width));
    for (row, expected) in features.data().chunks(width).zip(logits.rows()) {
        for ((weight, bias), expected) in weight.data().chunks(width).zip(bias.data()).zip(expected) {
            let product: f64 = row.iter().zip(weight).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum();
            let found = product + f64::from(*bias);
            assert!((found - f64::from(*expected)).abs() < 2e-4, "{found} for {expected}");
        }
    }
    features
}

#[test]
fn the_engines_networks_show_the_same_to_both_backends() {
    let cases = EXTENTS.map(|extent| [("resnet8", 64, extent), ("vit", 64, extent)]);
    for (name, width, extent) in cases.into_iter().flatten() {
        let scale = if name == "vit" { 0.25 } else { 1.0 };
        let network = Architecture::from_name(name, scale).unwrap().build(extent, 10).unwrap();
        let own = checked(&Cpu, &network);
        let candle = checked(&Candle::cpu(), &run_by_candle(&network).unwrap());
        assert_eq!((own.shape(), candle.shape()), (&[21, width][..], &[21, width][..]), "{name}");
        assert_eq!(checked(&Candle::cpu(), &network).data(), candle.data());
        let apart = own.data().iter().zip(candle.data()).fold(0.0f32, |m, (a, b)| m.max((a - b).abs()));
        assert!(apart < 1e-4, "{name}: {apart}");
    }
}

#[test]
fn the_families_show_what_their_last_layer_gets() {
    let families = |extent: Extent| {
        [
            (mlp(extent, &[24, 16], Norm::Batch), 16, extent),
            (vgg11(extent, 4, Norm::Batch), 32, extent),
            (vgg11(extent, 4, Norm::None), 32, extent),
            (cifar_resnet(extent.channels, 1, 8, Norm::Batch), 32, extent),
            (torchvision_resnet(extent.channels, 18, 4, Stem::Cifar).unwrap(), 32, extent),
            (fort_cnn("medium-cnn", extent, &[4, 8, 16, 16], 0.1), 64, extent),
            (fort_cnn("small-cnn", extent, &[4, 8, 8], 0.0), 128, extent),
        ]
    };
    for (module, width, extent) in EXTENTS.into_iter().flat_map(families) {
        let network = module.network(extent, 10).unwrap();
        assert_eq!(checked(&Candle::cpu(), &network).shape(), [21, width], "{}", module.name());
    }
}

struct Plain(Linear);

impl ModuleT for Plain {
    fn forward_t(&self, images: &Tensor, _: bool) -> Result<Tensor> {
        candle_core::Module::forward(&self.0, &images.flatten_from(1)?)
    }
}

impl Featured for Plain {
    fn features(&self, images: &Tensor) -> Result<Tensor> {
        Ok(images.clone())
    }
}

#[test]
fn a_module_that_shows_nothing_has_none_and_one_that_shows_no_rows_is_refused() {
    let plain = |vb: VarBuilder<'_>, classes| Ok(Plain(linear(3 * SIDE * SIDE, classes, vb.pp("fc"))?));
    let features = |module: Module| {
        let network = module.network(SIDE, 10).unwrap();
        let (images, normalisation) = images(network.extent());
        let mut evaluator = Candle::cpu().evaluator(&network, &images, &normalisation).unwrap();
        evaluator.features(&network.init(&SeedTree::root(1)))
    };
    let boxed = move |vb: VarBuilder<'_>, classes| Ok(Box::new(plain(vb, classes)?) as Box<dyn ModuleT>);
    assert!(features(Module::new("plain", boxed)).unwrap().is_none());
    let error = features(Module::featured("plain", plain)).unwrap_err();
    let told = with_causes(&error);
    assert!(
        told.contains(
            "module plain returned features [21, 3, 32, 32] for 21 images, expected a row for each"
        ),
        "{told}"
    );
}

/// An error with its causes.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
