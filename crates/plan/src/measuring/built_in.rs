//! The measurements of `basin-probes`, each made from a configuration.

use super::{Ensembles, Inputs, Measuring, ProbeEntry, asked};
use crate::Case;
use basin_core::{DataRef, Part};
use basin_ensemble::{Mixing, Probe};
use basin_probes::{
    BasinMap, Bezier, Calibration, Corruptions, Curvature, DeepEquivalent, Descent, Directions,
    DiversityPlane, JointConnectivity, LearningCurves, MinusReference, OutOfDistribution, PairwiseLines,
    Performance, PlaneOf, ShiftLine, Similarity, Trajectories, Tunnel, Watched,
};
use basin_views::corruptions::main_kinds;
use std::sync::Arc;

/// The measurements of `basin-probes`.
pub(crate) fn built_in() -> Vec<ProbeEntry> {
    let mut all = vec![
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
        asked("learning-curves", Inputs::States, learning_curves),
        asked("trajectories", Inputs::StatesAndLogits, trajectories),
        asked("diversity-plane", Inputs::Logits, |m| Arc::new(DiversityPlane { data: m.test.clone() })),
        asked("calibration", Inputs::Logits, calibration),
        asked("corruptions", Inputs::Networks, corruptions),
        asked("out-of-distribution", Inputs::Networks, out_of_distribution),
        asked("tunnel", Inputs::FirstTwo, tunnel),
        asked("bezier", Inputs::FirstTwo, bezier),
        asked("curvature", Inputs::Networks, curvature),
        asked("basin-map", Inputs::NetworksAndLogits, basin_map),
        asked("radial-plane", Inputs::NetworksAndLogits, |m| plane(m, Directions::Radial)),
        asked("plane", Inputs::NetworksAndLogits, |m| plane(m, Directions::Members)),
        asked("random-plane", Inputs::NetworksAndLogits, |m| plane(m, Directions::Random)),
    ];
    all.extend(super::transfer::entries());
    all
}

fn performance(m: &Measuring<'_>) -> Arc<dyn Probe> {
    let metrics = m.config.metrics();
    Arc::new(Performance { data: m.test.clone(), combine: metrics.combine, ece_bins: metrics.ece_bins })
}

fn joint_connectivity(m: &Measuring<'_>) -> Arc<dyn Probe> {
    let draws = m.config.metrics().draws;
    Arc::new(JointConnectivity { data: m.connectivity.clone(), draws, mixing: m.mixing.clone() })
}

fn pairwise_lines(m: &Measuring<'_>) -> Arc<dyn Probe> {
    let metrics = m.config.metrics();
    let (pairs, points) = (metrics.pairs, metrics.line_points);
    Arc::new(PairwiseLines { data: m.connectivity.clone(), pairs, points, mixing: m.mixing.clone() })
}

/// The line is scored on the test images as every side sees them; where sides see them through views, the images as they
/// are measured otherwise stand beside.
fn shift_line(m: &Measuring<'_>) -> Arc<dyn Probe> {
    let views = m.parts.iter().any(|part| part.view.is_some());
    let side = |name: &str, i: usize| format!("{name}-{}", i + 1);
    let tests = match views {
        true => m.parts.iter().enumerate().map(|(i, part)| (side("test", i), seen_by(m, part))).collect(),
        false => vec![("test".to_owned(), m.connectivity.clone())],
    };
    let trains = m.parts.iter().enumerate().map(|(i, part)| (side("train", i), part.clone())).collect();
    let also = if views { vec![("test-unshifted".to_owned(), m.connectivity.clone())] } else { Vec::new() };
    Arc::new(ShiftLine {
        points: m.config.metrics().shift_points,
        tests,
        trains,
        also,
        mixing: m.mixing.clone(),
    })
}

/// The test images of connectivity as a side sees them.
fn seen_by(m: &Measuring<'_>, part: &DataRef) -> DataRef {
    DataRef { view: part.view.clone(), ..m.connectivity.clone() }
}

