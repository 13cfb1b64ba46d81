//! Agreement of shapes and finiteness, checked before a metric reads a value.

use crate::MetricError;
use basin_core::{Labels, Probs};

/// Checks one prediction: at least one row, every value finite.
pub(crate) fn check_probs(probs: &Probs, member: usize) -> Result<(), MetricError> {
    if probs.is_empty() {
        return Err(MetricError::NoRows);
    }
    match probs.rows().position(|row| row.iter().any(|p| !p.is_finite())) {
        Some(row) => Err(MetricError::NotFinite { member, row }),
        None => Ok(()),
    }
}

/// Checks that labels belong to predictions of this shape.
fn check_labels(probs: &Probs, labels: &Labels) -> Result<(), MetricError> {
    let (found, expected) = ([labels.len(), labels.classes()], [probs.len(), probs.classes()]);
    if found == expected { Ok(()) } else { Err(MetricError::LabelShape { found, expected }) }
}

/// Checks a prediction and its labels.
pub(crate) fn check_labelled(probs: &Probs, labels: &Labels) -> Result<(), MetricError> {
    check_probs(probs, 0)?;
    check_labels(probs, labels)
}

/// Checks that there are at least `needed` members, of one shape `[rows, classes]`.
pub(crate) fn check_shapes(shapes: &[[usize; 2]], needed: usize) -> Result<(), MetricError> {
    if shapes.len() < needed {
        return Err(MetricError::Members { found: shapes.len(), needed });
    }
    match shapes.iter().position(|shape| *shape != shapes[0]) {
        Some(member) => Err(MetricError::MemberShape { member, found: shapes[member], expected: shapes[0] }),
        None => Ok(()),
    }
}

/// Checks the predictions of an ensemble: at least `needed` members, one shape, every value finite.
pub(crate) fn check_members(members: &[Probs], needed: usize) -> Result<(), MetricError> {
    let shapes: Vec<_> = members.iter().map(|m| [m.len(), m.classes()]).collect();
    check_shapes(&shapes, needed)?;
    members.iter().enumerate().try_for_each(|(member, probs)| check_probs(probs, member))
}

/// Checks the predictions of an ensemble and their labels.
pub(crate) fn check_labelled_members(
    members: &[Probs],
    labels: &Labels,
    needed: usize,
) -> Result<(), MetricError> {
    check_members(members, needed)?;
    members.first().map_or(Ok(()), |first| check_labels(first, labels))
}

/// Walks over the inputs: for each row, that row of every member. Ends with the shortest member.
pub(crate) fn rows_of_members(members: &[Probs]) -> impl Iterator<Item = Vec<&[f64]>> {
    let mut rows: Vec<_> = members.iter().map(Probs::rows).collect();
    std::iter::from_fn(move || {
        let next: Option<Vec<_>> = rows.iter_mut().map(Iterator::next).collect();
        next.filter(|row| !row.is_empty())
    })
}

/// The mean, measured from the first value: equal values give back that value's bits, which a plain
/// sum divided by the count does not promise. Zero for no values.
pub(crate) fn mean_from_first(mut values: impl Iterator<Item = f64>) -> f64 {
    let Some(first) = values.next() else { return 0.0 };
    let (sum, count) = values.fold((0.0, 1.0), |(sum, count), x| (sum + (x - first), count + 1.0));
    first + sum / count
}
