//! Job arrays: jobs of one class that ask for the same, submitted by one command.

use crate::ask::{Ask, Raised};
use crate::{Class, Job, Settings, Task};
use basin_core::digest;
use std::collections::BTreeMap;

/// A job array that is to be submitted.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Names its files, and stands in the comment of its jobs.
    pub name: String,
    /// The class of its jobs.
    pub class: Class,
    /// How many waves it is ahead of what is ready.
    pub depth: usize,
    /// What each of its jobs asks for.
    pub ask: Ask,
    /// Its jobs by index, as positions in the list of jobs.
    pub jobs: Vec<usize>,
}

/// A job that may be submitted now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub(crate) job: usize,
    /// How many waves ahead of what is ready.
    pub(crate) depth: usize,
    /// How often it was submitted before.
    pub(crate) attempts: u32,
    pub(crate) raised: Raised,
}

/// Arrays of candidates: one for each depth, class and ask, cut at what the cluster takes in one array. The names are digests of the
/// jobs and their attempts: the same jobs submitted in the same state have the same name.
pub(crate) fn group(
    jobs: &[Job],
    candidates: &[Candidate],
    settings: &Settings,
    largest: usize,
    limit: Option<u32>,
) -> Vec<Array> {
    let mut alike: BTreeMap<(usize, Class, Ask), Vec<Candidate>> = BTreeMap::new();
    for candidate in candidates {
        let job = &jobs[candidate.job];
        let ask = Ask::of(job, settings, candidate.raised, limit);
        alike.entry((candidate.depth, job.class, ask)).or_default().push(*candidate);
    }
    let mut arrays = Vec::new();
    for ((depth, class, ask), members) in alike {
        for part in members.chunks(largest.max(1)) {
            let attempts: Vec<String> =
                part.iter().map(|c| format!("{} {}", jobs[c.job].digest, c.attempts)).collect();
            let id = digest(attempts.iter().map(String::as_bytes)).to_string();
            arrays.push(Array {
                name: format!("{}-{}", class.name(), &id[..12]),
                class,
                depth,
                ask,
                jobs: part.iter().map(|candidate| candidate.job).collect(),
            });
        }
    }
    arrays
}

/// The file with the keys of each job of an array, one line a job.
pub(crate) fn task_lines(plan: &[Task], jobs: &[Job], array: &Array) -> String {
    let mut lines = String::new();
    for &job in &array.jobs {
        let keys: Vec<&str> = jobs[job].tasks.iter().map(|&task| plan[task].key.as_str()).collect();
        lines.push_str(&keys.join(" "));
        lines.push('\n');
    }
    lines
}

/// Where an array's files lie, below the run directory.
pub(crate) fn file(array: &str, ending: &str) -> String {
    format!("{}/{array}.{ending}", crate::FOLDER)
}

/// Where a job of an array leaves its exit code.
pub(crate) fn exit_file(array: &str, index: usize) -> String {
    format!("{}/exit/{array}.{index}", crate::FOLDER)
}

/// Where a job of an array says what it does.
pub(crate) fn log_file(array: &str, index: usize) -> String {
    format!("{}/log/{array}.{index}.log", crate::FOLDER)
}
