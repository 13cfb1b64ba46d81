//! A torn or flipped state is told and passed over, every time.

use crate::{node_of, open};
use basin_store::NodeDir;
use std::path::{Path, PathBuf};

/// A node with the states of steps 100 and 200.
fn two_states(root: &Path) -> NodeDir {
    let node = node_of(&open(root));
    node.save_state(100, b"the older state of this node").unwrap();
    node.save_state(200, &newer()).unwrap();
    node
}

fn newer() -> Vec<u8> {
    (0..=255).collect()
}

fn newest_file(node: &NodeDir) -> PathBuf {
    node.path().join("state-000000000200.safetensors")
}

fn assert_falls_back(node: &NodeDir, what: &str) {
    let (step, bytes, notes) = node.load_state().unwrap().unwrap();
    assert_eq!((step, &bytes[..]), (100, &b"the older state of this node"[..]), "{what}");
    assert_eq!(notes.len(), 1, "{what}");
    assert!(notes[0].starts_with("state-000000000200.safetensors passed over: it has "), "{notes:?}");
}

fn steps(node: &NodeDir) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(node.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("state-"))
        .collect();
    names.sort();
    names
}

#[test]
fn a_state_cut_at_any_byte_is_passed_over() {
    let root = tempfile::tempdir().unwrap();
    let node = two_states(root.path());
    for length in 0..newer().len() {
        std::fs::write(newest_file(&node), &newer()[..length]).unwrap();
        assert_falls_back(&node, &format!("cut to {length} bytes"));
    }
}

#[test]
fn a_state_with_any_bit_flipped_is_passed_over() {
    let root = tempfile::tempdir().unwrap();
    let node = two_states(root.path());
    for bit in 0..8 * newer().len() {
        let mut bytes = newer();
        bytes[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(newest_file(&node), &bytes).unwrap();
        assert_falls_back(&node, &format!("bit {bit} flipped"));
    }
}

#[test]
fn a_state_whose_seal_is_damaged_anywhere_is_passed_over_or_unharmed() {
    let root = tempfile::tempdir().unwrap();
    let node = two_states(root.path());
    let path = node.path().join("state-000000000200.safetensors.sha256");
    let seal = std::fs::read(&path).unwrap();
    for bit in 0..8 * seal.len() {
        let mut bytes = seal.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, &bytes).unwrap();
        // The end of the line is the only part that says nothing about the content.
        if bit / 8 < seal.len() - 1 {
            assert_falls_back(&node, &format!("bit {bit} of the seal flipped"));
        }
    }
    std::fs::remove_file(&path).unwrap();
    assert_falls_back(&node, "without a seal");
}

#[test]
fn when_every_state_is_broken_there_is_none_and_the_notes_say_so() {
    let root = tempfile::tempdir().unwrap();
    let node = two_states(root.path());
    std::fs::write(newest_file(&node), b"").unwrap();
    std::fs::write(node.path().join("state-000000000100.safetensors"), b"").unwrap();
    assert_eq!(node.load_state().unwrap(), None);
    assert_eq!(node.broken_states().unwrap().len(), 2);
}

#[test]
fn only_the_newest_two_states_are_kept() {
    let root = tempfile::tempdir().unwrap();
    let node = node_of(&open(root.path()));
    (0..50).for_each(|step| node.save_state(step, &step.to_le_bytes()).unwrap());
    let expected = [
        "state-000000000048.safetensors",
        "state-000000000048.safetensors.sha256",
        "state-000000000049.safetensors",
        "state-000000000049.safetensors.sha256",
    ];
    assert_eq!(steps(&node), expected);
    node.clear_states().unwrap();
    assert_eq!(steps(&node), Vec::<String>::new());
    assert_eq!(node.load_state().unwrap(), None);
}

#[test]
fn a_broken_state_never_takes_the_place_of_a_valid_one() {
    let root = tempfile::tempdir().unwrap();
    let node = two_states(root.path());
    std::fs::write(newest_file(&node), b"torn").unwrap();
    node.save_state(250, b"newest").unwrap();
    std::fs::write(node.path().join("state-000000000250.safetensors"), b"torn").unwrap();
    assert_eq!(node.load_state().unwrap().unwrap().0, 100);
}

#[test]
fn a_state_saved_after_falling_back_is_the_newest() {
    let root = tempfile::tempdir().unwrap();
    let node = two_states(root.path());
    node.save_state(150, b"another way").unwrap();
    assert_eq!(node.load_state().unwrap(), Some((150, b"another way".to_vec(), vec![])));
}

#[test]
fn stray_files_are_never_taken_for_states() {
    let root = tempfile::tempdir().unwrap();
    let node = two_states(root.path());
    let seal = std::fs::read(node.path().join("state-000000000200.safetensors.sha256")).unwrap();
    for stray in ["state-latest.safetensors", "state-000000000300.safetensors.bak", ".basin-tmp-1-1"] {
        std::fs::write(node.path().join(stray), newer()).unwrap();
    }
    // A copy under a later name, seal and all, is not the state of that step.
    std::fs::write(node.path().join("state-000000000900.safetensors"), newer()).unwrap();
    std::fs::write(node.path().join("state-000000000900.safetensors.sha256"), seal).unwrap();
    let (step, _, notes) = node.load_state().unwrap().unwrap();
    assert_eq!((step, notes.len()), (200, 1));
}

#[test]
fn no_decision_depends_on_file_times() {
    let root = tempfile::tempdir().unwrap();
    let node = two_states(root.path());
    let file = std::fs::File::options().write(true).open(newest_file(&node)).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(node.load_state().unwrap().unwrap().0, 200);
}
