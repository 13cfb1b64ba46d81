//! Every network that a configuration can name, with every normalisation that it comes with: what it computes does not change
//! when its units change places, statistics and all; what it does not read is refused.

use basin_candle::Candle;
use basin_core::{Array, Params, SeedTree};
use basin_data::{Extent, ImageSet, Normalisation, SYNTHETIC, Source, Split};
use basin_models::Network;
use basin_reproduce::config::{Config, Keys};
use basin_train::{Backend, Cpu};
use std::collections::BTreeMap;
use weight_matching::{Permutation, Permutations, apply};

fn config(settings: &[(&str, &str)]) -> Config {
    let settings: Vec<_> = settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Config::plain(&Keys::default(), &settings).unwrap()
}

/// Parameters without symmetries: nothing is 0 or 1 for all units, statistics included.
fn params(network: &Network) -> Params {
    let mut params = network.init(&SeedTree::root(3));
    for spec in &network.layout().params {
        if spec.shape.len() == 1 {
            let mut rng = SeedTree::root(4).child(&spec.name).rng();
            let positive = spec.name.ends_with("weight") || spec.name.ends_with("running_var");
            let values = (0..spec.shape[0]).map(|_| match positive {
                true => 0.5 + rng.uniform() as f32,
                false => 0.2 * rng.normal() as f32,
            });
            params.insert(spec.name.clone(), Array::new(spec.shape.clone(), values.collect()).unwrap());
        }
    }
    params
}

fn shuffled(sizes: &BTreeMap<String, usize>) -> Permutations {
    let mut all = Permutations::new();
    for (name, &size) in sizes {
        let mut rng = SeedTree::root(5).child(name).rng();
        let mut order: Vec<(u32, usize)> = (0..size).map(|i| (rng.next_u32(), i)).collect();
        order.sort_unstable();
        all.insert(name.clone(), Permutation::new(order.into_iter().map(|(_, i)| i).collect()).unwrap());
    }
    all
}

/// Three images of 16 or 32 pixels; of one channel, their green.
fn images(extent: Extent) -> (ImageSet, Normalisation) {
    let images = Source { train_images: 3, ..Source::synthetic(3) }.load(Split::Train).unwrap();
    let images = if extent.side == 16 { images.halved().unwrap() } else { images };
    if extent.channels == 3 {
        return (images, SYNTHETIC.normalisation);
    }
    let green = images.images().iter().skip(1).step_by(3).copied().collect();
    let images = ImageSet::new(extent, images.classes(), green, images.labels().to_vec()).unwrap();
    (images, Normalisation::HALF_GREY)
}

fn logits(network: &Network, params: &Params) -> Vec<f32> {
    let (images, normalisation) = images(network.extent());
    let backend: Box<dyn Backend> = match network.program() {
        Some(_) => Box::new(Candle::new(candle_core::Device::Cpu)),
        None => Box::new(Cpu),
    };
    let mut evaluator = backend.evaluator(network, &images, &normalisation).unwrap();
    evaluator.logits(params).unwrap().values().to_vec()
}

#[test]
fn units_that_change_places_change_nothing() {
    // Heads of the transformer move as wholes, which `shuffled` does not know of; it has tests of its own.
    let cases = [
        ("resnet8", "0.5", &["own", "layer", "batch", "none"][..]),
        ("resnet20", "0.25", &["batch", "none"]),
        ("mlp1", "0.0625", &["own", "layer", "batch", "none"]),
        ("mlp3", "0.0625", &["own", "layer", "batch", "none"]),
        ("vgg11", "0.0625", &["own", "layer", "batch", "none"]),
        ("resnet18", "0.125", &["own", "batch"]),
        ("resnet34", "0.0625", &["own"]),
        ("resnet50", "0.0625", &["own"]),
        ("resnet18-imagenet", "0.0625", &["own"]),
        ("small-cnn", "0.25", &["own"]),
        ("medium-cnn", "0.0625", &["own"]),
    ];
    for (name, width, norms) in cases {
        for norm in norms {
            let config = config(&[("model.name", name), ("model.width", width), ("model.norm", norm)]);
            let sides: &[usize] = match name {
                "vgg11" => &[32],
                _ if name.ends_with("imagenet") => &[32],
                // What is flattened has more than one pixel on the larger ones.
                _ if name.ends_with("cnn") => &[16, 32],
                _ => &[16],
            };
            for extent in sides.iter().flat_map(|&side| [Extent::colour(side), Extent::grey(side)]) {
                permuted(&format!("{name} {norm} {extent}"), &config, extent);
            }
        }
    }
}

