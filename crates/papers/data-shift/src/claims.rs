//! What the paper says, each sentence with the comparison that decides it.
//!
//! Its figures show a barrier B of the test loss and a difference Δ of accuracy; below Δ = −5 % it calls two networks
//! unconnected. Connected is here what stays above that, and the barrier's own bound is a tenth of a nat.

use basin_papers::{Claim, Comparison, Contrast, Expected, Scope};

/// As many as the paper's.
const SEEDS: usize = 5;

const ONE_LAYER: Scope = Scope { models: &["mlp1"], case: &[] };
const DEEP_NETWORKS: Scope = Scope { models: &["mlp3", "vgg11", "resnet20"], case: &[] };
const PLAIN: Scope =
    Scope { models: &["mlp3"], case: &[("data.normalisation", "dataset"), ("model.norm", "none")] };
const NORMALISED: Scope =
    Scope { models: &["mlp3"], case: &[("data.normalisation", "dataset"), ("model.norm", "batch")] };

const fn of(metric: &'static str, terms: &'static [(f64, &'static str)], expected: Expected) -> Contrast {
    Contrast { metric, terms, error: None, expected }
}

const fn over(key: &'static str, metric: &'static str, expected: Expected) -> Comparison {
    Comparison::Trend { methods: &["shifted"], metric, over: key, expected }
}

const SHIFTED: &[(f64, &str)] = &[(1.0, "shifted")];
const TOGETHER_MINUS_APART: &[(f64, &str)] = &[(1.0, "shifted"), (-1.0, "shifted-apart")];

/// In the order of the paper's abstract.
pub(crate) const CLAIMS: &[Claim] = &[
    Claim {
        id: "one-layer-connected",
        sentence: "Perceptrons with one hidden layer stay connected under covariate shift.",
        source: "Figure 4",
        scope: ONE_LAYER,
        given: &[],
        comparison: Comparison::All(&[
            of("accuracy-difference", SHIFTED, Expected::Above(-0.05)),
            of("barrier", SHIFTED, Expected::Below(0.1)),
        ]),
        seeds: SEEDS,
        share: None,
    },
    Claim {
        id: "deep-networks-part",
        sentence: "Deep networks show a barrier from covariate shift alone.",
        source: "Figure 4",
        scope: DEEP_NETWORKS,
        given: &[],
        comparison: Comparison::All(&[
            of("accuracy-difference", SHIFTED, Expected::Below(-0.05)),
            of("barrier", SHIFTED, Expected::Above(0.1)),
        ]),
        seeds: SEEDS,
        share: None,
    },
    Claim {
        id: "larger-batches-connect",
        sentence: "A larger batch lowers the barrier.",
        source: "Abstract, Section 4",
        scope: Scope::ANY,
        given: &[],
        comparison: over("train.batch", "barrier", Expected::Below(0.0)),
        seeds: SEEDS,
        share: None,
    },
    Claim {
        id: "smaller-rates-connect",
        sentence: "A smaller learning rate lowers the barrier.",
        source: "Abstract, Section 4",
        scope: Scope::ANY,
        given: &[],
        comparison: over("train.peak_lr", "barrier", Expected::Above(0.0)),
        seeds: SEEDS,
        share: None,
    },
    Claim {
        id: "larger-batches-are-alike",
        sentence: "With larger batches, both sides make more of their errors together.",
        source: "Abstract, Section 4",
        scope: Scope::ANY,
        given: &[],
        comparison: over("train.batch", "shared-errors", Expected::Above(0.0)),
        seeds: SEEDS,
        share: None,
    },
    Claim {
        id: "no-barrier-no-generalisation",
        sentence: "Without normalisation the training loss has hardly a barrier, while networks in between generalise worse.",
        source: "Section 4, batch normalisation",
        scope: PLAIN,
        given: &[],
        comparison: Comparison::All(&[
            of("train-barrier", SHIFTED, Expected::Below(0.1)),
            of("accuracy-difference", SHIFTED, Expected::Below(0.0)),
        ]),
        seeds: SEEDS,
        share: None,
    },
    Claim {
        id: "batch-norm-recovers",
        sentence: "With BatchNorm the sides are connected.",
        source: "Section 4, batch normalisation",
        scope: NORMALISED,
        given: &[],
        comparison: Comparison::All(&[of("accuracy-difference", SHIFTED, Expected::Above(-0.05))]),
        seeds: SEEDS,
        share: None,
    },
    Claim {
        id: "imbalance-parts",
        sentence: "The more the labels of both sides differ, the higher is the barrier.",
        source: "Section 4, label imbalance",
        scope: Scope::ANY,
        given: &[],
        comparison: over("data.imbalance", "barrier", Expected::Below(0.0)),
        seeds: SEEDS,
        share: None,
    },
    Claim {
        id: "connected-share-errors",
        sentence: "Members from one start make more of their errors together than members from starts of their own.",
        source: "Abstract, Section 5",
        scope: Scope::ANY,
        given: &[],
        comparison: Comparison::All(&[of("shared-errors", TOGETHER_MINUS_APART, Expected::Above(0.0))]),
        seeds: SEEDS,
        share: None,
    },
    Claim {
        id: "unconnected-ensembles-gain",
        sentence: "Ensembles of unconnected members are more accurate.",
        source: "Abstract, Section 5",
        scope: Scope::ANY,
        given: &[],
        comparison: Comparison::All(&[of("ensemble-accuracy", TOGETHER_MINUS_APART, Expected::Below(0.0))]),
        seeds: SEEDS,
        share: None,
    },
];
