//! Gathering: what copies of a run have finished, brought together in one of them.
//!
//! A copy is a directory of the same run elsewhere: of a laptop, of another cluster. Its nodes have the names of ours, and what
//! a name stands for is one result, so that there is nothing to merge but whole nodes. Two copies that hold different results
//! under one name are a fault that nobody can decide here: such a node is left as it is.

use crate::done::{self, Content, Done, Marker, NodeStatus};
use crate::{Claiming, Holder, NodeDir, RunDir, StoreError};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use thiserror::Error;

/// Brings the finished nodes of copies of a run into it, one after the other. The copies are only read.
#[derive(Clone, Copy, Debug)]
pub struct Gathering<'a> {
    /// The run, opened for writing.
    pub run: &'a RunDir,
    /// Copies of it; where several have a node, the first whole one is taken.
    pub copies: &'a [RunDir],
    /// The files of a node that tell how it was made: two nodes that differ in these alone are the same result.
    pub circumstances: &'a [&'a str],
}

/// What became of a node that is finished in one of the copies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatheredNode {
    /// `<readable>.<hash8>`.
    pub name: String,
    /// What became of it.
    pub fate: Fate,
    /// Copies of it that are not what was written: passed over.
    pub damaged: Vec<DamagedCopy>,
}

/// What became of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// The run had it, and no copy says otherwise. Nothing was read but DONE and sizes.
    Present,
    /// It is in the run now, with the bytes of this copy.
    Copied {
        /// The node's directory there.
        from: PathBuf,
    },
    /// Two places hold different results under its name. Nothing of it was changed or taken.
    Differs {
        /// Two of the node's directories, the run's own first where it is finished there.
        places: [PathBuf; 2],
        /// The files that are not the same in both, or stand in one of them only.
        files: Vec<String>,
    },
    /// It is finished in the run, and no longer what it was. Nothing of it was changed.
    DamagedHere {
        /// What is wrong.
        why: String,
    },
    /// A process is working on it in the run, or may be. Nothing of it was changed.
    InHand {
        /// Who.
        holder: Holder,
        /// Whether that process is known to be there; else it is worth asking again until its lease has run out.
        is_alive: bool,
    },
    /// No copy of it is whole.
    Left,
}

/// A copy of a node that is not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedCopy {
    /// The node's directory.
    pub node: PathBuf,
    /// One line per thing that is wrong.
    pub problems: Vec<String>,
}

/// Nodes of copies that were not gathered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}: {}", run.display(), problems.join("\n"))]
pub struct NotGathered {
    /// The run directory.
    pub run: PathBuf,
    /// What was left, where, and what to do, a paragraph each.
    pub problems: Vec<String>,
}

/// A node of the copies, as it stands everywhere; nothing was read but DONE and sizes.
#[derive(Debug)]
pub struct Sighting {
    here: NodeDir,
    standing: Standing,
    /// Where DONE and sizes hold.
    sealed: Vec<(NodeDir, Done)>,
    damaged: Vec<DamagedCopy>,
}

/// How a node stands in one place.
#[derive(Debug)]
enum Standing {
    Unfinished,
    Sealed(Done),
    Damaged(String),
}

