//! What several probes read from the records that are handed to them.

use basin_core::{Labels, Logits, Probs};
use basin_ensemble::{Lab, ProbeError};
use basin_metrics::member_accuracies;

/// Name of the array of logits.
pub(crate) const LOGITS: &str = "logits";

/// An error about what was handed in.
pub(crate) fn subject(probe: &'static str, reason: impl ToString) -> ProbeError {
    ProbeError::Subject { probe, reason: reason.to_string() }
}

/// Refuses no networks, or records of other networks beside them.
pub(crate) fn as_many(probe: &'static str, networks: usize, records: usize) -> Result<(), ProbeError> {
    match networks >= 1 && networks == records {
        true => Ok(()),
        false => {
            let found = format!("{networks} networks and {records} logits");
            Err(subject(probe, format!("{found}, expected at least one network and the logits of each")))
        }
    }
}

/// Logits `[n, classes]` of every record handed in, for a probe of that id.
///
/// # Errors
/// [`ProbeError::Subject`] for a record that is not one of [`LogitsOf`](crate::LogitsOf).
pub fn logits(probe: &'static str, lab: &dyn Lab) -> Result<Vec<Logits>, ProbeError> {
    let of = |(i, record): (usize, &basin_core::Record)| {
        let array = record.arrays.get(LOGITS);
        let array = array.ok_or_else(|| subject(probe, format!("record {i} has no array {LOGITS}")))?;
        let &[_, classes] = array.shape() else {
            let found = array.shape();
            return Err(subject(
                probe,
                format!("{LOGITS} of record {i} is {found:?}, expected [n, classes]"),
            ));
        };
        Logits::new(classes, array.data().to_vec()).map_err(|error| subject(probe, error))
    };
    lab.records().iter().enumerate().map(of).collect()
}

/// Logits of the first so many images.
pub(crate) fn first(probe: &'static str, logits: &Logits, images: usize) -> Result<Logits, ProbeError> {
    let values = logits.values().get(..images * logits.classes()).ok_or_else(|| {
        let found = logits.len();
        subject(probe, format!("there are logits of {found} images, expected at least {images}"))
    })?;
    Logits::new(logits.classes(), values.to_vec()).map_err(|error| subject(probe, error))
}

/// Probabilities of networks on the first images, as many as there are labels, from logits on at least these: so that networks
/// need not be evaluated again.
pub(crate) fn probs_on(
    probe: &'static str,
    labels: &Labels,
    logits: &[Logits],
) -> Result<Vec<Probs>, ProbeError> {
    let prefix = |all: &Logits| Ok(first(probe, all, labels.len())?.softmax(1.0));
    logits.iter().map(prefix).collect()
}

/// Accuracies, as fractions, of networks on the first images ([`probs_on`]).
pub(crate) fn accuracies_on(
    probe: &'static str,
    labels: &Labels,
    logits: &[Logits],
) -> Result<Vec<f64>, ProbeError> {
    member_accuracies(&probs_on(probe, labels, logits)?, labels).map_err(|error| subject(probe, error))
}

/// The mean of some numbers; none of none.
pub(crate) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
