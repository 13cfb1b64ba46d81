//! Nodes: unfinished until DONE holds, unchanged from then on.

use crate::{node_of, open};
use basin_store::{NodeCheck, NodeDir, NodeStatus, RealFs, StoreError, check_seal};
use serde::{Deserialize, Serialize};
use std::path::Path;

fn finished(root: &Path) -> NodeDir {
    let node = node_of(&open(root));
    node.write("final", b"weights").unwrap();
    node.finish(&["final"]).unwrap();
    node
}

fn why(node: &NodeDir) -> String {
    match node.status().unwrap() {
        NodeStatus::ToDo { why } => why,
        other => panic!("{node:?} is {other:?}"),
    }
}

fn damage(node: &NodeDir) -> String {
    match node.status().unwrap() {
        NodeStatus::Damaged { why } => why,
        other => panic!("{node:?} is {other:?}"),
    }
}

#[test]
fn a_node_is_to_do_until_done_and_the_reason_is_told() {
    let root = tempfile::tempdir().unwrap();
    let node = node_of(&open(root.path()));
    assert_eq!(why(&node), "not finished yet");
    node.write("final", b"weights").unwrap();
    assert_eq!(why(&node), "not finished yet");
    assert!(matches!(node.read_verified("final"), Err(StoreError::NotFinished { .. })));
    assert!(matches!(node.write_derived("logits", b""), Err(StoreError::NotFinished { .. })));
    node.finish(&["final"]).unwrap();
    assert!(node.is_done().unwrap());
    std::fs::write(node.path().join("final"), b"weigh").unwrap();
    assert_eq!(damage(&node), "final has 5 bytes, DONE says 7");
    std::fs::remove_file(node.path().join("final")).unwrap();
    assert_eq!(damage(&node), "final is missing");
    std::fs::write(node.path().join("DONE"), b"").unwrap();
    assert!(damage(&node).starts_with("DONE cannot be read: "));
}

#[test]
fn a_finished_node_does_not_change() {
    let root = tempfile::tempdir().unwrap();
    let node = finished(root.path());
    assert!(matches!(node.write("final", b"others."), Err(StoreError::Finished { .. })));
    assert!(matches!(node.save_state(1, b"x"), Err(StoreError::Finished { .. })));
    assert!(matches!(node.write_derived("final", b"x"), Err(StoreError::BadName { .. })));
    assert!(matches!(node.finish(&[]), Err(StoreError::NotFinished { .. })));
    node.finish(&["final"]).unwrap();
    assert_eq!(node.read_verified("final").unwrap(), b"weights");
}

#[test]
fn a_flipped_bit_in_a_result_is_told_with_both_hashes_and_the_directory_to_delete() {
    let root = tempfile::tempdir().unwrap();
    let node = finished(root.path());
    std::fs::write(node.path().join("final"), b"weightr").unwrap();
    assert!(node.is_done().unwrap(), "sizes alone cannot tell");
    for error in [node.verify().unwrap_err(), node.read_verified("final").unwrap_err()] {
        let StoreError::Corrupt { path, node: directory, expected, found } = &error else {
            panic!("{error}")
        };
        assert_eq!((path.clone(), directory.as_path()), (node.path().join("final"), node.path()));
        assert!(expected.len() == 64 && found.len() == 64 && expected != found);
        let action = format!(
            "delete the directory {} and start the run again to compute it anew",
            node.path().display()
        );
        assert!(error.to_string().ends_with(&action), "{error}");
    }
}

#[test]
fn what_the_disk_changed_before_finish_is_not_certified() {
    let root = tempfile::tempdir().unwrap();
    let node = node_of(&open(root.path()));
    node.write("final", b"weights").unwrap();
    std::fs::write(node.path().join("final"), b"weightr").unwrap();
    assert!(matches!(node.finish(&["final"]), Err(StoreError::Corrupt { .. })));
    assert!(!node.is_done().unwrap());
}

#[test]
fn a_file_that_was_never_written_cannot_be_finished_with() {
    let root = tempfile::tempdir().unwrap();
    let node = node_of(&open(root.path()));
    assert!(matches!(node.finish(&["final"]), Err(StoreError::Missing { .. })));
    assert!(!node.is_done().unwrap());
}

