//! Which paper stands behind which number, so that a report can cite what it shows.

use crate::{brier, disagreement, ece, joint_connectivity, jsd, loss_barrier, nll, pairwise_connectivity};
use crate::{stats, true_class_variance};
use basin_core::Citation;

/// Metric and source, by the name of the metric's function, sorted. [`fn@crate::accuracy`] needs none.
pub const CITATIONS: &[(&str, Citation)] = &[
    ("brier", brier::CITATION),
    ("disagreement", disagreement::CITATION),
    ("ece", ece::CITATION),
    ("fieller", stats::FIELLER),
    ("joint_connectivity", joint_connectivity::CITATION),
    ("jsd_one_vs_all", jsd::CITATION),
    ("jsd_uniform", jsd::UNIFORM_CITATION),
    ("loss_barrier", loss_barrier::CITATION),
    ("nll", nll::CITATION),
    ("pairwise_connectivity", pairwise_connectivity::CITATION),
    ("true_class_variance", true_class_variance::CITATION),
    ("welch", stats::CITATION),
];
