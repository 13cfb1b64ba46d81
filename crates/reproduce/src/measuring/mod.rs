//! What is measured of every ensemble: the registered probes, added to a method's recipe.

use crate::Case;
use crate::config::Config;
use basin_core::DataRef;
use basin_ensemble::{Mixing, NodeId, Probe, Recipe, Work};
use basin_probes::{
    JointConnectivity, LogitsOf, MinusReference, PairwiseLines, Performance, ShiftLine, Similarity,
};
use std::sync::Arc;

/// Branch of the seed tree for measurements.
pub(crate) const SEEDS: &str = "metrics";

/// A measurement of ensembles. Each scalar of its record is a number of the ensemble in `results.json` and
/// `results.csv`, under the scalar's name; those that [`basin_metrics::METRICS`] has stand in tables and figures, too.
#[derive(Clone, Copy, Debug)]
pub struct ProbeEntry {
    /// Its id.
    pub id: &'static str,
    /// Of which ensembles.
    pub of: Ensembles,
    /// What it is handed.
    pub inputs: Inputs,
    /// Makes it from a configuration.
    pub make: fn(&Measuring<'_>) -> Arc<dyn Probe>,
}

/// Which ensembles are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ensembles {
    /// Every one.
    All,
    /// Those whose members were trained on parts of the data.
    OnParts,
}

/// What a measurement of an ensemble is handed, members in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inputs {
    /// The records with the members' logits on the test images.
    Logits,
    /// The members as networks, and these records.
    NetworksAndLogits,
    /// The members as networks.
    Networks,
    /// The members as networks, then the initialisation that all of them began from, where that is one; and these records.
    NetworksStartAndLogits,
}

/// What a measurement may know when it is made.
#[derive(Clone, Debug)]
pub struct Measuring<'a> {
    /// The configuration, with the keys that the probe brought.
    pub config: &'a Config,
    /// The test images.
    pub test: DataRef,
    /// How many these are.
    pub test_images: usize,
    /// The test images that connectivity is measured on.
    pub connectivity: DataRef,
    /// The parts of the training images that the members were trained on, in order; none where they were trained on all.
    pub parts: Vec<DataRef>,
    /// How networks between members are made.
    pub mixing: Mixing,
}

/// The measurements of `basin-probes`.
pub(crate) fn built_in() -> Vec<ProbeEntry> {
    vec![
        ProbeEntry { id: "performance", of: Ensembles::All, inputs: Inputs::Logits, make: performance },
        ProbeEntry {
            id: "joint-connectivity",
            of: Ensembles::All,
            inputs: Inputs::NetworksAndLogits,
            make: joint_connectivity,
        },
        ProbeEntry {
            id: "pairwise-lines",
            of: Ensembles::All,
            inputs: Inputs::NetworksAndLogits,
            make: pairwise_lines,
        },
        ProbeEntry { id: "shift-line", of: Ensembles::OnParts, inputs: Inputs::Networks, make: shift_line },
        ProbeEntry {
            id: "similarity",
            of: Ensembles::OnParts,
            inputs: Inputs::NetworksStartAndLogits,
            make: similarity,
        },
    ]
}

