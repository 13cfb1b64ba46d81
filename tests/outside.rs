//! Crates outside of this workspace, as a stranger builds and runs them: one with a method and a config key of its own, one
//! with a network in plain candle, one with a data set, one with a measurement.
//!
//! They are compiled into this workspace's folder, with its profile and the versions of its lock file, so that only Basin's
//! own crates are compiled again (cargo keeps those of another workspace apart).

use basin_tests::{TINY, artefacts, basin, expect_code, files, over, stderr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const RUN: &[&str] = &["--methods", "deep,snapshot", "--set", "run.checkpoint_seconds=0"];

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name)
}

/// `cargo run` of the example with a method.
fn cargo_run(arguments: &[&str]) -> Command {
    cargo_run_of("own-method", arguments)
}

/// `cargo run` of an example.
fn cargo_run_of(name: &str, arguments: &[&str]) -> Command {
    let target = basin().parent().and_then(Path::parent).unwrap().to_owned();
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What cargo tells a test about its package: build scripts that look at it would run again.
    let told = std::env::vars_os().map(|(name, _)| name).filter(|name| {
        let name = name.to_string_lossy();
        name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
    });
    for name in told {
        command.env_remove(name);
    }
    command.args(["run", "--release", "--quiet", "--locked", "--manifest-path"]);
    command.arg(example(name).join("Cargo.toml")).env("CARGO_TARGET_DIR", target).arg("--").args(arguments);
    command
}

fn run(arguments: &[&str]) -> Output {
    cargo_run(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The arguments of a tiny run with cycles of so many epochs.
fn tiny<'a>(runs: &'a Path, cycle: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let place = ["reproduce", "--runs", runs.to_str().unwrap(), "--name", "run", "--set", cycle];
    [&place[..], &over(TINY, &[RUN, more].concat())].concat()
}

fn nodes(run: &Path, prefix: &str) -> Vec<String> {
    let entries = std::fs::read_dir(run.join("nodes")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.starts_with(prefix)).collect();
    names.sort();
    names
}

#[test]
fn its_main_is_short_and_its_key_is_a_key_like_others() {
    let main = std::fs::read_to_string(example("own-method").join("src/main.rs")).unwrap();
    assert!(main.lines().count() <= 15, "{main}");
    let keys = run(&["keys"]);
    expect_code(&keys, 0);
    let told = "snapshot.cycle\n    length of a cycle of the learning rate; 0 = that of one member's training; \
                a whole number in 0 to 1000000; default \"0\" [epochs]\n";
    for told in [told, "ensemble.members (also M)\n"] {
        assert!(stdout(&keys).contains(told), "{told} in {}", stdout(&keys));
    }
    let folder = tempfile::tempdir().unwrap();
    let refused = run(&tiny(folder.path(), "snapshot.cycle=two", &["--set", "snapshot.cycles=2"]));
    expect_code(&refused, 2);
    let messages = [
        "snapshot.cycle is two, expected a whole number in 0 to 1000000",
        "unknown key snapshot.cycles; did you mean snapshot.cycle?",
    ];
    for message in messages {
        assert!(stderr(&refused).contains(message), "{message} in {}", stderr(&refused));
    }
    let unknown = run(&["reproduce", "--methods", "snapshots", "--dry-run"]);
    expect_code(&unknown, 2);
    assert!(stderr(&unknown).contains("averaged, snapshot"), "{}", stderr(&unknown));
}

#[test]
fn a_dry_run_prices_its_method_by_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let priced = run(&tiny(folder.path(), "snapshot.cycle=2", &["--dry-run"]));
    expect_code(&priced, 0);
    for name in ["deep-1", "snapshot-1", "snapshot-2"] {
        assert!(stdout(&priced).contains(name), "{name} in {}", stdout(&priced));
    }
    // Two members of 3 epochs, then two cycles of 2 or 4.
    for (cycle, epochs) in [("snapshot.cycle=2", "10 epochs"), ("snapshot.cycle=4", "14 epochs")] {
        let priced = run(&tiny(folder.path(), cycle, &["--dry-run"]));
        assert!(stdout(&priced).contains(epochs), "{epochs} in {}", stdout(&priced));
    }
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "a dry run writes nothing");
}

