//! Random sequences of operations, some of which fail, against a model in memory.

use crate::{node_of, open_on, reader};
use basin_store::NodeDir;
use basin_store::faulty::{Failure, Fault, FaultyFs};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

type Files = BTreeMap<String, Vec<u8>>;

#[derive(Clone, Debug)]
enum Op {
    Write(&'static str, u8),
    SaveState(u64, u8),
    ClearStates,
    Finish,
    Derive(u8),
    /// Somebody deletes the file `a`.
    Lose,
    Reopen,
}

/// All that a reader can see of a node.
#[derive(Clone, Debug, Default, PartialEq)]
struct Node {
    files: Files,
    states: BTreeMap<u64, Vec<u8>>,
    done: bool,
    /// What was derived, and from which files.
    derived: Option<(Files, Vec<u8>)>,
}

impl Node {
    /// What the operation makes of the node, if it may.
    fn after(&self, op: &Op) -> Option<Node> {
        let mut next = self.clone();
        match op {
            Op::Write(..) | Op::SaveState(..) if self.done => return None,
            Op::Derive(_) if !self.done => return None,
            Op::Finish if self.files.is_empty() => return None,
            Op::Write(file, byte) => drop(next.files.insert((*file).to_owned(), content(*byte))),
            Op::SaveState(step, byte) => {
                let before = self.states.range(..step).next_back();
                next.states = before.map(|(s, bytes)| (*s, bytes.clone())).into_iter().collect();
                next.states.insert(*step, content(*byte));
            }
            Op::ClearStates => next.states.clear(),
            Op::Finish => next.done = true,
            Op::Derive(byte) => next.derived = Some((self.files.clone(), content(*byte))),
            Op::Lose => next.done &= next.files.remove("a").is_none(),
            Op::Reopen => {}
        }
        Some(next)
    }

    fn derived(&self) -> Option<&Vec<u8>> {
        self.derived.as_ref().filter(|(origin, _)| self.done && *origin == self.files).map(|(_, bytes)| bytes)
    }
}

/// Always the same size, so that sizes cannot tell contents apart.
fn content(byte: u8) -> Vec<u8> {
    vec![byte; 40]
}

fn apply(node: &NodeDir, op: &Op, files: &Files) -> bool {
    match op {
        Op::Write(file, byte) => node.write(file, &content(*byte)).is_ok(),
        Op::SaveState(step, byte) => node.save_state(*step, &content(*byte)).is_ok(),
        Op::ClearStates => node.clear_states().is_ok(),
        Op::Finish => node.finish(&files.keys().map(String::as_str).collect::<Vec<_>>()).is_ok(),
        Op::Derive(byte) => node.write_derived("derived", &content(*byte)).is_ok(),
        Op::Lose => std::fs::remove_file(node.path().join("a")).is_ok() || !files.contains_key("a"),
        Op::Reopen => true,
    }
}

/// What a fresh reader sees; `derived` is compared separately, because its origin cannot be seen.
fn observe(root: &Path) -> (Node, Option<Vec<u8>>) {
    let node = reader(root);
    let file = |name: &str| Some((name.to_owned(), node.read(name).unwrap()?));
    let state = |step: u64| Some((step, node.read(&format!("state-{step:012}.safetensors")).unwrap()?));
    let seen = Node {
        files: ["a", "b"].into_iter().filter_map(file).collect(),
        states: (0..6).filter_map(state).collect(),
        done: node.is_done().unwrap(),
        derived: None,
    };
    let newest = node.load_state().unwrap();
    let notes = node.broken_states().unwrap();
    assert!(notes.is_empty(), "{notes:?}");
    assert_eq!(newest.map(|s| (s.0, s.1)), seen.states.iter().next_back().map(|(s, b)| (*s, b.clone())));
    if seen.done {
        node.verify().unwrap();
    }
    (seen, node.read_derived("derived").unwrap())
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (prop_oneof![Just("a"), Just("b")], 0..3u8).prop_map(|(file, byte)| Op::Write(file, byte)),
        4 => (0..6u64, 0..3u8).prop_map(|(step, byte)| Op::SaveState(step, byte)),
        1 => Just(Op::ClearStates),
        2 => Just(Op::Finish),
        3 => (0..3u8).prop_map(Op::Derive),
        2 => Just(Op::Lose),
        1 => Just(Op::Reopen),
    ]
}

fn fault() -> impl Strategy<Value = Option<Fault>> {
    let failure = prop_oneof![Just(Failure::DiskFull), Just(Failure::Device), Just(Failure::Denied)];
    let fault = (1..30u64, failure, any::<bool>())
        .prop_map(|(at, f, lasting)| Fault { lasting, ..Fault::once(at, f) });
    prop_oneof![1 => Just(None), 1 => fault.prop_map(Some)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_node_is_what_the_model_says_after_any_operations_and_failures(
        steps in prop::collection::vec((op(), fault()), 1..25),
    ) {
        let root = tempfile::tempdir().unwrap();
        let fs = FaultyFs::default();
        let mut node = node_of(&open_on(root.path(), Arc::new(fs.clone())).unwrap());
        let mut model = Node::default();
        for (op, fault) in steps {
            if matches!(op, Op::Reopen) {
                drop(node);
                node = node_of(&open_on(root.path(), Arc::new(fs.clone())).unwrap());
            }
            fs.set(fault);
            let ok = apply(&node, &op, &model.files);
            let failed = fs.fired();
            fs.set(None);
            let next = model.after(&op);
            prop_assert!(ok == next.is_some() || failed, "{op:?} on {model:?} returned {ok}");
            prop_assert!(!ok || next.is_some(), "{op:?} on {model:?} must be refused");
            let (seen, derived) = observe(root.path());
            let next = next.unwrap_or_else(|| model.clone());
            if ok {
                prop_assert_eq!(&Node { derived: None, ..next.clone() }, &seen, "{:?}", op);
                prop_assert_eq!(next.derived(), derived.as_ref(), "{:?}", op);
                model = next;
                continue;
            }
            // It failed: each part is as before or as wanted, and states only go when a new one is there.
            prop_assert!(seen.files == model.files || seen.files == next.files, "{:?} {:?}", op, seen);
            prop_assert!(seen.done == model.done || seen.done == next.done, "{:?} {:?}", op, seen);
            for (step, bytes) in &seen.states {
                let known = [model.states.get(step), next.states.get(step)];
                prop_assert!(known.contains(&Some(bytes)), "{:?} {:?}", op, seen);
            }
            if let Op::SaveState(step, _) = op {
                let kept = model.states.keys().all(|s| seen.states.contains_key(s));
                prop_assert!(kept || seen.states.get(&step) == next.states.get(&step), "{:?} {:?}", op, seen);
            }
            prop_assert!([model.derived(), next.derived()].contains(&derived.as_ref()), "{:?}", op);
            let derivation = if derived.as_ref() == next.derived() { next.derived } else { model.derived };
            model = Node { derived: derivation, ..seen };
        }
    }
}