/// On the test images of the line, each member as its side sees them.
fn learning_curves(m: &Measuring<'_>) -> Arc<dyn Probe> {
    let tests = match m.parts.iter().any(|part| part.view.is_some()) {
        true => m.parts.iter().map(|part| seen_by(m, part)).collect(),
        false => vec![m.connectivity.clone()],
    };
    Arc::new(LearningCurves { tests, epochs: m.epochs.clone() })
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

fn trajectories(m: &Measuring<'_>) -> Arc<dyn Probe> {
    let (data, epochs) = (m.landscape.clone(), m.epochs.clone());
    Arc::new(Trajectories { data, epochs, perplexity: m.config.landscape().perplexity })
}

fn calibration(m: &Measuring<'_>) -> Arc<dyn Probe> {
    let metrics = m.config.metrics();
    Arc::new(Calibration { data: m.test.clone(), combine: metrics.combine, bins: metrics.ece_bins })
}

/// What draws in corruptions: one seed for all networks, as there is one benchmark.
const CORRUPTED_BY: u64 = 0;

/// All keys that say what the images are stand in a run's configuration: where files lie decides nothing.
fn corruptions(m: &Measuring<'_>) -> Arc<dyn Probe> {
    let (metrics, landscape) = (m.config.metrics(), m.config.landscape());
    let (published, asked) = (landscape.published, &landscape.corruptions);
    let main = || main_kinds(m.extent, published).into_iter().map(str::to_owned).collect();
    Arc::new(Corruptions {
        data: m.landscape.clone(),
        kinds: if asked.is_empty() { main() } else { asked.clone() },
        severities: Corruptions::SEVERITIES.into(),
        seed: CORRUPTED_BY,
        published,
        combine: metrics.combine,
        ece_bins: metrics.ece_bins,
    })
}

fn out_of_distribution(m: &Measuring<'_>) -> Arc<dyn Probe> {
    let (own, combine) = (m.landscape.clone(), m.config.metrics().combine);
    let other = |set: &String| DataRef { set: Some(set.clone()), ..own.clone() };
    let others = m.config.landscape().others.iter().map(other).collect();
    Arc::new(OutOfDistribution { own, others, combine })
}

/// Momentum of the steps that train a path.
const PATH_MOMENTUM: f64 = 0.9;

/// How a path is trained, so many steps in a row, and what is looked at along it. Training images are judged on as many of the
/// first as there are test images.
fn path(m: &Measuring<'_>, steps: usize) -> (Descent, Watched) {
    let (landscape, train) = (m.config.landscape(), m.config.train());
    let descent = Descent {
        steps,
        batch: train.batch,
        rate: landscape.path_rate,
        momentum: PATH_MOMENTUM,
        data: m.training.clone(),
    };
    let statistics = match &m.mixing {
        Mixing::Reestimated(on) => Some(on.clone()),
        Mixing::Plain | Mixing::Repair { .. } => None,
    };
    (descent, Watched { test: m.landscape.clone(), train: some_training(m, landscape.images), statistics })
}

/// The first so many training images, all where there are fewer, or all of a part of them, which is not cut.
fn some_training(m: &Measuring<'_>, images: usize) -> DataRef {
    match m.training.part {
        Part::Whole if images < m.training_images => m.training.clone().first(images),
        _ => m.training.clone(),
    }
}

fn tunnel(m: &Measuring<'_>) -> Arc<dyn Probe> {
    let landscape = m.config.landscape();
    let (descent, watched) = path(m, landscape.path_steps);
    Arc::new(Tunnel { points: landscape.path_points, descent, watched })
}

/// Points at which a curve with a bend is looked at.
const CURVE_POINTS: usize = 21;

/// As many steps as a tunnel takes in all.
fn bezier(m: &Measuring<'_>) -> Arc<dyn Probe> {
    let landscape = m.config.landscape();
    let (descent, watched) = path(m, landscape.path_steps * landscape.path_points);
    Arc::new(Bezier { points: CURVE_POINTS, descent, watched })
}

/// Eigenvalues that are told.
const TOP: usize = 5;

fn curvature(m: &Measuring<'_>) -> Arc<dyn Probe> {
    let landscape = m.config.landscape();
    Arc::new(Curvature {
        data: some_training(m, landscape.curvature_images),
        batch: landscape.curvature_images.min(GRADIENT_OF),
        members: 0,
        draws: landscape.curvature_directions,
        products: landscape.curvature_steps,
        top: TOP.min(landscape.curvature_steps),
        share: Curvature::SHARE,
    })
}

/// Images of a gradient at a time: what is summed like the batch of a training step.
const GRADIENT_OF: usize = 1024;

fn plane(m: &Measuring<'_>, directions: Directions) -> Arc<dyn Probe> {
    let (data, points) = (m.landscape.clone(), m.config.landscape().points);
    Arc::new(PlaneOf { directions, data, points, mixing: m.mixing.clone() })
}

/// A side of the triangle has as many points as one of a plane.
fn basin_map(m: &Measuring<'_>) -> Arc<dyn Probe> {
    let (data, points) = (m.landscape.clone(), m.config.landscape().points);
    Arc::new(BasinMap { data, points, mixing: m.mixing.clone() })
}

/// The comparison with the deep ensemble.
pub(crate) fn minus_deep(case: &Case) -> Arc<dyn Probe> {
    Arc::new(MinusReference { data: case.measured(), combine: case.config.metrics().combine })
}

/// The comparison with the largest deep ensemble, where calibration is measured of ensembles of this method.
pub(crate) fn deep_equivalent(case: &Case, method: &str, own: usize) -> Option<Arc<dyn Probe>> {
    let metrics = case.config.metrics();
    let probe = DeepEquivalent { data: case.measured(), combine: metrics.combine, own };
    super::is_asked(&metrics.also, "calibration", method).then(|| Arc::new(probe) as Arc<dyn Probe>)
}
