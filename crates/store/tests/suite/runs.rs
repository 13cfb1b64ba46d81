//! Run directories: one writer, any place, any name, nothing outside.

use crate::{node_of, open, open_on, reader};
use basin_store::{RealFs, RunDir, StoreError};
use std::path::Path;
use std::sync::Arc;

#[test]
fn a_second_writer_is_refused_with_path_and_process() {
    let root = tempfile::tempdir().unwrap();
    let first = open(root.path());
    match open_on(root.path(), Arc::new(RealFs)) {
        Err(StoreError::InUse { path, pid }) => {
            assert_eq!((path, pid), (root.path().join("run"), Some(std::process::id())));
        }
        other => panic!("{other:?}"),
    }
    drop(first);
    open(root.path());
}

#[test]
fn a_node_in_use_keeps_the_run_locked() {
    let root = tempfile::tempdir().unwrap();
    let run = open(root.path());
    let node = node_of(&run);
    drop(run);
    assert!(matches!(open_on(root.path(), Arc::new(RealFs)), Err(StoreError::InUse { .. })));
    drop(node);
    open(root.path());
}

#[test]
fn readers_need_no_lock_and_create_nothing() {
    let root = tempfile::tempdir().unwrap();
    let missing = RunDir::open_read_only(root.path(), "run", Arc::new(RealFs));
    assert!(matches!(missing, Err(StoreError::NoSuchRun { .. })));
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
    let run = open(root.path());
    run.write("plan.json", b"{}").unwrap();
    let other = RunDir::open_read_only(root.path(), "run", Arc::new(RealFs)).unwrap();
    assert_eq!(other.read("plan.json").unwrap().unwrap(), b"{}");
    assert_eq!(other.read("results.csv").unwrap(), None);
}

#[test]
fn orphaned_temporary_files_go_and_everything_else_stays() {
    let root = tempfile::tempdir().unwrap();
    let run = open(root.path());
    node_of(&run).write("final", b"weights").unwrap();
    run.write("report/figures/a.svg", b"<svg/>").unwrap();
    let path = run.path().to_owned();
    drop(run);
    let orphans = [".basin-tmp-1-0", "report/.basin-tmp-7-7"];
    // Nodes may be in the hands of others: there they go when a node is claimed.
    let others = [
        ".basin-tmp-notes.txt",
        "report/basin-tmp-1-0",
        "nodes/member.0123abcd/final",
        "nodes/member.0123abcd/.basin-tmp-4000000000-17",
        "my notes",
    ];
    orphans.iter().chain(&others).for_each(|name| std::fs::write(path.join(name), "x").unwrap());
    open(root.path());
    orphans.iter().for_each(|name| assert!(!path.join(name).exists(), "{name}"));
    others.iter().for_each(|name| assert!(path.join(name).exists(), "{name}"));
}

#[test]
fn names_with_spaces_and_any_script_work() {
    let root = tempfile::tempdir().unwrap();
    let base = root.path().join("mes expériences 実験");
    let run = RunDir::open(&base, "première – 🦀 run", Arc::new(RealFs)).unwrap();
    let node = run.node("permuted β=0.2 t=15", "00c0ffee").unwrap();
    node.write("poids finaux.safetensors", b"weights").unwrap();
    node.finish(&["poids finaux.safetensors"]).unwrap();
    assert!(node.path().ends_with("nodes/permuted β=0.2 t=15.00c0ffee"));
    node.verify().unwrap();
}

#[test]
fn names_that_leave_the_root_are_refused_before_anything_is_created() {
    let root = tempfile::tempdir().unwrap();
    for name in ["", "..", ".", "a/b", "/tmp/x", "a\\b", "a\0b"] {
        let refused = RunDir::open(root.path(), name, Arc::new(RealFs));
        assert!(matches!(refused, Err(StoreError::BadName { .. })), "{name:?}");
    }
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
}

#[test]
fn paths_that_leave_the_run_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let run = open(root.path());
    for path in ["../x", "a/../../x", "/tmp/x", ""] {
        assert!(matches!(run.write(path, b"x"), Err(StoreError::Escapes { .. })), "{path:?}");
        assert!(matches!(run.read(path), Err(StoreError::Escapes { .. })), "{path:?}");
    }
    assert!(run.node("../up", "00000000").is_err());
    assert!(run.node("a", "0/../../").is_err());
    assert!(node_of(&run).write("../x", b"x").is_err());
    assert!(node_of(&run).read("../../plan.json").is_err());
}