fn permuted(what: &str, config: &Config, extent: Extent) {
    let network = config.network(extent, 10).unwrap();
    let (spec, params) = (config.permutation_spec(extent).unwrap(), params(&network));
    let sizes = spec.validate(&params).unwrap_or_else(|e| panic!("{what}: {e}"));
    let moved = apply(&spec, &params, &shuffled(&sizes)).unwrap();
    // Nothing but what meets the images and the classes stays.
    let stays = params.iter().filter(|(name, array)| moved.get(name) == Some(array)).count();
    assert!(stays <= 1, "{what}: {stays} arrays stay");
    let (before, after) = (logits(&network, &params), logits(&network, &moved));
    let largest = before.iter().fold(0.0f32, |largest, z| largest.max(z.abs()));
    assert!(largest > 1e-2 && largest.is_finite(), "{what}: {largest}");
    for (b, a) in before.iter().zip(&after) {
        assert!((b - a).abs() <= 2e-4 * largest, "{what}: {b} and {a}");
    }
}

/// For 28 pixels of one channel, as MNIST has them, all but the layer that reads the images is as for three.
#[test]
fn one_channel_changes_the_first_layer_alone() {
    for name in ["resnet20", "vit", "mlp1", "mlp3", "resnet18", "resnet50-imagenet"] {
        let config = config(&[("model.name", name), ("model.width", "0.25")]);
        let [grey, colour] = [Extent::grey(28), Extent::colour(28)].map(|e| config.network(e, 10).unwrap());
        let [one, three] = [&grey, &colour].map(|network| network.layout().shapes());
        assert_eq!(one.len(), three.len());
        let others = one.iter().zip(&three).filter(|(one, three)| one != three).collect::<Vec<_>>();
        let [((first, one), (_, three))] = others[..] else { panic!("{name}: {others:?}") };
        assert_eq!(one[1] * 3, three[1], "{name}: {first}");
        assert!(0 < grey.macs() && grey.macs() < colour.macs(), "{name}");
    }
}

#[test]
fn multiply_adds_are_counted() {
    let macs = |name, norm| {
        let config = config(&[("model.name", name), ("model.width", "1"), ("model.norm", norm)]);
        config.network(32, 10).unwrap().macs()
    };
    // Counted by the layout of the engine's own network, which has one norm for another.
    assert_eq!(macs("resnet20", "batch"), macs("resnet20", "layer"));
    assert_eq!(macs("mlp3", "none"), (3072 * 512 + 2 * 512 * 512 + 512 * 10) as u64);
    // PyTorch's tools count 0.56 · 10⁹ for a 3×3 stem on 32 pixels.
    assert_eq!(macs("resnet18", "own") / 1_000_000, 555);
}

/// The parameters that the notebook of 1912.02757 counts for its MediumCNN, and what they are first drawn from.
#[test]
fn the_medium_cnn_is_the_notebooks() {
    let config = config(&[("model.name", "medium-cnn"), ("model.width", "1"), ("model.dropout", "0.1")]);
    let network = config.network(32, 10).unwrap();
    let shapes = network.layout().shapes();
    let parameters: usize = shapes.iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
    assert_eq!(parameters, 971_146);
    let pixels = |side: usize| side * side;
    let convs =
        9 * (pixels(32) * 3 * 64 + pixels(16) * 64 * 128 + pixels(8) * 128 * 256 + pixels(4) * 256 * 256);
    assert_eq!(network.macs(), (convs + 1024 * 10) as u64);
    let params = network.init(&SeedTree::root(0));
    for (name, inputs, outputs) in [
        ("conv1.weight", 27, 576),
        ("conv1.bias", 1, 64),
        ("conv4.weight", 2304, 2304),
        ("conv4.bias", 1, 256),
        ("fc1.weight", 1024, 10),
        ("fc1.bias", 1, 10),
    ] {
        let values = params.get(name).unwrap().data();
        let limit = (6.0 / f64::from(inputs + outputs)).sqrt() as f32;
        let largest = values.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        // Of n uniform values the largest is short of the limit by a share of about 1/n.
        let short = 10.0 / values.len() as f32;
        assert!(largest <= limit && largest > limit * (1.0 - short), "{name}: {largest} of {limit}");
    }
    let small = self::config(&[("model.name", "small-cnn"), ("model.width", "1")]).network(32, 10).unwrap();
    let parameters: usize = small.layout().shapes().iter().map(|(_, s)| s.iter().product::<usize>()).sum();
    assert_eq!(parameters, (27 + 1) * 16 + (144 + 1) * 32 + (288 + 1) * 32 + 512 * 10 + 10);
}

