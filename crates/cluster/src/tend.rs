//! What is put right in the queue itself: arrays that are there twice, jobs that never begin, jobs that wait longer than they must.

use crate::board::Board;
use crate::judge::Fate;
use crate::queue::{Entry, JobState, Queue};
use crate::session::Session;
use crate::{ClusterError, Reason};
use std::collections::BTreeMap;

/// An array that was accepted twice, because an answer was lost, is cancelled once.
pub(crate) fn cancel_twins(
    session: &Session<'_>,
    board: &Board<'_>,
    queue: &Queue,
) -> Result<(), ClusterError> {
    let mut ids: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for entry in queue.entries.iter().filter(|entry| entry.state.is_live()) {
        let known = ids.entry(&entry.array).or_default();
        if !known.contains(&entry.id) {
            known.push(entry.id);
        }
    }
    let mut twins = Vec::new();
    for (array, ids) in ids {
        let noted = board.arrays.get(array).and_then(|array| array.id);
        let keep = noted.filter(|id| ids.contains(id)).or(ids.iter().min().copied());
        twins.extend(ids.iter().filter(|&&id| Some(id) != keep).map(u64::to_string));
    }
    if twins.is_empty() { Ok(()) } else { session.slurm.cancel(&twins) }
}

/// A job in the queue that will never begin is taken out of it.
pub(crate) fn stuck(session: &Session<'_>, entry: &Entry) -> Result<Option<Fate>, ClusterError> {
    let pending = entry.state == JobState::Pending;
    let fate = match entry.reason.to_lowercase() {
        reason if pending && reason.starts_with("launch failed") => Fate::Again(Reason::NodeFailed, None),
        reason if pending && reason == "dependencyneversatisfied" => Fate::Withdrawn,
        _ => return Ok(None),
    };
    session.slurm.cancel(&[entry.job_id()])?;
    Ok(Some(fate))
}

/// Jobs that wait for a whole array although their own parents are done wait no longer.
pub(crate) fn free_ready(
    session: &Session<'_>,
    board: &Board<'_>,
    queue: &Queue,
) -> Result<(), ClusterError> {
    let places = queue.by_place();
    let mut free: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for job in (0..board.jobs.len()).filter(|&job| !board.is_settled(job)) {
        let Some(place) = board.standing(job).and_then(|standing| standing.at.as_ref()) else {
            continue;
        };
        let Some(entry) = places.find(&place.array, place.index) else { continue };
        let waits = entry.state == JobState::Pending && entry.reason == "Dependency";
        if waits && board.missing(job).next().is_none() {
            free.entry(entry.id).or_default().push(entry.index);
        }
    }
    free.into_iter().try_for_each(|(id, indices)| session.slurm.free(id, &indices))
}
