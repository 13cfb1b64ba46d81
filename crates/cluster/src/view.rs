//! Where each task of a plan stands: from the notes, the logs, and the queue where it answers.

use crate::board::Board;
use crate::judge::last_lines;
use crate::queue::{JobState, Queue};
use crate::{ClusterError, RunFolder, Task};

/// Where a task stands.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskState {
    /// It is done.
    Done,
    /// Its job runs.
    Running {
        /// The job's id.
        job: String,
        /// The machine.
        node: String,
        /// For how long, as Slurm writes it.
        elapsed: String,
    },
    /// Its job waits.
    Queued {
        /// The job's id.
        job: String,
        /// Why, in Slurm's words.
        reason: String,
        /// When it is expected to begin; `N/A` where unknown.
        start: String,
    },
    /// Its job failed for good.
    Failed {
        /// Why.
        why: String,
        /// The last lines of its log.
        log: Vec<String>,
    },
    /// It was not handed over yet, or is to be handed over again.
    Waiting,
}

/// The state of each task; without a queue, what waits and runs there is not told from what waits here. Cost: a look for each task, a
/// file for each array, the tail of a log for each failure.
///
/// # Errors
/// [`ClusterError::BadNotes`], [`ClusterError::Folder`].
pub fn view(
    plan: &[Task],
    folder: &dyn RunFolder,
    queue: Option<&Queue>,
) -> Result<Vec<TaskState>, ClusterError> {
    let mut board = Board::load(plan, vec![false; plan.len()], Vec::new(), folder)?;
    board.refresh(folder)?;
    let mut states: Vec<TaskState> =
        board.done.iter().map(|&done| if done { TaskState::Done } else { TaskState::Waiting }).collect();
    for (place, why) in board.standings.values().filter_map(|standing| standing.given_up.as_ref()) {
        let open: Vec<usize> =
            board.line(&place.array, place.index).iter().copied().filter(|&task| !board.done[task]).collect();
        if !open.is_empty() {
            let log = last_lines(folder.path(), place, 5);
            open.into_iter().for_each(|task| {
                states[task] = TaskState::Failed { why: why.clone(), log: log.clone() };
            });
        }
    }
    let Some(queue) = queue else { return Ok(states) };
    board.hold(queue, folder)?;
    for entry in queue.entries.iter().filter(|entry| entry.state.is_live()) {
        for &task in board.line(&entry.array, entry.index).iter().filter(|&&task| !board.done[task]) {
            let job = entry.job_id();
            match (entry.state, &states[task]) {
                (JobState::Running, _) => {
                    let (node, elapsed) = (entry.node.clone(), entry.elapsed.clone());
                    states[task] = TaskState::Running { job, node, elapsed };
                }
                (_, TaskState::Running { .. }) => {}
                _ => {
                    let (reason, start) = (entry.reason.clone(), entry.start.clone());
                    states[task] = TaskState::Queued { job, reason, start };
                }
            }
        }
    }
    Ok(states)
}
