//! `align --method activations`: what it finds, and what it refuses.

use crate::refusals::refuse;
use crate::{load, save, succeed};
use basin_core::{Array, Params, SeedTree};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use tempfile::{TempDir, tempdir};
use weight_matching::files::{Checkpoint, Element, Tensor, read_permutations};
use weight_matching::{Permutation, PermutationSpec, Permutations, Segment, apply};

const SAMPLES: usize = 40;
const ALIGN: [&str; 7] =
    ["align", "a.safetensors", "b.safetensors", "--out", "c.safetensors", "--method", "activations"];
const FILES: [&str; 4] = ["--activations-a", "acts_a", "--activations-b", "acts_b"];

fn normal(shape: &[usize], seed: u64, name: &str) -> Array {
    let mut rng = SeedTree::root(seed).child(name).rng();
    let values = (0..shape.iter().product()).map(|_| rng.normal() as f32).collect();
    Array::new(shape.to_vec(), values).unwrap()
}

/// The perceptron 3 → 8 → 6 → 2 of the tests, random.
fn perceptron(seed: u64) -> Params {
    let layers = [("fc1", [8, 3]), ("fc2", [6, 8]), ("fc3", [2, 6])];
    let arrays = layers.into_iter().flat_map(|(name, [out, input])| {
        let [weight, bias] = ["weight", "bias"].map(|kind| format!("{name}.{kind}"));
        [(weight.clone(), normal(&[out, input], seed, &weight)), (bias.clone(), normal(&[out], seed, &bias))]
    });
    arrays.collect()
}

/// What its hidden units compute on fixed inputs.
fn recorded(net: &Params) -> Params {
    let mut x = normal(&[SAMPLES, 3], 9, "inputs");
    let mut recorded = Params::new();
    for name in ["fc1", "fc2"] {
        let [w, b] = ["weight", "bias"].map(|kind| net.get(&format!("{name}.{kind}")).unwrap());
        let inputs = w.shape()[1];
        let unit = |row: &[f32], unit: usize| {
            let weights = &w.data()[unit * inputs..][..inputs];
            (weights.iter().zip(row).map(|(w, x)| w * x).sum::<f32>() + b.data()[unit]).max(0.0)
        };
        let units = w.shape()[0];
        let rows = x.data().chunks(inputs).flat_map(|row| (0..units).map(move |at| unit(row, at)));
        x = Array::new(vec![SAMPLES, units], rows.collect()).unwrap();
        recorded.insert(format!("{name}.out"), x.clone());
    }
    recorded
}

fn shuffled(name: &str, n: usize) -> Vec<usize> {
    let mut indices: Vec<usize> = (0..n).collect();
    SeedTree::root(5).child(name).rng().shuffle(&mut indices);
    indices
}

/// A folder with a perceptron, a copy of other units' order, and what both compute.
fn folder() -> (TempDir, Permutations) {
    let folder = tempdir().unwrap();
    let a = perceptron(0);
    let spec = PermutationSpec::mlp(&["fc1", "fc2", "fc3"]).unwrap();
    let orders = [("fc1.out", 8), ("fc2.out", 6)].map(|(name, n)| (name.to_owned(), shuffled(name, n)));
    let planted: Permutations =
        orders.into_iter().map(|(name, order)| (name, Permutation::new(order).unwrap())).collect();
    let b = apply(&spec, &a, &planted).unwrap();
    let dir = folder.path();
    for (name, params) in
        [("a.safetensors", &a), ("b.safetensors", &b), ("acts_a", &recorded(&a)), ("acts_b", &recorded(&b))]
    {
        save(dir, name, params);
    }
    (folder, planted)
}

