//! What is measured of every ensemble: the probes that an experiment adds to a method's recipe.

use crate::Experiment;
use anyhow::Result;
use basin_core::DataRef;
use basin_ensemble::{Mixing, NodeId, Probe, Recipe};
use basin_metrics::Combine;
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
///
/// # Errors
/// When the configuration names what there is not.
pub(crate) fn add(recipe: &mut Recipe, experiment: &Experiment, method: &str) -> Result<Measured> {
    let config = &experiment.config;
    let members = recipe.members().to_vec();
    let mut logits = Vec::new();
    for &member in &members {
        let name = format!("logits-{}", recipe.nodes()[member.index()].name());
        logits.push(recipe.probe(name, Arc::new(LogitsOf { data: DataRef::test() }), vec![member], SEEDS));
    }
    let data = DataRef::test().first(config.int("metrics.connectivity_images") as usize);
    let mixing = match config.int("metrics.repair_images") as usize {
        0 => Mixing::Plain,
        images => Mixing::Repair { images },
    };
    let performance = Performance {
        data: DataRef::test(),
        combine: combine(experiment)?,
        ece_bins: config.int("metrics.ece_bins") as usize,
    };
    let connectivity =
        JointConnectivity { data: data.clone(), draws: config.int("metrics.draws") as usize, mixing };
    let lines = PairwiseLines {
        data,
        pairs: config.int("metrics.pairs") as usize,
        points: config.int("metrics.line_points") as usize,
        mixing,
    };
    let all: Vec<NodeId> = members.iter().chain(&logits).copied().collect();
    let measured: [(Arc<dyn Probe>, &Vec<NodeId>); 3] =
        [(Arc::new(performance), &logits), (Arc::new(connectivity), &all), (Arc::new(lines), &all)];
    let records = measured.map(|(probe, inputs)| {
        recipe.probe(format!("{}-{method}", probe.id()), probe, inputs.clone(), SEEDS)
    });
    Ok(Measured { logits, records: records.into() })
}

/// The comparison with the deep ensemble.
///
/// # Panics
/// Never after [`add`], which reads the same key.
pub(crate) fn minus_deep(experiment: &Experiment) -> Arc<dyn Probe> {
    let combine = combine(experiment).expect("the key was read before");
    Arc::new(MinusReference { data: DataRef::test(), combine })
}

fn combine(experiment: &Experiment) -> Result<Combine> {
    Ok(experiment.config.text("metrics.combine").parse()?)
}
