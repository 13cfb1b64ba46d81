//! The terms of a product in stretches whose values lie in one array of each operand.

use super::operand::Operand;

/// Which rows of the right operand meet the terms of the left one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows<'a> {
    /// A row for each term.
    pub(crate) at: &'a [usize],
    /// Rows whose values are taken off those of `at`: the product is then what the one with `at` has more than the one with
    /// these.
    pub(crate) less: Option<&'a [usize]>,
}

impl<'a> From<&'a [usize]> for Rows<'a> {
    fn from(at: &'a [usize]) -> Self {
        Self { at, less: None }
    }
}

/// Some terms that lie in one part of each operand.
#[derive(Clone, Debug)]
pub(super) struct Stretch {
    /// The part of the left operand, and the place of the first unit of each term there.
    pub(super) left: (usize, Vec<usize>),
    /// The part of the right operand.
    pub(super) right: usize,
    /// The terms' rows there.
    pub(super) runs: Vec<Run>,
}

/// Rows that lie side by side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// Place of the first unit of the first row.
    pub(super) at: usize,
    /// The same of the row that is taken off, if any.
    pub(super) less: Option<usize>,
    pub(super) len: usize,
}

/// These terms of the left operand, each with its rows of the right one, in stretches of at most so many.
///
/// # Panics
/// When there are other numbers of terms than of rows, when an operand has no such term, or when the two rows of a term lie in
/// different parts.
pub(super) fn stretches<T: Clone>(
    (left, terms): (&Operand<'_, T>, &[usize]),
    (right, rows): (&Operand<'_, T>, Rows<'_>),
    most: usize,
) -> Vec<Stretch> {
    assert_eq!(rows.at.len(), terms.len(), "terms of both operands");
    assert!(rows.less.is_none_or(|less| less.len() == terms.len()), "rows to take off for all terms");
    let mut stretches: Vec<Stretch> = Vec::new();
    // Loops without checks rest on places that these have found.
    let (mut left_places, mut right_places) = (left.places(), right.places());
    for (k, &term) in terms.iter().enumerate() {
        let (left, right) = (left_places.of(term), right_places.of(rows.at[k]));
        let less = rows.less.map(|less| right_places.of(less[k]));
        assert!(less.is_none_or(|less| less.part == right.part), "both rows of a term in one part");
        let (own, at, less) = ((left.part, right.part), right.at, less.map(|less| less.at));
        let fits = |last: &&mut Stretch| (last.left.0, last.right) == own && last.left.1.len() < most;
        match stretches.last_mut().filter(fits) {
            Some(last) => {
                last.left.1.push(left.at);
                let follows =
                    |run: &&mut Run| (run.at + run.len, run.less.map(|less| less + run.len)) == (at, less);
                match last.runs.last_mut().filter(follows) {
                    Some(run) => run.len += 1,
                    None => last.runs.push(Run { at, less, len: 1 }),
                }
            }
            None => {
                let mut places = Vec::with_capacity(most.min(terms.len() - k));
                places.push(left.at);
                let runs = vec![Run { at, less, len: 1 }];
                stretches.push(Stretch { left: (left.part, places), right: right.part, runs });
            }
        }
    }
    stretches
}
