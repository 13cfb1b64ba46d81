//! A writer that is killed at any moment loses nothing it had finished, and its lock goes with it.

use crate::open;
use basin_store::{NodeDir, RunDir};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const ROOT: &str = "BASIN_STORE_KILLED_WRITER_ROOT";
const STEPS: u64 = 8;

fn state(step: u64) -> Vec<u8> {
    (0..20_000).flat_map(|i: u64| (i * step).to_le_bytes()).collect()
}

fn node(run: &RunDir, number: u64) -> NodeDir {
    run.node("member", &format!("{number:08x}")).unwrap()
}

/// Trains imaginary members, one after the other, for as long as it lives.
fn work(root: &Path) {
    let run = open(root);
    for number in 0.. {
        let node = node(&run, number);
        if node.is_done().unwrap() {
            continue;
        }
        let from = node.load_state().unwrap().map_or(0, |(step, _, _)| step);
        for step in from + 1..=STEPS {
            node.write_rows("metrics.jsonl", &(0..step).collect::<Vec<_>>()).unwrap();
            node.save_state(step, &state(step)).unwrap();
        }
        node.write("final", &state(number)).unwrap();
        node.finish(&["metrics.jsonl", "final"]).unwrap();
        node.clear_states().unwrap();
        run.journal().append(&number).unwrap();
    }
}

#[test]
#[ignore = "not a test: the process that the test below starts and kills"]
fn writer() {
    if let Some(root) = std::env::var_os(ROOT) {
        work(Path::new(&root));
    }
}

fn start(root: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["killed::writer", "--exact", "--ignored"])
        .env(ROOT, root)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_writer_killed_again_and_again_goes_on_from_whole_files() {
    let root = tempfile::tempdir().unwrap();
    let mut furthest = (0, 0);
    for round in 0.. {
        let mut child = start(root.path());
        // Longer from round to round, so that the slowest disk comes to an end too.
        std::thread::sleep(Duration::from_millis(5 + round * 7 % 41 + round));
        child.kill().unwrap();
        child.wait().unwrap();
        // Opening panics here if the lock had outlived its process.
        let run = open(root.path());
        let done = (0..).take_while(|&number| node(&run, number).is_done().unwrap()).count() as u64;
        for number in 0..done {
            node(&run, number).verify().unwrap();
            assert_eq!(node(&run, number).read_verified("final").unwrap(), state(number));
        }
        let current = node(&run, done);
        let step = match current.load_state().unwrap() {
            Some((step, bytes, notes)) => {
                assert!(bytes == state(step) && notes.is_empty(), "round {round}: {notes:?}");
                step
            }
            None => 0,
        };
        assert_eq!(current.broken_states().unwrap(), Vec::<String>::new(), "round {round}");
        let rows: Vec<u64> = current.read_rows("metrics.jsonl").unwrap();
        assert!(rows.len() as u64 >= step, "round {round}: rows are written before their state");
        assert!((done, step) >= furthest, "round {round}: {:?} after {furthest:?}", (done, step));
        furthest = (done, step);
        let journal: Vec<u64> = run.journal().read().unwrap().lines;
        assert!(journal.len() as u64 <= done, "round {round}");
        if round >= 40 && done >= 2 {
            break;
        }
    }
}
