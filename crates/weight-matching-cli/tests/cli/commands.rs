//! What each command does when all is well.

use crate::{fail, fixture, load, network, permutations, run, save, succeed};
use basin_core::{Array, Params, SeedTree, Simplex};
use serde_json::Value;
use tempfile::tempdir;
use weight_matching::files::{Checkpoint, Element, Tensor, read_permutations};
use weight_matching::{PermutationSpec, apply};

#[test]
fn align_recovers_a_planted_permutation_and_apply_repeats_it() {
    let folder = tempdir().unwrap();
    let dir = folder.path();
    let spec = PermutationSpec::resnet(20).unwrap();
    let a = network(20, 4, 0);
    let planted = permutations(&a, 1);
    save(dir, "a.safetensors", &a);
    save(dir, "b.safetensors", &apply(&spec, &a, &planted).unwrap());
    let told = succeed(
        dir,
        &[
            "align",
            "a.safetensors",
            "b.safetensors",
            "--out",
            "c.safetensors",
            "--permutations",
            "p.safetensors",
            "--spec",
            "resnet20",
        ],
    );
    assert!(told.contains("spec          resnet20 (12 permutations of"), "{told}");
    assert!(told.contains("checked       the function is the same"), "{told}");
    assert_eq!(read_permutations(&dir.join("p.safetensors")).unwrap(), planted.inverse());
    assert_eq!(
        load(dir, "c.safetensors").params.content_hash(),
        load(dir, "a.safetensors").params.content_hash()
    );
    succeed(
        dir,
        &["apply", "p.safetensors", "b.safetensors", "--spec", "resnet20", "--out", "d.safetensors"],
    );
    let (c, d) = (dir.join("c.safetensors"), dir.join("d.safetensors"));
    assert_eq!(std::fs::read(c).unwrap(), std::fs::read(d).unwrap());
}

#[test]
fn json_is_one_object_of_the_documented_shape() {
    let folder = tempdir().unwrap();
    let dir = folder.path();
    save(dir, "a.safetensors", &network(20, 2, 0));
    save(dir, "b.safetensors", &network(20, 2, 1));
    let align = |seed: &str, restarts: &str, out: &str| -> Value {
        let search = ["--spec", "resnet20", "--seed", seed, "--restarts", restarts, "--out", out, "--json"];
        let told = succeed(dir, &[&["align", "a.safetensors", "b.safetensors"][..], &search].concat());
        assert_eq!(told.lines().count(), 1);
        serde_json::from_str(&told).unwrap()
    };
    let told = align("3", "1", "c.safetensors");
    let (before, after) = (&told["objective_before"], &told["objective_after"]);
    assert!(before.as_f64().unwrap() < after.as_f64().unwrap(), "{told}");
    assert!(told["sweeps"].as_u64().unwrap() >= 2);
    assert!(told["seconds"].as_f64().unwrap() >= 0.0);
    assert_eq!((&told["checked"], &told["permutations"]["bg0"]), (&Value::Bool(true), &Value::from(2)));
    assert_eq!(told["permutations"].as_object().unwrap().len(), 12);
    let best = align("3", "5", "d.safetensors");
    assert!(best["objective_after"].as_f64() >= told["objective_after"].as_f64());
    // The same seed gives the same bytes.
    align("3", "1", "e.safetensors");
    let bytes = |name: &str| std::fs::read(dir.join(name)).unwrap();
    assert_eq!(bytes("c.safetensors"), bytes("e.safetensors"));
}

#[test]
fn counters_go_through_unchanged() {
    let folder = tempdir().unwrap();
    let dir = folder.path();
    let a = network(20, 2, 0);
    let counter = Tensor::new("n", Element::I64, vec![], 7u64.to_le_bytes().to_vec()).unwrap();
    let kept = [("norm1.num_batches_tracked".to_owned(), counter)].into();
    std::fs::write(dir.join("a.safetensors"), Checkpoint::encode(&a, &kept).unwrap()).unwrap();
    let output = run(dir, &["align", "a.safetensors", "a.safetensors", "--out", "c.safetensors"]);
    assert!(output.status.success());
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(
        notes.contains("1 tensor is not a weight and stays as it is: norm1.num_batches_tracked"),
        "{notes}"
    );
    assert_eq!(load(dir, "c.safetensors").kept, kept);
}

