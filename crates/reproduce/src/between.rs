//! Networks between the members of an ensemble: mixed, repaired where asked for, and evaluated.

use crate::Experiment;
use crate::device::{Evaluating, OnDevice};
use anyhow::{Context, Result};
use basin_core::{Labels, Params, Simplex};
use basin_data::{ImageSet, fill_plain};
use basin_metrics::accuracy;
use basin_models::NetworkStatistics;

/// Evaluates convex combinations of members on some test images.
#[derive(Debug)]
pub(crate) struct Between<'a> {
    experiment: &'a Experiment,
    members: &'a [Params],
    labels: &'a Labels,
    evaluator: Evaluating<'a>,
    repair: Option<Repair>,
}

/// What REPAIR needs: training images as the network sees them, and every member's statistics on them.
#[derive(Debug)]
struct Repair {
    images: Vec<f32>,
    statistics: Vec<NetworkStatistics>,
}

impl<'a> Between<'a> {
    /// An evaluator on `probe` with its labels. Measures the members' statistics if `metrics.repair_images` says so.
    pub(crate) fn new(
        experiment: &'a Experiment,
        members: &'a [Params],
        probe: &'a ImageSet,
        labels: &'a Labels,
        device: Option<&OnDevice>,
    ) -> Result<Self> {
        let Experiment { network, train, normalisation, .. } = experiment;
        let repair = match repair_images(experiment) {
            0 => None,
            n => {
                let mut images = vec![0.0; n * train.size() * train.size() * 3];
                fill_plain(train, 0..n, normalisation, &mut images);
                let of = |member: &Params| network.statistics(member, &images);
                let statistics = members.iter().map(of).collect::<Result<_, _>>();
                Some(Repair { statistics: statistics.context("statistics for REPAIR")?, images })
            }
        };
        let evaluator = Evaluating::new(device, network, probe, normalisation)?;
        Ok(Self { experiment, members, labels, evaluator, repair })
    }

    /// Accuracy of Σ λᵢ θᵢ over the members `who`.
    pub(crate) fn accuracy(&mut self, who: &[usize], lambda: &Simplex) -> Result<f64> {
        let networks: Vec<&Params> = who.iter().map(|&i| &self.members[i]).collect();
        let logits = match &self.repair {
            None => self.evaluator.logits_between(&networks, lambda)?,
            Some(Repair { images, statistics }) => {
                let merged = Params::convex_combination(&networks, lambda)?;
                let statistics: Vec<_> = who.iter().map(|&i| &statistics[i]).collect();
                let repaired = self.experiment.network.repaired(&merged, &statistics, lambda, images)?;
                self.evaluator.logits(&repaired)?
            }
        };
        Ok(accuracy(&logits.softmax(1.0), self.labels)?)
    }
}

/// Training images for REPAIR: the first ones; 0 where it is not asked for.
pub(crate) fn repair_images(experiment: &Experiment) -> usize {
    experiment.config.int("metrics.repair_images") as usize
}
