//! Training speed of the networks on the device, in turns with PyTorch.

use super::Options;
use super::trainer::IMAGES;
use crate::bench::peer::{Peer, PeerError};
use anyhow::Result;
use basin_kernels::gpu::Precision;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

/// The peer's layouts and their columns.
const EAGER: &str = "channels_last";
const COMPILED: &str = "compiled";

/// Networks and widths to measure; the last ResNet is the paper's.
const NETWORKS: [(&str, f64); 4] = [("resnet20", 1.0), ("resnet20", 2.0), ("resnet20", 4.0), ("vit", 1.0)];

/// Rounds of a measurement; both sides take turns in each.
const ROUNDS: usize = 3;

/// Most updates of a round.
const MOST_UPDATES: usize = 10_000;

/// The network of the paper's main table.
const PAPER: (&str, f64) = ("resnet20", 4.0);

/// What to train.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Workload {
    /// Architecture.
    pub(super) model: String,
    /// Width multiplier.
    pub(super) width: f64,
    /// Storage and arithmetic.
    pub(super) precision: Precision,
    /// Images per update.
    pub(super) batch: usize,
}

/// Something that trains on the device: batches with augmentation, forward, backward, update.
pub(super) trait Trainer {
    /// Prepares a workload and hands `body` what runs so many updates and waits until the device has done them.
    ///
    /// # Errors
    /// The device's failures, and those of `body`.
    fn with(&self, workload: &Workload, body: &mut Body<'_>) -> Result<()>;
}

/// So many updates.
pub(super) type Updates<'a> = dyn FnMut(usize) -> Result<()> + 'a;

/// What is done with a prepared workload.
pub(super) type Body<'a> = dyn FnMut(&mut Updates<'_>) -> Result<()> + 'a;

/// One network at one precision on both sides.
#[derive(Debug, Serialize)]
pub(super) struct Compared {
    model: String,
    width: f64,
    precision: &'static str,
    batch: usize,
    images_per_second: f64,
    torch_eager: Option<f64>,
    torch_compiled: Option<f64>,
    /// Ours over the faster of the peer's; above 1 we are faster.
    ratio: Option<f64>,
    /// What the peer could not measure, with its reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    skipped: BTreeMap<String, String>,
}

/// What is done with every network that was measured, and with the seconds of an epoch of the paper's.
pub(super) type Keep<'a> = dyn FnMut(Compared, Option<f64>) -> Result<()> + 'a;

/// Measures every network at every precision, and an epoch of the paper's; each is handed over as soon as it is there.
pub(super) fn measure(
    trainer: &dyn Trainer,
    precisions: &[Precision],
    options: &Options,
    keep: &mut Keep<'_>,
) -> Result<()> {
    let mut peer = start(options.peer.as_deref())?;
    for (model, width) in NETWORKS {
        for &precision in precisions {
            let workload = Workload { model: model.to_owned(), width, precision, batch: options.batch };
            let Some(compared) = one(trainer, &workload, options.seconds, peer.as_mut())? else { continue };
            let images = (IMAGES / options.batch * options.batch) as f64;
            let epoch_seconds = ((model, width) == PAPER).then(|| images / compared.images_per_second);
            keep(compared, epoch_seconds)?;
        }
    }
    Ok(())
}

/// PyTorch in its two layouts, where there is a Python.
pub(super) fn start(python: Option<&Path>) -> Result<Option<Peer>> {
    let layouts = format!("{EAGER},{COMPILED}");
    Ok(python.map(|python| Peer::torch(python, 1, &layouts)).transpose()?)
}

/// One network at one precision, for about so many seconds on each side.
pub(super) fn one(
    trainer: &dyn Trainer,
    workload: &Workload,
    seconds: f64,
    mut peer: Option<&mut Peer>,
) -> Result<Option<Compared>> {
    let mut compared = None;
    trainer.with(workload, &mut |train| {
        compared = Some(compare(train, workload, seconds, peer.as_deref_mut())?);
        Ok(())
    })?;
    Ok(compared)
}

fn compare(
    train: &mut Updates<'_>,
    workload: &Workload,
    seconds: f64,
    peer: Option<&mut Peer>,
) -> Result<Compared> {
    // Compiles, captures, and tells how many updates make a round.
    train(2)?;
    let updates =
        (seconds / ROUNDS as f64 / timed(train, 5)?).ceil().clamp(1.0, MOST_UPDATES as f64) as usize;
    let mut skipped = BTreeMap::new();
    let prepared = match peer {
        None => None,
        Some(peer) => {
            let case = json!({
                "suite": "train-step", "model": workload.model, "width": workload.width, "batch": workload.batch,
                "device": "cuda", "precision": workload.precision.name(), "repeats": updates,
            });
            match peer.prepare(&case) {
                Ok(prepared) => {
                    skipped.extend(prepared.skipped);
                    Some((peer, prepared.layouts))
                }
                Err(PeerError::NoLayout(reasons)) => {
                    skipped.extend(reasons);
                    None
                }
                Err(error) => return Err(error.into()),
            }
        }
    };
    let mut ours = Vec::new();
    let mut theirs: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let mut prepared = prepared;
    for _ in 0..ROUNDS {
        ours.push(timed(train, updates)?);
        if let Some((peer, layouts)) = &mut prepared {
            for (layout, steps) in layouts.iter().zip(peer.round(layouts, 1)?) {
                theirs.entry(layout.clone()).or_default().push(steps[0] / updates as f64);
            }
        }
    }
    let rate = |seconds: Vec<f64>| workload.batch as f64 / median(seconds);
    let images_per_second = rate(ours);
    let (eager, compiled) = (theirs.remove(EAGER).map(rate), theirs.remove(COMPILED).map(rate));
    let best = [eager, compiled].into_iter().flatten().max_by(f64::total_cmp);
    Ok(Compared {
        model: workload.model.clone(),
        width: workload.width,
        precision: workload.precision.name(),
        batch: workload.batch,
        images_per_second,
        torch_eager: eager,
        torch_compiled: compiled,
        ratio: best.map(|best| images_per_second / best),
        skipped,
    })
}

/// Seconds of one update of so many.
fn timed(train: &mut Updates<'_>, updates: usize) -> Result<f64> {
    let start = Instant::now();
    train(updates)?;
    Ok(start.elapsed().as_secs_f64() / updates as f64)
}

/// The middle one, or the larger of two in the middle.
fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert!(median(Vec::new()).is_nan());
    }
}
