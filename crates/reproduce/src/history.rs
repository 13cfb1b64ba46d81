//! What the journal of a run tells. It is history: no result depends on it, and nothing that is wrong with it stops a report.

use basin_report::LastCheck;
use basin_store::{RunDir, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A line of the journal: an event of a node with the seconds since the line before, or a check of the whole run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Event {
    pub(crate) event: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) key: String,
    pub(crate) seconds: f64,
    /// Seconds since 1970 by the clock of who wrote it; 0 in journals of earlier builds.
    pub(crate) at: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) verified: Option<LastCheck>,
}

/// All that a run's journal tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct History {
    pub(crate) events: Vec<Event>,
    /// A line for the user on everything that could not be read.
    pub(crate) notes: Vec<String>,
}

impl History {
    /// Reads the journal of a run.
    pub(crate) fn read(run: &RunDir) -> Self {
        match run.journal().read() {
            Ok(basin_store::History { lines: mut events, notes }) => {
                // Each journal is in order; between them clocks have to do, which at worst tell a state that was.
                events.sort_by(|a: &Event, b: &Event| a.at.total_cmp(&b.at));
                Self { events, notes }
            }
            Err(error) => Self { events: Vec::new(), notes: vec![format!("no history is told: {error}")] },
        }
    }

    /// Seconds worked on the nodes of these keys; none where nothing is known of any.
    pub(crate) fn seconds(&self, keys: &BTreeSet<String>) -> Option<f64> {
        let ours = self.events.iter().filter(|event| keys.contains(&event.key)).map(|event| event.seconds);
        ours.reduce(|sum, seconds| sum + seconds)
    }

    /// The last check of all files.
    pub(crate) fn verified(&self) -> Option<&LastCheck> {
        self.events.iter().rev().find_map(|event| event.verified.as_ref())
    }
}

/// Notes a check of all files.
///
/// # Errors
/// When the run was opened for reading, or the disk refuses.
pub(crate) fn note_check(run: &RunDir, check: &LastCheck) -> Result<(), StoreError> {
    let verified = Some(check.clone());
    run.journal().append(&Event { event: "verify".into(), verified, ..Event::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_store::RealFs;
    use std::sync::Arc;

    #[test]
    fn bad_lines_are_noted_and_the_rest_counts() {
        let root = tempfile::tempdir().unwrap();
        let run = RunDir::open(root.path(), "run", Arc::new(RealFs)).unwrap();
        let event = |key: &str, seconds| Event { key: key.into(), seconds, ..Event::default() };
        run.journal().append(&event("a", 1.5)).unwrap();
        let check = LastCheck { at: "2026-11-21T09:05:00Z".into(), whole: 3, ..LastCheck::default() };
        note_check(&run, &check).unwrap();
        let journal = run.path().join("journal.jsonl");
        let bytes = [&std::fs::read(&journal).unwrap()[..], b"\n{\"seconds\": \"many\"}\n\xff\n"].concat();
        std::fs::write(&journal, bytes).unwrap();
        run.journal().append(&event("b", 2.0)).unwrap();
        run.journal().append(&event("c", 4.0)).unwrap();
        let history = History::read(&run);
        assert_eq!(history.notes.len(), 3, "{:?}", history.notes);
        assert_eq!(history.seconds(&["a".to_owned(), "b".to_owned()].into()), Some(3.5));
        assert_eq!(history.seconds(&["d".to_owned()].into()), None);
        assert_eq!(history.verified(), Some(&check));
    }

    #[test]
    fn a_journal_that_cannot_be_read_is_a_note() {
        let root = tempfile::tempdir().unwrap();
        let run = RunDir::open(root.path(), "run", Arc::new(RealFs)).unwrap();
        std::fs::create_dir(run.path().join("journal.jsonl")).unwrap();
        let history = History::read(&run);
        assert!(history.events.is_empty() && history.notes[0].contains("journal.jsonl"), "{history:?}");
    }
}
