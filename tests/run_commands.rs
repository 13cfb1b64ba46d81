//! Commands on a run that is there: where it stands, whether it is what was written.

use crate::{expect_code, run, stderr, tiny};
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
    assert!(stderr(&refused).contains("not what was written"), "{}", stderr(&refused));

    expect_code(&run(&["verify", path, "--repair"]), 0);
    expect_code(&tiny(folder.path(), &["--methods", "deep,constrained"]), 0);
    assert!(std::fs::read(dir.join("results.csv")).unwrap() == results);
    expect_code(&run(&["verify", path]), 0);
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