#[test]
fn every_method_of_merging_averages_aligned_networks() {
    ["pairwise", "multi-pcd", "merge-many", "frank-wolfe"].into_iter().for_each(merged_by);
}

/// One network in three orders: aligned, all three are one network, and the mean is that.
fn merged_by(method: &str) {
    let folder = tempdir().unwrap();
    let dir = folder.path();
    let spec = PermutationSpec::resnet(20).unwrap();
    let a = network(20, 4, 0);
    for (name, seed) in [("b.safetensors", 1), ("c.safetensors", 2)] {
        save(dir, name, &apply(&spec, &a, &permutations(&a, seed)).unwrap());
    }
    save(dir, "a.safetensors", &a);
    let networks = ["merge", "a.safetensors", "b.safetensors", "c.safetensors"];
    let how = [
        "--spec",
        "resnet20",
        "--restarts",
        "3",
        "--method",
        method,
        "--out",
        "m.safetensors",
        "--keep-aligned",
        "kept",
        "--json",
    ];
    let told: Value = serde_json::from_str(&succeed(dir, &[&networks[..], &how].concat())).unwrap();
    assert_eq!(told["networks"], 3, "{method}");
    // Joint methods may move the first network too.
    let a = load(dir, "kept/0-a.safetensors").params;
    for name in ["kept/1-b.safetensors", "kept/2-c.safetensors"] {
        assert_eq!(load(dir, name).params, a, "{method}: {name}");
    }
    let mean = Params::convex_combination(&[&a, &a, &a], &Simplex::uniform(3)).unwrap();
    assert_eq!(load(dir, "m.safetensors").params, mean, "{method}");
}

/// Shapes do not show skip connections: the user is told what was taken for granted, and can say otherwise.
#[test]
fn residual_perceptrons_are_aligned_when_asked_for() {
    let folder = tempdir().unwrap();
    let dir = folder.path();
    let widths = [3, 8, 5, 8, 2];
    let net: Params = (0..4)
        .flat_map(|layer| {
            let (input, out) = (widths[layer], widths[layer + 1]);
            [("weight", vec![out, input]), ("bias", vec![out])].map(|(kind, shape)| {
                let name = format!("l{layer}.{kind}");
                let mut rng = SeedTree::root(0).child(&name).rng();
                let values = (0..shape.iter().product()).map(|_| rng.normal() as f32).collect();
                (name, Array::new(shape, values).unwrap())
            })
        })
        .collect();
    save(dir, "a.safetensors", &net);
    save(dir, "b.safetensors", &net.map(|_, w| w.iter().rev().copied().collect()));
    let align = ["align", "a.safetensors", "b.safetensors", "--out", "c.safetensors", "--json"];
    let output = run(dir, &align);
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && notes.contains("may be added to one another"), "{notes}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    // Right with skip connections and without.
    assert_eq!(told["permutations"], serde_json::json!({ "l0.out": 8, "l1.out": 5 }));
    let plain = succeed(dir, &[&align[..], &["--order", "l0,l1,l2,l3", "--force"]].concat());
    let plain: Value = serde_json::from_str(&plain).unwrap();
    assert_eq!(plain["permutations"], serde_json::json!({ "l0.out": 8, "l1.out": 5, "l2.out": 8 }));
    let told = succeed(dir, &[&align[..], &["--spec", "residual-mlp", "--force"]].concat());
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["permutations"], serde_json::json!({ "l0.out": 8, "l1.out": 5 }));
    assert!(succeed(dir, &["inspect", "a.safetensors"]).contains("note: layers of one width"));
    assert!(succeed(dir, &["spec", "list"]).contains("residual-mlp"));
}

