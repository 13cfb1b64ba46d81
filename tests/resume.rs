//! Interrupted at any moment, a run that is started again ends with the same bytes.

use crate::{TINY, artefacts, basin, expect_code, over, tiny};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Starts a tiny run that keeps a checkpoint after every step.
fn start(runs: &Path, concurrent: &str) -> Child {
    let mut command = Command::new(basin());
    command.args(["reproduce", "--runs", runs.to_str().unwrap(), "--name", "run"]).args(TINY);
    command.args(["--concurrent", concurrent]);
    command.args(["--set", "run.checkpoint_seconds=0"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

#[test]
fn killed_at_scattered_moments_a_run_ends_with_the_same_bytes() {
    let (whole, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let every_step = ["--set", "run.checkpoint_seconds=0"];
    expect_code(&tiny(whole.path(), &every_step), 0);
    // Moments spread by the golden ratio over the first second after each start; one network or three at a time.
    for attempt in 1..=12 {
        let mut child = start(killed.path(), if attempt % 2 == 0 { "1" } else { "3" });
        let moment = (f64::from(attempt) * 0.618_033_99).fract();
        std::thread::sleep(Duration::from_secs_f64(0.05 + 0.9 * moment));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    expect_code(&tiny(killed.path(), &every_step), 0);
    let (a, b) = (artefacts(&whole.path().join("run")), artefacts(&killed.path().join("run")));
    let names =
        |files: &[(std::path::PathBuf, Vec<u8>)]| files.iter().map(|f| f.0.clone()).collect::<Vec<_>>();
    assert_eq!(names(&a), names(&b));
    for (x, y) in a.iter().zip(&b) {
        assert!(x == y, "{} differs", x.0.display());
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_leaves_checkpoints_and_ends_with_its_own_code() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(basin());
    // Long enough to be interrupted: checkpoints only on request.
    let long = over(TINY, &["--set", "train.epochs=400", "--concurrent", "2"]);
    command.args(["reproduce", "--runs", folder.path().to_str().unwrap(), "--name", "run"]).args(long);
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(75));
    let nodes = std::fs::read_dir(folder.path().join("run/nodes")).unwrap();
    let keeps_a_state = |node: &Path| {
        let mut files = std::fs::read_dir(node).unwrap();
        files.any(|f| f.unwrap().file_name().to_str().unwrap().starts_with("state-"))
    };
    let kept = nodes.filter(|node| keeps_a_state(&node.as_ref().unwrap().path())).count();
    assert_eq!(kept, 2, "nodes with a state: the two in training");
}

#[test]
fn a_run_in_use_is_refused_with_the_storage_code() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = start(folder.path(), "1");
    while !folder.path().join("run/nodes").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let second = tiny(folder.path(), &[]);
    child.kill().unwrap();
    child.wait().unwrap();
    expect_code(&second, 8);
    assert!(crate::stderr(&second).contains("use"), "{}", crate::stderr(&second));
}

/// As a kill between a node's seal and the end of its clearing leaves them.
#[test]
fn states_left_beside_a_finished_node_go_away() {
    let folder = tempfile::tempdir().unwrap();
    let methods = ["--methods", "deep"];
    expect_code(&tiny(folder.path(), &methods), 0);
    let before = artefacts(&folder.path().join("run"));
    let nodes =
        std::fs::read_dir(folder.path().join("run/nodes")).unwrap().map(|entry| entry.unwrap().path());
    let trained = nodes.filter(|node| node.join("moments.safetensors").exists());
    let trained: Vec<_> = trained.collect();
    assert_eq!(trained.len(), 2, "{trained:?}");
    for node in &trained {
        std::fs::write(node.join("state-000000000017.safetensors"), "half a").unwrap();
        std::fs::write(node.join("state-000000000016.safetensors.sha256"), "a seal").unwrap();
    }
    expect_code(&tiny(folder.path(), &methods), 0);
    assert!(artefacts(&folder.path().join("run")) == before);
}
