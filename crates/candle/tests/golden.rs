//! The networks against PyTorch, see fixtures/networks: logits, gradients, three steps, running statistics, by names.

use basin_candle::layers::Norm;
use basin_candle::networks::{
    Stem, TorchvisionResNet, cifar_resnet, fort_cnn, mlp, torchvision_resnet, vgg11,
};
use basin_candle::ops::cross_entropy;
use basin_candle::{Module, SgdConfig, SgdMomentum};
use basin_core::{Array, Params};
use basin_fixtures::{array, close};
use candle_core::{Device, Tensor};
use candle_nn::{ModuleT, Optimizer};
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(include_str!("../../../fixtures/networks/networks.json")).unwrap()
}

fn size(case: &Value, key: &str) -> usize {
    case[key].as_u64().unwrap() as usize
}

fn module(name: &str, side: usize) -> Module {
    match name.split_once('-').unwrap() {
        ("resnet18", "cifar") => torchvision_resnet(3, 18, 64, Stem::Cifar).unwrap(),
        ("resnet34", "cifar") => torchvision_resnet(3, 34, 64, Stem::Cifar).unwrap(),
        ("bottlenecks", "imagenet") => Module::new("bottlenecks", |vb, classes| {
            Ok(Box::new(TorchvisionResNet::new(3, ([1; 4], true), 64, Stem::ImageNet, classes, vb)?))
        }),
        ("resnet50", "imagenet") => torchvision_resnet(3, 50, 64, Stem::ImageNet).unwrap(),
        ("vgg11", "wide-image") => vgg11(side, 2, Norm::Batch),
        ("small", "cnn") => fort_cnn(name, side, &[4, 8, 8], 0.0),
        ("medium", "cnn") => fort_cnn(name, side, &[4, 8, 16, 16], 0.0),
        ("medium", "cnn-odd") => fort_cnn(name, side, &[3, 6, 12, 12], 0.0),
        (family, norm) => {
            let norm = match norm {
                "none" => Norm::None,
                "layer" => Norm::Layer,
                "batch" => Norm::Batch,
                other => panic!("norm {other}"),
            };
            match family {
                "mlp1" => mlp(side, &[11], norm),
                "mlp3" => mlp(side, &[16, 16, 16], norm),
                "vgg11" => vgg11(side, 4, norm),
                "resnet20" => cifar_resnet(3, 3, 5, norm),
                other => panic!("network {other}"),
            }
        }
    }
}

/// The entry of that name, shape and stream, as the fixture's page has it.
fn filled(name: &str, shape: &[usize], stream: u32, away: bool) -> Array {
    let len = shape.iter().product();
    let (scale, offset) = match name.rsplit('.').next().unwrap() {
        _ if shape.len() > 1 => ((3.0 / shape[1..].iter().product::<usize>() as f64).sqrt(), 0.0),
        "running_var" => (0.5, 1.0),
        "weight" => (0.2, 1.0),
        _ => (0.1, 0.0),
    };
    let mut values = array(stream, len, scale, offset);
    if away && shape.len() == 1 && name != "fc.bias" {
        away_from_kinks(name, &mut values);
    }
    Array::new(shape.to_vec(), values).unwrap()
}

/// BatchNorm's weights and biases behind which no ReLU's input comes near 0, as the fixture's page has them.
fn away_from_kinks(name: &str, values: &mut [f32]) {
    let alternating = ["bn1.bias", "bn2.bias"].iter().any(|layer| name.ends_with(layer));
    for (unit, value) in values.iter_mut().enumerate() {
        match name.rsplit('.').next().unwrap() {
            "weight" => *value = (f64::from(*value) * 0.15) as f32,
            "bias" if alternating && unit % 2 == 1 => *value = (f64::from(*value) - 1.0) as f32,
            "bias" => *value = (f64::from(*value) + 1.0) as f32,
            _ => {}
        }
    }
}

fn logits(net: &dyn ModuleT, x: &Tensor, train: bool) -> (Tensor, Vec<f32>) {
    let y = net.forward_t(x, train).unwrap();
    let values = y.flatten_all().unwrap().to_vec1().unwrap();
    (y, values)
}

