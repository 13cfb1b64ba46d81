//! `basin gather`: what copies of a run have finished, brought together, with the plan where there was none.

use crate::Interrupt;
use crate::execute::{ENVIRONMENT, NODE};
use crate::exit::{self, Usage};
use crate::plan_file::{plans, read_plan};
use crate::request_file::{KeptRequest, REQUEST};
use crate::verify::split;
use anyhow::Result;
use basin_store::{
    Fate, Fs, GatheredNode, Gathering, Lease, NodeDir, NotGathered, RealFs, RunDir, Sighting, StoreError,
};
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What of a node tells how it was made, and where: two that differ in nothing else are one result.
const CIRCUMSTANCES: &[&str] = &[NODE, ENVIRONMENT];
/// What planning writes, in the folder of an experiment. The plan comes last: where it is, the others are.
const PLANNED: [&str; 3] = ["config.resolved.toml", REQUEST, PLAN];
const PLAN: &str = "plan.json";
/// Where the nodes of a run are.
const NODES: &str = "nodes";
/// Time after which what another process has in hand is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// What became of copies of a run.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    /// What became of each node that is finished in a copy, but for those that were held back.
    pub nodes: Vec<GatheredNode>,
    /// Nodes that were computed from one that differs, directly or not, each with that one: held back.
    pub held: Vec<(String, String)>,
    /// Plans that the run had not and has now, by their place in a copy.
    pub plans: Vec<PathBuf>,
    /// Plans of copies with nodes that the run's own does not have, and how many.
    pub beyond: Vec<(PathBuf, usize)>,
    /// Plans of copies that cannot be read, and why.
    pub unread: Vec<String>,
    /// Whether the run has a plan, by which what is missing can be carried out.
    pub is_planned: bool,
}

/// Brings the finished nodes of `copies`, which are only read, into the run at `path`, which is made where it is not; with the
/// plan and configuration of every experiment that the run does not have. Whatever the run has stays as it is.
///
/// What was computed from a node of which two places hold different bytes is held back like the node itself: beside another
/// one it would be a number that nobody can compute again.
///
/// Cost: DONE and sizes of all nodes; every file that comes over is read, written and read back. Memory: one node.
///
/// # Errors
/// [`Usage`] when a copy is not a run or is the run itself, or something else is at `path`: then nothing was written. The
/// store's, of the run's disk; [`exit::Interrupted`]. Damage and contradictions are told in what is returned.
pub fn gather(path: &Path, copies: &[PathBuf], interrupt: &Interrupt) -> Result<Gathered> {
    let path = std::path::absolute(path).map_err(StoreError::io("find", path))?;
    let opened: Vec<RunDir> = checked(&path, copies)?;
    let (root, name) = split(&path)?;
    let run = RunDir::open(root, name, Arc::new(RealFs))?;
    let mut gathered = Gathered::default();
    gathered.take_plans(&run, &opened)?;
    let lease = lease(&path);
    run.set_lease(lease);
    let gathering = Gathering { run: &run, copies: &opened, circumstances: CIRCUMSTANCES };
    let sightings = interrupt.at_once(|| gathering.look())?;
    let held = resting(&gathering, &sightings);
    let mut in_hand = Vec::new();
    for sighting in &sightings {
        interrupt.check()?;
        match held.get(sighting.name()) {
            Some(on) => gathered.held.push((sighting.name().to_owned(), on.clone())),
            None => match gathering.take(sighting)? {
                GatheredNode { fate: Fate::InHand { is_alive: false, .. }, .. } => in_hand.push(sighting),
                node => gathered.nodes.push(node),
            },
        }
    }
    gathered.nodes.extend(when_free(&gathering, in_hand, lease, interrupt)?);
    gathered.is_planned = !plans(&path)?.is_empty();
    Ok(gathered)
}

/// Takes nodes that processes elsewhere had in hand, once these have been silent for a lease: of those that are gone. What
/// still is in hand then is so for good reason.
fn when_free(
    gathering: &Gathering<'_>,
    mut in_hand: Vec<&Sighting>,
    lease: Lease,
    interrupt: &Interrupt,
) -> Result<Vec<GatheredNode>> {
    let (mut done, mut left) = (Vec::new(), Vec::new());
    let until = Instant::now() + lease.expires + 2 * LOOK_AGAIN;
    while !in_hand.is_empty() {
        let is_over = Instant::now() >= until;
        for sighting in in_hand {
            interrupt.check()?;
            match gathering.take(sighting)? {
                GatheredNode { fate: Fate::InHand { .. }, .. } if !is_over => left.push(sighting),
                node => done.push(node),
            }
        }
        in_hand = std::mem::take(&mut left);
        if !in_hand.is_empty() {
            std::thread::sleep(LOOK_AGAIN);
        }
    }
    Ok(done)
}

