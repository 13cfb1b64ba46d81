//! What follows when a job fails for good: its dependants are left out, everything else goes on.

use crate::board::{Board, Place, Verdict};
use crate::judge::last_lines;
use crate::notes::{self, Note};
use crate::queue::Queue;
use crate::session::Session;
use crate::{Class, ClusterError};

/// How many lines of a log are shown.
const LINES: usize = 5;

/// Gives jobs up, each with the place where it failed and why. A bundle of several open tasks is first taken apart, because only one
/// of them may be at fault.
pub(crate) fn give_up(
    session: &Session<'_>,
    board: &mut Board<'_>,
    queue: &Queue,
    failed: Vec<(usize, Place, String)>,
) -> Result<(), ClusterError> {
    let (bundles, failed): (Vec<_>, Vec<_>) = failed
        .into_iter()
        .partition(|(job, ..)| board.jobs[*job].class == Class::Short && board.open(*job).count() > 1);
    let mut fresh = Vec::new();
    for (job, place, why) in failed {
        let name = board.jobs[job].name.clone();
        let log = last_lines(session.folder.path(), &place, LINES);
        (session.say)(&format!("{name} failed: {why}"));
        log.iter().for_each(|line| (session.say)(&format!("    {line}")));
        fresh.push(Note::GivenUp { job: board.jobs[job].digest.clone(), why: why.clone() });
        let standing = board.standing_mut(job);
        standing.at = None;
        standing.verdict = Some(Verdict::Failed { why, log });
    }
    let mut apart = Vec::new();
    for (job, _, why) in bundles {
        let (name, open) = (&board.jobs[job].name, board.open(job).count());
        (session.say)(&format!("{name} failed: {why}; its {open} open tasks are tried one by one"));
        fresh.push(Note::Apart { job: board.jobs[job].digest.clone() });
        board.standing_mut(job).at = None;
        apart.push(job);
    }
    if !fresh.is_empty() {
        notes::add(session.folder, &fresh)?;
    }
    apart.extend(half_blocked(board));
    if !apart.is_empty() {
        apart.sort_unstable();
        apart.dedup();
        board.split(&apart);
    }
    leave_out(session, board, queue)
}

/// For each task the failed one that it needs.
fn needs_failed(board: &Board<'_>) -> Vec<Option<usize>> {
    let mut needs: Vec<Option<usize>> = vec![None; board.plan.len()];
    for job in 0..board.jobs.len() {
        if board.standing(job).is_some_and(|s| matches!(s.verdict, Some(Verdict::Failed { .. }))) {
            let open: Vec<usize> = board.open(job).collect();
            open.into_iter().for_each(|task| needs[task] = Some(task));
        }
    }
    for task in 0..board.plan.len() {
        if needs[task].is_none() && !board.done[task] {
            needs[task] = board.plan[task].inputs.iter().find_map(|&input| needs[input]);
        }
    }
    needs
}

/// Jobs that hold tasks which need a failed one beside others which do not.
fn half_blocked(board: &Board<'_>) -> Vec<usize> {
    let needs = needs_failed(board);
    let jobs = (0..board.jobs.len()).filter(|&job| !board.is_settled(job));
    jobs.filter(|&job| {
        let blocked = board.open(job).filter(|&task| needs[task].is_some()).count();
        blocked > 0 && blocked < board.open(job).count() && board.jobs[job].class == Class::Short
    })
    .collect()
}

/// Marks what needs a failed task, and takes it out of the queue.
fn leave_out(session: &Session<'_>, board: &mut Board<'_>, queue: &Queue) -> Result<(), ClusterError> {
    let needs = needs_failed(board);
    for job in 0..board.jobs.len() {
        let by = board.open(job).find_map(|task| needs[task]);
        if let Some(by) = by.filter(|_| !board.is_settled(job)) {
            let (name, cause) = (&board.jobs[job].name, &board.plan[by].name);
            (session.say)(&format!("{name} is left out: it needs {cause}, which failed"));
            let standing = board.standing_mut(job);
            standing.at = None;
            standing.verdict = Some(Verdict::Blocked { by });
        }
    }
    let doomed = |array: &str, index: usize| {
        board.line(array, index).iter().any(|&task| needs[task].is_some_and(|by| by != task))
    };
    let live = queue.entries.iter().filter(|entry| entry.state.is_live());
    let doomed: Vec<String> =
        live.filter(|e| doomed(&e.array, e.index)).map(|entry| entry.job_id()).collect();
    // Where the controller does not answer, the next round finds them gone, or they fail as their parent did.
    if doomed.is_empty() { Ok(()) } else { session.slurm.cancel(&doomed) }
}