#[test]
fn its_run_is_resumed_reported_and_named_by_its_key() {
    let (whole, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    expect_code(&run(&tiny(whole.path(), "snapshot.cycle=2", &[])), 0);
    let dir = whole.path().join("run");

    // Killed in the middle of the second cycle, and started again.
    let mut child = cargo_run(&tiny(killed.path(), "snapshot.cycle=2", &[]));
    let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let node = |name: &str| killed.path().join("run/nodes").join(name);
    let second = nodes(&dir, "s0-snapshot-2.").swap_remove(0);
    let begun = Instant::now();
    while !node(&second).exists() {
        assert!(begun.elapsed() < Duration::from_secs(600), "the second cycle does not begin");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!node(&second).join("DONE").exists(), "killed too late to show anything");
    expect_code(&run(&tiny(killed.path(), "snapshot.cycle=2", &[])), 0);
    let (a, b) = (artefacts(&dir), artefacts(&killed.path().join("run")));
    let names = |files: &[(PathBuf, Vec<u8>)]| files.iter().map(|f| f.0.clone()).collect::<Vec<_>>();
    assert_eq!(names(&a), names(&b));
    for (x, y) in a.iter().zip(&b) {
        assert!(x == y, "{} differs", x.0.display());
    }

    let read = |file: &str| std::fs::read_to_string(dir.join(file)).unwrap();
    assert!(read("config.resolved.toml").contains("[snapshot]\ncycle = 2 # command line\n"));
    assert!(read("results.csv").contains(",snapshot,"), "{}", read("results.csv"));
    for told in ["Snapshot Ensembles: Train 1, Get M for Free", "snapshot.cycle"] {
        assert!(read("report/index.html").contains(told), "{told}");
    }
    // The report again, by the same program; Basin without the method still reads its results.
    let page = read("report/index.html");
    expect_code(&run(&["report", dir.to_str().unwrap()]), 0);
    assert!(read("report/index.html") == page);
    let plain = Command::new(basin()).args(["report", dir.to_str().unwrap()]).output().unwrap();
    expect_code(&plain, 0);

    // Another value trains other snapshots and no deep member anew.
    let (deep, snapshots) = (nodes(&dir, "s0-deep-"), nodes(&dir, "s0-snapshot-"));
    expect_code(&run(&tiny(whole.path(), "snapshot.cycle=1", &[])), 0);
    assert_eq!(nodes(&dir, "s0-deep-"), deep);
    assert_eq!((snapshots.len(), nodes(&dir, "s0-snapshot-").len()), (2, 4));
}

/// Methods of every kind: trained alone, from a common start, permuted, averaged over the run, taught.
const OF_ALL_KINDS: &str = "deep,constrained,permuted,swe,distilled";

#[test]
fn a_network_in_plain_candle_gets_the_table_of_all_methods() {
    let main = std::fs::read_to_string(example("own-network").join("src/main.rs")).unwrap();
    assert!(main.lines().count() <= 15, "{main}");
    let (whole, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let arguments = |runs: &Path| -> Vec<String> {
        let place = ["reproduce", "--runs", runs.to_str().unwrap(), "--name", "run", "--model", "own"];
        let methods = ["--methods", OF_ALL_KINDS, "--set", "run.checkpoint_seconds=0"];
        let all = [&place[..], &over(TINY, &methods)].concat();
        all.into_iter().map(str::to_owned).collect()
    };
    let own = |runs: &Path, more: &[&str]| {
        let arguments = arguments(runs);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(more.iter().copied()).collect();
        cargo_run_of("own-network", &arguments)
    };
    let output = own(whole.path(), &[]).output().unwrap();
    expect_code(&output, 0);
    for name in ["Deep Ens.", "Con. Ens.", "Perm. Ens.", "Dist. Ens."] {
        assert!(stdout(&output).contains(name), "{name} in {}", stdout(&output));
    }
    // Killed at some moment, and started again: the same files.
    let mut child = own(killed.path(), &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let nodes = killed.path().join("run/nodes");
    let begun = Instant::now();
    while std::fs::read_dir(&nodes).map_or(0, Iterator::count) < 3 {
        assert!(begun.elapsed() < Duration::from_secs(600), "nothing begins");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    expect_code(&own(killed.path(), &[]).output().unwrap(), 0);
    let (a, b) = (artefacts(&whole.path().join("run")), artefacts(&killed.path().join("run")));
    assert_eq!(a.len(), b.len());
    for (x, y) in a.iter().zip(&b) {
        assert!(x == y, "{} and {}", x.0.display(), y.0.display());
    }
    // What candle does not do is refused before anything is trained.
    let refused = own(whole.path(), &["--set", "metrics.repair_images=20", "--dry-run"]).output().unwrap();
    expect_code(&refused, 2);
    assert!(stderr(&refused).contains("not seen by REPAIR"), "{}", stderr(&refused));
    let unknown = Command::new(basin()).args(["reproduce", "--model", "own", "--dry-run"]).output().unwrap();
    expect_code(&unknown, 2);
}

#[test]
fn a_data_set_of_somebodys_own_is_one_like_others() {
    let folder = tempfile::tempdir().unwrap();
    let place = ["reproduce", "--runs", folder.path().to_str().unwrap(), "--name", "run"];
    let all = [&place[..], &over(TINY, &["--dataset", "stripes", "--methods", "deep"])].concat();
    expect_code(&cargo_run_of("own-data", &all).output().unwrap(), 0);
    let read = |file: &str| std::fs::read_to_string(folder.path().join("run").join(file)).unwrap();
    assert!(read("config.resolved.toml").contains("dataset = \"stripes\" # command line\n"));
    assert!(read("results.csv").contains(",stripes,"), "{}", read("results.csv"));
    // Basin without it does not know it.
    let plain =
        Command::new(basin()).args(["reproduce", "--dataset", "stripes", "--dry-run"]).output().unwrap();
    expect_code(&plain, 2);
    let fetched = cargo_run_of("own-data", &["fetch", "stripes", "--dir", "x"]).output().unwrap();
    expect_code(&fetched, 2);
    assert!(stderr(&fetched).contains("cannot be fetched, expected one of cifar10"), "{}", stderr(&fetched));
}

#[test]
fn a_measurement_of_somebodys_own_is_added_to_a_finished_run() {
    let folder = tempfile::tempdir().unwrap();
    let place = ["reproduce", "--runs", folder.path().to_str().unwrap(), "--name", "run"];
    let all = [&place[..], &over(TINY, &["--methods", "deep"])].concat();
    expect_code(&Command::new(basin()).args(&all).output().unwrap(), 0);
    let dir = folder.path().join("run");
    let before = nodes(&dir, "s0-");
    expect_code(&cargo_run_of("own-probe", &all).output().unwrap(), 0);
    // Nothing else is done again.
    only_entropy_is_new(&dir, &before);
    let csv = std::fs::read_to_string(dir.join("results.csv")).unwrap();
    let value = |metric: &str| -> f64 {
        let line = csv.lines().find(|line| line.contains(metric)).unwrap();
        line.rsplit(',').next().unwrap().parse().unwrap()
    };
    let (whole, shared) = (value("predictive-entropy"), value("mutual-information"));
    assert!(0.0 < shared && shared < whole && whole <= 10f64.ln(), "{shared} of {whole}");
}

/// All nodes of a run but for one were there before.
fn only_entropy_is_new(run: &Path, before: &[String]) {
    let added: Vec<String> = nodes(run, "s0-").into_iter().filter(|name| !before.contains(name)).collect();
    assert!(added.len() == 1 && added[0].starts_with("s0-entropy-deep."), "{added:?}");
}

/// Sealed work of a build that did not know the metric is taken as it is.
#[test]
fn a_run_of_an_earlier_build_gets_a_measurement_and_keeps_every_byte_of_its_nodes() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/finished-run");
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("run");
    let earlier = files(&fixture);
    for (path, bytes) in &earlier {
        let path = dir.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let before = nodes(&dir, "s0-");
    assert_eq!(before.len(), 9);
    let place = ["reproduce", "--runs", folder.path().to_str().unwrap(), "--name", "run"];
    let all = [&place[..], &over(TINY, &["--methods", "deep"])].concat();
    expect_code(&cargo_run_of("own-probe", &all).output().unwrap(), 0);
    only_entropy_is_new(&dir, &before);
    for (path, bytes) in earlier.iter().filter(|(path, _)| path.starts_with("nodes")) {
        assert!(std::fs::read(dir.join(path)).unwrap() == *bytes, "{}", path.display());
    }
    let read = |folder: &Path| std::fs::read_to_string(folder.join("results.csv")).unwrap();
    let (now, then) = (read(&dir), read(&fixture));
    assert!(then.lines().all(|line| now.lines().any(|other| other == line)), "{then} in {now}");
    assert!(now.contains("predictive-entropy") && !then.contains("predictive-entropy"));
}
