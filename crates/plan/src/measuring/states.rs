//! States along the runs of an ensemble's members.

use super::SEEDS;
use basin_core::DataRef;
use basin_ensemble::{NodeId, Recipe, Trajectory, Work};
use basin_probes::LogitsOf;
use std::sync::Arc;

/// Where states are taken of each run; nowhere where a member is not a trained run, or members end at different epochs.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// Halvings of the first epoch, most first; none where runs begin at different epochs.
    early: Vec<u32>,
    /// Where that epoch begins.
    start: u64,
    /// Epochs, in order.
    epochs: Vec<u64>,
}

impl Places {
    /// So many epochs, evenly over the stretch that all members train, the last one among them: fewer where it has fewer; and before
    /// them `early` states at 1/2, 1/4, … of the first epoch.
    pub(super) fn of(recipe: &Recipe, states: u64, early: u64) -> Self {
        let runs = recipe.members().iter().map(|&m| run(recipe, m)).collect::<Option<Vec<_>>>();
        let runs = runs.unwrap_or_default();
        let Some(end) = runs.first().map(|(_, end)| *end) else { return Self::default() };
        if runs.iter().any(|(_, other)| *other != end) {
            return Self::default();
        }
        let starts = || runs.iter().map(|(trajectory, _)| trajectory.start_epoch);
        let start = starts().max().unwrap_or(0);
        let (length, states) = (end - start, states.min(end - start));
        let epochs = (1..=states).map(|i| start + (length * i).div_ceil(states)).collect();
        let early =
            if starts().all(|own| own == start) { (1..=early as u32).rev().collect() } else { Vec::new() };
        Self { early, start, epochs }
    }

    /// Epochs after which states are taken, in order; within the first, broken ones.
    pub(super) fn epochs(&self) -> Vec<f64> {
        let early = self.early.iter().map(|k| self.start as f64 + 0.5f64.powi(*k as i32));
        early.chain(self.epochs.iter().map(|epoch| *epoch as f64)).collect()
    }
}

/// The states as nodes, run by run.
pub(super) fn add(recipe: &mut Recipe, places: &Places) -> Vec<NodeId> {
    let members = recipe.members().to_vec();
    let mut states = Vec::new();
    for member in members {
        let end = run(recipe, member).map(|(_, end)| end);
        // Members were found to be trained runs that reach these epochs.
        states.extend(places.early.iter().filter_map(|&halvings| recipe.early(member, halvings).ok()));
        for &epoch in &places.epochs {
            let state = if end == Some(epoch) { Ok(member) } else { recipe.snapshot(member, epoch) };
            states.extend(state.ok());
        }
    }
    states
}

/// The states, then the logits of each on some images.
pub(super) fn with_logits(recipe: &mut Recipe, places: &Places, data: &DataRef) -> Vec<NodeId> {
    let states = add(recipe, places);
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
        Work::Train { trajectory, epoch, halvings: 0 } => Some((trajectory, *epoch)),
        _ => None,
    }
}
