//! States along the runs of an ensemble's members.

use super::SEEDS;
use basin_core::DataRef;
use basin_ensemble::{NodeId, Recipe, Trajectory, Work};
use basin_probes::LogitsOf;
use std::sync::Arc;

/// So many epochs, evenly over the stretch that all members train, the last one among them: fewer where it has fewer. None where
/// a member is no trained run, or members end at different epochs.
pub(super) fn epochs(recipe: &Recipe, states: u64) -> Vec<u64> {
    let Some(runs) = recipe.members().iter().map(|&m| run(recipe, m)).collect::<Option<Vec<_>>>() else {
        return Vec::new();
    };
    let Some(end) = runs.first().map(|(_, end)| *end) else { return Vec::new() };
    if runs.iter().any(|(_, other)| *other != end) {
        return Vec::new();
    }
    let start = runs.iter().map(|(trajectory, _)| trajectory.start_epoch).max().unwrap_or(0);
    let (length, states) = (end - start, states.min(end - start));
    (1..=states).map(|i| start + (length * i).div_ceil(states)).collect()
}

/// The states as nodes, run by run, then the logits of each.
pub(super) fn add(recipe: &mut Recipe, epochs: &[u64], data: &DataRef) -> Vec<NodeId> {
    let members = recipe.members().to_vec();
    let mut states = Vec::new();
    for member in members {
        let end = run(recipe, member).map(|(_, end)| end);
        for &epoch in epochs {
            // Members were found to be trained runs that reach these epochs.
            let state = if end == Some(epoch) { Ok(member) } else { recipe.snapshot(member, epoch) };
            states.extend(state.ok());
        }
    }
    let mut logits = Vec::new();
    for &state in &states {
        let name = format!("logits-{}", recipe.nodes()[state.index()].name());
        logits.push(recipe.probe(name, Arc::new(LogitsOf { data: data.clone() }), vec![state], SEEDS));
    }
    states.into_iter().chain(logits).collect()
}

/// A member's trajectory and the epoch that it ends at.
fn run(recipe: &Recipe, member: NodeId) -> Option<(&Trajectory, u64)> {
    match &recipe.nodes()[member.index()] {
        Work::Train { trajectory, epoch } => Some((trajectory, *epoch)),
        _ => None,
    }
}
