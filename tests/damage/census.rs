//! Every kind of file that a run leaves, flipped and cut at every kind of place: it is found, or put right, or harmless; never
//! other numbers.

use crate::{Begun, copy, difference, on_all_cores, small, told};
use basin_core::warn;
use basin_tests::{artefacts, basin, files};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What is done to a file.
#[derive(Clone, Copy, Debug)]
enum Change {
    /// A bit of the byte at this place turns over.
    Flip(usize),
    /// The file ends here.
    Cut(usize),
    /// A byte more stands at the end.
    Longer,
}

impl Change {
    /// Flips and cuts at the first byte, in a header, in the middle, at the last byte, and at so many places all over.
    fn all(len: usize, places: usize) -> Vec<Self> {
        let mut places: Vec<usize> = (0..places).map(|part| part * len / places).collect();
        places.extend([0, 8, len / 2, len.saturating_sub(1)]);
        places.retain(|place| *place < len);
        places.sort_unstable();
        places.dedup();
        let cuts = places.iter().map(|place| Self::Cut(*place));
        places.iter().map(|place| Self::Flip(*place)).chain(cuts).chain([Self::Longer]).collect()
    }

    /// One flip, one cut.
    fn few(len: usize) -> Vec<Self> {
        if len < 2 { Vec::new() } else { vec![Self::Flip(len / 3), Self::Cut(len - 2)] }
    }

    fn apply(self, bytes: &mut Vec<u8>) {
        match self {
            Self::Flip(place) => bytes[place] ^= 1 << (place % 7),
            Self::Cut(place) => bytes.truncate(place),
            Self::Longer => bytes.push(b'7'),
        }
    }
}

/// A run, and what to change in it.
struct Case<'a> {
    start: &'a Path,
    file: &'a Path,
    change: Change,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// A command named it and stopped.
    Found,
    /// The run's command wrote what had been there.
    PutRight,
}

impl Case<'_> {
    /// The run with the change.
    fn damaged(&self) -> tempfile::TempDir {
        let runs = tempfile::tempdir().unwrap();
        copy(self.start, runs.path());
        let path = runs.path().join(self.file);
        let mut bytes = std::fs::read(&path).unwrap();
        self.change.apply(&mut bytes);
        std::fs::write(path, bytes).unwrap();
        runs
    }

    /// Whether a command stopped and said what file, or the node that it belongs to.
    fn names_it(&self, output: &Output) -> bool {
        let said = format!("{}{}", told(output), String::from_utf8_lossy(&output.stdout));
        let mut names = self.file.iter().rev().take(2).filter_map(|name| name.to_str());
        matches!(output.status.code(), Some(3 | 8)) && names.any(|name| said.contains(name))
    }

    /// What all commands make of the change, where `whole` is right.
    fn outcome(&self, whole: &[(PathBuf, Vec<u8>)], more: &[&str]) -> Result<Fate, String> {
        let wrong = |what: &str, output: &Output| {
            Err(format!("{} {:?}, {what}: {}", self.file.display(), self.change, told(output)))
        };
        let runs = self.damaged();
        let command = |name: &str, arguments: &[&str]| {
            Command::new(basin()).arg(name).arg(runs.path().join("run")).args(arguments).output().unwrap()
        };
        let status = command("status", &[]);
        if status.status.code() != Some(0) && !self.names_it(&status) {
            return wrong("status", &status);
        }
        let verify = command("verify", &[]);
        let found = self.names_it(&verify);
        if verify.status.code() != Some(0) && !found {
            return wrong("verify", &verify);
        }
        // Told again, nothing differs but what was changed, where that is not part of the report. Of nodes it reads nothing.
        if whole_here(self.start) && !self.is_of_a_node() {
            let report = command("report", &[]);
            let mut now = artefacts(runs.path());
            now.retain(|(path, _)| path != self.file || path.iter().any(|part| part == "report"));
            let differs = now.iter().find(|file| !whole.contains(file));
            match (report.status.code(), differs) {
                (Some(0), None) => {}
                (Some(0), Some((path, _))) => {
                    return wrong(&format!("report, and {} differs", path.display()), &report);
                }
                _ if self.names_it(&report) => {}
                _ => return wrong("report", &report),
            }
        }
        let again = || small(runs.path(), more).output().unwrap();
        let mut last = again();
        let stopped = self.names_it(&last);
        if stopped || found {
            let repaired = command("verify", &["--repair"]);
            if repaired.status.code() != Some(0) {
                return wrong("verify --repair", &repaired);
            }
            last = again();
        }
        if last.status.code() != Some(0) {
            return wrong("the run's command", &last);
        }
        let mut now = artefacts(runs.path());
        // A DONE without its last line's end says what it said.
        if self.file.ends_with("DONE") && matches!(self.change, Change::Cut(_)) && !found {
            now.iter_mut().filter(|(path, _)| path == self.file).for_each(|(_, bytes)| bytes.push(b'\n'));
        }
        match difference(&now, whole) {
            Some(file) => wrong(&format!("{file} is not what it should be"), &last),
            None if stopped || found => Ok(Fate::Found),
            None => Ok(Fate::PutRight),
        }
    }

    fn is_of_a_node(&self) -> bool {
        self.file.iter().nth(1).is_some_and(|folder| folder == "nodes")
    }
}

