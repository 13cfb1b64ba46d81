//! What a watcher works with, and what it leaves behind.

use crate::board::Verdict;
use crate::{ClusterError, RunFolder, Settings, Slurm, Task};
use std::fmt;
use std::path::Path;

/// Everything that handing a plan to Slurm takes.
pub struct Session<'a> {
    /// The plan, inputs before what needs them.
    pub plan: &'a [Task],
    /// The run directory.
    pub folder: &'a dyn RunFolder,
    /// Slurm as it is reached from here.
    pub slurm: &'a Slurm,
    /// What is asked of it.
    pub settings: &'a Settings,
    /// The program `basin`, absolute, as jobs see it.
    pub exe: &'a Path,
    /// Says a line to the user.
    pub say: &'a dyn Fn(&str),
    /// Whether the user wants to leave.
    pub interrupt: &'a dyn Fn() -> bool,
}

impl fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let run = self.folder.path();
        f.debug_struct("Session").field("run", &run).field("tasks", &self.plan.len()).finish_non_exhaustive()
    }
}

/// A job that failed for good.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// Its name.
    pub name: String,
    /// Its tasks that are not done, as places in the plan.
    pub tasks: Vec<usize>,
    /// Why.
    pub why: String,
    /// The last lines of its log.
    pub log: Vec<String>,
}

/// How a plan stands when its watcher ends.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// How many tasks are done.
    pub done: usize,
    /// What failed for good.
    pub failed: Vec<Failure>,
    /// Tasks that were left out because they need one that failed, as places in the plan: each with the one it needs.
    pub left_out: Vec<(usize, usize)>,
    /// Whether the user left before the end; jobs in the queue stay there.
    pub interrupted: bool,
}

impl Outcome {
    pub(crate) fn of(board: &crate::board::Board<'_>, interrupted: bool) -> Self {
        let mut outcome =
            Self { done: board.done.iter().filter(|&&done| done).count(), interrupted, ..Self::default() };
        for job in 0..board.jobs.len() {
            let open = board.open(job);
            match board.standing(job).and_then(|standing| standing.verdict.as_ref()) {
                Some(Verdict::Failed { why, log }) => {
                    let tasks: Vec<usize> = open.collect();
                    if !tasks.is_empty() {
                        let name = board.jobs[job].name.clone();
                        outcome.failed.push(Failure { name, tasks, why: why.clone(), log: log.clone() });
                    }
                }
                Some(Verdict::Blocked { by }) => outcome.left_out.extend(open.map(|task| (task, *by))),
                None => {}
            }
        }
        outcome
    }
}

/// Asks again with growing pauses while the controller does not answer, up to `tries` times.
pub(crate) fn patiently<T>(
    session: &Session<'_>,
    tries: u32,
    ask: impl Fn() -> Result<T, ClusterError>,
) -> Result<T, ClusterError> {
    let mut pause = (session.settings.poll_seconds / 8.0).min(2.0);
    for _ in 1..tries {
        match ask() {
            Err(ClusterError::Unavailable { .. }) if !(session.interrupt)() => {}
            answered => return answered,
        }
        sleep(session, pause);
        pause *= 2.0;
    }
    ask()
}

/// Waits, but no longer than until the user wants to leave.
pub(crate) fn sleep(session: &Session<'_>, seconds: f64) {
    let until = std::time::Instant::now() + std::time::Duration::from_secs_f64(seconds);
    loop {
        let left = until.saturating_duration_since(std::time::Instant::now());
        if left.is_zero() || (session.interrupt)() {
            return;
        }
        std::thread::sleep(left.min(std::time::Duration::from_millis(50)));
    }
}