/// The lease of those who work on a run, as far as it was asked for.
fn lease(path: &Path) -> Lease {
    let requests = KeptRequest::all(path).unwrap_or_default();
    let given = requests.iter().filter_map(|request| request.given("run.lease_seconds")?.parse().ok());
    given
        .filter_map(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .max()
        .map_or_else(Lease::default, |expires| Lease { expires })
}

/// The copies, opened for reading, when all of them can be read into a run at this path.
fn checked(path: &Path, copies: &[PathBuf]) -> Result<Vec<RunDir>> {
    let (mut opened, mut problems) = (Vec::new(), Vec::new());
    let own = place(path);
    let mut refuse = |problem: anyhow::Error| problems.push(problem);
    if is_foreign(path)? {
        let what = "is there and is not a run directory; choose another name, or the directory of a run";
        refuse(Usage(format!("{} {what}", path.display())).into());
    }
    for copy in copies {
        let opening = || -> Result<RunDir> {
            let absolute = std::path::absolute(copy).map_err(StoreError::io("find", copy))?;
            let (root, name) = split(&absolute)?;
            let run = RunDir::open_read_only(root, name, Arc::new(RealFs))?;
            let there = place(&absolute);
            let refusal = if there == own {
                "is the run itself; give copies of it"
            } else if own.starts_with(&there) {
                "holds the run that is to be written, and copies are only read; choose another place for it"
            } else if !is_folder(&copy.join(NODES))? {
                "holds no nodes/, expected the directory of a run of which something was finished"
            } else {
                return Ok(run);
            };
            Err(Usage(format!("{} {refusal}", copy.display())).into())
        };
        match opening() {
            Ok(run) => opened.push(run),
            Err(error) => refuse(error),
        }
    }
    exit::together(problems).map(|()| opened)
}

fn is_folder(path: &Path) -> Result<bool, StoreError> {
    // Links are followed where nothing is written.
    match RealFs.list(path) {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(false),
        Err(error) => Err(StoreError::io("list", path)(error)),
    }
}

/// Whether something is at a run's place that is neither a run nor free.
fn is_foreign(path: &Path) -> Result<bool> {
    if !is_folder(path)? {
        return Ok(RealFs.kind(path).map_err(StoreError::io("look at", path))?.is_some());
    }
    let entries = RealFs.list(path).map_err(StoreError::io("list", path))?;
    // A start that was killed at once leaves a lock and not yet a plan.
    let is_begun = entries.iter().any(|entry| entry.name == ".lock");
    Ok(!is_begun && !entries.is_empty() && !is_folder(&path.join(NODES))? && plans(path)?.is_empty())
}

/// A directory without links, as far as it exists.
fn place(path: &Path) -> PathBuf {
    let above = || Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize().ok().or_else(above).unwrap_or_else(|| path.to_owned())
}

/// The nodes that could be taken and were computed from one of which two places differ, each with that one.
fn resting(gathering: &Gathering<'_>, sightings: &[Sighting]) -> BTreeMap<String, String> {
    let names = sightings.iter().map(Sighting::name);
    let differing: BTreeMap<String, String> = sightings
        .iter()
        .filter(|sighting| gathering.difference(sighting).is_some())
        .map(|sighting| (sighting.name().to_owned(), sighting.name().to_owned()))
        .collect();
    if differing.is_empty() {
        return BTreeMap::new();
    }
    // Nodes are known by the beginning of their key, as their folders are.
    let by_key: BTreeMap<&str, &str> =
        names.filter_map(|name| Some((name.rsplit_once('.')?.1, name))).collect();
    let inputs: Vec<(&str, Vec<&str>)> = sightings
        .iter()
        .filter(|sighting| !differing.contains_key(sighting.name()))
        .filter_map(|sighting| {
            let keys = sighting.candidates().find_map(inputs)?;
            let known = keys.iter().filter_map(|key| by_key.get(key.get(..8)?).copied()).collect();
            Some((sighting.name(), known))
        })
        .collect();
    let mut on = differing.clone();
    loop {
        let before = on.len();
        for (name, inputs) in &inputs {
            if let Some(root) = inputs.iter().find_map(|input| on.get(*input)).cloned() {
                on.entry((*name).to_owned()).or_insert(root);
            }
        }
        if on.len() == before {
            on.retain(|name, _| !differing.contains_key(name));
            return on;
        }
    }
}

/// The keys of the nodes from which one was computed, where it tells.
fn inputs(node: &NodeDir) -> Option<Vec<String>> {
    let text = String::from_utf8(node.read_verified(NODE).ok()?).ok()?;
    let table: toml::Table = text.parse().ok()?;
    let keys = table.get("inputs")?.as_array()?.iter();
    Some(keys.filter_map(|key| key.as_str().map(str::to_owned)).collect())
}

impl Gathered {
    /// Takes the plan of every experiment that the run does not have from the first copy that has it.
    fn take_plans(&mut self, run: &RunDir, copies: &[RunDir]) -> Result<()> {
        for copy in copies {
            for plan in plans(copy.path())? {
                let folder = plan.parent().unwrap_or(copy.path());
                let below = folder.strip_prefix(copy.path()).unwrap_or(folder);
                let keys = match keys(&plan) {
                    Ok(keys) => keys,
                    Err(error) => {
                        self.unread.push(format!("{error:#}"));
                        continue;
                    }
                };
                let own = run.path().join(below).join(PLAN);
                if RealFs.kind(&own).map_err(StoreError::io("look at", &own))?.is_none() {
                    for file in PLANNED {
                        // Plans of earlier builds have fewer files.
                        if let Some(bytes) = copy.read(below.join(file))? {
                            run.write(below.join(file), &bytes)?;
                        }
                    }
                    self.plans.push(plan);
                } else {
                    let beyond = keys.difference(&self::keys(&own)?).count();
                    if beyond > 0 {
                        self.beyond.push((plan, beyond));
                    }
                }
            }
        }
        Ok(())
    }

    /// The nodes that are in the run now and were not, by the copy they came from.
    pub fn copied(&self) -> BTreeMap<&Path, usize> {
        let mut copied = BTreeMap::new();
        for node in &self.nodes {
            if let Fate::Copied { from } = &node.fate {
                let copy = from.parent().and_then(Path::parent).unwrap_or(from);
                *copied.entry(copy).or_default() += 1;
            }
        }
        copied
    }

    /// What was left, and what to do about it.
    ///
    /// # Errors
    /// [`NotGathered`] when anything was.
    pub fn complete(&self, run: &Path) -> Result<(), NotGathered> {
        let mut problems = Vec::new();
        for GatheredNode { name, fate, damaged } in &self.nodes {
            let places =
                damaged.iter().map(|copy| format!("  {}: {}", copy.node.display(), copy.problems.join("; ")));
            match fate {
                Fate::Differs { places: [a, b], files } => problems.push(format!(
                    "{name} holds different results in two places ({}): keep the one that was computed like the rest, as \
                     environment.json tells, delete the directory of the other, and gather again\n  {}\n  {}",
                    files.join(", "),
                    a.display(),
                    b.display()
                )),
                Fate::DamagedHere { why } => problems.push(format!(
                    "{name} of the run itself is no longer what was written ({why}): basin verify {} --repair takes its seal \
                     off, then gather again",
                    run.display()
                )),
                Fate::Left => problems.push(format!(
                    "{name} is no longer what was written, and there is no whole copy of it: the run's command computes it \
                     anew\n{}",
                    places.collect::<Vec<_>>().join("\n")
                )),
                _ => {}
            }
        }
        let mut held: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        self.held.iter().for_each(|(name, on)| held.entry(on).or_default().push(name));
        problems.extend(held.into_iter().map(|(on, names)| {
            format!(
                "held back, because they were computed from {on}, which differs:\n  {}",
                names.join("\n  ")
            )
        }));
        if problems.is_empty() { Ok(()) } else { Err(NotGathered { run: run.to_owned(), problems }) }
    }
}

fn keys(plan: &Path) -> Result<BTreeSet<String>> {
    Ok(read_plan(plan)?.nodes.into_iter().map(|node| node.key).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_store::DamagedCopy;

    #[test]
    fn what_was_left_is_told_with_its_places_and_what_to_do() {
        let node = |name: &str, fate| GatheredNode { name: name.into(), fate, damaged: Vec::new() };
        let copy = DamagedCopy { node: "b/nodes/y.2".into(), problems: vec!["f is missing".into()] };
        let places = ["r/a/nodes/x.1", "b/nodes/x.1"].map(PathBuf::from);
        let mut gathered = Gathered {
            nodes: vec![
                node("x.1", Fate::Differs { places, files: vec!["f".into(), "g".into()] }),
                GatheredNode { damaged: vec![copy.clone()], ..node("y.2", Fate::Left) },
                node("z.3", Fate::DamagedHere { why: "f is missing".into() }),
                GatheredNode { damaged: vec![copy], ..node("v.4", Fate::Present) },
                node("w.5", Fate::Copied { from: "b/nodes/w.5".into() }),
            ],
            held: ["c.6", "d.7"].map(|name| (name.to_owned(), "x.1".to_owned())).into(),
            ..Gathered::default()
        };
        assert_eq!(gathered.copied(), [(Path::new("b"), 1)].into());
        let told = gathered.complete(Path::new("r/a")).unwrap_err();
        assert_eq!(
            told.to_string(),
            "r/a: x.1 holds different results in two places (f, g): keep the one that was computed like the rest, as \
             environment.json tells, delete the directory of the other, and gather again\n  r/a/nodes/x.1\n  b/nodes/x.1\n\
             y.2 is no longer what was written, and there is no whole copy of it: the run's command computes it anew\n  \
             b/nodes/y.2: f is missing\n\
             z.3 of the run itself is no longer what was written (f is missing): basin verify r/a --repair takes its seal off, \
             then gather again\n\
             held back, because they were computed from x.1, which differs:\n  c.6\n  d.7"
        );
        assert_eq!(exit::code(&told.into()), exit::STORAGE);
        gathered.nodes.drain(..3);
        gathered.held.clear();
        assert_eq!(gathered.complete(Path::new("r/a")), Ok(()));
    }
}
