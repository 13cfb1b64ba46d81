//! Numbers of an ensemble that its plan knows: nothing is measured for them.

use crate::Case;
use crate::plan::{Plan, PlannedEnsemble};
use crate::planned::{NodeIndex, PlannedWork};
use anyhow::Result;
use basin_ensemble::Trajectory;
use std::ops::Range;

/// Metrics with their values: what the ensemble costs; of members trained on parts, the scale of their SGD noise, and what
/// share of their places shows the same class.
pub fn of(case: &Case, plan: &Plan, ensemble: &PlannedEnsemble) -> Result<Vec<(&'static str, f64)>> {
    let mut facts = vec![("passes", ensemble.passes), ("passes-in-a-row", ensemble.in_a_row)];
    let trained = ensemble.members.iter().filter_map(|&member| trajectory(plan, member));
    let trained: Vec<&Trajectory> = trained.collect();
    let on_parts = trained.windows(2).any(|two| two[0].data != two[1].data);
    if let (Some(first), true) = (trained.first(), on_parts) {
        let (rate, images) = (case.config.train().peak_lr, case.count(&first.data));
        facts.push(("noise-scale", basin_metrics::noise_scale(rate, images, case.batch())?));
        if let Some(shared) = case.shared_noise(first)? {
            facts.push(("paired-share", shared.paired_share()));
        }
    }
    Ok(facts)
}

/// The steps of a stretch of training, counted from the start of its schedule; none of other work.
pub fn steps(case: &Case, work: &PlannedWork) -> Range<u64> {
    let PlannedWork::Train { trajectory, start, end, early, .. } = work else { return 0..0 };
    let per_epoch = case.steps_per_epoch(&trajectory.data);
    let (before, until) = early.map_or((0, 0), |early| early.steps(per_epoch));
    start * per_epoch + before..end * per_epoch + until
}

/// The trajectory that a network, or the one it was made of last, is the end of.
pub fn trajectory(plan: &Plan, node: NodeIndex) -> Option<&Trajectory> {
    match &plan.nodes[node].work {
        PlannedWork::Train { trajectory, .. } => Some(trajectory),
        PlannedWork::Transform { inputs, .. } => trajectory(plan, *inputs.last()?),
        PlannedWork::Init { .. } | PlannedWork::Import { .. } | PlannedWork::Probe { .. } => None,
    }
}
