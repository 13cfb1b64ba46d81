//! Carries out the plan's nodes: each once, resumable, its files sealed by DONE.

mod handout;
mod node;
mod observer;
mod transform;

pub use node::FINAL;
pub(crate) use node::{ENVIRONMENT, NODE, RECORD, unfit_state};
pub use observer::EpochLine;
pub(crate) use observer::METRICS;

use crate::device::{self, OnDevice};
use crate::history::Event;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::{Case, Study, exit};
use anyhow::{Context, Result};
use basin_core::{Digest, Params, Record, TensorFile};
use basin_plan::Plan;
use basin_plan::{NodeIndex, PlannedNode, PlannedWork};
use basin_store::{Claiming, Holder, NodeDir, NodeStatus, RunDir, StoreError};
use handout::Handout;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Carries out a plan in a run directory.
#[derive(Debug)]
pub struct Executor<'a> {
    /// Data, networks, settings.
    pub study: &'a Study,
    /// The work.
    pub plan: &'a Plan,
    /// Where results go.
    pub run: &'a RunDir,
    /// Asked after every step.
    pub interrupt: &'a Interrupt,
    /// When the journal's last line of this process was written.
    clock: Mutex<Instant>,
    /// Nodes of which it was said that they are in the hands of others.
    elsewhere: Mutex<BTreeSet<Digest>>,
}

/// What became of a node that was taken.
enum Attempt {
    /// It is done, here or elsewhere.
    Done,
    /// Another process has it.
    Elsewhere(Holder),
}

impl<'a> Executor<'a> {
    /// An executor whose time begins now.
    pub fn new(study: &'a Study, plan: &'a Plan, run: &'a RunDir, interrupt: &'a Interrupt) -> Self {
        let (clock, elsewhere) = (Mutex::new(Instant::now()), Mutex::default());
        Self { study, plan, run, interrupt, clock, elsewhere }
    }

