//! Means without alignment, and what is said of batch normalisation.

use crate::refusals::{folder, refuse};
use crate::{fixture, load, network, run, save, succeed};
use serde_json::Value;
use std::collections::BTreeMap;
use tempfile::tempdir;
use weight_matching::files::{Checkpoint, Element, Tensor};
use weight_matching::{Array, Params, Simplex};

#[test]
fn a_mean_needs_no_spec_and_moves_nothing() {
    let folder = tempdir().unwrap();
    let dir = folder.path();
    // No spec describes such a network.
    let odd = |seed: f32| -> Params {
        let array = |shape: &[usize]| {
            let n = shape.iter().product::<usize>();
            Array::new(shape.to_vec(), (0..n).map(|i| seed + i as f32).collect()).unwrap()
        };
        [("x.a", array(&[3, 2])), ("x.b", array(&[5, 1, 2]))]
            .map(|(name, w)| (name.to_owned(), w))
            .into_iter()
            .collect()
    };
    let networks = [odd(0.0), odd(1.0), odd(5.0)];
    for (name, network) in ["1.safetensors", "2.safetensors", "3.safetensors"].iter().zip(&networks) {
        save(dir, name, network);
    }
    let merge = ["merge", "1.safetensors", "2.safetensors", "3.safetensors", "--method", "mean", "--json"];
    let told: Value =
        serde_json::from_str(&succeed(dir, &[&merge[..], &["--out", "m.safetensors"]].concat())).unwrap();
    assert_eq!(
        (&told["spec"], &told["method"], &told["networks"]),
        (&Value::Null, &"mean".into(), &3.into())
    );
    assert_eq!(told["distances_before"], told["distances_after"]);
    assert_eq!(told["warnings"], serde_json::json!([]));
    let all: Vec<&Params> = networks.iter().collect();
    let mean = Params::convex_combination(&all, &Simplex::uniform(3)).unwrap();
    assert_eq!(load(dir, "m.safetensors").params, mean);
}

#[test]
fn numbers_are_averaged_and_counters_are_the_first_networks() {
    let folder = tempdir().unwrap();
    let dir = folder.path();
    let file = |name: &str, scale: f32, count: u64| {
        let number = Tensor::new("scale", Element::F32, vec![], scale.to_le_bytes().to_vec()).unwrap();
        let counter = Tensor::new("n", Element::I64, vec![], count.to_le_bytes().to_vec()).unwrap();
        let kept = [("scale".to_owned(), number), ("bn.num_batches_tracked".to_owned(), counter)].into();
        std::fs::write(dir.join(name), Checkpoint::encode(&network(20, 1, 0), &kept).unwrap()).unwrap();
    };
    file("a.safetensors", 1.0, 7);
    file("b.safetensors", 4.0, 9);
    for method in ["mean", "pairwise"] {
        let merge = [
            "merge",
            "a.safetensors",
            "b.safetensors",
            "--method",
            method,
            "--out",
            "m.safetensors",
            "--force",
        ];
        succeed(dir, &merge);
        let kept = load(dir, "m.safetensors").kept;
        assert_eq!(kept["scale"].to_array(), Some(Array::full(vec![], 2.5)), "{method}");
        assert_eq!(kept["bn.num_batches_tracked"], load(dir, "a.safetensors").kept["bn.num_batches_tracked"]);
    }
}

#[test]
fn statistics_of_a_merged_network_are_warned_of_where_it_is_written() {
    let folder = tempdir().unwrap();
    let dir = folder.path();
    for (name, value) in [("a.safetensors", 1.0), ("b.safetensors", 3.0)] {
        let arrays = ["bn.running_mean", "bn.running_var", "bn.weight"]
            .map(|name| (name.to_owned(), Array::full(vec![2], value)));
        save(dir, name, &arrays.into_iter().collect());
    }
    let merge =
        ["merge", "a.safetensors", "b.safetensors", "--method", "mean", "--out", "m.safetensors", "--json"];
    let output = run(dir, &merge);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.success() && said.contains("warning: m.safetensors: the running statistics of its 1"),
        "{said}"
    );
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(told["warnings"][0].as_str().unwrap().contains("estimated again"), "{told}");
    assert_eq!(load(dir, "m.safetensors").params.get("bn.running_var"), Some(&Array::full(vec![2], 2.0)));
}

#[test]
fn flags_that_say_nothing_to_a_mean_are_refused() {
    let folder = folder();
    let dir = folder.path();
    let merge = ["merge", "a.safetensors", "b.safetensors", "--method", "mean", "--out", "c.safetensors"];
    for flag in [["--restarts", "3"], ["--seed", "1"], ["--spec", "resnet20"], ["--keep-aligned", "kept"]] {
        refuse(
            dir,
            &[&merge[..], &flag].concat(),
            2,
            &[flag[0], "--method mean takes the networks as they are"],
        );
    }
}

/// A state dict and its copy in safetensors are one network, whatever the order of the names.
#[test]
fn formats_may_be_mixed() {
    let folder = tempdir().unwrap();
    let dir = folder.path();
    let plain = Checkpoint::read(&fixture("plain.pt")).unwrap();
    std::fs::write(dir.join("b.safetensors"), Checkpoint::encode(&plain.params, &BTreeMap::new()).unwrap())
        .unwrap();
    let a = fixture("plain.pt");
    for pair in [[a.to_str().unwrap(), "b.safetensors"], ["b.safetensors", a.to_str().unwrap()]] {
        let merge =
            [&["merge"][..], &pair, &["--method", "mean", "--out", "m.safetensors", "--force"]].concat();
        succeed(dir, &merge);
        assert_eq!(load(dir, "m.safetensors").in_order_of(&plain).params, plain.params);
    }
}
