//! What is measured of every ensemble: the probes that an experiment adds to a method's recipe.

use crate::Experiment;
use basin_core::DataRef;
use basin_ensemble::{Mixing, NodeId, Probe, Recipe};
use basin_probes::{JointConnectivity, LogitsOf, MinusReference, PairwiseLines, Performance};
use std::sync::Arc;

/// Branch of the seed tree for measurements.
pub(crate) const SEEDS: &str = "metrics";

/// The measurements of one ensemble, as nodes of its recipe.
pub(crate) struct Measured {
    /// Logits of each member.
    pub(crate) logits: Vec<NodeId>,
    /// The ensemble's records.
    pub(crate) records: Vec<NodeId>,
}

/// Adds the measurements of the members to a method's recipe.
pub(crate) fn add(recipe: &mut Recipe, experiment: &Experiment, method: &str) -> Measured {
    let metrics = experiment.config.metrics();
    let members = recipe.members().to_vec();
    let mut logits = Vec::new();
    for &member in &members {
        let name = format!("logits-{}", recipe.nodes()[member.index()].name());
        logits.push(recipe.probe(name, Arc::new(LogitsOf { data: DataRef::test() }), vec![member], SEEDS));
    }
    let data = DataRef::test().first(metrics.connectivity_images);
    let mixing = match (metrics.repair_images, experiment.network.coupled()) {
        (0, false) => Mixing::Plain,
        (0, true) => Mixing::Reestimated { images: metrics.statistics_images.min(experiment.train.len()) },
        (images, _) => Mixing::Repair { images },
    };
    let performance =
        Performance { data: DataRef::test(), combine: metrics.combine, ece_bins: metrics.ece_bins };
    let connectivity = JointConnectivity { data: data.clone(), draws: metrics.draws, mixing };
    let lines = PairwiseLines { data, pairs: metrics.pairs, points: metrics.line_points, mixing };
    let all: Vec<NodeId> = members.iter().chain(&logits).copied().collect();
    let measured: [(Arc<dyn Probe>, &Vec<NodeId>); 3] =
        [(Arc::new(performance), &logits), (Arc::new(connectivity), &all), (Arc::new(lines), &all)];
    let records = measured.map(|(probe, inputs)| {
        recipe.probe(format!("{}-{method}", probe.id()), probe, inputs.clone(), SEEDS)
    });
    Measured { logits, records: records.into() }
}

/// The comparison with the deep ensemble.
pub(crate) fn minus_deep(experiment: &Experiment) -> Arc<dyn Probe> {
    Arc::new(MinusReference { data: DataRef::test(), combine: experiment.config.metrics().combine })
}