#[test]
fn units_that_compute_the_same_are_found() {
    let (folder, planted) = folder();
    let dir = folder.path();
    let more = ["--permutations", "p.safetensors", "--json"];
    let told: Value = serde_json::from_str(&succeed(dir, &[&ALIGN[..], &FILES, &more].concat())).unwrap();
    assert_eq!(read_permutations(&dir.join("p.safetensors")).unwrap(), planted.inverse());
    assert!(load(dir, "c.safetensors").params == load(dir, "a.safetensors").params);
    assert_eq!(told["method"], "activations");
    assert_eq!(told["permutations"], serde_json::json!({ "fc1.out": 8, "fc2.out": 6 }));
    assert_eq!(told["sweeps"], 1);
    // Every unit that is not dead meets itself, with correlation 1.
    let acts = load(dir, "acts_a").params;
    let alive = acts.iter().map(|(_, array)| {
        let units = array.shape()[1];
        (0..units).filter(|unit| array.data().iter().skip(*unit).step_by(units).any(|x| *x > 0.0)).count()
    });
    let after = told["objective_after"].as_f64().unwrap();
    assert!((after - alive.sum::<usize>() as f64).abs() < 1e-6, "{told}");
    assert!(told["objective_before"].as_f64().unwrap() < after && told["seconds"].as_f64().unwrap() >= 0.0);
    let told = succeed(dir, &[&ALIGN[..], &FILES, &["--force"]].concat());
    assert!(told.contains("after (sum of correlations)"), "{told}");
}

/// Numbers that all types of floats hold exactly, as halves and doubles.
#[test]
fn every_type_of_floats_is_read() {
    let (folder, _) = folder();
    let dir = folder.path();
    let halves: [(f64, u16); 4] = [(0.0, 0), (0.5, 0x3800), (1.0, 0x3c00), (-2.0, 0xc000)];
    let sizes = [("fc1.out", 8), ("fc2.out", 6)];
    let mut results = Vec::new();
    for element in [Element::F16, Element::F64] {
        let tensors = sizes.map(|(name, units)| {
            let mut rng = SeedTree::root(1).child(name).rng();
            let draw = || halves[rng.below(4) as usize];
            let values: Vec<(f64, u16)> = std::iter::repeat_with(draw).take(SAMPLES * units).collect();
            let bytes = match element {
                Element::F16 => values.iter().flat_map(|(_, half)| half.to_le_bytes()).collect(),
                _ => values.iter().flat_map(|(double, _)| double.to_le_bytes()).collect(),
            };
            (name.to_owned(), Tensor::new(name, element, vec![SAMPLES, units], bytes).unwrap())
        });
        let bytes = Checkpoint::encode(&Params::new(), &tensors.into()).unwrap();
        std::fs::write(dir.join("acts_a"), bytes).unwrap();
        succeed(dir, &[&ALIGN[..], &FILES, &["--force"]].concat());
        results.push(load(dir, "c.safetensors").params);
    }
    assert_eq!(results[0], results[1]);
}

/// Attention's two permutations take whole heads here too.
#[test]
fn heads_move_as_wholes() {
    let folder = tempdir().unwrap();
    let dir = folder.path();
    let spec = PermutationSpec::builder()
        .dense("embed", None, Some("stream"))
        .attention("attn", Some("stream"), 3)
        .dense("head", Some("stream"), None)
        .build()
        .unwrap();
    std::fs::write(dir.join("spec.toml"), spec.to_toml().unwrap()).unwrap();
    let len = |segments: Vec<Segment>| if segments.is_empty() { 4 } else { 12 * segments.len() };
    let net: Params = spec
        .iter()
        .map(|(name, axes)| {
            let shape: Vec<usize> =
                (0..axes.len()).map(|axis| len(spec.segments(name, axis).unwrap())).collect();
            (name.to_owned(), normal(&shape, 0, name))
        })
        .collect();
    // Heads change places, and so do the units inside each.
    let of_heads = |name: &str| {
        let heads = [2, 0, 1].into_iter();
        heads
            .flat_map(|head| shuffled(&format!("{name}{head}"), 4).into_iter().map(move |i| 4 * head + i))
            .collect()
    };
    let orders: BTreeMap<&str, Vec<usize>> =
        [("attn.qk", of_heads("qk")), ("attn.vo", of_heads("vo")), ("stream", shuffled("stream", 12))].into();
    let planted: Permutations = orders
        .iter()
        .map(|(name, order)| ((*name).to_owned(), Permutation::new(order.clone()).unwrap()))
        .collect();
    save(dir, "a.safetensors", &net);
    save(dir, "b.safetensors", &apply(&spec, &net, &planted).unwrap());
    let of_a = |name: &str| normal(&[SAMPLES, 12], 3, name);
    let of_b = |name: &str| {
        let a = of_a(name);
        let row = |row: &[f32]| orders[name].iter().map(|&from| row[from]).collect::<Vec<f32>>();
        Array::new(vec![SAMPLES, 12], a.data().chunks(12).flat_map(row).collect()).unwrap()
    };
    let all = |of: &dyn Fn(&str) -> Array| orders.keys().map(|name| ((*name).to_owned(), of(name))).collect();
    save(dir, "acts_a", &all(&of_a));
    save(dir, "acts_b", &all(&of_b));
    let more = ["--spec", "spec.toml", "--permutations", "p.safetensors"];
    succeed(dir, &[&ALIGN[..], &FILES, &more].concat());
    assert_eq!(read_permutations(&dir.join("p.safetensors")).unwrap(), planted.inverse());
    assert!(load(dir, "c.safetensors").params == load(dir, "a.safetensors").params);
}

