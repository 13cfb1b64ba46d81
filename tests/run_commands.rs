//! Commands on a run that is there: where it stands, whether it is what was written.

use crate::{artefacts, expect_code, run, stderr, tiny};
use std::path::{Path, PathBuf};

fn stdout(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn node(run: &Path, prefix: &str) -> PathBuf {
    let nodes = std::fs::read_dir(run.join("nodes")).unwrap().map(|entry| entry.unwrap().path());
    let named = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(prefix);
    let mut found: Vec<PathBuf> = nodes.filter(named).collect();
    found.sort();
    found.swap_remove(0)
}

/// Turns one bit of a file.
fn flip(file: &Path) {
    let mut bytes = std::fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(file, bytes).unwrap();
}

#[test]
fn a_flipped_bit_in_any_file_of_a_finished_node_is_found_and_repaired() {
    let folder = tempfile::tempdir().unwrap();
    expect_code(&tiny(folder.path(), &["--methods", "deep,constrained"]), 0);
    let dir = folder.path().join("run");
    let path = dir.to_str().unwrap();
    let results = std::fs::read(dir.join("results.csv")).unwrap();
    let whole = run(&["verify", path]);
    expect_code(&whole, 0);
    assert!(stdout(&whole).contains("0 unfinished, 0 damaged"), "{}", stdout(&whole));

    let damaged = [
        ("s0-deep-1.", "final.safetensors"),
        ("s0-deep-1.", "moments.safetensors"),
        ("s0-deep-1.", "metrics.jsonl"),
        ("s0-deep-2.", "node.toml"),
        ("s0-performance-deep.", "record.safetensors"),
        ("s0-joint-connectivity-constrained.", "DONE"),
    ];
    let mut nodes: Vec<PathBuf> = Vec::new();
    for (prefix, file) in damaged {
        let dir = node(&dir, prefix);
        flip(&dir.join(file));
        nodes.push(dir);
    }
    nodes.sort();
    nodes.dedup();
    let found = run(&["verify", path]);
    expect_code(&found, 8);
    for dir in &nodes {
        let name = dir.file_name().unwrap().to_str().unwrap();
        assert!(stdout(&found).contains(&format!("damaged {name}")), "{name} in {}", stdout(&found));
    }
    for (_, file) in damaged {
        assert!(stdout(&found).contains(file), "{file} in {}", stdout(&found));
    }
    // Nothing damaged goes into a result: the run itself stops and names the node.
    let refused = tiny(folder.path(), &["--methods", "deep,constrained"]);
    expect_code(&refused, 8);
    assert!(
        stderr(&refused).contains("s0-joint-connectivity-constrained.")
            && stderr(&refused).contains("--repair")
    );
    // A seal that is off is not put on again by chance: what a file holds is checked when it is read.
    let marker = node(&dir, "s0-joint-connectivity-constrained.").join("DONE");
    let broken = std::fs::read(&marker).unwrap();
    flip(&marker);
    let refused = tiny(folder.path(), &["--methods", "deep,constrained"]);
    expect_code(&refused, 8);
    assert!(stderr(&refused).contains("not what was written"), "{}", stderr(&refused));
    std::fs::write(&marker, broken).unwrap();

    expect_code(&run(&["verify", path, "--repair"]), 0);
    expect_code(&tiny(folder.path(), &["--methods", "deep,constrained"]), 0);
    assert!(std::fs::read(dir.join("results.csv")).unwrap() == results);
    expect_code(&run(&["verify", path]), 0);
}

/// Damage that a seal and sizes show is told before any work, by the dry run too, and mended only when asked.
#[test]
fn a_done_that_cannot_be_right_is_told_with_its_node_and_not_written_over_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let methods = ["--methods", "deep"];
    expect_code(&tiny(folder.path(), &methods), 0);
    let dir = folder.path().join("run");
    let path = dir.to_str().unwrap();
    let before = artefacts(&dir);
    let [first, second] = ["s0-deep-1.", "s0-deep-2."].map(|prefix| node(&dir, prefix));
    let name = |node: &Path| node.file_name().unwrap().to_str().unwrap().to_owned();
    for (done, words) in [
        ("{\"format\":1,\"files\":{}}", "DONE lists no files"),
        ("{\"format\":7,\"tree\":[]}", "DONE has format 7, expected 1: another build wrote it"),
        ("", "DONE cannot be read"),
    ] {
        std::fs::write(first.join("DONE"), done).unwrap();
        std::fs::remove_file(second.join("moments.safetensors")).ok();
        for refused in
            [tiny(folder.path(), &methods), tiny(folder.path(), &["--methods", "deep", "--dry-run"])]
        {
            expect_code(&refused, 8);
            for words in [&name(&first), words, &name(&second), "moments.safetensors is missing", "--repair"]
            {
                assert!(stderr(&refused).contains(words), "{words} in {}", stderr(&refused));
            }
        }
        let standing = run(&["status", path]);
        expect_code(&standing, 0);
        assert!(
            stdout(&standing).contains(&format!("deep-1 of seed 0: damaged: {words}")),
            "{}",
            stdout(&standing)
        );
        assert_eq!(std::fs::read_to_string(first.join("DONE")).unwrap(), done, "it was written over");
    }
    expect_code(&run(&["verify", path, "--repair"]), 0);
    expect_code(&tiny(folder.path(), &methods), 0);
    assert!(artefacts(&dir) == before);
}

