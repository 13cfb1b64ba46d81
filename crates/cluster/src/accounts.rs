//! What accounts (`sacct`) tell of jobs that the queue has forgotten, told as the queue would.

use crate::explained::given_memory;
use crate::queue::{Entry, JobState};

/// What [`remembered`] reads, a line for each job or for a list of jobs that never began.
pub(crate) const FORMAT: &str = "--format=JobID,State,NodeList,Reason,AllocTRES";

/// A job of the array with this name and id, from sacct's lines.
pub(crate) fn remembered(text: &str, array: &str, id: u64, index: usize) -> Option<Entry> {
    let entry = |line: &str| {
        let [job, state, node, reason, given] = line.split('|').collect::<Vec<_>>()[..] else { return None };
        let (of, list) = job.split_once('_')?;
        // Whoever cancels is named behind it ("by 1000"), but for the controller: then what the job waited for cannot come.
        let reason = if state == "CANCELLED" { "Dependency" } else { reason };
        let state = JobState::parse(state.split(' ').next()?)?;
        (of.parse() == Ok(id) && covers(list, index)).then(|| Entry {
            array: array.to_owned(),
            index,
            id,
            state,
            node: if node == "None assigned" { String::new() } else { node.to_owned() },
            elapsed: String::new(),
            start: String::new(),
            reason: reason.to_owned(),
            memory: given_memory(given),
        })
    };
    text.lines().find_map(entry)
}

/// Whether `3`, or `[0-4,7%2]` (of which two may run at a time), names an index.
fn covers(list: &str, index: usize) -> bool {
    let list = list.trim_start_matches('[').trim_end_matches(']');
    let list = list.split('%').next().unwrap_or(list);
    list.split(',').any(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let bounds = first.parse().ok().zip(last.parse().ok());
        bounds.is_some_and(|(first, last): (usize, usize)| (first..=last).contains(&index))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::Ended;

    #[test]
    fn jobs_are_found_alone_and_in_lists_and_never_under_another_id() {
        let text = "35_0|OUT_OF_MEMORY|n1|None|billing=1,cpu=1,mem=40M,node=1\n\
            36_[0-3,5-9%3]|CANCELLED by 0|None assigned|None|\n\
            38_[0]|CANCELLED|None assigned|None|\n\
            37_1|RUNNING|n2|None|cpu=1,mem=2G\n\
            a line that is none\n";
        let found = |id, index| remembered(text, "a", id, index);
        let first = found(35, 0).unwrap();
        assert_eq!((first.state, first.memory), (JobState::Ended(Ended::OutOfMemory), Some(40)));
        assert_eq!((first.node.as_str(), first.job_id().as_str()), ("n1", "35_0"));
        let listed = found(36, 7).unwrap();
        assert_eq!(
            (listed.state, listed.node.as_str(), listed.reason.as_str(), listed.memory),
            (JobState::Ended(Ended::Cancelled), "", "None", None)
        );
        assert_eq!(found(38, 0).unwrap().reason, "Dependency");
        assert_eq!([found(36, 4), found(36, 10), found(35, 1), found(34, 0)], [None, None, None, None]);
        assert_eq!(found(37, 1).unwrap().memory, Some(2048));
    }
}