#[test]
fn a_derived_file_that_is_cut_or_flipped_is_computed_again() {
    let root = tempfile::tempdir().unwrap();
    let node = finished(root.path());
    let logits = b"0.25 0.5 0.125";
    node.write_derived("logits", logits).unwrap();
    assert_eq!(node.read_derived("logits").unwrap().unwrap(), logits);
    let path = node.path().join("logits");
    for length in 0..logits.len() {
        std::fs::write(&path, &logits[..length]).unwrap();
        assert_eq!(node.read_derived("logits").unwrap(), None, "cut to {length} bytes");
    }
    for bit in 0..8 * logits.len() {
        let mut bytes = logits.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(node.read_derived("logits").unwrap(), None, "bit {bit} flipped");
    }
    node.write_derived("logits", logits).unwrap();
    assert_eq!(node.read_derived("logits").unwrap().unwrap(), logits);
}

#[test]
fn a_derived_file_does_not_outlive_the_weights_it_came_from() {
    let root = tempfile::tempdir().unwrap();
    let node = finished(root.path());
    node.write_derived("logits", b"of the old weights").unwrap();
    std::fs::remove_file(node.path().join("final")).unwrap();
    assert_eq!(node.read_derived("logits").unwrap(), None);
    node.write("final", b"others!").unwrap();
    node.finish(&["final"]).unwrap();
    assert_eq!(node.read_derived("logits").unwrap(), None);
}

#[test]
fn rows_come_back_and_those_after_a_resume_replace_the_lost_future() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Row {
        step: u64,
        loss: f64,
    }
    let root = tempfile::tempdir().unwrap();
    let node = node_of(&open(root.path()));
    assert_eq!(node.read_rows::<Row>("metrics.jsonl").unwrap(), []);
    let row = |step| Row { step, loss: 1.0 / (step + 1) as f64 };
    node.write_rows("metrics.jsonl", &(0..10).map(row).collect::<Vec<_>>()).unwrap();
    let mut rows: Vec<Row> = node.read_rows("metrics.jsonl").unwrap();
    rows.retain(|row| row.step <= 4);
    rows.push(row(5));
    node.write_rows("metrics.jsonl", &rows).unwrap();
    let expected: Vec<Row> = (0..6).map(row).collect();
    assert_eq!(node.read_rows::<Row>("metrics.jsonl").unwrap(), expected);
}

#[test]
fn a_hundred_nodes_are_written_by_several_threads_at_once() {
    let root = tempfile::tempdir().unwrap();
    let run = open(root.path());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let run = run.clone();
            scope.spawn(move || {
                for i in 0..25 {
                    let node = run.node("n", &format!("{:08x}", thread * 25 + i)).unwrap();
                    node.write("final", &[i as u8; 100]).unwrap();
                    node.finish(&["final"]).unwrap();
                    run.journal().append(&(thread, i)).unwrap();
                }
            });
        }
    });
    for id in 0..100 {
        run.node("n", &format!("{id:08x}")).unwrap().verify().unwrap();
    }
    assert_eq!(run.journal().read::<(u32, u32)>().unwrap().lines.len(), 100);
}

#[test]
fn every_byte_of_a_finished_node_is_checked_and_all_damage_is_told() {
    let root = tempfile::tempdir().unwrap();
    let run = open(root.path());
    let node = node_of(&run);
    assert_eq!(node.check().unwrap(), NodeCheck::Unfinished);
    for file in ["final", "rows.jsonl"] {
        node.write(file, b"[1]\n").unwrap();
    }
    node.finish(&["final", "rows.jsonl"]).unwrap();
    assert_eq!(node.check().unwrap(), NodeCheck::Whole);
    assert_eq!(node.read_rows_verified::<[u8; 1]>("rows.jsonl").unwrap(), [[1]]);
    for bit in 0..32 {
        let mut bytes = b"[1]\n".to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(node.path().join("rows.jsonl"), &bytes).unwrap();
        let NodeCheck::Damaged { problems } = node.check().unwrap() else { panic!("bit {bit} is not seen") };
        assert!(problems.len() == 1 && problems[0].starts_with("rows.jsonl has SHA-256"), "{problems:?}");
        let read = node.read_rows_verified::<[u8; 1]>("rows.jsonl");
        assert!(matches!(read, Err(StoreError::Corrupt { .. })), "bit {bit}");
    }
    std::fs::remove_file(node.path().join("final")).unwrap();
    let NodeCheck::Damaged { problems } = node.check().unwrap() else { panic!("two files are wrong") };
    assert_eq!(problems.len(), 2);
    node.unseal().unwrap();
    assert_eq!(node.check().unwrap(), NodeCheck::Unfinished);
    assert!(!node.is_done().unwrap());
}

