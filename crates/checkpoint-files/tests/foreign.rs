//! Files as people have them: wrappers, several networks, foreign objects and strange tensors beside the weights.

use crate::fixture;
use basin_core::{Array, Params};
use checkpoint_files::{Checkpoint, Element, Problem};
use std::collections::BTreeMap;

fn read(name: &str) -> Checkpoint {
    Checkpoint::read(&fixture(name)).unwrap()
}

fn noted(checkpoint: &Checkpoint, note: &str) {
    assert!(
        checkpoint.notes.iter().any(|found| found.contains(note)),
        "{note:?} is not in {:?}",
        checkpoint.notes
    );
}

fn refused(name: &str) -> Problem {
    Checkpoint::read(&fixture(name)).unwrap_err().problem
}

#[test]
fn foreign_objects_beside_the_weights_do_no_harm() {
    let (plain, foreign) = (read("plain.pt"), read("foreign.pt"));
    assert_eq!((&foreign.params, &foreign.kept), (&plain.params, &plain.kept));
    noted(&foreign, "took the network under state_dict");
}

#[test]
fn text_and_dictionaries_of_python_2_are_read() {
    let (plain, old) = (read("plain.pt"), read("python2.pt"));
    assert_eq!((&old.params, &old.kept), (&plain.params, &plain.kept));
    noted(&old, "left out what is not a tensor: note (text)");
}

#[test]
fn of_several_networks_one_is_chosen_by_its_key() {
    let plain = read("plain.pt");
    let problem = refused("several.pt");
    let Problem::Several { found } = &problem else { panic!("{problem}") };
    assert_eq!(found, &["params (5 tensors)", "params_ema (5 tensors)"]);
    let of = |name: &str, key: &str| Checkpoint::read_key(&fixture(name), Some(key));
    assert_eq!(of("several.pt", "params").unwrap().params, plain.params);
    let doubled = plain.params.map(|_, values| values.iter().map(|x| x + x).collect());
    assert_eq!(of("several.pt", "params_ema").unwrap().params, doubled);
    // Keys in one another, and a place in a tuple.
    assert_eq!(of("tuple.pt", "0.weights").unwrap().params, plain.params);
    assert_eq!(of("tuple.pt", "0").unwrap().params, plain.params);
    // The beginning of names, in both formats.
    let part = of("plain.pt", "fc1").unwrap();
    assert_eq!(part.params.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["weight", "bias"]);
    let bytes = Checkpoint::encode(&plain.params, &plain.kept).unwrap();
    let part = Checkpoint::decode_key(&bytes, Some("fc2")).unwrap();
    assert_eq!(part.params.get("bias"), plain.params.get("fc2.bias"));
    for (told, part) in [
        (of("several.pt", "ema").unwrap_err().to_string(), "params_ema (5 tensors)"),
        (Checkpoint::decode_key(&bytes, Some("fc")).unwrap_err().to_string(), "keys: fc1, fc2"),
        (of("plain.pt", "fc1.weight").unwrap_err().to_string(), "found a single tensor"),
    ] {
        assert!(told.contains(part), "{told}");
    }
}

#[test]
fn the_only_network_needs_no_key() {
    let (plain, inner) = (read("plain.pt"), read("tuple.pt"));
    assert_eq!(inner.params, plain.params);
    noted(&inner, "took the network under 0.weights");
}

#[test]
fn prefixes_of_wrappers_go_and_are_named() {
    let plain = read("plain.pt");
    for (name, prefix) in [("averaged.pt", "module."), ("lightning.pt", "model._orig_mod.")] {
        let file = read(name);
        assert_eq!(file.params, plain.params, "{name}");
        noted(&file, &format!("took the prefix {prefix} off"));
    }
    assert_eq!(read("averaged.pt").kept["n_averaged"].element(), Element::I64);
    // Any other prefix stays until a spec fits without it.
    let named: Params = plain.params.iter().map(|(name, w)| (format!("model.{name}"), w.clone())).collect();
    let file = Checkpoint::decode(&Checkpoint::encode(&named, &BTreeMap::new()).unwrap()).unwrap();
    assert_eq!(file.common_prefixes(), ["model."]);
    assert!(file.params.get("model.fc1.bias").is_some());
    let bare = file.without_prefix("model.");
    assert_eq!(bare.params.get("fc1.bias"), plain.params.get("fc1.bias"));
    noted(&bare, "took the prefix model. off all 4 names");
}

