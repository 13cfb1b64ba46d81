//! Tests of the public surface: golden values, identities that hold for every input, refusals.

mod connectivity;
mod golden;
mod identities;
mod lanczos;
mod landscape;
mod refusals;
mod transfer;

use basin_core::{Labels, Logits, Probs};

/// Predictions of one member from its logits.
fn probs(classes: usize, logits: &[f32]) -> Probs {
    Logits::new(classes, logits.to_vec()).unwrap().softmax(1.0)
}

fn labels(classes: usize, values: &[u32]) -> Labels {
    Labels::new(classes, values.to_vec()).unwrap()
}
