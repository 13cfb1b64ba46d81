//! What tables and figures show.

use basin_papers::{Figure, Layout, PrintedMethod, Within};

const fn printed(id: &'static str, name: &'static str) -> PrintedMethod {
    PrintedMethod { id, name }
}

/// The paper's pairs first, then what they are compared with.
pub(crate) const METHODS: &[PrintedMethod] = &[
    printed("shifted", "On parts"),
    printed("shifted-apart", "On parts, own starts"),
    printed("shifted-matched", "On parts, matched"),
    printed("shifted-constrained", "On parts after t"),
    printed("deep", "Deep Ens."),
];

/// The line between both sides is the paper's answer in one picture.
pub(crate) const LAYOUT: Layout = Layout {
    compared: &["barrier", "accuracy-difference", "ensemble-accuracy", "mean-member-accuracy"],
    within: &[Within { metric: "minus-deep", error: "minus-deep-se" }],
    described_title: "The line, similarity and cost",
    described: &[
        "train-barrier",
        "barrier-endpoints",
        "curvature-ends",
        "joint-connectivity",
        "shared-errors",
        "disagreement",
        "cka",
        "displacement-cosine",
        "weight-cosine",
        "noise-scale",
        "paired-share",
        "passes",
    ],
    figures: &[Figure::Training],
};
