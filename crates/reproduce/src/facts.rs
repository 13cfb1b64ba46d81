//! Numbers of an ensemble that its plan knows: nothing is measured for them.

use crate::Case;
use crate::plan::{Plan, PlannedEnsemble};
use crate::planned::{NodeIndex, PlannedWork};
use anyhow::Result;
use basin_ensemble::Trajectory;

/// Metrics with their values: what the ensemble costs; of members trained on parts, the scale of their SGD noise, and what
/// share of their places shows the same class.
pub(crate) fn of(case: &Case, plan: &Plan, ensemble: &PlannedEnsemble) -> Result<Vec<(&'static str, f64)>> {
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

/// The trajectory that a network, or the one it was made of last, is the end of.
pub(crate) fn trajectory(plan: &Plan, node: NodeIndex) -> Option<&Trajectory> {
    match &plan.nodes[node].work {
        PlannedWork::Train { trajectory, .. } => Some(trajectory),
        PlannedWork::Transform { inputs, .. } => trajectory(plan, *inputs.last()?),
        PlannedWork::Init { .. } | PlannedWork::Import { .. } | PlannedWork::Probe { .. } => None,
    }
}
