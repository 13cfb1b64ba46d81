//! Measurements of fine-tuned members: beside where they come from, on the source, on what was held out.

use super::{Inputs, Measuring, ProbeEntry, SEEDS, asked};
use crate::Case;
use crate::transfer::held_out;
use basin_core::DataRef;
use basin_ensemble::{NodeId, Origin, Probe, Recipe};
use basin_methods::NewHead;
use basin_probes::{Forgetting, HeldOut, LogitsOf, PerClass, Spokes, TaskVectors};
use std::sync::Arc;

/// What can be asked for of fine-tuned members, and of any on held-out images or class by class.
pub(super) fn entries() -> Vec<ProbeEntry> {
    vec![
        asked("per-class", Inputs::Logits, |m| {
            Arc::new(PerClass { data: m.test.clone(), combine: m.config.metrics().combine })
        }),
        asked("task-vectors", Inputs::NetworksAndStarts, |_| Arc::new(TaskVectors)),
        asked("spokes", Inputs::NetworksStartsAndLogits, spokes),
        asked("forgetting", Inputs::OnSource, |_| Arc::new(Forgetting { data: DataRef::test() })),
        asked("held-out", Inputs::NetworksBesideHeldOut, |m| {
            // Where nothing is held out, it is refused before this is asked.
            let data = held_out(m.config).unwrap_or_else(DataRef::train);
            Arc::new(HeldOut { data, combine: m.config.metrics().combine })
        }),
    ]
}

fn spokes(m: &Measuring<'_>) -> Arc<dyn Probe> {
    let points = m.config.metrics().line_points;
    Arc::new(Spokes { data: m.connectivity.clone(), points, mixing: m.mixing.clone() })
}

/// The pre-trained networks that members come from, where all come from networks that were trained on a source.
pub(super) fn pretrained(origins: Option<&[Origin]>) -> Option<Vec<NodeId>> {
    origins?.iter().map(|origin| origin.pretrained).collect()
}

/// Work of the source: logits on its test images of every member's trunk with the head of the network that it comes from, then of
/// those networks.
pub(super) fn on_source(recipe: &mut Recipe, case: &Case, pretrained: &[NodeId]) -> Vec<NodeId> {
    // A network that has no head to replace was refused with its method.
    let head = case.config.head(case.config.extent()).unwrap_or_default();
    let operation = Arc::new(NewHead { head });
    let members = recipe.members().to_vec();
    recipe.at_source(|recipe| {
        let mut networks = Vec::new();
        for (&member, &before) in members.iter().zip(pretrained) {
            let name = format!("{}-on-source", recipe.nodes()[member.index()].name());
            networks.push(recipe.transform(name, operation.clone(), vec![member, before], "start"));
        }
        let mut logits = Vec::new();
        for network in networks.into_iter().chain(pretrained.iter().copied()) {
            let name = format!("logits-{}", recipe.nodes()[network.index()].name());
            logits.push(recipe.probe(
                name,
                Arc::new(LogitsOf { data: DataRef::test() }),
                vec![network],
                SEEDS,
            ));
        }
        logits
    })
}