/// Whoever writes a spec knows more of the network than its file shows: what cannot be checked is said, not refused.
#[test]
fn a_spec_of_ones_own_is_applied_and_what_cannot_be_checked_is_said() {
    let folder = tempdir().unwrap();
    let dir = folder.path();
    let mut rng = SeedTree::root(0).rng();
    let mut array = |shape: &[usize]| {
        Array::new(shape.to_vec(), (0..shape.iter().product()).map(|_| rng.normal() as f32).collect())
            .unwrap()
    };
    let mut net = || -> Params {
        let shapes = [("fc1", [6, 5]), ("fc2", [8, 6]), ("fc3", [8, 8]), ("fc4", [2, 8])];
        let layer = |(name, [out, read]): (&str, [usize; 2])| {
            [(format!("{name}.weight"), array(&[out, read])), (format!("{name}.bias"), array(&[out]))]
        };
        shapes.into_iter().flat_map(layer).collect()
    };
    save(dir, "a.safetensors", &net());
    save(dir, "b.safetensors", &net());
    let spec = PermutationSpec::mlp(&["fc1", "fc2", "fc3", "fc4"]).unwrap();
    std::fs::write(dir.join("spec.toml"), spec.to_toml().unwrap()).unwrap();
    let align = ["align", "a.safetensors", "b.safetensors", "--spec", "spec.toml", "--out", "c.safetensors"];
    let told = succeed(dir, &align);
    assert!(told.contains("not checked   the spec moves units that names and shapes do not show"), "{told}");
    let told =
        succeed(dir, &[&align[..], &["--force", "--order", "fc1,fc2,fc3,fc4", "--require-check"]].concat());
    assert!(told.contains("checked       the function is the same"), "{told}");
    let (code, _) = fail(dir, &[&align[..], &["--force", "--require-check"]].concat());
    assert_eq!(code, 2);
}

#[test]
fn inspect_lists_tensors_and_the_spec_that_fits() {
    let folder = tempdir().unwrap();
    let dir = folder.path();
    save(dir, "a.safetensors", &network(32, 2, 0));
    let told = succeed(dir, &["inspect", "a.safetensors", "--groups", "1"]);
    let spec = "spec: auto: 33 convolutions, 1 dense layer, 33 normalisations without statistics";
    assert!(told.contains(spec), "{told}");
    assert!(told.contains("conv1.out (2)"), "{told}");
    let open = succeed(dir, &["inspect", "a.safetensors"]);
    assert!(
        open.contains("note: if it is CIFAR ResNet-32 with LayerNorm, any width: --spec resnet32"),
        "{open}"
    );
    assert!(
        told.lines().any(|line| line.starts_with("conv1.weight ") && line.ends_with("f32   [2, 3, 3, 3]"))
    );
    let nested = fixture("nested.pt");
    let told = succeed(dir, &["inspect", nested.to_str().unwrap(), "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["tensors"][0], serde_json::json!({"name": "fc1.bias", "dtype": "f32", "shape": [4]}));
    assert_eq!(told["tensors"].as_array().unwrap().len(), 5);
    assert_eq!(told["weights"], 26);
    let notes = told["notes"].to_string();
    assert!(notes.contains("took the network under state_dict"), "{notes}");
    assert!(notes.contains("took the prefix module. off all 5 names"), "{notes}");
}

#[test]
fn spec_lists_and_shows() {
    let folder = tempdir().unwrap();
    assert!(succeed(folder.path(), &["spec", "list"]).contains("resnet110"));
    let told = succeed(folder.path(), &["spec", "show", "resnet20"]);
    assert!(
        told.lines().any(|line| line.starts_with("conv1.weight ") && line.ends_with("bg0  -  -  -")),
        "{told}"
    );
    let told = succeed(folder.path(), &["spec", "show", "resnet20", "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["parameters"]["dense.weight"], serde_json::json!([null, "bg2"]));
}
