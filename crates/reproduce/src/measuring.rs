//! What is measured of every ensemble: the registered probes, added to a method's recipe.

use crate::Case;
use crate::config::Config;
use basin_core::DataRef;
use basin_ensemble::{Mixing, NodeId, Probe, Recipe};
use basin_probes::{JointConnectivity, LogitsOf, MinusReference, PairwiseLines, Performance};
use std::sync::Arc;

/// Branch of the seed tree for measurements.
pub(crate) const SEEDS: &str = "metrics";

/// A measurement that every ensemble gets. Each scalar of its record is a number of the ensemble in `results.json` and
/// `results.csv`, under the scalar's name; those that [`basin_metrics::METRICS`] has stand in tables and figures, too.
#[derive(Clone, Copy, Debug)]
pub struct ProbeEntry {
    /// Its id.
    pub id: &'static str,
    /// What it is handed.
    pub inputs: Inputs,
    /// Makes it from a configuration.
    pub make: fn(&Measuring<'_>) -> Arc<dyn Probe>,
}

/// What a measurement of an ensemble is handed, members in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inputs {
    /// The records with the members' logits on the test images.
    Logits,
    /// The members as networks, and these records.
    NetworksAndLogits,
}

/// What a measurement may know when it is made.
#[derive(Clone, Debug)]
pub struct Measuring<'a> {
    /// The configuration, with the keys that the probe brought.
    pub config: &'a Config,
    /// The test images that connectivity is measured on.
    pub connectivity: DataRef,
    /// How networks between members are made.
    pub mixing: Mixing,
}

/// The measurements of `basin-probes`.
pub(crate) fn built_in() -> Vec<ProbeEntry> {
    vec![
        ProbeEntry { id: "performance", inputs: Inputs::Logits, make: performance },
        ProbeEntry { id: "joint-connectivity", inputs: Inputs::NetworksAndLogits, make: joint_connectivity },
        ProbeEntry { id: "pairwise-lines", inputs: Inputs::NetworksAndLogits, make: pairwise_lines },
    ]
}

fn performance(m: &Measuring<'_>) -> Arc<dyn Probe> {
    let metrics = m.config.metrics();
    Arc::new(Performance { data: DataRef::test(), combine: metrics.combine, ece_bins: metrics.ece_bins })
}

fn joint_connectivity(m: &Measuring<'_>) -> Arc<dyn Probe> {
    let draws = m.config.metrics().draws;
    Arc::new(JointConnectivity { data: m.connectivity.clone(), draws, mixing: m.mixing })
}

fn pairwise_lines(m: &Measuring<'_>) -> Arc<dyn Probe> {
    let metrics = m.config.metrics();
    let (pairs, points) = (metrics.pairs, metrics.line_points);
    Arc::new(PairwiseLines { data: m.connectivity.clone(), pairs, points, mixing: m.mixing })
}

/// The measurements of one ensemble, as nodes of its recipe.
pub(crate) struct Measured {
    /// Logits of each member.
    pub(crate) logits: Vec<NodeId>,
    /// The ensemble's records.
    pub(crate) records: Vec<NodeId>,
}

/// Adds the measurements of the members to a method's recipe.
pub(crate) fn add(recipe: &mut Recipe, case: &Case, method: &str, probes: &[ProbeEntry]) -> Measured {
    let metrics = case.config.metrics();
    let members = recipe.members().to_vec();
    let mut logits = Vec::new();
    for &member in &members {
        let name = format!("logits-{}", recipe.nodes()[member.index()].name());
        logits.push(recipe.probe(name, Arc::new(LogitsOf { data: DataRef::test() }), vec![member], SEEDS));
    }
    let mixing = match (metrics.repair_images, case.network.coupled()) {
        (0, false) => Mixing::Plain,
        (0, true) => Mixing::Reestimated { images: metrics.statistics_images.min(case.train.len()) },
        (images, _) => Mixing::Repair { images },
    };
    let connectivity = DataRef::test().first(metrics.connectivity_images);
    let measuring = Measuring { config: &case.config, connectivity, mixing };
    let records = probes.iter().map(|entry| {
        let inputs = match entry.inputs {
            Inputs::Logits => logits.clone(),
            Inputs::NetworksAndLogits => members.iter().chain(&logits).copied().collect(),
        };
        let probe = (entry.make)(&measuring);
        recipe.probe(format!("{}-{method}", probe.id()), probe, inputs, SEEDS)
    });
    let records = records.collect();
    Measured { logits, records }
}

/// The comparison with the deep ensemble.
pub(crate) fn minus_deep(case: &Case) -> Arc<dyn Probe> {
    Arc::new(MinusReference { data: DataRef::test(), combine: case.config.metrics().combine })
}
