//! What is refused: the message says what, where and what to do; the code is the documented one; nothing is
//! written.

use crate::{fail, fixture, network, permutations, save, succeed};
use basin_core::{Array, Params};
use std::collections::BTreeMap;
use std::path::Path;
use tempfile::{TempDir, tempdir};
use weight_matching::Permutations;
use weight_matching::files::{Checkpoint, Element, Tensor, encode_permutations};

const ALIGN: [&str; 5] = ["align", "a.safetensors", "b.safetensors", "--out", "c.safetensors"];

/// A folder with two networks of one architecture.
pub(crate) fn folder() -> TempDir {
    let folder = tempdir().unwrap();
    save(folder.path(), "a.safetensors", &network(20, 2, 0));
    save(folder.path(), "b.safetensors", &network(20, 2, 1));
    folder
}

pub(crate) fn refuse(dir: &Path, arguments: &[&str], code: i32, parts: &[&str]) {
    let (found, told) = fail(dir, arguments);
    assert_eq!(found, code, "{told}");
    for part in parts {
        assert!(told.contains(part), "{part:?} is not in\n{told}");
    }
    assert!(!dir.join("c.safetensors").exists());
}

#[test]
fn an_output_that_exists_is_replaced_only_by_force() {
    let folder = folder();
    let dir = folder.path();
    std::fs::write(dir.join("p.safetensors"), "mine").unwrap();
    let align = [&ALIGN[..], &["--permutations", "p.safetensors"]].concat();
    refuse(dir, &align, 2, &["p.safetensors exists", "--force"]);
    assert_eq!(std::fs::read(dir.join("p.safetensors")).unwrap(), b"mine");
    succeed(dir, &[&align[..], &["--force"]].concat());
    // Nothing but the files asked for is left behind.
    assert_eq!(std::fs::read_dir(dir).unwrap().count(), 4);
}

#[test]
fn outputs_that_cannot_be_are_refused_before_any_work() {
    let folder = folder();
    let dir = folder.path();
    let to = |out: &'static str| ["align", "none", "none", "--out", out];
    refuse(dir, &to("nowhere/c.safetensors"), 2, &["its folder does not exist"]);
    refuse(dir, &to("."), 2, &["is not a file name"]);
    refuse(dir, &[&ALIGN[..], &["--permutations", "c.safetensors"]].concat(), 2, &["written twice"]);
}

#[test]
fn usage_is_refused_with_what_there_is() {
    let folder = folder();
    let dir = folder.path();
    refuse(dir, &["align"], 2, &["Usage"]);
    refuse(dir, &[&ALIGN[..], &["--spec", "vgg"]].concat(), 2, &["no spec vgg", "resnet20"]);
    refuse(dir, &[&ALIGN[..], &["--method", "magic"]].concat(), 2, &["'magic'", "weights, activations"]);
    refuse(dir, &[&ALIGN[..], &["--restarts", "0"]].concat(), 2, &["restarts"]);
    let merge = ["merge", "a.safetensors", "b.safetensors", "--out", "c.safetensors", "--method"];
    refuse(dir, &[&merge[..], &["magic"]].concat(), 2, &["no method magic", "pairwise"]);
    refuse(dir, &["spec", "show", "vgg"], 2, &["no spec vgg"]);
    refuse(dir, &["spec", "show", "residual-mlp"], 2, &["residual-mlp depends on the network"]);
    let residual = [&ALIGN[..], &["--spec", "residual-mlp"]].concat();
    refuse(dir, &residual, 2, &["a residual perceptron has dense layers alone"]);
}

#[test]
fn files_that_are_not_there_or_no_networks_are_refused_by_name() {
    let folder = folder();
    let dir = folder.path();
    std::fs::write(dir.join("text"), "hello, world").unwrap();
    std::fs::write(dir.join("empty"), "").unwrap();
    let bytes = std::fs::read(dir.join("a.safetensors")).unwrap();
    std::fs::write(dir.join("half"), &bytes[..bytes.len() / 2]).unwrap();
    for (name, part) in [
        ("none", "none: cannot be read"),
        (".", ".: is a folder, expected a file: give a.safetensors, b.safetensors"),
        ("text", "text: is neither safetensors nor a PyTorch file"),
        ("empty", "empty: is empty, 0 bytes"),
        ("half", "half: is not a whole safetensors file"),
    ] {
        refuse(dir, &["align", name, "b.safetensors", "--out", "c.safetensors"], 4, &[part]);
    }
    let malicious = fixture("malicious.pt");
    refuse(dir, &["inspect", malicious.to_str().unwrap()], 4, &["posix.system", "nothing was executed"]);
    assert!(!dir.join("weight_matching_was_here").exists());
}

