//! The n-th file operation of the whole program fails, n = 1, 2, 3 … (after SQLite's tests): it ends with the code of storage or
//! it succeeds, says what failed, and the same command afterwards leaves the files of a run that nothing happened to.

use crate::{Begun, SMALL, copy, difference, on_all_cores, told};
use basin_core::warn;
use basin_tests::{artefacts, basin, expect_code, files};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What fails, by its name in `shim.c`.
const KINDS: &[&str] = &["ENOSPC", "EIO", "EACCES", "EMFILE", "short", "lost"];

/// A command, and the folder that it finds; `RUNS` stands for that folder.
struct Scene {
    name: &'static str,
    start: Option<PathBuf>,
    command: Vec<String>,
    /// What it may end with besides success: its codes for an input that cannot be read, and of storage.
    codes: &'static [i32],
    /// All that is there after an undisturbed command.
    expected: Vec<(PathBuf, Vec<u8>)>,
}

/// One operation of one scene that fails.
#[derive(Clone, Copy)]
struct Fault<'a> {
    scene: &'a Scene,
    kind: &'static str,
    at: usize,
    lasting: bool,
}

/// Everything that the faults are tried on.
struct Stage {
    // Held, so that the folders stay.
    folder: tempfile::TempDir,
    _begun: Begun,
    scenes: Vec<Scene>,
}

impl Stage {
    fn new(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let built = Command::new(compiler)
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(folder.path().join("shim.so"))
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/damage/shim.c"))
            .arg("-ldl")
            .output()
            .unwrap();
        expect_code(&built, 0);
        let begun = Begun::new(more);
        let reproduce = [&["reproduce", "--runs=RUNS", "--name=run"], SMALL, more].concat();
        let [finished, half] = [&begun.finished, &begun.half].map(|folder| Some(folder.path().to_owned()));
        let weights = format!("RUNS/run/nodes/{}/final.safetensors", trained(begun.finished.path()));
        let predict = ["predict", "--checkpoint", &weights, "--width=0.25", "--dataset=synthetic"];
        let predict = [&predict[..], &["--force", "--out=RUNS/predicted.safetensors"]].concat();
        let export = vec!["export", "RUNS/run", "--to=model-card", "--force"];
        let scenes = [
            ("a fresh run", None, reproduce.clone(), &[8][..]),
            ("a run that was killed", half, reproduce.clone(), &[8]),
            ("a finished run", finished.clone(), reproduce, &[8]),
            ("report", finished.clone(), vec!["report", "RUNS/run"], &[8]),
            ("verify", finished.clone(), vec!["verify", "RUNS/run"], &[8]),
            ("export", finished.clone(), export, &[8]),
            ("predict", finished, predict, &[4, 8]),
        ];
        let scene = |(name, start, command, codes): (_, Option<PathBuf>, Vec<&str>, _)| {
            let runs = tempfile::tempdir().unwrap();
            start.iter().for_each(|start| copy(start, runs.path()));
            let command: Vec<String> = command.into_iter().map(str::to_owned).collect();
            let scene = Scene { name, start, command, codes, expected: Vec::new() };
            expect_code(&scene.command(runs.path()).output().unwrap(), 0);
            Scene { expected: scene.files(runs.path()), ..scene }
        };
        Self { scenes: scenes.into_iter().map(scene).collect(), folder, _begun: begun }
    }

    /// How many operations of a scene can fail in each way, in the order of the ways.
    fn operations(&self, scene: &Scene) -> Vec<usize> {
        let (output, counted, _) = self.disturbed(Fault { scene, kind: "EIO", at: 0, lasting: false });
        expect_code(&output, 0);
        KINDS.iter().map(|kind| counted.lines().filter(|line| line == kind).count()).collect()
    }

    /// Runs a scene with a fault: what was said, the operations that failed, and where.
    fn disturbed(&self, fault: Fault<'_>) -> (Output, String, tempfile::TempDir) {
        let runs = tempfile::tempdir().unwrap();
        fault.scene.start.iter().for_each(|start| copy(start, runs.path()));
        let log = tempfile::NamedTempFile::new().unwrap();
        let output = fault
            .scene
            .command(runs.path())
            .env("LD_PRELOAD", self.folder.path().join("shim.so"))
            .env("FAULT_ROOT", runs.path())
            .env("FAULT_KIND", fault.kind)
            .env("FAULT_AT", fault.at.to_string())
            .env("FAULT_LASTING", if fault.lasting { "1" } else { "0" })
            .env("FAULT_LOG", log.path())
            .output()
            .unwrap();
        (output, std::fs::read_to_string(log.path()).unwrap(), runs)
    }

