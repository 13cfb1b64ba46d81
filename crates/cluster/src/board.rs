//! Where each job stands: what was noted, what is done, what the queue shows.

use crate::array::file;
use crate::ask::Raised;
use crate::bundle::assemble;
use crate::notes::{self, Note};
use crate::queue::Queue;
use crate::{ClusterError, Job, Reason, RunFolder, Task};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// A job's place: the array it was submitted with last, and its index there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) array: String,
    pub(crate) index: usize,
}

/// Why a job will not be done by this watcher.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// It failed for good.
    Failed { why: String, log: Vec<String> },
    /// It needs a task, by its place in the plan, that failed for good.
    Blocked { by: usize },
}

/// What is known of one job.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    /// How often it was submitted.
    pub(crate) attempts: u32,
    /// How often it ended for each reason.
    pub(crate) ended: BTreeMap<Reason, u32>,
    /// Memory that was raised, in MB.
    pub(crate) memory: Option<u64>,
    /// Where it was submitted last, until it is known to have ended.
    pub(crate) at: Option<Place>,
    /// Why it was given up, by an earlier watcher.
    pub(crate) given_up: Option<(Place, String)>,
    pub(crate) verdict: Option<Verdict>,
    /// Since when its end is seen, or it is not seen at all.
    pub(crate) unsettled: Option<Instant>,
}

impl Standing {
    pub(crate) fn raised(&self) -> Raised {
        Raised { time: self.ended.contains_key(&Reason::TimedOut), memory: self.memory }
    }
}

/// An array that was submitted: the tasks of each of its jobs, as places in the plan.
#[derive(Clone, Debug, Default)]
pub(crate) struct Submitted {
    pub(crate) id: Option<u64>,
    pub(crate) lines: Vec<Vec<usize>>,
    /// The job on each line, by its digest.
    pub(crate) digests: Vec<String>,
}

pub(crate) struct Board<'a> {
    pub(crate) plan: &'a [Task],
    pub(crate) done: Vec<bool>,
    pub(crate) jobs: Vec<Job>,
    /// The job of each task; `usize::MAX` where it has none.
    pub(crate) job_of: Vec<usize>,
    /// By the job's digest.
    pub(crate) standings: BTreeMap<String, Standing>,
    pub(crate) arrays: BTreeMap<String, Submitted>,
    /// The array id under which each task waits or runs.
    pub(crate) holder: Vec<Option<u64>>,
    places: BTreeMap<&'a str, usize>,
}

impl<'a> Board<'a> {
    /// The board of a plan's jobs, with what earlier watchers noted.
    pub(crate) fn load(
        plan: &'a [Task],
        done: Vec<bool>,
        jobs: Vec<Job>,
        folder: &dyn RunFolder,
    ) -> Result<Self, ClusterError> {
        let mut board = Self {
            plan,
            done,
            jobs,
            job_of: Vec::new(),
            standings: BTreeMap::new(),
            arrays: BTreeMap::new(),
            holder: vec![None; plan.len()],
            places: plan.iter().enumerate().map(|(at, task)| (task.key.as_str(), at)).collect(),
        };
        board.index();
        for note in notes::read(folder)? {
            board.note(note, folder)?;
        }
        Ok(board)
    }

    /// Notes that an array was submitted whose jobs stand in its file of tasks.
    fn learn(&mut self, array: &str, folder: &dyn RunFolder) -> Result<(), ClusterError> {
        let lines = folder.read(&file(array, "tasks")).map_err(ClusterError::Folder)?;
        let text = String::from_utf8_lossy(&lines.unwrap_or_default()).into_owned();
        let mut submitted = Submitted::default();
        for line in text.lines() {
            let keys: Vec<&str> = line.split(' ').collect();
            submitted.digests.push(basin_core::digest(keys.iter().map(|key| key.as_bytes())).to_string());
            submitted.lines.push(keys.iter().filter_map(|key| self.places.get(key).copied()).collect());
        }
        self.submitted(array, submitted);
        Ok(())
    }

    fn note(&mut self, note: Note, folder: &dyn RunFolder) -> Result<(), ClusterError> {
        match note {
            Note::Submitting { array } => self.learn(&array, folder)?,
            Note::Accepted { array, id } => {
                self.arrays.entry(array).or_default().id = Some(id);
            }
            Note::Refused { array } => {
                for standing in self.standings.values_mut() {
                    if standing.at.as_ref().is_some_and(|at| at.array == array) {
                        standing.at = None;
                    }
                }
            }
            Note::Ended { job, reason, memory } => self.ended(&job, reason, memory),
            Note::Withdrawn { job } | Note::Apart { job } => self.standings.entry(job).or_default().at = None,
            Note::GivenUp { job, why } => {
                let standing = self.standings.entry(job).or_default();
                standing.given_up = standing.at.take().map(|at| (at, why));
                standing.ended.clear();
            }
        }
        Ok(())
    }