#[test]
fn a_run_that_was_moved_is_still_valid_and_can_go_on() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let node = node_of(&open(old.path()));
    node.write("final", b"weights").unwrap();
    node.finish(&["final"]).unwrap();
    node.write_derived("logits", b"1 2 3").unwrap();
    drop(node);
    std::fs::rename(old.path().join("run"), new.path().join("run")).unwrap();
    let moved = reader(new.path());
    moved.verify().unwrap();
    assert_eq!(moved.read_derived("logits").unwrap().unwrap(), b"1 2 3");
    open(new.path()).write("results.csv", b"a,b\n").unwrap();
}

#[test]
fn a_root_that_cannot_hold_directories_is_told_by_path() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("a file");
    std::fs::write(&file, "not a directory").unwrap();
    match RunDir::open(&file, "run", Arc::new(RealFs)) {
        Err(StoreError::Io { operation, path, .. }) => {
            assert_eq!((operation, path), ("create the directory", file.join("run")));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_directory_in_the_place_of_a_file_is_told_and_leaves_nothing_behind() {
    let root = tempfile::tempdir().unwrap();
    let run = open(root.path());
    run.write("report/index.html", b"<p>").unwrap();
    assert!(matches!(run.write("report", b"x"), Err(StoreError::Io { operation: "replace", .. })));
    let names: Vec<_> = std::fs::read_dir(run.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| name == ".lock" || name == "report"), "{names:?}");
}

#[test]
fn a_name_too_long_for_the_disk_is_refused_before_the_disk_is_asked() {
    let root = tempfile::tempdir().unwrap();
    let run = open(root.path());
    for length in [256, 300] {
        let refused = run.write("x".repeat(length), b"x");
        assert!(matches!(refused, Err(StoreError::BadName { why: "has more than 255 bytes", .. })));
    }
    run.write(Path::new(&"x".repeat(255)), b"x").unwrap();
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_links_in_a_run() {
    use std::os::unix::fs::symlink;
    let root = tempfile::tempdir().unwrap();
    let (run, victim) = (root.path().join("run"), root.path().join("victim"));
    let elsewhere = root.path().join("elsewhere");
    std::fs::create_dir_all(&run).unwrap();
    std::fs::create_dir(&elsewhere).unwrap();
    std::fs::write(&victim, "mine").unwrap();
    let open = || RunDir::open(root.path(), "run", Arc::new(RealFs));

    symlink(&victim, run.join(".lock")).unwrap();
    let refused = open().unwrap_err();
    assert!(refused.to_string().contains("symbolic link"), "{refused}");
    std::fs::remove_file(run.join(".lock")).unwrap();

    for target in [&victim, &root.path().join("absent")] {
        symlink(target, run.join("journal.jsonl")).unwrap();
        let refused = open().unwrap().journal().append(&1).unwrap_err();
        assert!(refused.to_string().contains("symbolic link"), "{refused}");
        std::fs::remove_file(run.join("journal.jsonl")).unwrap();
    }
    assert!(!root.path().join("absent").exists());

    symlink(&elsewhere, run.join("report")).unwrap();
    symlink(&victim, run.join("results.csv")).unwrap();
    symlink(&elsewhere, run.join("nodes")).unwrap();
    let open = open().unwrap();
    for path in ["report/index.html", "report/deep/er.html", "results.csv"] {
        let refused = open.write(path, b"x").unwrap_err();
        assert!(matches!(refused, StoreError::Foreign { .. }), "{path}: {refused}");
    }
    let refused = open.node("deep-1", "00000000").unwrap().write("final", b"x").unwrap_err();
    assert!(matches!(refused, StoreError::Foreign { .. }), "{refused}");
    // A node that is a link is neither written nor taken apart.
    std::fs::remove_file(run.join("nodes")).unwrap();
    std::fs::create_dir(run.join("nodes")).unwrap();
    std::fs::write(root.path().join("DONE"), "no listing").unwrap();
    symlink(root.path(), run.join("nodes/deep-1.00000000")).unwrap();
    let node = open.node("deep-1", "00000000").unwrap();
    for refused in [node.write("victim", b"x"), node.unseal(), node.save_state(1, b"x"), node.clear_states()]
    {
        assert!(matches!(refused, Err(StoreError::Foreign { .. })), "{refused:?}");
    }
    assert!(root.path().join("DONE").exists());
    assert!(std::fs::read_dir(&elsewhere).unwrap().next().is_none());
    assert_eq!(std::fs::read(&victim).unwrap(), b"mine");
}
