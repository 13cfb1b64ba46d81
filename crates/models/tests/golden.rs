//! Networks against PyTorch's float64 values: logits, loss and every parameter's gradient.

use basin_core::{Array, Params};
use basin_fixtures::{array, close, numbers};
use basin_graph::{Accumulators, CpuLayers, Tape};
use basin_kernels::Buffer;
use basin_kernels::loss::{Target, loss};
use basin_models::{Architecture, Network, VitConfig};
use serde_json::Value;

const RESNET: &str = include_str!("../../../fixtures/resnet20/resnet20.json");
const VIT: &str = include_str!("../../../fixtures/vit/vit.json");

fn resnet(case: &Value) -> Network {
    let shape = numbers(&case["input_shape"]);
    let width = numbers(&case["channels"])[0] / 16.0;
    let classes = case["classes"].as_u64().unwrap() as usize;
    Architecture::from_name("resnet20", width).unwrap().build(shape[1] as usize, classes).unwrap()
}

fn vit(case: &Value) -> Network {
    let number = |key: &str| case[key].as_u64().unwrap() as usize;
    let config = VitConfig {
        patch: number("patch"),
        dim: number("dim"),
        hidden: number("hidden"),
        heads: number("heads"),
        layers: number("layers"),
        dropout: 0.0,
    };
    Network::vit(config, number("side"), number("classes")).unwrap()
}

fn params(case: &Value, net: &Network) -> Params {
    let salt = case["salt"].as_u64().unwrap() as u32;
    let entry = |(i, (name, shape)): (usize, (String, Vec<usize>))| {
        let fan_in = shape.iter().skip(1).product::<usize>() as f64;
        let (scale, offset) = match () {
            () if shape.len() > 1 => ((3.0 / fan_in).sqrt(), 0.0),
            () if name.ends_with("weight") => (0.2, 1.0),
            () => (0.1, 0.0),
        };
        let data = array(salt + i as u32, shape.iter().product(), scale, offset);
        (name, Array::new(shape, data).unwrap())
    };
    net.layout().shapes().into_iter().enumerate().map(entry).collect()
}

#[test]
fn resnets_agree_with_pytorch() {
    agree(RESNET, ["quarter-width", "ragged-channels", "odd-image"], resnet);
}

#[test]
fn transformers_agree_with_pytorch() {
    agree(VIT, ["small", "ragged", "cifar"], vit);
}

fn agree(golden: &str, expected: [&str; 3], network: impl Fn(&Value) -> Network) {
    let golden: Value = serde_json::from_str(golden).unwrap();
    let cases = golden["cases"].as_array().unwrap();
    let names: Vec<&Value> = cases.iter().map(|case| &case["name"]).collect();
    assert_eq!(names, expected, "a case is missing");
    for case in cases {
        let net = network(case);
        let params = params(case, &net);
        let images: usize = numbers(&case["input_shape"]).iter().map(|x| *x as usize).product();
        let x = array(case["salt"].as_u64().unwrap() as u32 + 1000, images, 1.5, 0.0);
        let input_sum: f64 = x.iter().map(|v| f64::from(*v)).sum();
        assert!((input_sum - case["input_sum"].as_f64().unwrap()).abs() < 1e-9);

        let weights = net.weights(&params, true).unwrap();
        let mut tape = Tape::new(CpuLayers::new(&weights));
        let input = tape.input(net.input(&x).unwrap());
        let output = net.forward(&mut tape, &input).unwrap();
        let logits = tape.value(output).unwrap().data.to_vec();
        let expected: Vec<f64> = case["logits"].as_array().unwrap().iter().flat_map(numbers).collect();
        assert_eq!(logits.len(), expected.len(), "{}", case["name"]);
        assert_eq!(logits.len(), case["labels"].as_array().unwrap().len() * net.classes());
        for (got, want) in logits.iter().zip(&expected) {
            assert!((f64::from(*got) - want).abs() < 5e-6, "{}: {got} against {want}", case["name"]);
        }
        assert_eq!(
            net.logits(&params, &x).unwrap().values(),
            &logits[..],
            "inference and tape agree bit for bit"
        );

        let labels: Vec<u32> = numbers(&case["labels"]).iter().map(|y| *y as u32).collect();
        let sum = loss(&logits, &labels, Target::Labels, 1.0 / labels.len() as f32);
        assert!((sum.loss / labels.len() as f64 - case["loss"].as_f64().unwrap()).abs() < 5e-6);

        let mut gradients = Accumulators::new(&weights);
        tape.backward(output, Buffer::copied(&sum.gradient), &mut gradients).unwrap();
        let entries = case["parameters"].as_array().unwrap();
        let gradients = gradients.unpack(&weights);
        assert_eq!((entries.len(), gradients.len()), (net.layout().params.len(), net.layout().params.len()));
        for (at, (entry, got)) in entries.iter().zip(gradients).enumerate() {
            assert_eq!(got.len(), net.layout().params[at].shape.iter().product::<usize>());
            assert!(got.iter().any(|g| *g != 0.0), "{} receives no gradient", entry["name"]);
            assert_eq!(entry["name"], net.layout().params[at].name);
            let what = format!("{} {}", case["name"], entry["name"]);
            close(&what, &got, &entry["gradient"], 1e-4);
        }
    }
}
