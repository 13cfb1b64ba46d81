//! Why a job ended before its work was done, and how often each is borne.

use serde::{Deserialize, Serialize};

/// Why a job is to be submitted again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Its node went down, or could not start it.
    NodeFailed,
    /// Another job took its place.
    Preempted,
    /// It reached its time limit; the next one asks for twice the time.
    TimedOut,
    /// It needed more memory than it had; the next one asks for twice as much.
    OutOfMemory,
    /// Somebody cancelled it.
    Cancelled,
    /// It was interrupted, kept a checkpoint, and could not put itself back into the queue.
    Interrupted,
    /// Slurm does not know it any more.
    Lost,
    /// A signal ended it.
    Killed,
    /// Storage failed (exit code 8).
    Storage,
    /// It ended well, but its work is not there.
    NotSealed,
    /// Its node does not see the run directory, or the program, that others saw.
    NotVisible,
}

impl Reason {
    /// All of them.
    pub const ALL: [Reason; 11] = [
        Reason::NodeFailed,
        Reason::Preempted,
        Reason::TimedOut,
        Reason::OutOfMemory,
        Reason::Cancelled,
        Reason::Interrupted,
        Reason::Lost,
        Reason::Killed,
        Reason::Storage,
        Reason::NotSealed,
        Reason::NotVisible,
    ];

    /// How often a job is submitted again for it.
    pub fn limit(self) -> u32 {
        match self {
            Reason::TimedOut | Reason::OutOfMemory | Reason::Storage => 1,
            Reason::NotSealed | Reason::NotVisible => 3,
            Reason::Cancelled | Reason::Killed => 5,
            Reason::NodeFailed => 10,
            Reason::Interrupted | Reason::Lost => 20,
            Reason::Preempted => 100,
        }
    }

    /// What happened, behind the name of a job.
    pub fn words(self) -> &'static str {
        match self {
            Reason::NodeFailed => "lost its node",
            Reason::Preempted => "was preempted",
            Reason::TimedOut => "reached its time limit",
            Reason::OutOfMemory => "ran out of memory",
            Reason::Cancelled => "was cancelled by somebody",
            Reason::Interrupted => "was interrupted and kept a checkpoint",
            Reason::Lost => "is not known to Slurm any more",
            Reason::Killed => "was ended by a signal",
            Reason::Storage => "could not write (exit code 8)",
            Reason::NotSealed => "ended well without its work being there",
            Reason::NotVisible => "could not see the run directory or the program",
        }
    }
}

/// What an exit code of Basin's says, and whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Again(Reason),
    Permanent(&'static str),
}

pub(crate) fn of_code(code: i32) -> Code {
    match code {
        0 => Code::Again(Reason::NotSealed),
        8 => Code::Again(Reason::Storage),
        crate::INTERRUPTED => Code::Again(Reason::Interrupted),
        crate::NOT_VISIBLE | crate::NO_PROGRAM => Code::Again(Reason::NotVisible),
        2 => Code::Permanent("usage or configuration"),
        3 => Code::Permanent("data set missing or corrupt"),
        4 => Code::Permanent("a checkpoint or imported file does not fit"),
        6 => Code::Permanent("loss or gradient became NaN or infinite"),
        7 => Code::Permanent("the device cannot be used"),
        code if code > 128 => Code::Again(Reason::Killed),
        _ => Code::Permanent("unexpected"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_get_better_is_not_tried_again() {
        for code in [1, 2, 3, 4, 6, 7, 126, 127] {
            assert!(matches!(of_code(code), Code::Permanent(_)), "{code}");
        }
        for code in [0, 8, 75, 91, 92, 137, 143] {
            assert!(matches!(of_code(code), Code::Again(_)), "{code}");
        }
    }

    #[test]
    fn each_reason_has_a_limit_and_words_of_its_own() {
        let mut words: Vec<&str> = Reason::ALL.iter().map(|reason| reason.words()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Reason::ALL.len());
        assert!(Reason::ALL.iter().all(|reason| (1..=100).contains(&reason.limit())));
    }
}
