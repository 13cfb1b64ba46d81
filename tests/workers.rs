//! Several processes on one run: each node once, the same bytes as from one process, whoever is killed, stopped or late.

use crate::{TINY, basin, expect_code, over, results_alone, run, stderr, tiny};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// Plans a tiny run that others are to carry out, or reports it when they have.
pub(crate) fn plan(runs: &Path, more: &[&str]) -> Output {
    tiny(runs, &[&["--runner", "none"], more].concat())
}

fn worker(run: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(basin());
    command.args(["work", run.to_str().unwrap()]).args(more);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn start(run: &Path, more: &[&str]) -> Child {
    worker(run, more).spawn().unwrap()
}

pub(crate) fn assert_same(a: &Path, b: &Path) {
    let (a, b) = (results_alone(a), results_alone(b));
    let names = |files: &[(PathBuf, Vec<u8>)]| files.iter().map(|file| file.0.clone()).collect::<Vec<_>>();
    assert_eq!(names(&a), names(&b));
    for (x, y) in a.iter().zip(&b) {
        assert!(x.1 == y.1, "{} differs", x.0.display());
    }
}

/// Events of a kind by node, of everybody who worked on a run.
pub(crate) fn events(run: &Path, kind: &str) -> BTreeMap<String, usize> {
    let mut journals: Vec<PathBuf> = vec![run.join("journal.jsonl")];
    let joined = std::fs::read_dir(run.join("journals"));
    journals.extend(joined.into_iter().flatten().map(|entry| entry.unwrap().path()));
    let mut counted = BTreeMap::new();
    for journal in journals {
        for line in std::fs::read_to_string(journal).unwrap_or_default().lines() {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            if event["event"] == kind {
                *counted.entry(event["key"].as_str().unwrap().to_owned()).or_default() += 1;
            }
        }
    }
    counted
}

#[test]
fn eight_processes_compute_every_node_once_and_what_one_process_computes() {
    let (alone, shared) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    expect_code(&tiny(alone.path(), &[]), 0);
    let planned = plan(shared.path(), &[]);
    expect_code(&planned, 75);
    assert!(stderr(&planned).contains("--any carries them out"), "{}", stderr(&planned));
    let run = shared.path().join("run");
    let workers: Vec<Child> = (0..8).map(|_| start(&run, &["--any"])).collect();
    for mut worker in workers {
        assert_eq!(worker.wait().unwrap().code(), Some(0));
    }
    let begun = events(&run, "start");
    assert!(begun.values().all(|&times| times == 1), "{begun:?}");
    assert_eq!(begun.len(), std::fs::read_dir(run.join("nodes")).unwrap().count());
    expect_code(&plan(shared.path(), &[]), 0);
    assert_same(&alone.path().join("run"), &run);
}

#[test]
fn whoever_is_killed_the_others_go_on_and_the_bytes_are_the_same() {
    let (alone, shared) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let every_step = ["--set", "run.checkpoint_seconds=0"];
    expect_code(&tiny(alone.path(), &every_step), 0);
    // The process that starts the run works on it, too, and is killed as others are.
    let starter = || {
        let mut command = Command::new(basin());
        command.args(["reproduce", "--runs", shared.path().to_str().unwrap(), "--name", "run"]);
        command.args(over(TINY, &every_step)).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let run = shared.path().join("run");
    expect_code(&plan(shared.path(), &every_step), 75);
    for attempt in 1..=6 {
        let mut all = vec![starter(), start(&run, &["--any"]), start(&run, &["--any"])];
        let moment = (f64::from(attempt) * 0.618_033_99).fract();
        std::thread::sleep(Duration::from_secs_f64(0.05 + 0.9 * moment));
        all.remove(attempt as usize % 3).kill().unwrap();
        std::thread::sleep(Duration::from_millis(100));
        all.iter_mut().for_each(|child| child.kill().unwrap());
        for child in &mut all {
            child.wait().unwrap();
        }
    }
    expect_code(&tiny(shared.path(), &every_step), 0);
    assert_same(&alone.path().join("run"), &run);
}

/// A holder on another machine that is only slow: its node is taken over, it notices, and nothing is lost or done wrong.
#[cfg(unix)]
#[test]
fn a_holder_elsewhere_that_was_silent_for_a_lease_gives_way() {
    let (alone, shared) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let settings = ["--methods", "deep", "--set=train.epochs=60", "--set=run.lease_seconds=2"];
    expect_code(&tiny(alone.path(), &settings), 0);
    expect_code(&plan(shared.path(), &settings), 75);
    let run = shared.path().join("run");
    let mut slow = start(&run, &["--any"]);
    // Until it trains.
    let claim = loop {
        let claims = std::fs::read_dir(run.join("nodes")).into_iter().flatten();
        let claims = claims.map(|node| node.unwrap().path());
        let mut trained = claims.filter(|node| node.to_str().unwrap().contains("deep-"));
        if let Some(claim) =
            trained.find(|node| node.join(".claim-1").exists() && !node.join("DONE").exists())
        {
            break claim.join(".claim-1");
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let signal = |name: &str| {
        Command::new("kill").args([name, &slow.id().to_string()]).status().unwrap();
    };
    signal("-STOP");
    // On another machine its lock would not be seen here.
    let text = std::fs::read_to_string(&claim).unwrap();
    let mut holder: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    holder["host"] = "elsewhere".into();
    let copy = claim.with_file_name("copy");
    std::fs::write(&copy, format!("{holder}\n")).unwrap();
    std::fs::rename(&copy, &claim).unwrap();
    let status = Command::new(basin()).args(["status", run.to_str().unwrap()]).output().unwrap();
    let status = String::from_utf8(status.stdout).unwrap();
    assert!(status.contains(&format!("in the hands of process {} on elsewhere", slow.id())), "{status}");
    assert_eq!(worker(&run, &["--any"]).status().unwrap().code(), Some(0));
    signal("-CONT");
    assert_eq!(slow.wait().unwrap().code(), Some(0));
    expect_code(&plan(shared.path(), &settings), 0);
    assert_same(&alone.path().join("run"), &run);
}

/// As by a process that was killed between the seal and the end of the clearing, while another one carried on.
#[test]
fn what_was_left_beside_a_seal_is_gone_when_the_run_ends() {
    let (alone, shared) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let settings = ["--methods", "deep", "--set=train.epochs=40"];
    expect_code(&tiny(alone.path(), &settings), 0);
    let run = shared.path().join("run");
    let mut command = Command::new(basin());
    command.args(["reproduce", "--runs", shared.path().to_str().unwrap(), "--name", "run"]);
    command.args(over(TINY, &settings)).stdout(Stdio::null()).stderr(Stdio::null());
    let mut process = command.spawn().unwrap();
    let sealed = loop {
        let nodes = std::fs::read_dir(run.join("nodes")).into_iter().flatten();
        let mut nodes = nodes.map(|node| node.unwrap().path());
        if let Some(node) = nodes.find(|node| node.join("DONE").exists() && !node.join(".claim-1").exists()) {
            break node;
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    for (name, text) in [("state-000000000001.safetensors", "part"), (".claim-1", "{}\nreleased\n")] {
        std::fs::write(sealed.join(name), text).unwrap();
    }
    assert!(process.try_wait().unwrap().is_none(), "the run goes on");
    assert_eq!(process.wait().unwrap().code(), Some(0));
    assert_same(&alone.path().join("run"), &run);
}

#[test]
fn commands_carry_out_one_node_each_with_what_it_needs_and_may_be_given_again() {
    let (alone, shared) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    expect_code(&tiny(alone.path(), &["--methods", "deep"]), 0);
    expect_code(&plan(shared.path(), &["--methods", "deep"]), 75);
    let folder = shared.path().join("run");
    let commands = |more: &[&str]| -> Vec<String> {
        let listed = run(&[&["commands", folder.to_str().unwrap()], more].concat());
        expect_code(&listed, 0);
        String::from_utf8(listed.stdout).unwrap().lines().map(str::to_owned).collect()
    };
    let (ready, all) = (commands(&["--ready"]), commands(&[]));
    assert!(ready.len() < all.len() && ready.iter().all(|line| all.contains(line)), "{ready:?}");
    let shell = |line: &str| Command::new("sh").args(["-c", line]).output().unwrap();
    // The last needs others, which it carries out; then it is done, and so is everything after it was given again.
    for line in [all.last().unwrap(), all.last().unwrap()] {
        let done = shell(line);
        expect_code(&done, 0);
        let nodes = line.matches("--node ").count();
        assert!(String::from_utf8(done.stdout).unwrap().ends_with(&format!(": {nodes}\n")));
    }
    let mut rounds = 0;
    while let ready @ [_, ..] = &commands(&["--ready"])[..] {
        ready.iter().for_each(|line| expect_code(&shell(line), 0));
        rounds += 1;
        assert!(rounds < 20);
    }
    assert_eq!(commands(&[]), [""; 0]);
    expect_code(&plan(shared.path(), &["--methods", "deep"]), 0);
    assert_same(&alone.path().join("run"), &folder);
}

#[test]
fn what_cannot_be_worked_on_is_refused_by_the_right_reason_and_nothing_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let text = path.to_str().unwrap();
    let refused = |arguments: &[&str], code: i32, reason: &str| {
        let output = run(&[&["work", text], arguments].concat());
        expect_code(&output, code);
        assert!(stderr(&output).contains(reason), "{}", stderr(&output));
    };
    refused(&["--any"], 8, "there is no run at");
    std::fs::create_dir(&path).unwrap();
    refused(&["--any"], 2, "holds no request.json");
    expect_code(&plan(folder.path(), &["--methods", "deep"]), 75);
    refused(&[], 2, "--node");
    refused(&["--any", "--until", "soon"], 2, "expected for example");
    refused(&["--node", "0123456789ab"], 2, "plans no node 0123456789ab");
    refused(&["--any", "--set", "data.seed=5"], 2, "is another plan than is made here");
    refused(&["--any", "--set", "train.bach=5"], 2, "did you mean train.batch");
    refused(&["--any", "--until", "0s"], 75, "interrupted");
    let request = path.join("request.json");
    let kept = std::fs::read_to_string(&request).unwrap();
    let mut other: serde_json::Value = serde_json::from_str(&kept).unwrap();
    other["build"] = "0123456789abcdef".into();
    std::fs::write(&request, other.to_string()).unwrap();
    refused(&["--any"], 2, "was planned by another build of the program (0123456789abcdef");
    std::fs::write(&request, "{").unwrap();
    refused(&["--any"], 3, "request.json cannot be read");
    assert!(!path.join("nodes").exists());
    // The run's own command mends both.
    expect_code(&plan(folder.path(), &["--methods", "deep"]), 75);
    assert_eq!(std::fs::read_to_string(&request).unwrap(), kept);
    assert_eq!(worker(&path, &["--any"]).status().unwrap().code(), Some(0));
}