/// Whether a run came to its end.
fn whole_here(runs: &Path) -> bool {
    runs.join("run/results.json").exists()
}

/// Files of one kind have one name here: what they are called in a node, where they stand in a report.
fn kind(path: &Path) -> String {
    let name = path.file_name().unwrap().to_str().unwrap();
    let (_, extension) = name.rsplit_once('.').unwrap_or(("", name));
    let place = path.iter().nth(1).unwrap().to_str().unwrap();
    match place {
        "report" => format!("report: {extension}"),
        "nodes" if name.starts_with("state-") => format!("node: state.{extension}"),
        "nodes" => format!("node: {name}"),
        _ => format!("run: {name}"),
    }
}

/// Tries changes of so many files of each kind, and says what became of them.
fn census(more: &[&str], files_of_a_kind: usize, changes: impl Fn(usize) -> Vec<Change>) {
    let begun = Begun::new(more);
    let whole = artefacts(begun.finished.path());
    let mut cases: Vec<(&str, Case<'_>)> = Vec::new();
    let starts = [("finished", begun.finished.path()), ("killed", begun.half.path())];
    let found = starts.map(|(name, start)| (name, start, files(start)));
    let mut taken: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for &(name, start, ref files) in &found {
        for (file, bytes) in files {
            let count = taken.entry((name, kind(file))).or_default();
            *count += 1;
            if *count <= files_of_a_kind {
                cases.extend(
                    changes(bytes.len()).into_iter().map(|change| (name, Case { start, file, change })),
                );
            }
        }
    }
    let outcomes = on_all_cores(&cases, |(_, case)| case.outcome(&whole, more));
    let mut counts: BTreeMap<(&str, String), [usize; 2]> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (&(name, ref case), outcome) in cases.iter().zip(outcomes) {
        match outcome {
            Ok(fate) => counts.entry((name, kind(case.file))).or_default()[fate as usize] += 1,
            Err(what) => wrong.push(format!("{name} run, {what}")),
        }
    }
    for ((name, kind), [found, right]) in &counts {
        warn(&format!("{name} run, {kind}: {found} found, {right} harmless or put right"));
    }
    warn(&format!("{} changes, {} went wrong", cases.len(), wrong.len()));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let sealed = ["DONE", "node.toml", "metrics.jsonl", "final.safetensors", "record.safetensors"];
    for name in sealed {
        let [found, right] = counts[&("finished", format!("node: {name}"))];
        assert!(found > 0 && right == 0, "{name}: {found} found, {right} not");
    }
}

/// A few places of a file of each kind; with `PLACES`, so many of two files of each kind of a larger run.
#[test]
fn a_changed_byte_in_any_kind_of_file_is_found_or_put_right() {
    match std::env::var("PLACES") {
        Ok(places) => {
            let places = places.parse().unwrap();
            census(&["--methods=deep,permuted"], 2, |len| Change::all(len, places));
        }
        Err(_) => census(&["--methods=deep"], 1, Change::few),
    }
}
