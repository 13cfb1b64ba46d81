//! Checkpoints that PyTorch wrote; fixtures/checkpoints/README.md says what is in them.

use crate::fixture;
use basin_core::Array;
use checkpoint_files::{Checkpoint, Element, FileOrder, Problem};

/// The ramp of the fixtures: start, start + 1/8, …
fn ramp(shape: &[usize], start: f32) -> Array {
    let n = shape.iter().product::<usize>();
    Array::new(shape.to_vec(), (0..n).map(|i| start + i as f32 / 8.0).collect()).unwrap()
}

fn refused(name: &str) -> Problem {
    Checkpoint::read(&fixture(name)).unwrap_err().problem
}

#[test]
fn both_formats_and_nesting_give_the_same_network() {
    let plain = Checkpoint::read(&fixture("plain.pt")).unwrap();
    let expected = [
        ("fc1.weight", ramp(&[4, 3], -1.0)),
        ("fc1.bias", ramp(&[4], 0.5)),
        ("fc2.weight", ramp(&[2, 4], 2.0)),
        ("fc2.bias", ramp(&[2], -3.0)),
    ];
    let found: Vec<(&str, Array)> = plain.params.iter().map(|(name, array)| (name, array.clone())).collect();
    assert_eq!(found, expected);
    assert_eq!(plain.kept["fc1.num_batches_tracked"].element(), Element::I64);
    let bytes = Checkpoint::encode(&plain.params, &plain.kept).unwrap();
    for other in ["legacy.pt", "nested.pt"] {
        let other = Checkpoint::read(&fixture(other)).unwrap();
        assert_eq!(Checkpoint::encode(&other.params, &other.kept).unwrap(), bytes);
    }
    // A dictionary keeps its order, safetensors are sorted by name.
    let again = Checkpoint::decode(&bytes).unwrap();
    assert_eq!((plain.order, again.order), (FileOrder::Kept, FileOrder::Sorted));
    let names: Vec<&str> = again.params.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["fc1.bias", "fc1.weight", "fc2.bias", "fc2.weight"]);
    let again = again.in_order_of(&plain);
    assert_eq!((again.params, again.kept, again.order), (plain.params, plain.kept, FileOrder::Kept));
}

#[test]
fn element_types_views_and_shared_storages_are_read() {
    let file = Checkpoint::read(&fixture("types.pt")).unwrap();
    let weight = ramp(&[4, 3], -1.0);
    for name in ["half", "bfloat", "double"] {
        assert_eq!(file.params.get(name), Some(&weight), "{name}");
    }
    let transposed = (0..12).map(|i| weight.data()[i % 4 * 3 + i / 4]).collect();
    assert_eq!(file.params.get("transposed"), Some(&Array::new(vec![3, 4], transposed).unwrap()));
    let slice = [8, 9, 10, 14, 15, 16].map(|i| i as f32 / 8.0).to_vec();
    assert_eq!(file.params.get("slice"), Some(&Array::new(vec![2, 3], slice).unwrap()));
    for name in ["parameter", "tied"] {
        assert_eq!(file.params.get(name), Some(&ramp(&[2], -3.0)), "{name}");
    }
    assert_eq!(file.kept["empty"].shape(), [0, 3]);
    assert_eq!(file.kept["flags"].element(), Element::Bool);
    assert_eq!(file.elements["bfloat"], Element::Bf16);
    assert!(file.notes.iter().any(|note| note == "converted 1 tensor from f16 to f32"), "{:?}", file.notes);
}

#[test]
fn code_in_a_pickle_is_refused_and_not_run() {
    for name in ["malicious.pt", "malicious.pkl.pt"] {
        let problem = refused(name);
        let Problem::Forbidden { module, name } = &problem else { panic!("{problem}") };
        assert_eq!((module.as_str(), name.as_str()), ("posix", "system"));
        assert!(problem.to_string().contains("nothing was executed"), "{problem}");
    }
    assert!(!std::path::Path::new("weight_matching_was_here").exists());
}

#[test]
fn compressed_archives_are_refused_with_what_to_do() {
    let told = refused("deflated.pt").to_string();
    assert!(told.contains("is compressed") && told.contains("torch.save"), "{told}");
}
