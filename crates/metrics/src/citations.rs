//! Which paper stands behind which number, so that a report can cite what it shows.

use crate::{brier, cka, disagreement, ece, joint_connectivity, jsd, loss_barrier, minima, nll, noise_scale};
use crate::{pairwise_connectivity, shared_errors, stats, true_class_variance};
use basin_core::Citation;

/// Metric and source, by the name of the metric's function, sorted. [`fn@crate::accuracy`] needs none.
pub const CITATIONS: &[(&str, Citation)] = &[
    ("barrier_from_minima", minima::CITATION),
    ("brier", brier::CITATION),
    ("disagreement", disagreement::CITATION),
    ("ece", ece::CITATION),
    ("fieller", stats::FIELLER),
    ("joint_connectivity", joint_connectivity::CITATION),
    ("jsd_one_vs_all", jsd::CITATION),
    ("jsd_uniform", jsd::UNIFORM_CITATION),
    ("linear_cka", cka::CITATION),
    ("loss_barrier", loss_barrier::CITATION),
    ("nll", nll::CITATION),
    ("noise_scale", noise_scale::CITATION),
    ("pairwise_connectivity", pairwise_connectivity::CITATION),
    ("shared_errors", shared_errors::CITATION),
    ("true_class_variance", true_class_variance::CITATION),
    ("welch", stats::CITATION),
];
