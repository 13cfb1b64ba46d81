//! The queue as Slurm shows it: the jobs of one run, known by their comments.

use crate::ClusterError;
use std::collections::BTreeMap;

/// How a job ended, in Slurm's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With exit code 0.
    Completed,
    /// With another exit code, or by a signal.
    Failed,
    /// At its time limit.
    TimedOut,
    /// It needed more memory than it had.
    OutOfMemory,
    /// Its node went down.
    NodeFailed,
    /// Another job took its place.
    Preempted,
    /// Somebody cancelled it.
    Cancelled,
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// It waits; [`Entry::reason`] says for what.
    Pending,
    /// It runs, or is about to end.
    Running,
    /// It ended.
    Ended(Ended),
}

impl JobState {
    /// Whether it waits or runs.
    pub fn is_live(self) -> bool {
        !matches!(self, JobState::Ended(_))
    }

    /// Slurm's word for a state, `None` for one that is not known.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "PENDING" | "REQUEUED" | "REQUEUE_FED" | "REQUEUE_HOLD" | "SPECIAL_EXIT" | "RESV_DEL_HOLD" => {
                JobState::Pending
            }
            "RUNNING" | "COMPLETING" | "CONFIGURING" | "RESIZING" | "SIGNALING" | "STAGE_OUT" | "STOPPED"
            | "SUSPENDED" => JobState::Running,
            "COMPLETED" => JobState::Ended(Ended::Completed),
            "FAILED" => JobState::Ended(Ended::Failed),
            "TIMEOUT" | "DEADLINE" => JobState::Ended(Ended::TimedOut),
            "OUT_OF_MEMORY" => JobState::Ended(Ended::OutOfMemory),
            "NODE_FAIL" | "BOOT_FAIL" => JobState::Ended(Ended::NodeFailed),
            "PREEMPTED" => JobState::Ended(Ended::Preempted),
            "CANCELLED" | "REVOKED" => JobState::Ended(Ended::Cancelled),
            _ => return None,
        })
    }
}

/// A job of an array of this run.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The array's name.
    pub array: String,
    /// Its index in the array; [`Entry::WHOLE`] for all jobs of it that have no line of their own.
    pub index: usize,
    /// The array's id, by which it can be cancelled; ids are used again.
    pub id: u64,
    /// What it does.
    pub state: JobState,
    /// Where it runs or ran; nothing where it did not begin.
    pub node: String,
    /// For how long it runs, as Slurm writes it.
    pub elapsed: String,
    /// When it began, or is expected to; `N/A` where unknown.
    pub start: String,
    /// Why it waits or ended, in Slurm's words.
    pub reason: String,
    /// Memory that it was given, in MB, where accounts tell.
    pub memory: Option<u64>,
}

impl Entry {
    /// What was cancelled before any of it began is one line without an index.
    pub const WHOLE: usize = usize::MAX;

    /// The job's id, `12_3`.
    pub fn job_id(&self) -> String {
        if self.index == Self::WHOLE { self.id.to_string() } else { format!("{}_{}", self.id, self.index) }
    }
}

/// The jobs of a run that Slurm knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Queue {
    /// In Slurm's order.
    pub entries: Vec<Entry>,
}

impl Queue {
    /// From lines `comment|array id|index|state|node|elapsed|start|reason`; lines of other jobs are left out.
    pub(crate) fn parse(text: &str, token: &str) -> Result<Self, ClusterError> {
        let ours = format!("basin:{token}:");
        let lines = text.lines().filter(|line| line.starts_with(&ours));
        let entry = |line: &str| {
            let mut fields = line[ours.len()..].splitn(8, '|');
            let mut next = || fields.next();
            Some(Entry {
                array: next()?.to_owned(),
                id: next()?.trim().parse().ok()?,
                index: match next()?.trim() {
                    "N/A" => Entry::WHOLE,
                    index => index.parse().ok()?,
                },
                state: JobState::parse(next()?.trim())?,
                node: next()?.trim().to_owned(),
                elapsed: next()?.trim().to_owned(),
                start: next()?.trim().to_owned(),
                reason: next()?.trim().to_owned(),
                memory: None,
            })
        };
        let read = |line: &str| {
            let line = line.to_owned();
            entry(&line).ok_or(ClusterError::NotUnderstood { program: "squeue".to_owned(), line })
        };
        Ok(Self { entries: lines.map(read).collect::<Result<_, _>>()? })
    }

    /// The entries by array and index; of several, those that live come first.
    pub(crate) fn by_place(&self) -> Places<'_> {
        let mut places: BTreeMap<(&str, usize), &Entry> = BTreeMap::new();
        for entry in &self.entries {
            let known = places.entry((&entry.array, entry.index)).or_insert(entry);
            if entry.state.is_live() && !known.state.is_live() {
                *known = entry;
            }
        }
        Places(places)
    }
}

/// A queue in which jobs are looked up.
pub(crate) struct Places<'a>(BTreeMap<(&'a str, usize), &'a Entry>);

impl<'a> Places<'a> {
    pub(crate) fn find(&self, array: &str, index: usize) -> Option<&'a Entry> {
        self.0.get(&(array, index)).or_else(|| self.0.get(&(array, Entry::WHOLE))).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_jobs_with_our_comment_are_ours() {
        let text = "(null)|7|0|RUNNING|n1|0:01|now|None\n\
            basin:t:short-a|8|1|RUNNING|n2|0:01|2026-01-01T00:00:00|None\n\
            basin:u:short-a|9|1|RUNNING|n2|0:01|now|None\n\
            basin:t:short-a|8|2|CANCELLED||0:00|N/A|DependencyNeverSatisfied\n";
        let queue = Queue::parse(text, "t").unwrap();
        let told: Vec<_> = queue.entries.iter().map(|e| (e.job_id(), e.state, e.reason.as_str())).collect();
        assert_eq!(
            told,
            [
                ("8_1".to_owned(), JobState::Running, "None"),
                ("8_2".to_owned(), JobState::Ended(Ended::Cancelled), "DependencyNeverSatisfied")
            ]
        );
    }

    #[test]
    fn a_live_job_hides_one_that_ended_at_its_place() {
        let text = "basin:t:a|1|0|FAILED|n|0|N/A|x\nbasin:t:a|2|0|PENDING||0|N/A|x\nbasin:t:a|1|0|FAILED|n|0|N/A|x\n";
        let queue = Queue::parse(text, "t").unwrap();
        assert_eq!(queue.by_place().find("a", 0).unwrap().id, 2);
    }

    #[test]
    fn an_array_that_was_cancelled_before_it_began_is_one_line() {
        let text = "basin:t:a|4|N/A|CANCELLED||0|N/A|Dependency\nbasin:t:a|4|1|RUNNING|n|0|N/A|None\n";
        let queue = Queue::parse(text, "t").unwrap();
        let states = [0, 1].map(|index| queue.by_place().find("a", index).unwrap().state);
        assert_eq!(states, [JobState::Ended(Ended::Cancelled), JobState::Running]);
        assert_eq!(queue.entries[0].job_id(), "4");
    }

    #[test]
    fn states_that_are_not_known_are_refused_with_the_line() {
        let error = Queue::parse("basin:t:a|1|0|DREAMING|n|0|N/A|x\n", "t").unwrap_err();
        assert!(error.to_string().contains("DREAMING"), "{error}");
        assert!(Queue::parse("basin:t:a|x|0|FAILED\n", "t").is_err());
    }
}
