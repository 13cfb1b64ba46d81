//! `basin work`: carries out nodes of a run that somebody planned, beside others that do.

use crate::execute::Executor;
use crate::exit::Usage;
use crate::interrupt::Interrupt;
use crate::plan_file::{Node, read_plan};
use crate::progress::Progress;
use crate::reproduce::prepared;
use crate::request_file::KeptRequest;
use crate::verify::split;
use crate::{Registry, Request, device};
use anyhow::{Result, ensure};
use basin_plan::loading::Datasets;
use basin_store::{Lease, NodeStatus, RealFs, RunDir, StoreError};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What to carry out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All that is planned.
    Any,
    /// These nodes, by key, beginning of a key or name of their folder, and what they need.
    Nodes(Vec<String>),
}

/// Work on a run.
#[derive(Clone, Debug)]
pub struct Work {
    /// The run directory.
    pub run: PathBuf,
    /// What to carry out.
    pub wanted: Wanted,
    /// Values in place of some of the request's: where data lie, on what to compute.
    pub settings: Vec<(String, String)>,
    /// What claims on nodes say of this process, for people.
    pub told: String,
}

impl Work {
    /// Carries out the nodes that are wanted, with what they need, each by itself or by another process that has it in hand:
    /// when this returns all are done. Nodes are claimed, so that nothing is computed twice while its holder lives.
    ///
    /// Relative paths of the request begin where it was made: that becomes the current directory of this process, if there is
    /// such a folder here.
    ///
    /// # Errors
    /// [`Usage`] when there is no such run or node, another build planned, or the plan that is made here is another one;
    /// else as [`reproduce`](crate::reproduce()).
    pub fn carry_out(&self, registry: &Registry, interrupt: &Interrupt) -> Result<usize> {
        let path = std::path::absolute(&self.run).map_err(StoreError::io("find", &self.run))?;
        let (root, name) = split(&path)?;
        let run = RunDir::join(root, name, Arc::new(RealFs), &self.told)?;
        let mut left = match &self.wanted {
            Wanted::Any => None,
            Wanted::Nodes(nodes) => Some(nodes.iter().map(String::as_str).collect::<BTreeSet<_>>()),
        };
        let mut done = 0;
        for request in KeptRequest::all(&path)? {
            let planned = read_plan(&request.folder.join("plan.json"))?.nodes;
            let mut wanted = Vec::new();
            for (place, node) in planned.iter().enumerate() {
                match &mut left {
                    None => wanted.push(place),
                    Some(left) => {
                        let named =
                            left.iter().copied().filter(|name| is_named(node, name)).collect::<Vec<_>>();
                        if !named.is_empty() {
                            wanted.push(place);
                        }
                        // A name is looked for in all plans only until one has it.
                        for name in named {
                            left.remove(name);
                        }
                    }
                }
            }
            let sealed = |place: &usize| -> Result<bool> {
                let (id, digest) = planned[*place].name_in_run();
                Ok(run.node(&id, digest)?.status()? == NodeStatus::Done)
            };
            let mut to_do = 0;
            for place in &wanted {
                to_do += usize::from(!sealed(place)?);
            }
            done += wanted.len() - to_do;
            if to_do > 0 {
                // Elsewhere the paths may be others, given anew; what is not found is told by whoever looks for it.
                let _ = std::env::set_current_dir(&request.directory);
                self.of(&request, &planned, &wanted, &run, registry, interrupt)?;
                done += to_do;
            }
        }
        let unknown: Vec<&str> = left.into_iter().flatten().collect();
        ensure!(
            unknown.is_empty(),
            Usage(format!(
                "{} plans no node {}; basin status and basin commands name those that there are",
                self.run.display(),
                unknown.join(" and no node ")
            ))
        );
        Ok(done)
    }

    fn of(
        &self,
        kept: &KeptRequest,
        planned: &[Node],
        wanted: &[usize],
        run: &RunDir,
        registry: &Registry,
        interrupt: &Interrupt,
    ) -> Result<()> {
        let (root, name) = split(run.path())?;
        let asked = kept.asked(registry, &self.settings)?;
        let config = asked.base()?;
        run.set_lease(Lease { expires: Duration::from_secs_f64(config.run().lease_seconds) });
        let device = device::asked(&config)?;
        let request = Request { asked, runs: root.to_owned(), name: name.to_owned(), device };
        let (study, plan) = interrupt.at_once(|| prepared(&request, registry, Datasets::default()))?;
        let same = plan.nodes.len() == planned.len()
            && plan.nodes.iter().zip(planned).all(|(here, there)| here.key.to_string() == there.key);
        ensure!(
            same,
            Usage(format!(
                "{}/plan.json is another plan than is made here from its request: other data, or other files to begin with; \
                 say where they lie (--data-dir), or give the run's own command again",
                kept.folder.display()
            ))
        );
        let executor = Executor::new(&study, &plan, run, interrupt);
        let states = plan.states(run)?;
        let done: Vec<bool> = states.iter().map(|(_, status)| *status == NodeStatus::Done).collect();
        let needed = plan.needed(wanted, &done);
        let passes = |of: &dyn Fn(usize) -> bool| -> f64 {
            let nodes = plan.nodes.iter().enumerate().filter(|(i, _)| of(*i));
            nodes.map(|(_, node)| node.passes).sum()
        };
        let progress = Progress::new(passes(&|i| needed[i]), 0.0);
        let skipped: Vec<bool> = needed.iter().map(|needed| !needed).collect();
        executor.run(&skipped, request.device.as_ref(), config.run().concurrent, &progress)
    }
}

/// Whether a node is meant: by its key or the beginning of it, or by the name of its folder.
fn is_named(node: &Node, name: &str) -> bool {
    name.len() >= 8 && node.key.starts_with(name) || node.folder() == name
}
