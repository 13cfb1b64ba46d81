//! What the paper says, each sentence with the comparison that decides it.

use basin_papers::{Claim, Comparison, Contrast, Expected, Scope, Share};

/// Seeds that a verdict takes: as many as the paper's tables have.
const SEEDS: usize = 3;

/// Ensemble accuracy of one method minus the deep ensemble's of the same seed, on the same test images.
const fn minus_deep(terms: &'static [(f64, &'static str)], expected: Expected) -> Contrast {
    Contrast { metric: "minus-deep", terms, error: Some("minus-deep-se"), expected }
}

/// A sum over several methods, of which no error over test images is known.
const fn sum(metric: &'static str, terms: &'static [(f64, &'static str)], expected: Expected) -> Contrast {
    Contrast { metric, terms, error: None, expected }
}

/// Connected is what loses no more than one percentage point between its members: the paper's connected ensembles lie
/// within 0.2 points of zero, its unconnected ones more than 20 below.
const fn connected(method: &'static str, connected: bool) -> Comparison {
    Comparison::Connected { method, metric: "joint-connectivity", margin: 0.01, connected }
}

const fn over_t(metric: &'static str, expected: Expected) -> Comparison {
    Comparison::Trend {
        methods: &["constrained", "distilled"],
        metric,
        over: "ensemble.split_epoch",
        expected,
    }
}

const CONSTRAINED_IS_BELOW: Contrast = minus_deep(&[(1.0, "constrained")], Expected::Below(0.0));

/// In the order of the paper.
pub(crate) const CLAIMS: &[Claim] = &[
    Claim {
        id: "connectivity-costs-accuracy",
        sentence: "Connectivity costs accuracy: constrained ensembles are less accurate than deep ones.",
        source: "Section 3, Table 1",
        scope: Scope::ANY,
        given: &[],
        comparison: Comparison::All(&[CONSTRAINED_IS_BELOW]),
        seeds: SEEDS,
        share: None,
    },
    Claim {
        id: "constrained-connected",
        sentence: "Constrained members are jointly connected.",
        source: "Section 3, Table 1",
        scope: Scope::ANY,
        given: &[],
        comparison: connected("constrained", true),
        seeds: SEEDS,
        share: None,
    },
    Claim {
        id: "deep-not-connected",
        sentence: "Deep members are not jointly connected.",
        source: "Table 1",
        scope: Scope::ANY,
        given: &[],
        comparison: connected("deep", false),
        seeds: SEEDS,
        share: None,
    },
    Claim {
        id: "permutation-does-not-connect",
        sentence: "Permutation does not connect deep members jointly.",
        source: "Section 4, Table 1",
        scope: Scope::ANY,
        given: &[],
        comparison: connected("permuted", false),
        seeds: SEEDS,
        share: None,
    },
    Claim {
        id: "distillation-closes-the-gap",
        sentence: "Distillation closes most of the gap between constrained and deep ensembles.",
        source: "Section 4, Table 1",
        scope: Scope::ANY,
        given: &[CONSTRAINED_IS_BELOW],
        comparison: Comparison::All(&[minus_deep(
            &[(1.0, "distilled"), (-0.5, "constrained")],
            Expected::Above(0.0),
        )]),
        seeds: SEEDS,
        share: Some(Share {
            metric: "minus-deep",
            part: &[(1.0, "distilled"), (-1.0, "constrained")],
            whole: &[(-1.0, "constrained")],
            of: "of the gap closed",
        }),
    },
    Claim {
        id: "distilled-connected",
        sentence: "Distilled members stay jointly connected.",
        source: "Section 4, Table 1",
        scope: Scope::ANY,
        given: &[],
        comparison: connected("distilled", true),
        seeds: SEEDS,
        share: None,
    },
    Claim {
        id: "distilling-deep-does-not-help",
        sentence: "Distilling deep ensembles does not help them: it gains less than half a point.",
        source: "Table 4",
        scope: Scope::ANY,
        given: &[],
        comparison: Comparison::All(&[minus_deep(&[(1.0, "distilled-deep")], Expected::Below(0.005))]),
        seeds: SEEDS,
        share: None,
    },
    Claim {
        id: "swe-is-weakest",
        sentence: "Stochastic-weight ensembles are the least accurate of the connected ones.",
        source: "Section 3, Table 1",
        scope: Scope::ANY,
        given: &[],
        comparison: Comparison::All(&[
            sum("ensemble-accuracy", &[(1.0, "swe"), (-1.0, "constrained")], Expected::Below(0.0)),
            sum("ensemble-accuracy", &[(1.0, "swe"), (-1.0, "distilled")], Expected::Below(0.0)),
        ]),
        seeds: SEEDS,
        share: None,
    },
    Claim {
        id: "diversity-falls-with-t",
        sentence: "Diversity falls as the split epoch t grows.",
        source: "Figure 3",
        scope: Scope::ANY,
        given: &[],
        comparison: over_t("true-class-variance", Expected::Below(0.0)),
        seeds: SEEDS,
        share: None,
    },
    Claim {
        id: "connectivity-rises-with-t",
        sentence: "Connectivity rises with the split epoch t.",
        source: "Figure 3",
        scope: Scope::ANY,
        given: &[],
        comparison: over_t("joint-connectivity", Expected::Above(0.0)),
        seeds: SEEDS,
        share: None,
    },
];
