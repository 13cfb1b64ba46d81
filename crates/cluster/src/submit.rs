//! From jobs that may run to arrays in the queue, noted before and after.

use crate::array::{Array, Candidate, file, group, task_lines};
use crate::board::{Board, Submitted};
use crate::judge::Experience;
use crate::notes::{self, Note};
use crate::script::script;
use crate::session::Session;
use crate::{ClusterError, Site};
use std::collections::BTreeSet;

/// What came of handing arrays over.
#[derive(Debug, Default)]
pub(crate) struct Handed {
    pub(crate) jobs: usize,
    pub(crate) arrays: usize,
    /// Slurm took no more: with its words, and the jobs of the array that it refused.
    pub(crate) refused: Option<(ClusterError, Vec<usize>)>,
}

/// Submits what is ready and what becomes ready within the waves that are submitted ahead, as far as the queue has room.
pub(crate) fn submit(
    session: &Session<'_>,
    board: &mut Board<'_>,
    site: &Site,
    limit: Option<u32>,
    mut live: usize,
    experience: &Experience,
) -> Result<Handed, ClusterError> {
    let mut handed = Handed::default();
    let deepest = board.jobs.last().map_or(0, |job| job.wave);
    for depth in 0..=session.settings.ahead.min(deepest) {
        let mut candidates = candidates(board, depth);
        candidates.truncate(session.settings.queue_limit.saturating_sub(live));
        for array in group(&board.jobs, &candidates, session.settings, site.largest_array, limit) {
            if let Err(error) = hand_over(session, board, &array, experience) {
                return match error {
                    ClusterError::Refused { .. } => {
                        handed.refused = Some((error, array.jobs));
                        Ok(handed)
                    }
                    error => Err(error),
                };
            }
            live += array.jobs.len();
            handed.jobs += array.jobs.len();
            handed.arrays += 1;
        }
    }
    Ok(handed)
}

/// Jobs that are neither settled nor in the queue and are so many waves ahead of what is ready.
fn candidates(board: &Board<'_>, wanted: usize) -> Vec<Candidate> {
    let mut depths: Vec<Option<usize>> = Vec::with_capacity(board.jobs.len());
    let mut found = Vec::new();
    for job in 0..board.jobs.len() {
        if board.is_settled(job) {
            depths.push(None);
            continue;
        }
        let ahead = board.missing(job).try_fold(0, |ahead: usize, input| {
            // A job stands behind its parents, so their depths are known.
            let parent = depths.get(board.job_of[input]).copied().flatten()?;
            board.holder[input].map(|_| ahead.max(parent + 1))
        });
        depths.push(ahead);
        let standing = board.standing(job);
        let held = standing.is_some_and(|standing| standing.at.is_some())
            || board.open(job).all(|task| board.holder[task].is_some());
        if ahead == Some(wanted) && !held {
            let attempts = standing.map_or(0, |standing| standing.attempts);
            let raised = standing.map(|standing| standing.raised()).unwrap_or_default();
            found.push(Candidate { job, depth: wanted, attempts, raised });
        }
    }
    found
}

fn hand_over(
    session: &Session<'_>,
    board: &mut Board<'_>,
    array: &Array,
    experience: &Experience,
) -> Result<(), ClusterError> {
    let (name, run) = (&array.name, session.folder.path());
    let mut settings = session.settings.clone();
    if !experience.excluded.is_empty() {
        let machines = experience.excluded.join(",");
        // Of several such options sbatch takes the last alone.
        match settings.extra.iter_mut().find(|option| option.starts_with("--exclude=")) {
            Some(asked) => *asked += &format!(",{machines}"),
            None => settings.extra.push(format!("--exclude={machines}")),
        }
    }
    let text = script(array, &settings, &experience.token, run, session.exe)?;
    let write = |relative: String, text: &str| {
        session.folder.write(&relative, text.as_bytes()).map_err(ClusterError::Folder)?;
        Ok::<_, ClusterError>(run.join(relative))
    };
    write(file(name, "tasks"), &task_lines(board.plan, &board.jobs, array))?;
    let path = write(file(name, "sbatch"), &text)?;
    let after: BTreeSet<u64> = array
        .jobs
        .iter()
        .flat_map(|&job| board.missing(job).filter_map(|input| board.holder[input]))
        .collect();
    notes::add(session.folder, &[Note::Submitting { array: name.clone() }])?;
    board.submitted(
        name,
        Submitted {
            id: None,
            lines: array.jobs.iter().map(|&job| board.jobs[job].tasks.clone()).collect(),
            digests: array.jobs.iter().map(|&job| board.jobs[job].digest.clone()).collect(),
        },
    );
    let after: Vec<u64> = after.into_iter().collect();
    match session.slurm.submit(&path, &after) {
        Ok(id) => {
            notes::add(session.folder, &[Note::Accepted { array: name.clone(), id }])?;
            if let Some(submitted) = board.arrays.get_mut(name) {
                submitted.id = Some(id);
            }
            for &job in &array.jobs {
                let open: Vec<usize> = board.open(job).collect();
                open.into_iter().for_each(|task| board.holder[task] = Some(id));
            }
            Ok(())
        }
        Err(error @ ClusterError::Refused { .. }) => {
            notes::add(session.folder, &[Note::Refused { array: name.clone() }])?;
            for &job in &array.jobs {
                board.standing_mut(job).at = None;
            }
            Err(error)
        }
        // It may have been accepted: the next look at the queue tells.
        Err(error) => Err(error),
    }
}