#[test]
fn activations_that_do_not_fit_are_named() {
    let (folder, _) = folder();
    let dir = folder.path();
    let good = recorded(&perceptron(0));
    let align = [&ALIGN[..], &FILES].concat();
    let with = |file: &str, name: &str, array: Option<Array>| {
        let kept = good.iter().filter(|(known, _)| *known != name).map(|(n, a)| (n.to_owned(), a.clone()));
        save(dir, file, &kept.chain(array.map(|array| (name.to_owned(), array))).collect());
    };
    let refused = |parts: &[&str]| {
        refuse(dir, &align, 4, &[&["do not fit spec auto: 3 dense layers", "inspect"], parts].concat())
    };
    with("acts_a", "fc2.out", None);
    refused(&["activations acts_a", "missing fc2.out, expected [samples, 6]"]);
    with("acts_a", "fc3.out", Some(normal(&[SAMPLES, 2], 0, "")));
    refused(&["unexpected fc3.out [40, 2], which is not a permutation of the spec"]);
    with("acts_a", "fc2.out", Some(normal(&[SAMPLES, 7], 0, "")));
    refused(&["fc2.out axis 1 has 7 units, expected 6 as in the network"]);
    with("acts_a", "fc2.out", Some(normal(&[5, 8, 6], 0, "")));
    refused(&["fc2.out is [5, 8, 6], expected the 2 axes [samples, 6]"]);
    with("acts_a", "fc2.out", Some(normal(&[1, 6], 0, "")));
    refused(&["fc2.out axis 0 has 1 samples, expected at least 2"]);
    let mut broken = normal(&[SAMPLES, 6], 0, "");
    broken.data_mut()[6 * 7 + 2] = f32::NAN;
    with("acts_a", "fc2.out", Some(broken));
    refused(&["fc2.out is NaN at sample 7, unit 2, expected a finite number"]);
    save(dir, "acts_a", &good);
    with("acts_b", "fc1.out", Some(normal(&[SAMPLES + 1, 8], 0, "")));
    refused(&["activations acts_b", "fc1.out axis 0 has 41 samples, expected 40 as in the other file"]);
    let whole = Tensor::new("fc1.out", Element::I64, vec![2, 8], vec![0; 128]).unwrap();
    let kept = BTreeMap::from([("fc1.out".to_owned(), whole)]);
    std::fs::write(dir.join("acts_b"), Checkpoint::encode(&Params::new(), &kept).unwrap()).unwrap();
    refuse(dir, &align, 4, &["acts_b: tensor fc1.out is i64 [2, 8], expected f32"]);
    std::fs::write(dir.join("acts_b"), "no tensors").unwrap();
    refuse(dir, &align, 4, &["acts_b: is not a whole safetensors file"]);
    std::fs::remove_file(dir.join("acts_b")).unwrap();
    refuse(dir, &align, 4, &["acts_b: cannot be read"]);
}

#[test]
fn flags_of_the_other_method_are_refused() {
    let (folder, _) = folder();
    let dir: &Path = folder.path();
    let align = [&ALIGN[..], &FILES].concat();
    refuse(dir, &[&align[..], &["--restarts", "3"]].concat(), 2, &["--restarts is for --method weights"]);
    refuse(dir, &[&align[..], &["--seed", "0"]].concat(), 2, &["--seed is for --method weights"]);
    refuse(dir, &ALIGN, 2, &["--activations-a is missing"]);
    refuse(dir, &[&ALIGN[..], &FILES[..2]].concat(), 2, &["--activations-b is missing"]);
    for half in [&FILES[..2], &FILES[2..]] {
        let part = format!("{} is for --method activations", half[0]);
        refuse(dir, &[&ALIGN[..5], half].concat(), 2, &[&part]);
    }
}