#[test]
fn the_report_tells_when_every_file_was_last_checked() {
    let folder = tempfile::tempdir().unwrap();
    expect_code(&tiny(folder.path(), &["--methods", "deep"]), 0);
    let dir = folder.path().join("run");
    let path = dir.to_str().unwrap();
    let before = artefacts(&dir);
    let told = || std::fs::read_to_string(dir.join("report/timing.html")).unwrap();
    assert!(told().contains("never; basin verify"), "{}", told());
    expect_code(&run(&["verify", path]), 0);
    assert!(told().contains("nodes whole, 0 unfinished, 0 damaged"), "{}", told());
    assert!(stdout(&run(&["status", path])).contains("every file last checked 20"));
    // Neither the run's command nor its report loses that.
    expect_code(&tiny(folder.path(), &["--methods", "deep"]), 0);
    expect_code(&run(&["report", path]), 0);
    assert!(told().contains("0 damaged"), "{}", told());
    flip(&node(&dir, "s0-deep-1.").join("final.safetensors"));
    expect_code(&run(&["verify", path]), 8);
    assert!(told().contains("1 damaged"), "{}", told());
    flip(&node(&dir, "s0-deep-1.").join("final.safetensors"));
    assert!(artefacts(&dir) == before, "to look changes no result");
}

/// Results are not a node, and what is read from them is checked all the same.
#[test]
fn a_changed_number_in_the_results_is_seen_by_whoever_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    expect_code(&tiny(folder.path(), &["--methods", "deep"]), 0);
    let dir = folder.path().join("run");
    let path = dir.to_str().unwrap();
    let before = artefacts(&dir);
    let file = dir.join("results.json");
    let written = std::fs::read_to_string(&file).unwrap();
    let at = written.find("\"ensemble-accuracy\": 0.").unwrap() + "\"ensemble-accuracy\": 0.".len();
    let digit = if written.as_bytes()[at] == b'9' { "8" } else { "9" };
    std::fs::write(&file, [&written[..at], digit, &written[at + 1..]].concat()).unwrap();
    for (command, code) in [
        (&["report", path][..], 3),
        (&["compare", path, path], 3),
        (&["export", path, "--to", "model-card"], 3),
        (&["verify", path], 8),
    ] {
        let refused = run(command);
        expect_code(&refused, code);
        let said = stdout(&refused) + &stderr(&refused);
        assert!(
            said.contains("results.json") && said.contains("not what was written"),
            "{command:?}: {said}"
        );
    }
    // The nodes still know the numbers.
    expect_code(&tiny(folder.path(), &["--methods", "deep"]), 0);
    assert!(artefacts(&dir) == before);
    expect_code(&run(&["verify", path]), 0);
}

