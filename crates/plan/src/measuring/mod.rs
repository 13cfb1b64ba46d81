//! What is measured of every ensemble: the registered probes, added to a method's recipe.

mod built_in;
mod states;
mod transfer;

use crate::Case;
use basin_config::Config;
use basin_core::{DataRef, Extent};
use basin_ensemble::{Mixing, NodeId, Probe, Recipe, StatisticsOn, Work};
use basin_probes::LogitsOf;
use states::Places;
use std::sync::Arc;

pub(crate) use built_in::{built_in, deep_equivalent, minus_deep};

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

/// One that is measured where `metrics.also` names it.
fn asked(id: &'static str, inputs: Inputs, make: fn(&Measuring<'_>) -> Arc<dyn Probe>) -> ProbeEntry {
    ProbeEntry { id, of: Ensembles::Asked, inputs, make }
}

/// Which ensembles are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ensembles {
    /// Every one.
    All,
    /// Those whose members were trained on parts of the data.
    OnParts,
    /// Every one, where the key `metrics.also` names it.
    Asked,
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
    /// The first two members as networks.
    FirstTwo,
    /// The members as networks, then for each the network that it was fine-tuned from. Ensembles whose members tell of none are
    /// not measured.
    NetworksAndStarts,
    /// As `NetworksAndStarts`, and the records with the members' logits.
    NetworksStartsAndLogits,
    /// The members as networks, where training images were held out.
    NetworksBesideHeldOut,
    /// Records with logits on the source's test images: of every member's trunk with the head of the network that it comes from,
    /// then of these. Ensembles whose members do not come from networks of a source are not measured. The measurement is the
    /// source's work.
    OnSource,
    /// The states of each member's run at [`Measuring::epochs`], run by run. Ensembles whose members are not all trained runs are
    /// not measured.
    States,
    /// The states of each member's run at [`Measuring::epochs`], run by run, and the records with their logits on
    /// [`Measuring::landscape`]. Ensembles whose members are not all trained runs are not measured.
    StatesAndLogits,
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
    /// What each image is.
    pub extent: Extent,
    /// The test images that connectivity is measured on.
    pub connectivity: DataRef,
    /// The test images that planes, paths and states are measured on.
    pub landscape: DataRef,
    /// The training images that curvature and paths are measured on: of the first part, where there are parts.
    pub training: DataRef,
    /// How many these are.
    pub training_images: usize,
    /// Epochs after which states of each member's run are taken, in order, broken ones within the first; none where members are not all trained runs.
    pub epochs: Vec<f64>,
    /// The parts of the training images that the members were trained on, in order; none where they were trained on all.
    pub parts: Vec<DataRef>,
    /// How networks between members are made.
    pub mixing: Mixing,
}

/// Whether `metrics.also` names a probe for the ensembles of a method.
fn is_asked(also: &[String], probe: &str, method: &str) -> bool {
    let names = |asked: &String| match asked.split_once('@') {
        Some((id, of)) => (id, of) == (probe, method),
        None => asked == probe,
    };
    also.iter().any(names)
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
        (0, true) => Mixing::Reestimated(statistics_on(recipe, case)),
        (images, _) => Mixing::Repair { images },
    };
    let connectivity = case.measured().first(metrics.connectivity_images);
    let landscape = case.measured().first(case.config.landscape().images);
    let (test, parts) = (case.measured(), parts(recipe));
    let training = parts.first().cloned().unwrap_or_else(DataRef::train);
    let landscaped = case.config.landscape();
    let places = Places::of(recipe, landscaped.states, landscaped.early);
    let (test_images, epochs) = (case.count(&test), places.epochs());
    let measuring = Measuring {
        config: &case.config,
        test,
        test_images,
        extent: case.test.extent(),
        connectivity,
        landscape,
        training_images: case.count(&training),
        training,
        epochs,
        parts,
        mixing,
    };
    let start = start(recipe);
    let origins = recipe.origins();
    let starts: Vec<NodeId> = origins.iter().flatten().map(|origin| origin.start).collect();
    let pretrained = transfer::pretrained(origins.as_deref());
    let wanted = |entry: &&ProbeEntry| match (entry.of, entry.inputs) {
        (Ensembles::OnParts, _) => !measuring.parts.is_empty(),
        (Ensembles::Asked, _) if !is_asked(&metrics.also, entry.id, method) => false,
        (_, Inputs::States | Inputs::StatesAndLogits) => !measuring.epochs.is_empty(),
        (_, Inputs::NetworksAndStarts | Inputs::NetworksStartsAndLogits) => !starts.is_empty(),
        (_, Inputs::OnSource) => pretrained.is_some() && case.source.is_some(),
        _ => true,
    };
    let records = probes.iter().filter(wanted).map(|entry| {
        let inputs = match entry.inputs {
            Inputs::Logits => logits.clone(),
            Inputs::NetworksAndLogits => members.iter().chain(&logits).copied().collect(),
            Inputs::Networks => members.clone(),
            Inputs::NetworksStartAndLogits => members.iter().chain(&start).chain(&logits).copied().collect(),
            Inputs::NetworksBesideHeldOut => members.clone(),
            Inputs::NetworksAndStarts => members.iter().chain(&starts).copied().collect(),
            Inputs::NetworksStartsAndLogits => {
                members.iter().chain(&starts).chain(&logits).copied().collect()
            }
            Inputs::OnSource => transfer::on_source(recipe, case, pretrained.as_deref().unwrap_or_default()),
            Inputs::FirstTwo => members.iter().take(2).copied().collect(),
            Inputs::States => states::add(recipe, &places),
            Inputs::StatesAndLogits => states::with_logits(recipe, &places, &measuring.landscape),
        };
        let probe = (entry.make)(&measuring);
        let name = format!("{}-{method}", probe.id());
        match entry.inputs {
            Inputs::OnSource => recipe.at_source(|recipe| recipe.probe(name, probe, inputs, SEEDS)),
            _ => recipe.probe(name, probe, inputs, SEEDS),
        }
    });
    let records = records.collect();
    Measured { logits, records }
}

/// Where the running statistics of networks between members are measured: on the first training images as they are, or where
/// members see theirs through views, on equally many of each side's.
fn statistics_on(recipe: &Recipe, case: &Case) -> StatisticsOn {
    let wanted = case.config.metrics().statistics_images;
    let mut sides: Vec<DataRef> = Vec::new();
    for seen in recipe.members().iter().filter_map(|&member| seen_by(recipe, member)) {
        if !sides.contains(&seen) {
            sides.push(seen);
        }
    }
    if sides.iter().all(|side| side.view.is_none()) {
        return StatisticsOn::first(wanted.min(case.train.len()));
    }
    let least = sides.iter().map(|side| case.count(side)).min().unwrap_or(0);
    let each = (wanted / sides.len()).clamp(1, least.max(1));
    StatisticsOn { images: each * sides.len(), sides }
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
