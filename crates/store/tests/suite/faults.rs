//! Each file operation fails once: what a later reader sees is the old or the new, and errors are typed.

use crate::{node_of, open, open_on, reader};
use basin_store::faulty::{Failure, Fault, FaultyFs};
use basin_store::{NodeDir, RealFs, StoreError, write_atomic};
use std::path::Path;
use std::sync::Arc;

const FAILURES: [Failure; 6] = [
    Failure::DiskFull,
    Failure::Device,
    Failure::Denied,
    Failure::ReadOnlyDisk,
    Failure::ShortWrite,
    Failure::SilentLoss,
];

/// Prepares a root, lets the work meet the n-th operation's failure, and judges the outcome and what a
/// fresh reader sees; n = 1, 2, 3 … until the work passes without meeting it.
fn at_every_operation(
    prepare: impl Fn(&Path),
    work: impl Fn(&Path, FaultyFs) -> Result<(), StoreError>,
    judge: impl Fn(&Path, &Result<(), StoreError>, &str),
) {
    for failure in FAILURES {
        for lasting in [false, true] {
            for at in 1.. {
                let root = tempfile::tempdir().unwrap();
                prepare(root.path());
                let fs = FaultyFs::new(Fault { lasting, ..Fault::once(at, failure) });
                let outcome = work(root.path(), fs.clone());
                let round = format!("{failure:?} lasting {lasting} at operation {at}: {outcome:?}");
                judge(root.path(), &outcome, &round);
                if !fs.fired() {
                    assert!(outcome.is_ok(), "{round}");
                    assert!(at > 5, "the work is shorter than one atomic write: {round}");
                    break;
                }
            }
        }
    }
}

fn assert_no_temporary_files(directory: &Path, round: &str) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(!name.starts_with(".basin-tmp-"), "{name} is left: {round}");
    }
}

#[test]
fn a_file_is_old_or_new_and_new_after_success() {
    at_every_operation(
        |root| write_atomic(&RealFs, &root.join("a"), b"the old content").unwrap(),
        |root, fs| write_atomic(&fs, &root.join("a"), b"new"),
        |root, outcome, round| {
            let content = std::fs::read(root.join("a")).unwrap();
            let new = content == b"new";
            assert!(new || content == b"the old content", "{content:?} {round}");
            assert!(new || outcome.is_err(), "{round}");
            if let Err(error) = outcome {
                assert!(matches!(error, StoreError::Io { .. }), "{round}");
            }
        },
    );
}

#[test]
fn a_failure_that_passes_leaves_no_temporary_file() {
    for at in 1..=6 {
        let root = tempfile::tempdir().unwrap();
        let fs = FaultyFs::new(Fault::once(at, Failure::DiskFull));
        assert!(write_atomic(&fs, &root.path().join("a"), b"new").is_err());
        assert_no_temporary_files(root.path(), &format!("operation {at}"));
    }
}

#[test]
fn done_is_never_false_and_the_node_can_be_finished_afterwards() {
    let compute = |node: &NodeDir| {
        node.write_rows("metrics.jsonl", &[1, 2, 3])?;
        node.write("final.safetensors", b"weights")?;
        node.finish(&["metrics.jsonl", "final.safetensors"])
    };
    at_every_operation(
        |_| {},
        |root, fs| compute(&node_of(&open_on(root, Arc::new(fs))?)),
        |root, outcome, round| {
            let run = open(root);
            let node = node_of(&run);
            drop(node.claim().unwrap());
            if node.is_done().unwrap() {
                node.verify().unwrap_or_else(|e| panic!("{e} {round}"));
            } else {
                assert!(outcome.is_err(), "{round}");
                compute(&node).unwrap_or_else(|e| panic!("{e} {round}"));
            }
            assert_eq!(node.read_verified("final.safetensors").unwrap(), b"weights", "{round}");
            assert_no_temporary_files(node.path(), round);
        },
    );
}

#[test]
fn a_second_attempt_at_a_broken_node_never_makes_the_old_marker_true() {
    let prepare = |root: &Path| {
        let node = node_of(&open(root));
        node.write("a", b"first").unwrap();
        node.write("b", b"first").unwrap();
        node.finish(&["a", "b"]).unwrap();
        std::fs::remove_file(node.path().join("a")).unwrap();
    };
    at_every_operation(
        prepare,
        // Same sizes, other contents: only the absence of the old DONE tells that b is still to come.
        |root, fs| node_of(&open_on(root, Arc::new(fs))?).write("a", b"again"),
        |root, _, round| assert!(!reader(root).is_done().unwrap(), "{round}"),
    );
}