#[test]
fn a_marker_that_lists_nothing_or_cannot_be_read_is_damage() {
    let root = tempfile::tempdir().unwrap();
    let node = finished(root.path());
    for (done, words) in [
        ("{\"format\":1,\"files\":{}}", "DONE lists no files"),
        ("{\"format\":9,\"files\":{}}", "DONE has format 9, expected 1"),
        ("", "DONE cannot be read"),
    ] {
        std::fs::write(node.path().join("DONE"), done).unwrap();
        let NodeCheck::Damaged { problems } = node.check().unwrap() else { panic!("{done}") };
        assert!(problems[0].starts_with(words), "{problems:?}");
        assert!(damage(&node).starts_with(words), "{}", damage(&node));
        // Whoever reads from such a node is told of its damage, not of a file's name.
        for refused in [node.read_verified("final").unwrap_err(), node.verify().unwrap_err()] {
            let told =
                matches!(refused, StoreError::Damaged { .. } | StoreError::UnknownFormat { found: 9, .. });
            assert!(told, "{done:?}: {refused}");
        }
    }
    // What a newer build finished is not written over.
    std::fs::write(node.path().join("DONE"), "{\"format\":9,\"tree\":[]}").unwrap();
    assert!(matches!(
        node.write("final", b"x"),
        Err(StoreError::UnknownFormat { found: 9, expected: 1, .. })
    ));
    node.unseal().unwrap();
    node.write("final", b"x").unwrap();
}

#[test]
fn a_file_that_done_does_not_list_is_damage_and_not_a_bad_name() {
    let root = tempfile::tempdir().unwrap();
    let node = finished(root.path());
    let error = node.read_verified("moments").unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("DONE does not list moments"), "{error}");
    assert_eq!(node.read_listed("moments").unwrap(), None);
    assert_eq!(node.read_listed("final").unwrap().unwrap(), b"weights");
    std::fs::write(node.path().join("final"), b"weightr").unwrap();
    assert!(matches!(node.read_listed("final"), Err(StoreError::Corrupt { .. })));
}

#[test]
fn a_file_that_is_read_by_its_path_is_held_against_the_done_beside_it() {
    let root = tempfile::tempdir().unwrap();
    let node = finished(root.path());
    let check = |name: &str, bytes: &[u8]| check_seal(&RealFs, &node.path().join(name), bytes);
    check("final", b"weights").unwrap();
    assert!(matches!(check("final", b"weightr"), Err(StoreError::Corrupt { .. })));
    // Of a file of the user's own, DONE says nothing.
    check("mine", b"anything").unwrap();
    std::fs::write(node.path().join("DONE"), "{").unwrap();
    assert!(matches!(check("final", b"weights"), Err(StoreError::Damaged { .. })));
    // Nor does a file that happens to have its name.
    std::fs::write(root.path().join("DONE"), "see you tomorrow").unwrap();
    check_seal(&RealFs, &root.path().join("final"), b"weights").unwrap();
    check_seal(&RealFs, &root.path().join("absent/final"), b"weights").unwrap();
}

#[test]
fn the_nodes_of_a_run_are_listed_by_name_and_nothing_else_is() {
    let root = tempfile::tempdir().unwrap();
    let run = open(root.path());
    assert_eq!(run.nodes().unwrap().len(), 0);
    for (name, hash) in [("s0-deep-2", "89abcdef"), ("s0-deep-1", "01234567")] {
        run.node(name, hash).unwrap().write("a", b"x").unwrap();
    }
    std::fs::create_dir(root.path().join("run/nodes/.trash")).unwrap();
    std::fs::write(root.path().join("run/nodes/notes.txt"), "mine").unwrap();
    let nodes = run.nodes().unwrap();
    let names: Vec<&str> = nodes.iter().map(NodeDir::name).collect();
    assert_eq!(names, ["s0-deep-1.01234567", "s0-deep-2.89abcdef"]);
}
