//! The journal: whole lines, whatever happened to the last one.

use crate::{open, open_on};
use basin_store::faulty::{Failure, Fault, FaultyFs};
use basin_store::{RealFs, RunDir, StoreError};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Event {
    node: String,
    epoch: u32,
}

fn event(epoch: u32) -> Event {
    Event { node: "line\nbreak and “quotes”".into(), epoch }
}

#[test]
fn events_come_back_in_order_over_several_openings() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(open(root.path()).journal().read::<Event>().unwrap().lines, []);
    for epoch in 0..3 {
        open(root.path()).journal().append(&event(epoch)).unwrap();
    }
    let journal = RunDir::open_read_only(root.path(), "run", Arc::new(RealFs)).unwrap().journal();
    assert_eq!(journal.read::<Event>().unwrap().lines, [event(0), event(1), event(2)]);
}

#[test]
fn a_line_torn_at_any_byte_is_ignored_and_does_not_harm_the_next() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run").join("journal.jsonl");
    open(root.path()).journal().append(&event(0)).unwrap();
    let first = std::fs::read(&path).unwrap();
    for torn in 0..first.len() {
        let mut bytes = first.clone();
        bytes.extend_from_slice(&first[..torn]);
        std::fs::write(&path, bytes).unwrap();
        let journal = open(root.path()).journal();
        assert_eq!(journal.read::<Event>().unwrap().lines, [event(0)], "torn after {torn} bytes");
        journal.append(&event(1)).unwrap();
        assert_eq!(journal.read::<Event>().unwrap().lines, [event(0), event(1)], "torn after {torn} bytes");
    }
}

#[test]
fn a_line_whose_write_failed_is_absent_and_the_next_one_is_whole() {
    for failure in [Failure::DiskFull, Failure::Device, Failure::Denied, Failure::ShortWrite] {
        for at in 1..8 {
            let root = tempfile::tempdir().unwrap();
            let fs = FaultyFs::default();
            let journal = open_on(root.path(), Arc::new(fs.clone())).unwrap().journal();
            fs.set(Some(Fault::once(at, failure)));
            let kept: Vec<u32> = (0..5).filter(|&epoch| journal.append(&event(epoch)).is_ok()).collect();
            fs.set(None);
            let read: Vec<u32> = journal.read::<Event>().unwrap().lines.iter().map(|e| e.epoch).collect();
            assert_eq!(read, kept, "{failure:?} at operation {at}");
            assert!(kept.len() >= 4, "{failure:?} at operation {at}");
        }
    }
}

#[test]
fn whole_lines_that_cannot_be_read_are_passed_over_with_a_note_on_each() {
    let root = tempfile::tempdir().unwrap();
    let journal = open(root.path()).journal();
    journal.append(&event(0)).unwrap();
    journal.append(&"something else").unwrap();
    let path = root.path().join("run").join("journal.jsonl");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend_from_slice(b"\n\xff\xfe\n");
    std::fs::write(&path, bytes).unwrap();
    journal.append(&event(1)).unwrap();
    let history = journal.read::<Event>().unwrap();
    assert_eq!(history.lines, [event(0), event(1)]);
    let lines: Vec<&str> = history.notes.iter().map(|n| n.split(" passed over").next().unwrap()).collect();
    let expected = [2, 3, 4].map(|line| format!("{} line {line}", path.display()));
    assert_eq!(lines, expected);
}

/// An empty line is one that cannot be read, whether or not another one comes after it.
#[test]
fn an_empty_line_is_told_also_where_it_is_the_only_one() {
    let root = tempfile::tempdir().unwrap();
    let journal = open(root.path()).journal();
    std::fs::write(root.path().join("run").join("journal.jsonl"), "\n{\"torn").unwrap();
    let before = journal.read::<Event>().unwrap();
    assert!(before.notes.len() == 1 && before.notes[0].contains("line 1 passed over"), "{:?}", before.notes);
    journal.append(&event(0)).unwrap();
    let after = journal.read::<Event>().unwrap();
    assert_eq!((after.notes, after.lines), (before.notes, vec![event(0)]));
}

#[test]
fn a_record_without_a_json_form_is_refused_and_nothing_is_written() {
    let root = tempfile::tempdir().unwrap();
    let journal = open(root.path()).journal();
    let keys_are_not_text = std::collections::BTreeMap::from([(vec![1], 2)]);
    assert!(matches!(journal.append(&keys_are_not_text), Err(StoreError::Encode { .. })));
    assert!(!root.path().join("run").join("journal.jsonl").exists());
}