#[test]
fn a_marker_that_does_not_hold_is_gone_from_the_disk_before_the_first_file_is_written() {
    let root = tempfile::tempdir().unwrap();
    let fs = FaultyFs::default();
    let node = node_of(&open_on(root.path(), Arc::new(fs.clone())).unwrap());
    node.write("a", b"first").unwrap();
    node.finish(&["a"]).unwrap();
    std::fs::remove_file(node.path().join("a")).unwrap();
    fs.set(None);
    node.write("a", b"again").unwrap();
    let trace = fs.trace();
    let removal = trace.iter().position(|&operation| operation == "remove").unwrap();
    assert_eq!(trace[removal..removal + 3], ["remove", "sync_dir", "create_new"]);
}

#[test]
fn a_write_that_failed_after_its_rename_does_not_keep_the_node_from_finishing() {
    let root = tempfile::tempdir().unwrap();
    let fs = FaultyFs::default();
    let node = node_of(&open_on(root.path(), Arc::new(fs.clone())).unwrap());
    node.write("a", b"first").unwrap();
    // Reading DONE, then the six operations of an atomic write, of which the last flushes the directory.
    fs.set(Some(Fault::once(7, Failure::Device)));
    assert!(matches!(node.write("a", b"again"), Err(StoreError::Io { operation: "flush", .. })));
    assert_eq!(node.read("a").unwrap().unwrap(), b"again");
    node.finish(&["a"]).unwrap();
}

#[test]
fn a_node_has_a_whole_state_from_its_first_checkpoint_on() {
    let state = |step: u64| format!("state after {step} steps, {}", "x".repeat(step as usize)).into_bytes();
    at_every_operation(
        |root| node_of(&open(root)).save_state(1, &state(1)).unwrap(),
        |root, fs| {
            let node = node_of(&open_on(root, Arc::new(fs))?);
            (2..=3).try_for_each(|step| node.save_state(step, &state(step)))
        },
        |root, outcome, round| {
            let (step, bytes, notes) = reader(root).load_state().unwrap().expect(round);
            assert_eq!(bytes, state(step), "{round}");
            assert_eq!(notes, Vec::<String>::new(), "{round}");
            assert!(step == 3 || outcome.is_err(), "{round}");
        },
    );
}

#[test]
fn a_derived_file_is_whole_or_to_be_computed_again() {
    at_every_operation(
        |root| {
            let node = node_of(&open(root));
            node.write("final", b"weights").unwrap();
            node.finish(&["final"]).unwrap();
        },
        |root, fs| node_of(&open_on(root, Arc::new(fs))?).write_derived("logits", b"one two three"),
        |root, outcome, round| {
            let node = reader(root);
            match node.read_derived("logits").unwrap() {
                Some(bytes) => assert_eq!(bytes, b"one two three", "{round}"),
                None => assert!(outcome.is_err(), "{round}"),
            }
            node.verify().unwrap_or_else(|e| panic!("{e} {round}"));
        },
    );
}

#[test]
fn a_disk_that_can_only_be_read_lets_readers_read_and_tells_writers() {
    let root = tempfile::tempdir().unwrap();
    let node = node_of(&open(root.path()));
    node.write("final", b"weights").unwrap();
    node.finish(&["final"]).unwrap();
    drop(node);
    let fs = Arc::new(FaultyFs::new(Fault::read_only_disk()));
    let refused = open_on(root.path(), fs.clone()).unwrap_err();
    assert!(refused.to_string().contains("make the directory writable or choose another"), "{refused}");
    let run = basin_store::RunDir::open_read_only(root.path(), "run", fs).unwrap();
    let node = node_of(&run);
    assert!(node.is_done().unwrap());
    assert_eq!(node.read_verified("final").unwrap(), b"weights");
    assert!(matches!(node.write("x", b""), Err(StoreError::ReadOnly { .. })));
    assert!(matches!(node.write_derived("x", b""), Err(StoreError::ReadOnly { .. })));
    assert!(matches!(node.save_state(1, b""), Err(StoreError::ReadOnly { .. })));
    assert!(matches!(run.write("x", b""), Err(StoreError::ReadOnly { .. })));
    assert!(matches!(run.journal().append(&1), Err(StoreError::ReadOnly { .. })));
}

#[test]
fn a_full_disk_is_told_with_path_and_what_to_do() {
    let root = tempfile::tempdir().unwrap();
    let fs = FaultyFs::new(Fault::once(2, Failure::DiskFull));
    let error = write_atomic(&fs, &root.path().join("a"), b"new").unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot write {}", root.path().display())), "{error}");
    assert!(error.ends_with("free some space and run the same command again; nothing finished is lost"));
}
