//! The page on clusters: GNU parallel carries out a plan as it says there, and all its commands exist.
//!
//! Skipped, with a line that says so, where GNU parallel is not installed; an error there with `BASIN_REQUIRE_PARALLEL`.

use crate::workers::{assert_same, events, plan};
use crate::{basin, expect_code, run, stderr, tiny};
use std::path::{Path, PathBuf};
use std::process::Command;

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cluster.md")).unwrap()
}

/// The fenced blocks of a page, each with the word behind its fence.
fn blocks(page: &str) -> Vec<(String, String)> {
    let parts: Vec<&str> = page.split("```").collect();
    let fenced = parts.chunks(2).filter_map(|pair| pair.get(1));
    fenced
        .map(|block| {
            let (language, text) = block.split_once('\n').unwrap();
            (language.to_owned(), text.replace("\\\n", " "))
        })
        .collect()
}

/// The path with the binary's folder first.
fn path() -> std::ffi::OsString {
    let folders = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect::<Vec<_>>();
    let own = basin().parent().unwrap().to_owned();
    std::env::join_paths([own].into_iter().chain(folders)).unwrap()
}

#[cfg(unix)]
#[test]
fn gnu_parallel_carries_out_a_plan_in_rounds_to_the_bytes_of_one_process() {
    if !Command::new("parallel").arg("--version").output().is_ok_and(|told| told.status.success()) {
        assert!(std::env::var_os("BASIN_REQUIRE_PARALLEL").is_none(), "GNU parallel is not installed");
        basin_core::warn("skipped: GNU parallel is not installed (parallel)");
        return;
    }
    let (alone, shared) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let settings = ["--methods", "deep,constrained"];
    expect_code(&tiny(alone.path(), &settings), 0);
    expect_code(&plan(shared.path(), &settings), 75);
    let folder = shared.path().join("run");
    let (_, example) =
        blocks(&page()).into_iter().find(|(_, text)| text.contains("\n    parallel ")).unwrap();
    // The rounds as they stand on the page; what is planned and reported is this test's.
    let begins = example.find("while ").unwrap();
    let rounds = &example[begins..example.rfind("basin reproduce").unwrap()];
    let here = rounds.replace("runs/quick", "run").replace("--jobs 8", "--jobs 2");
    assert_ne!(here, rounds);
    let done = Command::new("sh")
        .args(["-c", &here])
        .current_dir(shared.path())
        .env("PATH", path())
        .env("HOME", shared.path())
        .output()
        .unwrap();
    expect_code(&done, 0);
    let left = run(&["commands", folder.to_str().unwrap()]);
    expect_code(&left, 0);
    assert!(left.stdout.is_empty(), "{left:?}");
    let begun = events(&folder, "start");
    assert!(begun.values().all(|&times| times == 1), "{begun:?}");
    assert_eq!(begun.len(), std::fs::read_dir(folder.join("nodes")).unwrap().count());
    // Several at a time, each a process of its own with a journal of its own.
    assert!(std::fs::read_dir(folder.join("journals")).unwrap().count() > 2);
    expect_code(&plan(shared.path(), &settings), 0);
    assert_same(&alone.path().join("run"), &folder);
}

/// What follows `basin` in a line of shell, or in the arguments of a container, up to where another command begins.
fn calls(line: &str) -> Vec<Vec<String>> {
    let line = line.split(" # ").next().unwrap_or(line);
    let line = match line.trim().strip_prefix("args: [") {
        Some(arguments) => format!("basin {}", arguments.replace([',', ']'], " ")),
        None => line.to_owned(),
    };
    let words: Vec<String> = line.split_whitespace().map(|word| word.trim_matches('`').to_owned()).collect();
    let starts = words.iter().enumerate().filter(|(_, word)| ["basin", "basin.sif"].contains(&word.as_str()));
    let end = |word: &String| ["|", "||", "&&", ";", ">", "<"].contains(&word.as_str());
    starts
        .map(|(at, _)| words[at + 1..].iter().take_while(|word| !end(word)).cloned().collect::<Vec<_>>())
        .filter(|call: &Vec<String>| call.first().is_some_and(|word| word.chars().all(char::is_lowercase)))
        .collect()
}

#[test]
fn all_commands_and_flags_of_the_page_exist() {
    let keys = String::from_utf8(run(&["keys"]).stdout).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    let text = page();
    for call in blocks(&text).iter().flat_map(|(_, block)| block.lines()).flat_map(calls) {
        let help = run(&[call[0].as_str(), "--help"]);
        // The program's own lines in a list of containers' commands have other neighbours.
        assert!(help.status.success(), "{call:?}: {}", stderr(&help));
        let help = String::from_utf8(help.stdout).unwrap();
        for flag in call.iter().filter(|word| word.starts_with("--")) {
            assert!(help.contains(flag.as_str()), "{flag} in {call:?}");
        }
        for setting in call.windows(2).filter(|pair| pair[0] == "--set") {
            let key = setting[1].split('=').next().unwrap();
            assert!(keys.contains(key), "{key} in {call:?}");
        }
        seen.insert(call[0].clone());
    }
    let expected = ["commands", "gather", "reproduce", "status", "work"];
    assert!(expected.iter().all(|command| seen.contains(*command)), "{seen:?}");
    for key in text.split('`').filter(|word| word.starts_with("slurm.") || word.starts_with("run.")) {
        assert!(keys.contains(key), "{key}");
    }
}

#[test]
fn files_that_the_page_names_are_there() {
    let docs: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let text = page();
    let links: Vec<&str> = text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()).collect();
    assert!(links.len() >= 2, "{links:?}");
    links.iter().for_each(|link| assert!(docs.join(link).exists(), "{link}"));
}