/// Whoever uses a network of a run uses what was trained.
#[test]
fn a_flipped_weight_is_seen_by_prediction_and_import() {
    let folder = tempfile::tempdir().unwrap();
    expect_code(&tiny(folder.path(), &["--methods", "deep"]), 0);
    let dir = folder.path().join("run");
    let weights = node(&dir, "s0-deep-1.").join("final.safetensors");
    let out = folder.path().join("out.safetensors");
    let predict = |weights: &Path| {
        let (weights, out) = (weights.to_str().unwrap(), out.to_str().unwrap());
        run(&["predict", "--checkpoint", weights, "--width", "0.25", "--dataset", "synthetic", "--out", out])
    };
    expect_code(&predict(&weights), 0);
    std::fs::remove_file(&out).unwrap();
    flip(&weights);
    let mut ways = vec![weights.clone()];
    #[cfg(unix)]
    {
        let link = folder.path().join("link.safetensors");
        std::os::unix::fs::symlink(&weights, &link).unwrap();
        ways.push(link);
    }
    for way in &ways {
        let refused = predict(way);
        expect_code(&refused, 8);
        assert!(stderr(&refused).contains("is not what was written"), "{}", stderr(&refused));
        assert!(!out.exists());
    }
    let imports = format!("ensemble.imports={0},{0}", weights.display());
    let refused = tiny(folder.path(), &["--methods", "imported", "--set", &imports]);
    expect_code(&refused, 8);
    assert!(stderr(&refused).contains("is not what was written"), "{}", stderr(&refused));
}

/// Started again under its name with other settings, a run says what differs; what was there stays.
#[test]
fn a_restart_with_other_settings_says_what_differs() {
    let folder = tempfile::tempdir().unwrap();
    expect_code(&tiny(folder.path(), &["--methods", "deep"]), 0);
    let nodes = || std::fs::read_dir(folder.path().join("run/nodes")).unwrap().count();
    let before = nodes();
    let again = tiny(folder.path(), &["--methods", "deep"]);
    assert!(!stderr(&again).contains("other settings"), "{}", stderr(&again));
    let other = tiny(folder.path(), &["--methods", "deep", "--set", "lr=0.03"]);
    expect_code(&other, 0);
    let told = stderr(&other);
    assert!(
        told.contains("last started with other settings") && told.contains("train.peak_lr was 0.05, is 0.03"),
        "{told}"
    );
    assert_eq!(
        told.lines().filter(|line| line.starts_with("  ") && line.contains(" was ")).count(),
        1,
        "{told}"
    );
    assert!(nodes() > before, "work of the earlier settings is kept beside");
}

/// Each node notes where it was computed, and a report whose work was done in two ways says so.
#[test]
fn work_on_two_instruction_sets_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let on = |isa: Option<&str>, methods: &str| {
        let mut command = std::process::Command::new(basin_tests::basin());
        isa.map(|isa| command.env("BASIN_ISA", isa));
        let runs = folder.path().to_str().unwrap();
        command.args(["reproduce", "--runs", runs, "--name", "run"]).args(basin_tests::TINY);
        let output = command.args(["--methods", methods]).output().unwrap();
        expect_code(&output, 0);
        output
    };
    let dir = folder.path().join("run");
    let read = |file: &str| std::fs::read_to_string(dir.join(file)).unwrap();
    let alone = on(Some("portable"), "deep");
    assert!(
        !stderr(&alone).contains("one environment") && !read("report/tables.md").contains("one environment")
    );
    let noted = std::fs::read_to_string(node(&dir, "s0-deep-1.").join("environment.json")).unwrap();
    assert!(noted.contains("\"instruction_set\": \"Portable\"") && noted.contains("\"build\""), "{noted}");
    let own = on(None, "deep,constrained");
    let here = std::fs::read_to_string(node(&dir, "s0-constrained-1.").join("environment.json")).unwrap();
    if here.contains("\"instruction_set\": \"Portable\"") {
        // This machine has no other.
        return;
    }
    for text in [stderr(&own), read("report/tables.md"), read("report/index.html")] {
        assert!(text.contains("not all done in one environment (instruction set"), "{text}");
        assert!(text.contains("Portable"), "{text}");
    }
    assert!(read("results.json").contains("\"computed_by\""));
}