fn follows(case: &Value, rate: f64, momentum: f64) {
    let (name, side, classes) = (case["name"].as_str().unwrap(), size(case, "side"), size(case, "classes"));
    let images = size(case, "images");
    let module = module(name, side);
    let network = module.network(side, classes).unwrap();
    // PyTorch's names and shapes, as they would be loaded.
    let away = case.get("away_from_kinks").is_some();
    let entries = case["parameters"].as_array().unwrap().iter();
    let given: Params = (0..)
        .zip(entries)
        .map(|(stream, entry)| {
            let (name, shape) = (entry["name"].as_str().unwrap(), basin_fixtures::sizes(&entry["shape"]));
            (name.to_owned(), filled(name, &shape, stream, away))
        })
        .collect();
    let params = network.check(&given).unwrap();
    let (net, variables) = module.build(&network, &params, &Device::Cpu).unwrap();
    let pixels = array(1000, images * side * side * 3, 1.5, 0.0);
    let x = Tensor::from_vec(pixels, (images, side, side, 3), &Device::Cpu).unwrap();
    let x = x.permute((0, 3, 1, 2)).unwrap().contiguous().unwrap();
    let labels: Vec<u32> = (0..images).map(|i| ((3 * i + 1) % classes) as u32).collect();
    let told = |what: &str| format!("{name}: {what}");
    close(&told("evaluated"), &logits(&*net, &x, false).1, &case["evaluated"], 2e-5);
    let config =
        SgdConfig { learning_rate: rate, momentum, weight_decay: 0.0, decoupled: false, nesterov: false };
    let specs = &network.layout().params;
    let trained = variables.trained(&network);
    let mut sgd = SgdMomentum::new(trained, config).unwrap();
    for (step, expected) in basin_fixtures::numbers(&case["losses"]).into_iter().enumerate() {
        let (z, values) = logits(&*net, &x, true);
        let loss = cross_entropy(&z, &labels).unwrap();
        close(&told(&format!("loss {step}")), &[loss.to_scalar().unwrap()], &vec![expected], 1e-4);
        let store = loss.backward().unwrap();
        if step == 0 {
            close(&told("trained"), &values, &case["trained"], 2e-5);
            for (spec, var) in specs.iter().zip(variables.vars()) {
                let Some(expected) = case["gradients"].get(&spec.name) else { continue };
                let found = store.get(var).unwrap_or_else(|| panic!("{name}: {} has no gradient", spec.name));
                let found: Vec<f32> = found.flatten_all().unwrap().to_vec1().unwrap();
                // BatchNorm takes away what a bias before it adds: 0, to which nothing is relative.
                let largest = match expected.get("full") {
                    Some(all) => basin_fixtures::numbers(all).into_iter().fold(0.0, |l, g| g.abs().max(l)),
                    None => expected["max_abs"].as_f64().unwrap(),
                };
                if largest < 1e-12 {
                    assert!(found.iter().all(|g| g.abs() < 1e-5), "{name} {}: {found:?}", spec.name);
                    continue;
                }
                close(&told(&spec.name), &found, expected, 1e-4);
            }
        }
        sgd.step(&store).unwrap();
    }
    let mut running = 0;
    for (spec, var) in specs.iter().zip(variables.vars()) {
        if let Some(expected) = case["running"].get(&spec.name) {
            running += 1;
            close(&told(&spec.name), &var.to_vec1().unwrap(), expected, 1e-4);
        }
    }
    assert_eq!(running, case["running"].as_object().unwrap().len(), "{name}");
    assert_eq!(running + case["gradients"].as_object().unwrap().len(), specs.len(), "{name}");
    close(&told("evaluated after"), &logits(&*net, &x, false).1, &case["evaluated_after"], 2e-3);
}

fn families(chosen: impl Fn(&str) -> bool) {
    let golden = golden();
    let (rate, momentum) = (golden["rate"].as_f64().unwrap(), golden["momentum"].as_f64().unwrap());
    let mut seen = 0;
    for case in golden["cases"].as_array().unwrap() {
        if chosen(case["name"].as_str().unwrap()) {
            follows(case, rate, momentum);
            seen += 1;
        }
    }
    assert!(seen > 0);
}

#[test]
fn perceptrons_are_pytorchs() {
    families(|name| name.starts_with("mlp"));
}

#[test]
fn vggs_are_pytorchs() {
    families(|name| name.starts_with("vgg"));
}

#[test]
fn the_cnns_of_fort_et_al_are_pytorchs() {
    families(|name| name.contains("-cnn"));
}

#[test]
fn cifar_resnets_are_pytorchs() {
    families(|name| name.starts_with("resnet20"));
}

#[test]
fn torchvisions_resnets_are_pytorchs() {
    families(|name| {
        ["resnet18", "resnet34", "resnet50", "bottlenecks"].iter().any(|known| name.starts_with(known))
    });
}