#[test]
fn strays_are_carried_along_and_named() {
    let (plain, file) = (read("plain.pt"), read("strays.pt"));
    assert_eq!(file.params, plain.params);
    let shapes: Vec<(&str, &[usize])> =
        file.kept.iter().map(|(name, tensor)| (name.as_str(), tensor.shape())).collect();
    let expected: [(&str, &[usize]); 8] = [
        ("empty", &[0]),
        ("fc1.num_batches_tracked", &[]),
        ("fc1.total_ops", &[1]),
        ("freqs_cis", &[2]),
        ("mask", &[300, 300]),
        ("normalize.mean", &[1, 3, 1, 1]),
        ("normalize.std", &[1, 3, 1, 1]),
        ("scale", &[]),
    ];
    assert_eq!(shapes, expected);
    noted(
        &file,
        "8 tensors are not weights and stay as they are: fc1.num_batches_tracked, fc1.total_ops (a count), ",
    );
    assert!(file.check_weights().is_ok());
    // Written as they were.
    let again = Checkpoint::decode(&Checkpoint::encode(&file.params, &file.kept).unwrap()).unwrap();
    assert_eq!(again.kept["normalize.mean"], file.kept["normalize.mean"]);
    assert_eq!(again.kept["freqs_cis"], file.kept["freqs_cis"]);
    // A spec that describes one of them makes it a weight.
    let mut described = file.clone();
    described.count_as_weights(["normalize.mean", "nothing"]);
    assert_eq!(described.params.get("normalize.mean"), Some(&Array::full(vec![1, 3, 1, 1], 0.0)));
    assert!(!described.kept.contains_key("normalize.mean"));
}

/// Three channels may also be three units: only what says that it belongs to the inputs is taken for theirs.
#[test]
fn a_mean_and_a_deviation_inside_the_network_are_weights() {
    let tensors = |names: &[&str]| -> Checkpoint {
        let params = names.iter().map(|name| ((*name).to_owned(), Array::full(vec![3], 1.0))).collect();
        Checkpoint::decode(&Checkpoint::encode(&params, &BTreeMap::new()).unwrap()).unwrap()
    };
    assert_eq!(tensors(&["layer.mean", "layer.std"]).params.len(), 2);
    assert_eq!(tensors(&["norm.mean", "norm.std", "norm.weight"]).params.len(), 3);
    assert_eq!(tensors(&["normalize.mean", "w"]).params.len(), 2);
    assert_eq!(tensors(&["normalize.mean", "normalize.std", "w"]).params.len(), 1);
    assert_eq!(tensors(&["pixel_mean", "pixel_std", "w"]).params.len(), 1);
}

#[test]
fn types_that_are_no_weights_are_named() {
    let file = read("float8.pt");
    let problem = file.check_weights().unwrap_err();
    let told = problem.to_string();
    assert!(told.contains("fc1.bias is f8_e4m3") && told.contains("save the network in bf16"), "{told}");
    let integers = checkpoint_files::Tensor::new("w", Element::I8, vec![4], vec![0; 4]).unwrap();
    let quantised = Checkpoint { kept: [("fc.weight".to_owned(), integers)].into(), ..file };
    let told = quantised.check_weights().unwrap_err().to_string();
    assert!(told.contains("fc.weight is i8: quantised weights"), "{told}");
}

#[test]
fn what_holds_the_weights_otherwise_is_refused_by_its_name() {
    let problem = refused("module.pt");
    let Problem::Module { class, at } = &problem else { panic!("{problem}") };
    assert!(class.ends_with(".Perceptron") && at == "model", "{problem}");
    let problem = refused("sparse.pt");
    let Problem::Rebuilt { name, class } = &problem else { panic!("{problem}") };
    assert_eq!((name.as_str(), class.as_str()), ("fc1.weight", "torch._utils._rebuild_sparse_tensor"));
}