impl Gathering<'_> {
    /// All nodes that are finished in one of the copies, whole or not, by name.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the run's disk does not tell, or none of a copy's nodes can be seen.
    pub fn look(&self) -> Result<Vec<Sighting>, StoreError> {
        let mut names = BTreeSet::new();
        for copy in self.copies {
            names.extend(copy.nodes()?.iter().map(|node| node.name().to_owned()));
        }
        let sightings = names.iter().map(|name| self.sighting(name));
        sightings.filter_map(Result::transpose).collect()
    }

    fn sighting(&self, name: &str) -> Result<Option<Sighting>, StoreError> {
        let (mut sealed, mut damaged) = (Vec::new(), Vec::new());
        for copy in self.copies {
            let there = NodeDir::new(Arc::clone(&copy.inner), name);
            match standing(&there) {
                Ok(Standing::Unfinished) => {}
                Ok(Standing::Sealed(done)) => sealed.push((there, done)),
                Ok(Standing::Damaged(why)) => damaged.push(DamagedCopy::new(&there, vec![why])),
                Err(error) => damaged.push(DamagedCopy::new(&there, vec![error.to_string()])),
            }
        }
        if sealed.is_empty() && damaged.is_empty() {
            return Ok(None);
        }
        let here = NodeDir::new(Arc::clone(&self.run.inner), name);
        Ok(Some(Sighting { standing: standing(&here)?, here, sealed, damaged }))
    }

    /// Brings one node into the run, if it is not finished there and no places contradict each other: every file is checked
    /// against the DONE beside it before the first is written, and the run's DONE is written last. Killed at any moment, the
    /// run is valid and gathering again goes on. While it is written the node is claimed.
    ///
    /// Memory: the files of one node. Cost: their reading, writing and reading back.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`], [`StoreError::Foreign`], [`StoreError::Io`] of the run's own disk. What is wrong with a copy is
    /// no error.
    pub fn take(&self, sighting: &Sighting) -> Result<GatheredNode, StoreError> {
        let mut damaged = sighting.damaged.clone();
        let fate = match (&sighting.standing, self.difference(sighting)) {
            (Standing::Damaged(why), _) => Fate::DamagedHere { why: why.clone() },
            (_, Some(differs)) => differs,
            (Standing::Sealed(_), None) => {
                // Of a process that was killed when it had sealed the node, such as one that gathered.
                sighting.here.clear_claims()?;
                Fate::Present
            }
            (Standing::Unfinished, None) => self.copy(sighting, &mut damaged)?,
        };
        Ok(GatheredNode { name: sighting.name().to_owned(), fate, damaged })
    }

    /// [`Fate::Differs`] where two places hold different results, by what their DONE says.
    pub fn difference(&self, sighting: &Sighting) -> Option<Fate> {
        let own = match &sighting.standing {
            Standing::Sealed(own) => Some((&sighting.here, own)),
            Standing::Unfinished | Standing::Damaged(_) => None,
        };
        let copies = sighting.sealed.iter().map(|(node, done)| (node, done));
        let mut places = own.into_iter().chain(copies);
        let first = places.next()?;
        places.find_map(|other| self.differs(first, other))
    }

    fn differs(&self, (a, in_a): (&NodeDir, &Done), (b, in_b): (&NodeDir, &Done)) -> Option<Fate> {
        let all: BTreeSet<&String> = in_a.files.keys().chain(in_b.files.keys()).collect();
        let is_result = |file: &String| !self.circumstances.contains(&file.as_str());
        let differs = |file: &&String| is_result(file) && in_a.files.get(*file) != in_b.files.get(*file);
        let files: Vec<String> = all.into_iter().filter(differs).cloned().collect();
        let places = [a, b].map(|node| node.path().to_owned());
        (!files.is_empty()).then_some(Fate::Differs { places, files })
    }

    /// Takes the first copy that is whole.
    fn copy(&self, sighting: &Sighting, damaged: &mut Vec<DamagedCopy>) -> Result<Fate, StoreError> {
        let here = &sighting.here;
        // Before anything is read, so that asking again costs a look.
        if let Some(holder) = here.holder()? {
            let is_alive = holder.is_near();
            return Ok(Fate::InHand { holder, is_alive });
        }
        for (there, done) in &sighting.sealed {
            let contents = match contents(there, done) {
                Ok(contents) => contents,
                Err(problems) => {
                    damaged.push(DamagedCopy::new(there, problems));
                    continue;
                }
            };
            let _claim = match here.claim()? {
                Claiming::Mine(claim) => claim,
                Claiming::Held(holder) => {
                    let is_alive = holder.is_near();
                    return Ok(Fate::InHand { holder, is_alive });
                }
            };
            // Whoever held it may have finished it since.
            return Ok(match standing(here)? {
                Standing::Unfinished => {
                    self.write(here, &contents)?;
                    Fate::Copied { from: there.path().to_owned() }
                }
                Standing::Sealed(own) => self.differs((here, &own), (there, done)).unwrap_or(Fate::Present),
                Standing::Damaged(why) => Fate::DamagedHere { why },
            });
        }
        Ok(Fate::Left)
    }

    fn write(&self, here: &NodeDir, contents: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
        let (about, results): (Vec<_>, Vec<_>) =
            contents.iter().partition(|(file, _)| self.circumstances.contains(&file.as_str()));
        results.iter().try_for_each(|(file, bytes)| here.write(file, bytes))?;
        // An attempt of the run's own ends here. Its states go before what tells how the node was made is replaced: one
        // that went on from them would call the copy's circumstances its own.
        here.clear_states()?;
        about.iter().try_for_each(|(file, bytes)| here.write(file, bytes))?;
        let files: Vec<&str> = contents.iter().map(|(file, _)| file.as_str()).collect();
        here.finish(&files)
    }
}

impl Sighting {
    /// `<readable>.<hash8>`.
    pub fn name(&self) -> &str {
        self.here.name()
    }

    /// The copies that could be taken: none when the node is finished in the run.
    pub fn candidates(&self) -> impl Iterator<Item = &NodeDir> {
        let lacks = matches!(self.standing, Standing::Unfinished);
        self.sealed.iter().filter(move |_| lacks).map(|(node, _)| node)
    }
}

impl DamagedCopy {
    fn new(node: &NodeDir, problems: Vec<String>) -> Self {
        Self { node: node.path().to_owned(), problems }
    }
}

fn standing(node: &NodeDir) -> Result<Standing, StoreError> {
    let marker = done::load(node.fs(), node.path())?;
    let status = done::status(node.fs(), node.path(), &marker)?;
    Ok(match (status, marker) {
        (NodeStatus::Damaged { why }, _) => Standing::Damaged(why),
        (NodeStatus::Done, Marker::Listing { done, .. }) => Standing::Sealed(done),
        _ => Standing::Unfinished,
    })
}

/// The files that DONE lists, all of them whole, or everything that is wrong.
fn contents(node: &NodeDir, done: &Done) -> Result<Vec<(String, Vec<u8>)>, Vec<String>> {
    let (mut contents, mut problems) = (Vec::new(), Vec::new());
    for (file, listed) in &done.files {
        match node.read(file) {
            Ok(Some(bytes)) => match Content::of(&bytes) {
                found if found == *listed => contents.push((file.clone(), bytes)),
                found => {
                    problems.push(format!("{file} has SHA-256 {}, DONE says {}", found.sha256, listed.sha256))
                }
            },
            Ok(None) => problems.push(format!("{file} is missing")),
            Err(error) => problems.push(error.to_string()),
        }
    }
    if problems.is_empty() { Ok(contents) } else { Err(problems) }
}