    /// The case whose settings make a node.
    pub(crate) fn case(&self, node: &PlannedNode) -> &'a Case {
        self.study.case_of(node)
    }

    /// The directory of a node.
    ///
    /// # Errors
    /// When the name cannot be a directory's.
    pub fn dir(&self, node: &PlannedNode) -> Result<NodeDir> {
        node.dir(self.run)
    }

    /// Which nodes are done, in the plan's order.
    ///
    /// # Errors
    /// The disk's.
    pub(crate) fn done(&self) -> Result<Vec<bool>> {
        Ok(self.plan.states(self.run)?.iter().map(|(_, status)| *status == NodeStatus::Done).collect())
    }

    /// Removes rolling states and claims of nodes that are done: a kill between the seal and the end of the clearing leaves
    /// some.
    ///
    /// # Errors
    /// The disk's.
    pub(crate) fn clear(&self, done: &[bool]) -> Result<()> {
        let done = self.plan.nodes.iter().zip(done).filter(|(_, done)| **done);
        done.map(|(node, _)| node).try_for_each(|node| {
            let dir = self.dir(node)?;
            dir.clear_states()?;
            Ok(dir.clear_claims()?)
        })
    }

    /// Carries out every node that is not done yet here or elsewhere, inputs first, up to `concurrent` of them side by side, on each
    /// device where there are several; on a device each
    /// of these on a queue of its own. What a node's files hold does not depend on what is worked on beside it.
    ///
    /// # Errors
    /// The first failure; the others then keep what they have and stop. What was finished stays finished.
    ///
    /// `done` may also hold for nodes that nobody wants and that nothing else needs.
    pub(crate) fn run(
        &self,
        done: &[bool],
        device: Option<&OnDevice>,
        concurrent: usize,
        progress: &Progress,
    ) -> Result<()> {
        let handout = Handout::from_plan(self.plan, done);
        let ordinals = device::ordinals(self.study.config())?;
        let devices = if device.is_some() { ordinals.len() } else { 1 };
        match (concurrent * devices).min(handout.left()) {
            0 => Ok(()),
            1 => self.work(&handout, device, progress),
            workers => {
                let another = device.map(device::another);
                let work = |place: usize| {
                    let ordinal = ordinals[place % ordinals.len()];
                    let device = another.as_ref().map(|open| open(ordinal)).transpose();
                    let device = device.inspect_err(|_| handout.stop())?;
                    self.work(&handout, device.as_ref(), progress)
                };
                std::thread::scope(|scope| {
                    let threads: Vec<_> =
                        (0..workers).map(|place| scope.spawn(move || work(place))).collect();
                    let ended = threads
                        .into_iter()
                        .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
                    // One that failed stops the others: its reason, not their being stopped, is what there is to tell.
                    let (stopped, failed): (Vec<_>, Vec<_>) = ended
                        .filter_map(Result::err)
                        .partition(|error| error.chain().any(|cause| cause.is::<exit::Interrupted>()));
                    failed.into_iter().chain(stopped).next().map_or(Ok(()), Err)
                })
            }
        }
    }

    /// Takes nodes and carries them out until none is left, work is stopped or one fails.
    fn work(&self, handout: &Handout, device: Option<&OnDevice>, progress: &Progress) -> Result<()> {
        let _stop_if_lost = handout.stop_on_panic();
        while let Some(index) = handout.take() {
            let node = &self.plan.nodes[index];
            match self.attempt(node, handout, device, progress) {
                Ok(Attempt::Done) => handout.done(index),
                Ok(Attempt::Elsewhere(holder)) => {
                    self.told_elsewhere(node, &holder, progress);
                    handout.elsewhere(index);
                }
                Err(error) => {
                    handout.stop();
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Says once who has a node in hand.
    fn told_elsewhere(&self, node: &PlannedNode, holder: &Holder, progress: &Progress) {
        if self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner).insert(node.key) {
            progress.line(&format!("{}: in the hands of {holder}", node.name));
        }
    }

    fn attempt(
        &self,
        node: &PlannedNode,
        handout: &Handout,
        device: Option<&OnDevice>,
        progress: &Progress,
    ) -> Result<Attempt> {
        self.interrupt.check()?;
        let dir = self.dir(node)?;
        // Before it is claimed, so that what others finished costs a look; and after, because they may have finished it since.
        if self.is_done(node, &dir, progress)? {
            return Ok(Attempt::Done);
        }
        let claim = match dir.claim()? {
            Claiming::Mine(claim) => claim,
            Claiming::Held(holder) => return Ok(Attempt::Elsewhere(holder)),
        };
        if self.is_done(node, &dir, progress)? {
            return Ok(Attempt::Done);
        }
        self.journal(&node.name, &node.key, "start", None)?;
        let result = self.carry_out(node, &dir, device, progress, &|| handout.stopped() || claim.lost());
        if result.is_err() && claim.lost() {
            // Whatever went wrong went wrong in a directory that is another's.
            self.journal(&node.name, &node.key, "taken over", None)?;
            progress.line(&format!("{}: taken over by another process", node.name));
            return Ok(Attempt::Elsewhere(Holder::default()));
        }
        let event = if result.is_ok() { "done" } else { "stop" };
        // To be stopped is not a failure.
        let failed = result.as_ref().err().filter(|error| exit::code(error) != exit::INTERRUPTED);
        self.journal(&node.name, &node.key, event, failed.map(|error| format!("{error:#}")))?;
        result.with_context(|| format!("node {}", dir.name()))?;
        drop(claim);
        // A disk that failed just then may have left it there.
        dir.clear_claims()?;
        Ok(Attempt::Done)
    }

    /// Whether another process has finished a node meanwhile.
    fn is_done(&self, node: &PlannedNode, dir: &NodeDir, progress: &Progress) -> Result<bool> {
        match dir.status()? {
            NodeStatus::Done => {
                progress.done_elsewhere(node.passes);
                Ok(true)
            }
            NodeStatus::ToDo { .. } => Ok(false),
            NodeStatus::Damaged { why } => {
                let nodes = vec![format!("{}: {why}", dir.name())];
                Err(exit::Damaged { run: self.run.path().to_owned(), nodes }.into())
            }
        }
    }

    /// Notes an event with the seconds since the line before it, whatever that was about: together they are the time
    /// worked, also where several nodes are worked on at once, and an attempt that was killed counts up to its last line.
    pub(crate) fn journal(
        &self,
        name: &str,
        key: &Digest,
        event: &str,
        error: Option<String>,
    ) -> Result<(), StoreError> {
        let mut last = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let seconds = now.duration_since(std::mem::replace(&mut *last, now)).as_secs_f64();
        let (event, name, key) = (event.to_owned(), name.to_owned(), key.to_string());
        let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        self.run.journal().append(&Event { event, name, key, seconds, error, at, verified: None })
    }

    /// The parameters of a finished node, in the network's order.
    ///
    /// # Errors
    /// When a file is damaged or does not fit the network.
    pub fn params(&self, node: NodeIndex) -> Result<Params> {
        let node = &self.plan.nodes[node];
        let dir = self.dir(node)?;
        let bytes = dir.read_verified(FINAL)?;
        let decoded =
            TensorFile::decode(&bytes).with_context(|| format!("{}/{FINAL}", dir.path().display()))?;
        let classes = match node.work {
            PlannedWork::Import { classes, .. } => classes,
            _ => None,
        };
        Ok(self.case(node).network_of(classes)?.check(&decoded.params)?)
    }
    /// The record of a finished measurement.
    ///
    /// # Errors
    /// When its file is damaged.
    pub fn record(&self, node: NodeIndex) -> Result<Record> {
        let dir = self.dir(&self.plan.nodes[node])?;
        let bytes = dir.read_verified(RECORD)?;
        Record::decode(&bytes).with_context(|| format!("{}/{RECORD}", dir.path().display()))
    }
}
