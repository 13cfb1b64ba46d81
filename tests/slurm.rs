//! A plan on a Slurm that is started for the test: the same bytes as from one process, whatever happens to jobs, machines,
//! controller and submitter. Skipped, with a line that says so, where Slurm is not installed; an error there with
//! `BASIN_REQUIRE_SLURM`.

#![cfg(unix)]

#[path = "../crates/cluster/tests/real/mod.rs"]
mod real;

use basin_tests::{TINY, basin, expect_code, over, results_alone, stderr};
use real::Cluster;
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Long enough to be hit.
const SETTINGS: [&str; 3] =
    ["--set=train.epochs=24", "--set=run.checkpoint_seconds=0.2", "--set=run.lease_seconds=3"];
const POLL: [&str; 6] =
    ["--runner", "slurm", "--poll-seconds", "0.3", "--set=slurm.settle_seconds=2", "--set=run.threads=1"];

/// The command that hands a tiny run to Slurm.
fn submitter(cluster: &Cluster, runs: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(basin());
    let given = over(&over(TINY, &SETTINGS), &[&POLL, more].concat());
    command.args(["reproduce", "--runs", runs.to_str().unwrap(), "--name", "run"]).args(given);
    command.envs(cluster.slurm().environment);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin")).stdout(Stdio::null());
    command
}

/// What one process computes.
fn alone(runs: &Path) {
    let mut command = Command::new(basin());
    command.args(["reproduce", "--runs", runs.to_str().unwrap(), "--name", "run", "--set=run.threads=1"]);
    expect_code(&command.args(over(TINY, &SETTINGS)).output().unwrap(), 0);
}

/// All files of the results, without those of the batch system.
fn assert_same(alone: &Path, shared: &Path) {
    let [a, mut b] = [alone, shared].map(|runs| results_alone(&runs.join("run")));
    b.retain(|(path, _)| !path.starts_with("cluster"));
    let names = |files: &[(PathBuf, Vec<u8>)]| files.iter().map(|file| file.0.clone()).collect::<Vec<_>>();
    assert_eq!(names(&a), names(&b));
    for (x, y) in a.iter().zip(&b) {
        assert!(x.1 == y.1, "{} differs", x.0.display());
    }
}

/// Nodes that are done.
fn done(runs: &Path) -> usize {
    let nodes = std::fs::read_dir(runs.join("run/nodes")).into_iter().flatten();
    nodes.filter(|node| node.as_ref().is_ok_and(|node| node.path().join("DONE").exists())).count()
}

fn until_done(runs: &Path, count: usize, child: &mut Child) {
    let begin = Instant::now();
    while done(runs) < count && child.try_wait().unwrap().is_none() {
        assert!(begin.elapsed() < Duration::from_secs(600), "{} of {count} nodes", done(runs));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_plan_on_four_machines_gives_the_bytes_of_one_process() {
    let Some(cluster) = real::start("") else { return };
    let (one, four) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    alone(one.path());
    let output = submitter(&cluster, four.path(), &[]).output().unwrap();
    expect_code(&output, 0);
    assert!(done(four.path()) >= 40, "{}", done(four.path()));
    assert_same(one.path(), four.path());
    // Once more: nothing is left, so nothing is submitted.
    let noted = std::fs::read(four.path().join("run/cluster/submissions.jsonl")).unwrap();
    expect_code(&submitter(&cluster, four.path(), &[]).output().unwrap(), 0);
    assert_eq!(std::fs::read(four.path().join("run/cluster/submissions.jsonl")).unwrap(), noted);
}

#[test]
fn a_full_disk_in_one_job_and_a_submitter_killed_cost_nothing() {
    let Some(cluster) = real::start("") else { return };
    let (one, four) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    alone(one.path());
    // The first job that comes by may write no file of more than a kilobyte.
    let once = four.path().join("once");
    let setup = format!("if mkdir '{}' 2>/dev/null; then ulimit -f 1; fi", once.display());
    for killed_at in [0, 6, 20] {
        let mut child =
            submitter(&cluster, four.path(), &["--setup", &setup]).stderr(Stdio::null()).spawn().unwrap();
        until_done(four.path(), killed_at, &mut child);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let output = submitter(&cluster, four.path(), &["--setup", &setup]).output().unwrap();
    expect_code(&output, 0);
    assert!(once.exists());
    assert_same(one.path(), four.path());
}

#[test]
fn what_slurm_would_refuse_is_refused_before_anything_is_submitted() {
    let runs = tempfile::tempdir().unwrap();
    let refused = |command: &mut Command, reason: &str| {
        let output = command.output().unwrap();
        expect_code(&output, 2);
        assert!(stderr(&output).contains(reason), "{}", stderr(&output));
        assert!(!runs.path().join("run/cluster/submissions.jsonl").exists());
    };
    let Some(cluster) = real::start("") else { return };
    refused(submitter(&cluster, runs.path(), &[]).env("PATH", "/nowhere"), "it is not in PATH");
    refused(&mut submitter(&cluster, runs.path(), &["--partition", "fast"]), "there is no partition fast");
    refused(&mut submitter(&cluster, runs.path(), &["--extra", "--array=0-3"]), "slurm.extra");
    refused(&mut submitter(&cluster, runs.path(), &["--cpus", "0"]), "slurm.cpus is 0");
}

/// So many faults, of kinds drawn by a fixed sequence, over as many runs as it takes; `BASIN_SLURM_FAULTS` sets the number. Where
/// the watcher is to leave, it is killed.
#[test]
fn random_faults_end_with_the_bytes_of_an_undisturbed_run() {
    let faults: u64 = std::env::var("BASIN_SLURM_FAULTS").ok().map_or(8, |n| n.parse().unwrap());
    let one = tempfile::tempdir().unwrap();
    alone(one.path());
    let Some(mut cluster) = real::start("") else { return };
    let state = Cell::new(1_u64);
    let draw = |below: u64, _what: &str| {
        state
            .set(state.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
        (state.get() >> 33) % below.max(1)
    };
    let (mut happened, mut runs, mut down) = (0, 0, Vec::new());
    while happened < faults {
        let shared = tempfile::tempdir_in(cluster.folder.path()).unwrap();
        let start = |cluster: &Cluster| {
            let low = ["--partition", "lowr"];
            submitter(cluster, shared.path(), &low).stderr(Stdio::null()).spawn().unwrap()
        };
        let mut child = start(&cluster);
        let begin = Instant::now();
        loop {
            let next = Instant::now() + Duration::from_millis(300 + draw(1500, "wait"));
            while Instant::now() < next && child.try_wait().unwrap().is_none() {
                std::thread::sleep(Duration::from_millis(20));
            }
            if let Some(status) = child.try_wait().unwrap() {
                if status.success() {
                    break;
                }
                // What was given up, after more faults of a kind than are borne, is tried again by the same command.
                child = start(&cluster);
            }
            assert!(begin.elapsed() < Duration::from_secs(600), "run {runs}: {} nodes", done(shared.path()));
            if happened < faults {
                happened += 1;
                let what = real::faults::fault(&mut cluster, &AtomicBool::new(false), &mut down, &draw);
                if what.starts_with("the watcher") {
                    child.kill().unwrap();
                    child.wait().unwrap();
                    child = start(&cluster);
                }
                basin_core::warn(&format!(
                    "run {runs}, fault {happened}: {what}, {} nodes",
                    done(shared.path())
                ));
            } else {
                down.drain(..).for_each(|node| cluster.start_node(node));
            }
        }
        assert_same(one.path(), shared.path());
        runs += 1;
    }
    basin_core::warn(&format!("{happened} faults in {runs} runs"));
}
