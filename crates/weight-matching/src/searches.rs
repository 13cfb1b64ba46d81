//! How many searches a matching makes when nobody says so.

use crate::MatchingOptions;

/// Searches in a row that gain nothing, after which no other one begins.
const PATIENCE: usize = 3;

/// Multiplications after which no other search begins: about a second on two cores of a current server. They are
/// counted, not timed, so that a result does not depend on the machine's load.
const MOST_WORK: u64 = 40_000_000_000;

/// Decides whether another search is worth its work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Searches {
    fixed: Option<usize>,
    made: usize,
    idle: usize,
    work: u64,
}

impl Searches {
    /// For a number that was asked for, if any; 0 counts as 1.
    pub(crate) fn new(fixed: Option<usize>) -> Self {
        Self { fixed: fixed.map(|n| n.max(1)), made: 0, idle: 0, work: 0 }
    }

    /// As the options say. Without sweeps there is nothing to search.
    pub(crate) fn of(options: &MatchingOptions) -> Self {
        Self::new(if options.max_sweeps == 0 { Some(1) } else { options.restarts })
    }

    /// How many there were.
    pub(crate) fn made(&self) -> usize {
        self.made
    }

    /// Counts a search: whether it found something better, and how many multiplications it took.
    pub(crate) fn count(&mut self, better: bool, work: u64) {
        self.made += 1;
        self.idle = if better { 0 } else { self.idle + 1 };
        self.work = self.work.saturating_add(work);
    }

    /// Whether there is to be another one. Of searches that nobody counted, none begins that, if it is like those
    /// before, would end beyond the limit.
    pub(crate) fn another(&self) -> bool {
        match self.fixed {
            Some(number) => self.made < number,
            None if self.made == 0 => true,
            None => {
                let next = self.work / self.made as u64;
                self.idle < PATIENCE && self.work.saturating_add(next) <= MOST_WORK
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(fixed: Option<usize>, better: impl Fn(usize) -> bool, work: u64) -> usize {
        let mut searches = Searches::new(fixed);
        while searches.another() {
            searches.count(better(searches.made()), work);
        }
        searches.made()
    }

    #[test]
    fn three_searches_without_gain_are_enough() {
        assert_eq!(made(None, |n| n == 0, 1), 4);
        assert_eq!(made(None, |n| n == 0 || n == 3, 1), 7);
        assert_eq!(made(None, |n| n < 10, 1), 13);
    }

    #[test]
    fn no_search_begins_that_would_end_beyond_the_limit() {
        assert_eq!(made(None, |_| true, MOST_WORK / 5), 5);
        assert_eq!(made(None, |_| true, MOST_WORK / 5 + 1), 4);
        assert_eq!(made(None, |_| true, MOST_WORK / 2 + 1), 1);
        assert_eq!(made(None, |_| true, u64::MAX), 1);
    }

    #[test]
    fn a_number_that_was_asked_for_holds() {
        for (asked, expected) in [(0, 1), (1, 1), (9, 9)] {
            assert_eq!(made(Some(asked), |_| false, u64::MAX), expected);
            assert_eq!(made(Some(asked), |_| true, 0), expected);
        }
    }
}