fn performance(m: &Measuring<'_>) -> Arc<dyn Probe> {
    let metrics = m.config.metrics();
    Arc::new(Performance { data: m.test.clone(), combine: metrics.combine, ece_bins: metrics.ece_bins })
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

/// The line is scored on the test images as every side sees them; where sides see them through views, the images as they
/// are measured otherwise stand beside.
fn shift_line(m: &Measuring<'_>) -> Arc<dyn Probe> {
    let seen = |part: &DataRef| DataRef { view: part.view.clone(), ..m.connectivity.clone() };
    let views = m.parts.iter().any(|part| part.view.is_some());
    let side = |name: &str, i: usize| format!("{name}-{}", i + 1);
    let tests = match views {
        true => m.parts.iter().enumerate().map(|(i, part)| (side("test", i), seen(part))).collect(),
        false => vec![("test".to_owned(), m.connectivity.clone())],
    };
    let trains = m.parts.iter().enumerate().map(|(i, part)| (side("train", i), part.clone())).collect();
    let also = if views { vec![("test-unshifted".to_owned(), m.connectivity.clone())] } else { Vec::new() };
    Arc::new(ShiftLine { points: m.config.metrics().shift_points, tests, trains, also, mixing: m.mixing })
}

/// Images on which features are compared: well more than a network's last layer has inputs.
const FEATURES_ON: usize = 2048;

fn similarity(m: &Measuring<'_>) -> Arc<dyn Probe> {
    let features_on = match m.test_images > FEATURES_ON {
        true => m.test.clone().first(FEATURES_ON),
        false => m.test.clone(),
    };
    Arc::new(Similarity { data: m.test.clone(), features_on })
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
        logits.push(recipe.probe(name, Arc::new(LogitsOf { data: case.measured() }), vec![member], SEEDS));
    }
    let mixing = match (metrics.repair_images, case.network.coupled()) {
        (0, false) => Mixing::Plain,
        (0, true) => Mixing::Reestimated { images: metrics.statistics_images.min(case.train.len()) },
        (images, _) => Mixing::Repair { images },
    };
    let connectivity = case.measured().first(metrics.connectivity_images);
    let (test, parts) = (case.measured(), parts(recipe));
    let test_images = case.count(&test);
    let measuring = Measuring { config: &case.config, test, test_images, connectivity, parts, mixing };
    let start = start(recipe);
    let wanted = |entry: &&ProbeEntry| entry.of == Ensembles::All || !measuring.parts.is_empty();
    let records = probes.iter().filter(wanted).map(|entry| {
        let inputs = match entry.inputs {
            Inputs::Logits => logits.clone(),
            Inputs::NetworksAndLogits => members.iter().chain(&logits).copied().collect(),
            Inputs::Networks => members.clone(),
            Inputs::NetworksStartAndLogits => members.iter().chain(&start).chain(&logits).copied().collect(),
        };
        let probe = (entry.make)(&measuring);
        recipe.probe(format!("{}-{method}", probe.id()), probe, inputs, SEEDS)
    });
    let records = records.collect();
    Measured { logits, records }
}

/// What the trained members saw, if that was not the same for all.
fn parts(recipe: &Recipe) -> Vec<DataRef> {
    let seen = recipe.members().iter().filter_map(|&member| seen_by(recipe, member));
    let seen: Vec<DataRef> = seen.collect();
    let all_alike = seen.windows(2).all(|two| two[0] == two[1]);
    if all_alike || seen.len() != recipe.members().len() { Vec::new() } else { seen }
}

/// The images that a network, or the one it was made of last, was trained on.
fn seen_by(recipe: &Recipe, node: NodeId) -> Option<DataRef> {
    match &recipe.nodes()[node.index()] {
        Work::Train { trajectory, .. } => Some(trajectory.data.clone()),
        Work::Transform { inputs, .. } => seen_by(recipe, *inputs.last()?),
        Work::Init { .. } | Work::Import { .. } | Work::Probe { .. } => None,
    }
}

/// The initialisation that all members began from, if there is one.
fn start(recipe: &Recipe) -> Option<NodeId> {
    let origin = |mut node: NodeId| loop {
        node = match &recipe.nodes()[node.index()] {
            Work::Train { trajectory, .. } => trajectory.from,
            Work::Transform { inputs, .. } => *inputs.last()?,
            Work::Init { .. } | Work::Import { .. } => return Some(node),
            Work::Probe { .. } => return None,
        }
    };
    let name = |node: NodeId| recipe.nodes()[node.index()].name();
    let origins = recipe.members().iter().map(|&member| origin(member)).collect::<Option<Vec<_>>>()?;
    let first = *origins.first()?;
    origins.iter().all(|&other| name(other) == name(first)).then_some(first)
}

/// The comparison with the deep ensemble.
pub(crate) fn minus_deep(case: &Case) -> Arc<dyn Probe> {
    Arc::new(MinusReference { data: case.measured(), combine: case.config.metrics().combine })
}
