//! Which paper stands behind which number, so that a report can cite what it shows.

use crate::true_class_variance;
use crate::{
    brier, calibrated_nll, cka, class_accuracy, disagreement, ece, joint_connectivity, jsd, loss_barrier,
    minima, nll,
};
use crate::{noise_scale, ood, pairwise_connectivity, reliability, shared_errors, spectrum, stats};
use basin_core::Citation;

/// Metric and source, by the name of the metric's function, sorted. [`fn@crate::accuracy`] needs none.
pub const CITATIONS: &[(&str, Citation)] = &[
    ("adaptive_ece", reliability::ADAPTIVE_CITATION),
    ("auroc", ood::CITATION),
    ("barrier_above_line", loss_barrier::LINE_CITATION),
    ("barrier_from_minima", minima::CITATION),
    ("brier", brier::CITATION),
    ("calibrated_nll", calibrated_nll::CITATION),
    ("class_wise_ece", reliability::CITATION),
    ("disagreement", disagreement::CITATION),
    ("ece", ece::CITATION),
    ("fieller", stats::FIELLER),
    ("fpr95", ood::FPR_CITATION),
    ("hutchinson_trace", spectrum::CITATION),
    ("joint_connectivity", joint_connectivity::CITATION),
    ("jsd_one_vs_all", jsd::CITATION),
    ("jsd_uniform", jsd::UNIFORM_CITATION),
    ("lanczos", spectrum::LANCZOS_CITATION),
    ("linear_cka", cka::CITATION),
    ("loss_barrier", loss_barrier::CITATION),
    ("mean_class_accuracy", class_accuracy::CITATION),
    ("mutual_information", ood::INFORMATION_CITATION),
    ("nll", nll::CITATION),
    ("noise_scale", noise_scale::CITATION),
    ("pairwise_connectivity", pairwise_connectivity::CITATION),
    ("shared_errors", shared_errors::CITATION),
    ("true_class_variance", true_class_variance::CITATION),
    ("welch", stats::CITATION),
];