    /// A fault and what has to hold afterwards; the name of the operation that failed and the exit code.
    fn round(&self, fault: Fault<'_>) -> Result<Option<(String, i32)>, String> {
        let (output, failed, runs) = self.disturbed(fault);
        let Fault { scene, kind, at, lasting } = fault;
        let first = failed.lines().next().unwrap_or_default();
        let wrong = |what: String| {
            let lasting = if lasting { " and all after it" } else { "" };
            Err(format!("{}, {kind} at operation {at} ({first}){lasting}: {what}", scene.name))
        };
        // All is named by its path.
        let named = told(&output).contains(&runs.path().display().to_string());
        let code = match output.status.code() {
            Some(0) => match difference(&scene.files(runs.path()), &scene.expected) {
                Some(file) => return wrong(format!("success, and {file} is not what it should be")),
                None => 0,
            },
            Some(code) if named && scene.codes.contains(&code) => code,
            _ => return wrong(told(&output)),
        };
        let again = scene.command(runs.path()).output().unwrap();
        if again.status.code() != Some(0) {
            return wrong(format!("the same command afterwards: {}", told(&again)));
        }
        if let Some(file) = difference(&scene.files(runs.path()), &scene.expected) {
            return wrong(format!("{file} is not what it should be after the same command"));
        }
        let operation = first.split(' ').next().unwrap_or_default().to_owned();
        Ok(Some((operation, code)).filter(|_| !first.is_empty()))
    }

    /// All rounds that are picked for a scene out of a number of operations, for once and for good; says what was found.
    fn play(&self, pick: impl Fn(&Scene, usize, bool) -> Vec<usize>) {
        let mut faults = Vec::new();
        for scene in &self.scenes {
            for (&kind, operations) in KINDS.iter().zip(self.operations(scene)) {
                for lasting in [false, true] {
                    let picked = pick(scene, operations, lasting).into_iter();
                    faults.extend(picked.map(|at| Fault { scene, kind, at, lasting }));
                }
            }
        }
        let outcomes = on_all_cores(&faults, |fault| self.round(*fault));
        let mut counts: BTreeMap<(&str, &str, String, i32), usize> = BTreeMap::new();
        let mut wrong = Vec::new();
        for (fault, outcome) in faults.iter().zip(outcomes) {
            match outcome {
                Ok(Some((operation, code))) => {
                    *counts.entry((fault.scene.name, fault.kind, operation, code)).or_default() += 1;
                }
                Ok(None) => {}
                Err(what) => wrong.push(what),
            }
        }
        for ((scene, kind, operation, code), count) in &counts {
            warn(&format!("{scene}: {kind} at {operation}: exit {code} {count} times"));
        }
        let met: usize = counts.values().sum();
        warn(&format!("{} rounds, {met} met their fault, {} went wrong", faults.len(), wrong.len()));
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(met * 10 > faults.len() * 9, "most faults are never met");
    }
}

impl Scene {
    fn command(&self, runs: &Path) -> Command {
        let runs = runs.to_str().unwrap();
        let mut command = Command::new(basin());
        command.args(self.command.iter().map(|argument| argument.replace("RUNS", runs)));
        command
    }

    /// What is there and has to be the same whatever happened before. Temporary files that could not be removed stay until the
    /// run's own command removes them.
    fn files(&self, runs: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = artefacts(runs);
        let is_temporary = |path: &Path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".basin-tmp-"))
        };
        files.retain(|(path, _)| self.command[0] == "reproduce" || !is_temporary(path));
        files
    }
}

/// The name of a node that holds a trained network.
fn trained(runs: &Path) -> String {
    let mut files = files(runs).into_iter().map(|(path, _)| path);
    let weights = files.find(|path| path.ends_with("final.safetensors")).unwrap();
    weights.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned()
}

/// Operations here and there of some scenes; with `EVERY` of all scenes every so many, with `FROM` from that one on: `EVERY=1` is all,
/// `EVERY=16 FROM=3` a sixteenth of it.
#[test]
fn whichever_file_operation_fails_the_program_ends_in_success_or_the_code_of_storage() {
    let number = |name| std::env::var(name).ok().map(|number| number.parse::<usize>().unwrap());
    let stage = Stage::new(&["--methods=deep"]);
    if let Some(every) = number("EVERY") {
        let from = number("FROM").unwrap_or(1);
        // Beyond the last, too: there nothing fails.
        return stage.play(|_, operations, _| (from..=operations + 1).step_by(every).collect());
    }
    let scenes = ["a fresh run", "a run that was killed", "report", "predict"];
    stage.play(|scene, operations, lasting| match operations {
        0 => Vec::new(),
        _ if !scenes.contains(&scene.name) => Vec::new(),
        n if lasting => vec![1, 1 + n / 3],
        // The second is a look at the folder of runs.
        n => vec![2, 1 + n * 5 / 8],
    });
}
