//! What stands in for Basin in tests: a run directory on a disk, and a program of shell that does a plan's work.
#![allow(dead_code, reason = "each test program takes what it needs")]

pub(crate) mod fake;
pub(crate) mod place;

use basin_cluster::{Class, FolderResult, RunFolder, Task, key_of};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// A run directory in which a node is done when `nodes/KEY` is there.
pub(crate) struct Disk {
    pub(crate) path: PathBuf,
}

impl RunFolder for Disk {
    fn path(&self) -> &Path {
        &self.path
    }

    fn is_done(&self, task: &Task) -> FolderResult<bool> {
        Ok(self.path.join("nodes").join(&task.key).exists())
    }

    fn read(&self, relative: &str) -> FolderResult<Option<Vec<u8>>> {
        match fs::read(self.path.join(relative)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn write(&self, relative: &str, bytes: &[u8]) -> FolderResult<()> {
        let path = self.path.join(relative);
        fs::create_dir_all(path.parent().ok_or("no folder above")?)?;
        let aside = path.with_extension("tmp");
        fs::write(&aside, bytes)?;
        Ok(fs::rename(aside, path)?)
    }
}

impl Disk {
    pub(crate) fn new(path: PathBuf) -> Self {
        for folder in ["nodes", "state", "plan", "inject"] {
            fs::create_dir_all(path.join(folder)).unwrap();
        }
        Self { path }
    }

    /// Leaves the plan where the program reads it: number of steps of a tenth of a second, and the inputs.
    pub(crate) fn with_plan(self, plan: &[Task]) -> Self {
        for (at, task) in plan.iter().enumerate() {
            let inputs: Vec<&str> = task.inputs.iter().map(|&input| plan[input].key.as_str()).collect();
            let text = format!("{at} {} {}\n{}\n", task.name, (task.seconds * 10.0).ceil(), inputs.join(" "));
            fs::write(self.path.join("plan").join(&task.key), text).unwrap();
        }
        self
    }

    /// Every task is done and its result is the one that its inputs determine.
    pub(crate) fn check(&self, plan: &[Task]) {
        let mut sums: Vec<u64> = Vec::new();
        for (at, task) in plan.iter().enumerate() {
            let inputs: u64 = task.inputs.iter().map(|&input| sums[input] * 31).sum();
            sums.push((at as u64 + 7 + inputs) % 1_000_003);
            let found = fs::read_to_string(self.path.join("nodes").join(&task.key)).unwrap_or_default();
            assert_eq!(found, format!("{}\n", sums[at]), "task {at}, {}", task.name);
        }
    }

    pub(crate) fn done(&self, plan: &[Task]) -> usize {
        plan.iter().filter(|task| self.is_done(task).unwrap()).count()
    }
}

/// A folder that jobs look for elsewhere.
pub(crate) struct Elsewhere {
    pub(crate) disk: Disk,
    pub(crate) shown: PathBuf,
}

impl RunFolder for Elsewhere {
    fn path(&self) -> &Path {
        &self.shown
    }

    fn is_done(&self, task: &Task) -> FolderResult<bool> {
        self.disk.is_done(task)
    }

    fn read(&self, relative: &str) -> FolderResult<Option<Vec<u8>>> {
        self.disk.read(relative)
    }

    fn write(&self, relative: &str, bytes: &[u8]) -> FolderResult<()> {
        // The scripts are where this machine finds them.
        if relative.ends_with(".sbatch") {
            fs::create_dir_all(self.shown.join("cluster/log"))?;
            fs::write(self.shown.join(relative), bytes)?;
        }
        self.disk.write(relative, bytes)
    }
}

/// The program: computes nodes and what they need, keeps its steps, ends with 75 on a signal, and with what `inject/NAME` holds.
const PROGRAM: &str = r#"#!/bin/bash
[ "$1" = work ] || exit 2
run=$2; shift 2
stop=
trap 'stop=1' USR2 TERM
node() {
  local key=$1 at name steps inputs sum step=0 input
  [ ! -e "$run/nodes/$key" ] || return 0
  { read -r at name steps; read -r inputs; } <"$run/plan/$key"
  for input in $inputs; do node "$input"; done
  [ ! -e "$run/inject/$name" ] || { echo "cannot do $name"; echo "so it ends" >&2; exit "$(cat "$run/inject/$name")"; }
  [ ! -e "$run/state/$key" ] || read -r step <"$run/state/$key"
  while [ "${step:-0}" -lt "$steps" ]; do
    sleep 0.1
    step=$((step + 1))
    if [ -n "$stop" ]; then
      echo "$step" >"$run/state/$key.$$.tmp"; mv -f "$run/state/$key.$$.tmp" "$run/state/$key"
      echo "interrupted $name at $step"
      exit 75
    fi
  done
  sum=$((at + 7))
  for input in $inputs; do sum=$((sum + 31 * $(cat "$run/nodes/$input"))); done
  echo $((sum % 1000003)) >"$run/nodes/$key.$$.tmp"
  echo "$name" >>"$run/computed"
  mv -f "$run/nodes/$key.$$.tmp" "$run/nodes/$key"
}
while [ $# -gt 0 ]; do [ "$1" = --node ] || exit 2; node "$2"; shift 2; done
"#;

/// Writes a program of shell.
pub(crate) fn program(path: &Path, text: &str) -> PathBuf {
    let aside = path.with_extension("text");
    fs::write(&aside, text).unwrap();
    // A file that this process writes may still be open in a child that another test just forked, and cannot be run then.
    let copied = Command::new("install").arg("--mode=755").args([&aside, path]).status().unwrap();
    assert!(copied.success());
    path.to_owned()
}

/// The program that does the plan's work.
pub(crate) fn worker(folder: &Path) -> PathBuf {
    program(&folder.join("basin"), PROGRAM)
}

/// A plan as papers have them: initial networks, trainings in chains, transforms, probes of one network and of pairs.
pub(crate) fn paper(networks: usize, seconds: f64) -> Vec<Task> {
    let mut plan: Vec<Task> = Vec::new();
    let mut add = |name: String, class: Class, inputs: Vec<usize>| {
        let seconds = if class == Class::Training { seconds } else { 0.1 };
        plan.push(Task { key: key_of(&name), name, class, seconds, inputs });
        plan.len() - 1
    };
    let shared = add("init-shared".to_owned(), Class::Short, vec![]);
    let mut ends = Vec::new();
    for n in 0..networks {
        let init = match n % 3 {
            0 => shared,
            _ => add(format!("init-{n}"), Class::Short, vec![]),
        };
        let first = add(format!("train-{n}"), Class::Training, vec![init]);
        let end = match n % 2 {
            0 => add(format!("continue-{n}"), Class::Training, vec![first]),
            _ => first,
        };
        let moved = add(format!("transform-{n}"), Class::Short, vec![end]);
        add(format!("accuracy-{n}"), Class::Short, vec![end]);
        add(format!("sharpness-{n}"), Class::Short, vec![moved]);
        ends.push(moved);
    }
    for pair in ends.windows(2) {
        add(format!("line-{}-{}", pair[0], pair[1]), Class::Short, pair.to_vec());
    }
    add("ensemble".to_owned(), Class::Short, ends);
    plan
}

/// What was said, to be asked in a test.
#[derive(Default)]
pub(crate) struct Heard(Mutex<Vec<String>>);

impl Heard {
    pub(crate) fn say(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }

    pub(crate) fn all(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }
}