/// Whatever happened to what is only history, a finished run has its report.
#[test]
fn history_that_cannot_be_read_is_noted_and_stops_no_report() {
    let folder = tempfile::tempdir().unwrap();
    expect_code(&tiny(folder.path(), &["--methods", "deep"]), 0);
    let dir = folder.path().join("run");
    let before = artefacts(&dir);
    let journal = dir.join("journal.jsonl");
    for bad in [&b"\n"[..], b"{}\n", b"\xff\xfe\n", b"{\"seconds\":\"many\"}\n", b"[]\n", b"{\"event\":"] {
        let bytes = [bad, &std::fs::read(&journal).unwrap(), bad].concat();
        std::fs::write(&journal, bytes).unwrap();
        expect_code(&tiny(folder.path(), &["--methods", "deep"]), 0);
    }
    let noted = tiny(folder.path(), &["--methods", "deep"]);
    assert!(stderr(&noted).contains("journal.jsonl line 1 passed over"), "{}", stderr(&noted));
    // Not even a folder in its place does.
    std::fs::remove_file(&journal).unwrap();
    std::fs::create_dir(&journal).unwrap();
    let noted = tiny(folder.path(), &["--methods", "deep"]);
    expect_code(&noted, 0);
    assert!(stderr(&noted).contains("no history is told"), "{}", stderr(&noted));
    assert!(artefacts(&dir) == before);
    // Nor does a file of times that is none.
    std::fs::write(dir.join("timing.json"), "soon").unwrap();
    let noted = run(&["report", dir.to_str().unwrap()]);
    expect_code(&noted, 0);
    assert!(stderr(&noted).contains("timing.json passed over"), "{}", stderr(&noted));
    assert!(artefacts(&dir) == before);
}

#[test]
fn where_a_run_stands_is_told_from_its_own_files() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("run");
    let path = dir.to_str().unwrap();
    let absent = run(&["status", path]);
    expect_code(&absent, 8);
    assert!(stderr(&absent).contains("there is no run at"), "{}", stderr(&absent));
    assert!(!dir.exists(), "looking at a run creates none");

    expect_code(&tiny(folder.path(), &["--methods", "deep", "--set", "lr=1e30"]), 6);
    let failed = run(&["status", path]);
    expect_code(&failed, 0);
    assert!(stdout(&failed).contains("deep-1 of seed 0: failed: "), "{}", stdout(&failed));

    expect_code(&tiny(folder.path(), &["--methods", "deep"]), 0);
    let done = run(&["status", path]);
    expect_code(&done, 0);
    for line in ["train          2 of 2 done", "probe          5 of 5 done"] {
        assert!(stdout(&done).contains(line), "{line} in {}", stdout(&done));
    }
    // A bad line of history is told and stops nothing.
    let journal = dir.join("journal.jsonl");
    let bytes = [b"\xff bad\n", &std::fs::read(&journal).unwrap()[..]].concat();
    std::fs::write(&journal, bytes).unwrap();
    let noted = run(&["status", path]);
    expect_code(&noted, 0);
    assert!(stdout(&noted).contains("line 1 passed over"), "{}", stdout(&noted));
    expect_code(&tiny(folder.path(), &["--methods", "deep"]), 0);
}