#[test]
fn networks_that_do_not_go_together_are_refused() {
    let folder = folder();
    let dir = folder.path();
    save(dir, "b.safetensors", &network(20, 3, 1));
    refuse(dir, &ALIGN, 4, &["not of one architecture", "conv1.weight", "[2, 2, 3, 3] against [3, 3, 3, 3]"]);
    save(dir, "b.safetensors", &network(32, 2, 1));
    refuse(dir, &ALIGN, 4, &["not of one architecture", "absent"]);
    // All that is missing, unexpected or misshaped, however much it is.
    let (_, text) = fail(dir, &ALIGN);
    let (short, long) = (network(20, 2, 1), network(32, 2, 1));
    let differing = long.iter().filter(|(name, _)| short.get(name).is_none());
    assert_eq!(
        text.lines().filter(|line| line.contains(" against ")).count(),
        differing.clone().count(),
        "{text}"
    );
    differing
        .for_each(|(name, _)| assert!(text.contains(&format!("{name}: absent against")), "{name} in {text}"));
    let mut poisoned = network(20, 2, 1);
    poisoned.iter_mut().nth(4).unwrap().1.data_mut()[0] = f32::NAN;
    let name = poisoned.iter().nth(4).unwrap().0.to_owned();
    save(dir, "b.safetensors", &poisoned);
    refuse(dir, &ALIGN, 4, &["b.safetensors: tensor", &name, "NaN"]);
}

#[test]
fn a_spec_for_another_network_names_the_nearest() {
    let folder = folder();
    let dir = folder.path();
    let parts =
        ["spec resnet32 does not fit a.safetensors", "missing blockgroups.0.blocks.3", "use --spec resnet20"];
    refuse(dir, &[&ALIGN[..], &["--spec", "resnet32"]].concat(), 2, &parts);
    let dense: Params = [("odd.weight".to_owned(), Array::full(vec![2, 2], 1.0))].into_iter().collect();
    save(dir, "a.safetensors", &dense);
    save(dir, "b.safetensors", &dense);
    let parts =
        ["a.safetensors: 1 dense layer; every unit is an input or an output", "spec show resnet20 --toml"];
    refuse(dir, &ALIGN, 2, &parts);
}

#[test]
fn permutations_that_are_none_are_refused_by_name_and_entry() {
    let folder = folder();
    let dir = folder.path();
    let apply = ["apply", "p.safetensors", "b.safetensors", "--spec", "resnet20", "--out", "c.safetensors"];
    let good = permutations(&network(20, 2, 0), 0);
    let with = |values: &[i64]| {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let vector = Tensor::new("bg1", Element::I64, vec![values.len()], bytes).unwrap();
        let kept = BTreeMap::from([("bg1".to_owned(), vector)]);
        std::fs::write(dir.join("p.safetensors"), Checkpoint::encode(&Params::new(), &kept).unwrap())
            .unwrap();
    };
    with(&[0, 1, 2, 2]);
    refuse(dir, &apply, 4, &["permutation bg1: 2 occurs at entries 2 and 3"]);
    with(&[0, 1, 2, 4]);
    refuse(dir, &apply, 4, &["permutation bg1: entry 3 is 4"]);
    with(&[0, -1, 2, 3]);
    refuse(dir, &apply, 4, &["permutation bg1: entry 1 is -1"]);
    with(&[0, 1, 2, 3]);
    refuse(dir, &apply, 4, &["p.safetensors cannot be applied to b.safetensors", "missing bg0"]);
    let some: Permutations = good.iter().skip(1).map(|(name, p)| (name.to_owned(), p.clone())).collect();
    std::fs::write(dir.join("p.safetensors"), encode_permutations(&some)).unwrap();
    refuse(dir, &apply, 4, &["missing bg0, expected 2 units"]);
    refuse(
        dir,
        &["apply", "a.safetensors", "b.safetensors", "--out", "c.safetensors"],
        4,
        &["is f32", "expected a vector of i64"],
    );
}