    /// Notes that an array is being submitted.
    pub(crate) fn submitted(&mut self, array: &str, submitted: Submitted) {
        for (index, digest) in submitted.digests.iter().enumerate() {
            let standing = self.standings.entry(digest.clone()).or_default();
            standing.attempts += 1;
            standing.at = Some(Place { array: array.to_owned(), index });
            standing.given_up = None;
            standing.unsettled = None;
        }
        self.arrays.insert(array.to_owned(), submitted);
    }

    /// Notes that a job ended and is to be submitted again.
    pub(crate) fn ended(&mut self, job: &str, reason: Reason, memory: Option<u64>) {
        let standing = self.standings.entry(job.to_owned()).or_default();
        *standing.ended.entry(reason).or_default() += 1;
        standing.memory = memory.or(standing.memory);
        standing.at = None;
        standing.unsettled = None;
    }

    /// The tasks on a line of an array, as places in the plan.
    pub(crate) fn line(&self, array: &str, index: usize) -> &[usize] {
        let lines = self.arrays.get(array).map(|array| &array.lines);
        lines.and_then(|lines| lines.get(index)).map(Vec::as_slice).unwrap_or_default()
    }

    pub(crate) fn standing(&self, job: usize) -> Option<&Standing> {
        self.standings.get(&self.jobs[job].digest)
    }

    pub(crate) fn standing_mut(&mut self, job: usize) -> &mut Standing {
        self.standings.entry(self.jobs[job].digest.clone()).or_default()
    }

    /// Tasks of a job that are not done.
    pub(crate) fn open(&self, job: usize) -> impl Iterator<Item = usize> {
        self.jobs[job].tasks.iter().copied().filter(|&task| !self.done[task])
    }

    /// Whether a job needs no more attention: done, failed or blocked.
    pub(crate) fn is_settled(&self, job: usize) -> bool {
        self.open(job).next().is_none() || self.standing(job).is_some_and(|s| s.verdict.is_some())
    }

    /// Inputs of a job that are neither done nor its own.
    pub(crate) fn missing(&self, job: usize) -> impl Iterator<Item = usize> {
        let inputs = self.open(job).flat_map(|task| self.plan[task].inputs.iter().copied());
        inputs.filter(move |&input| !self.done[input] && self.job_of[input] != job)
    }

    /// Looks again which tasks are done.
    pub(crate) fn refresh(&mut self, folder: &dyn RunFolder) -> Result<(), ClusterError> {
        for (task, done) in self.plan.iter().zip(&mut self.done) {
            if !*done {
                *done = folder.is_done(task).map_err(ClusterError::Folder)?;
            }
        }
        Ok(())
    }

    /// Notes which tasks wait or run in the queue, whatever job they are in. An array that nothing was noted of is one of ours as
    /// well: its comment says so.
    pub(crate) fn hold(&mut self, queue: &Queue, folder: &dyn RunFolder) -> Result<(), ClusterError> {
        let unknown: BTreeSet<&str> = queue.entries.iter().map(|entry| entry.array.as_str()).collect();
        for array in unknown.into_iter().filter(|array| !self.arrays.contains_key(*array)).collect::<Vec<_>>()
        {
            self.learn(array, folder)?;
        }
        self.holder = vec![None; self.plan.len()];
        for entry in queue.entries.iter().filter(|entry| entry.state.is_live()) {
            let Some(array) = self.arrays.get_mut(&entry.array) else { continue };
            array.id.get_or_insert(entry.id);
            for &task in array.lines.get(entry.index).into_iter().flatten() {
                self.holder[task] = Some(entry.id);
            }
        }
        Ok(())
    }

    /// Gives each open task of these jobs a job of its own, so that what one of them cannot do keeps no other from being done.
    pub(crate) fn split(&mut self, jobs: &[usize]) {
        let apart: BTreeSet<usize> = jobs.iter().copied().collect();
        let mut groups = Vec::new();
        for (job, known) in self.jobs.iter().enumerate() {
            if apart.contains(&job) {
                groups.extend(self.open(job).map(|task| vec![task]));
            } else {
                groups.push(known.tasks.clone());
            }
        }
        self.jobs = assemble(self.plan, groups);
        self.index();
    }

    fn index(&mut self) {
        self.job_of = vec![usize::MAX; self.plan.len()];
        for (job, tasks) in self.jobs.iter().map(|job| &job.tasks).enumerate() {
            tasks.iter().for_each(|&task| self.job_of[task] = job);
        }
    }
}
