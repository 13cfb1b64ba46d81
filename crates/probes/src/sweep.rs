//! Every network on one kind of images after the other: what a measurement over many kinds has in common, its resuming.

use crate::inputs::subject;
use basin_core::{Array, DataRef, Logits, Record};
use basin_ensemble::{Lab, ProbeError};
use basin_metrics::MetricError;

/// Names of what an interrupted attempt keeps: the numbers of each kind that is done, and the logits of the networks that
/// are done with the next.
fn numbers_of(kind: usize) -> String {
    format!("kind {kind}")
}

fn logits_of(network: usize) -> String {
    format!("network {network}")
}

/// The numbers of one kind of images, by its place, from the logits of all networks on it.
type Measure<'a> = dyn Fn(usize, &[Logits]) -> Result<Vec<f64>, MetricError> + 'a;

/// Evaluates all networks on each of some images, and turns the logits of all on one kind, with the place of that kind, into
/// numbers. Each network is evaluated once on each; the logits of one kind are in memory at a time. Goes on after the last
/// network and kind that were done.
///
/// # Errors
/// The laboratory's; what `measure` says of the logits.
pub(crate) fn sweep(
    probe: &'static str,
    lab: &mut dyn Lab,
    images: &[DataRef],
    measure: &Measure<'_>,
) -> Result<Vec<Vec<f64>>, ProbeError> {
    let networks = lab.networks();
    let (mut done, mut logits) = kept(probe, lab)?;
    let all = (images.len() * networks) as u64;
    while let Some(data) = images.get(done.len()) {
        let params = lab.params(logits.len())?;
        logits.push(lab.logits(&params, data)?);
        if logits.len() == networks {
            done.push(measure(done.len(), &logits).map_err(|error| subject(probe, error))?);
            logits.clear();
        }
        let steps = (done.len() * networks + logits.len()) as u64;
        lab.step(steps, all, &|| keep(&done, &logits))?;
    }
    Ok(done)
}

fn keep(done: &[Vec<f64>], logits: &[Logits]) -> Record {
    let mut record = Record::default();
    for (kind, numbers) in done.iter().enumerate() {
        record = record.with_list(numbers_of(kind), numbers.clone());
    }
    for (network, logits) in logits.iter().enumerate() {
        // Logits are rows of one length, so that their values are an array of that shape.
        if let Ok(array) = Array::new(vec![logits.len(), logits.classes()], logits.values().to_vec()) {
            record.arrays.insert(logits_of(network), array);
        }
    }
    record
}

/// What an earlier attempt kept: the numbers of kinds, and the logits of networks on the next.
type Kept = (Vec<Vec<f64>>, Vec<Logits>);

fn kept(probe: &'static str, lab: &dyn Lab) -> Result<Kept, ProbeError> {
    let Some(record) = lab.kept() else { return Ok(Kept::default()) };
    let done = (0..).map_while(|kind| record.lists.get(&numbers_of(kind)).cloned()).collect();
    let arrays = (0..).map_while(|network| record.arrays.get(&logits_of(network)));
    let of = |array: &Array| {
        let classes = array.shape().last().copied().unwrap_or(0);
        Logits::new(classes, array.data().to_vec()).map_err(|error| subject(probe, error))
    };
    Ok((done, arrays.map(of).collect::<Result<_, _>>()?))
}