/// Images of more than one pixel at the end: of 64 pixels in VGG-11, too.
#[test]
fn flattened_images_have_a_permutation_spec_of_their_size() {
    let config = config(&[("model.name", "vgg11"), ("model.width", "0.0625")]);
    let network = config.network(64, 10).unwrap();
    let params = network.init(&SeedTree::root(3));
    config.permutation_spec(64).unwrap().validate(&params).unwrap();
    assert!(config.permutation_spec(32).unwrap().validate(&params).is_err());
    assert!(config.permutation_spec(16).is_err());
}

/// A price must not cost what the run would: the weights of these take 150 GB.
#[test]
fn a_network_of_any_width_is_described_without_room_for_its_weights() {
    for name in ["vgg11", "resnet50", "mlp3", "medium-cnn"] {
        let of =
            |width: &str| config(&[("model.name", name), ("model.width", width)]).network(32, 10).unwrap();
        let (narrow, wide) = (of("1"), of("64"));
        let ratio = wide.macs() as f64 / narrow.macs() as f64;
        // All but the first and the last layer grow with the square.
        assert!((64.0..=4096.0).contains(&ratio), "{name}: {ratio}");
    }
}

#[test]
fn keys_that_a_network_does_not_read_are_refused() {
    let refused = |settings: &[(&str, &str)]| config(settings).network(32, 10).unwrap_err().to_string();
    let unread =
        refused(&[("model.name", "mlp1"), ("model.dropout", "0.5"), ("model.centred_kernels", "yes")]);
    let expected =
        "model.dropout is 0.5 and model.centred_kernels is yes, which mlp1 does not read; leave it out";
    assert_eq!(unread, expected);
    let norm = refused(&[("model.name", "vit"), ("model.width", "1"), ("model.norm", "batch")]);
    assert_eq!(norm, "model.norm is batch for vit, expected own or layer");
    let norm = refused(&[("model.name", "resnet18"), ("model.norm", "none")]);
    assert_eq!(norm, "model.norm is none for resnet18, expected own or batch");
    let scale = refused(&[("model.residual_scale", "0"), ("model.norm", "batch")]);
    assert!(scale.starts_with("model.norm is batch for resnet20, expected own or layer with"), "{scale}");
    let norm = refused(&[("model.name", "medium-cnn"), ("model.width", "1"), ("model.norm", "batch")]);
    assert_eq!(norm, "model.norm is batch, which medium-cnn does not read; leave it out");
    let width = refused(&[("model.name", "small-cnn"), ("model.width", "0.1")]);
    assert!(width.starts_with("model.width is 0.1, which gives 1.6"), "{width}");
    let side = config(&[("model.name", "medium-cnn")]).network(8, 10).unwrap_err().to_string();
    assert_eq!(side, "images of side 8 for medium-cnn, expected at least 16 pixels");
    let width = refused(&[("model.name", "vgg11"), ("model.width", "0.3")]);
    assert!(width.starts_with("model.width is 0.3, which gives 19.2 units"), "{width}");
}

#[test]
fn a_network_of_the_engine_is_run_by_candle_where_asked_for() {
    let extents = [Extent::colour(16), Extent::grey(16)];
    let cases = [("resnet8", "0.5"), ("vit", "0.125")].map(|case| extents.map(|extent| (case, extent)));
    for ((name, width), extent) in cases.into_iter().flatten() {
        let settings = [("model.name", name), ("model.width", width), ("run.backend", "candle")];
        let (own, by_candle) = (config(&settings[..2]), config(&settings));
        let (own, by_candle) = (own.network(extent, 10).unwrap(), by_candle.network(extent, 10).unwrap());
        assert!(own.program().is_none() && by_candle.program().is_some());
        assert_eq!((own.layout(), own.macs()), (by_candle.layout(), by_candle.macs()));
        let params = own.init(&SeedTree::root(1));
        assert_eq!(params, by_candle.init(&SeedTree::root(1)));
        let (expected, found) = (logits(&own, &params), logits(&by_candle, &params));
        let largest = expected.iter().fold(0.0f32, |largest, z| largest.max(z.abs()));
        for (e, f) in expected.iter().zip(&found) {
            assert!((e - f).abs() <= 1e-5 * largest, "{name}: {e} and {f}");
        }
    }
}
