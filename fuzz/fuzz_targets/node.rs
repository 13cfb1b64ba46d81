//! A run directory as somebody else may leave it: DONE, a file that it lists, the journal, a state and its seal. What is
//! called whole is whole, what is damaged is refused, and whatever stood there, work can be done again.
#![no_main]

use basin_fuzz::{USUAL, bounded, parts, scratch, told};
use basin_store::{NodeCheck, NodeDir, NodeStatus, RealFs, RunDir, check_seal};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| scratch("node"));
const STATE: &str = "state-000000000001.safetensors";

fuzz_target!(|bytes: &[u8]| {
    let [done, file, journal, state, seal] = parts(bytes);
    let run = FOLDER.join("run");
    let node = run.join("nodes/a.01234567");
    let _ = std::fs::remove_dir_all(&run);
    std::fs::create_dir_all(&node).expect("the folder can be written");
    let (seal_path, journal_path) = (node.join(format!("{STATE}.sha256")), run.join("journal.jsonl"));
    let places = [node.join("DONE"), node.join("a"), journal_path, node.join(STATE), seal_path];
    for (path, bytes) in places.iter().zip([done, file, journal, state, seal]) {
        std::fs::write(path, bytes).expect("the folder can be written");
    }
    bounded(bytes.len(), USUAL, || {
        read(file);
        write(done);
    });
});

/// What a reader is told.
fn read(file: &[u8]) {
    let run = RunDir::open_read_only(&FOLDER, "run", Arc::new(RealFs)).expect("a run");
    let nodes = run.nodes().expect("a folder");
    let [node] = &nodes[..] else { panic!("{} nodes", nodes.len()) };
    let (status, check, verified) =
        (node.status().expect("a folder"), node.check().expect("a folder"), node.verify());
    assert_eq!(check == NodeCheck::Whole, verified.is_ok());
    match &status {
        NodeStatus::Done => assert_ne!(check, NodeCheck::Unfinished),
        NodeStatus::Damaged { why } => assert!(!why.is_empty() && matches!(check, NodeCheck::Damaged { .. })),
        NodeStatus::ToDo { .. } => panic!("there is a DONE"),
    }
    if let Ok(found) = node.read_verified("a") {
        assert!(found == file);
        assert!(check_seal(&RealFs, &node.path().join("a"), file).is_ok());
    }
    let _ = node.read_rows::<Value>("a").map_err(|error| told(&error));
    let _ = node.load_state().expect("a folder");
    let history = run.journal().read::<Value>().expect("a file");
    assert!(history.notes.iter().all(|note| !note.is_empty()));
    assert!(node.write("b", b"x").is_err() && run.journal().append(&json!(1)).is_err(), "it is read only");
}

/// What a writer makes of it.
fn write(done: &[u8]) {
    let run = RunDir::open(&FOLDER, "run", Arc::new(RealFs)).expect("nobody else has it");
    let journal = run.journal();
    let before = journal.read::<Value>().expect("a file");
    journal.append(&json!({"event": "a"})).expect("the folder can be written");
    let after = journal.read::<Value>().expect("a file");
    assert_eq!(after.notes, before.notes);
    assert_eq!(after.lines.split_last(), Some((&json!({"event": "a"}), &before.lines[..])));
    let node = run.node("a", "01234567").expect("a name");
    match (node.status().expect("a folder"), node.write("a", b"new")) {
        (NodeStatus::Done, written) => assert!(written.is_err(), "a finished node was written to"),
        // Another build's: its work is not thrown away.
        (_, Err(_)) => assert_eq!(node.read("DONE").expect("a file").as_deref(), Some(done)),
        (_, Ok(())) => again(&node),
    }
}

/// The work of a node, done again.
fn again(node: &NodeDir) {
    node.save_state(2, b"state").expect("the folder can be written");
    assert!(matches!(node.load_state(), Ok(Some((2, state, _))) if state == b"state"));
    node.finish(&["a"]).expect("it was written");
    assert_eq!(node.check().expect("a folder"), NodeCheck::Whole);
    assert_eq!(node.read_verified("a").expect("whole"), b"new");
}
