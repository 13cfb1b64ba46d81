//! The orders that the paper reports, each with the comparison that decides it. Bounds that are not zero are ours.

use basin_papers::{Claim, Comparison, Contrast, Expected, Scope};

const SEEDS: usize = 3;
const ABOVE: Expected = Expected::Above(0.0);
const BELOW: Expected = Expected::Below(0.0);

const fn of(metric: &'static str, terms: &'static [(f64, &'static str)], expected: Expected) -> Contrast {
    Contrast { metric, terms, error: None, expected }
}

const fn claim(id: &'static str, sentence: &'static str, comparison: Comparison) -> Claim {
    in_case(id, sentence, Scope::ANY, comparison)
}

const fn in_case(id: &'static str, sentence: &'static str, scope: Scope, comparison: Comparison) -> Claim {
    let source = "abstract and order of results";
    Claim { id, sentence, source, scope, given: &[], comparison, seeds: SEEDS, share: None }
}

/// Where soups and their ensembles are trained beside held-out images.
const HELD_OUT: Scope = Scope { models: &[], case: &[("transfer.held_out", "20")] };
const SCRATCH: Scope = Scope { models: &[], case: &[("source.dataset", "none")] };

/// In the order of the paper.
pub(crate) const CLAIMS: &[Claim] = &[
    claim(
        "transfer-helps",
        "Fine-tuned members are more accurate than members from scratch of the same length.",
        Comparison::All(&[of("mean-member-accuracy", &[(1.0, "local"), (-1.0, "deep")], ABOVE)]),
    ),
    claim(
        "local-below-global",
        "An ensemble of fine-tunes of one pre-trained network is less accurate than one of several.",
        Comparison::All(&[of("ensemble-accuracy", &[(1.0, "global"), (-1.0, "local")], ABOVE)]),
    ),
    claim(
        "local-is-alike",
        "Fine-tunes of one pre-trained network disagree less than those of several.",
        Comparison::All(&[of("disagreement", &[(1.0, "global"), (-1.0, "local")], ABOVE)]),
    ),
    claim(
        "cycles-beat-local",
        "Cycles around one fine-tune, one after the other or side by side, make a better ensemble than fine-tunes of one network.",
        Comparison::All(&[
            of("ensemble-accuracy", &[(1.0, "sse"), (-1.0, "local")], ABOVE),
            of("ensemble-accuracy", &[(1.0, "star-sse"), (-1.0, "local")], ABOVE),
        ]),
    ),
    claim(
        "star-beats-chain",
        "Cycles side by side make a better ensemble than cycles one after the other.",
        Comparison::All(&[of("ensemble-accuracy", &[(1.0, "star-sse"), (-1.0, "sse")], ABOVE)]),
    ),
    claim(
        "hot-cycles-diversify",
        "The higher the rate of cycles, the more members disagree.",
        Comparison::Trend {
            methods: &["sse", "star-sse"],
            metric: "disagreement",
            over: "transfer.cycle_rate",
            expected: ABOVE,
        },
    ),
    claim(
        "hot-cycles-forget",
        "The higher the rate of cycles, the less accurate are members.",
        Comparison::Trend {
            methods: &["sse", "star-sse"],
            metric: "mean-member-accuracy",
            over: "transfer.cycle_rate",
            expected: BELOW,
        },
    ),
    in_case(
        "star-soup-best",
        "The soup of cycles side by side is more accurate than that of fine-tunes and that of cycles one after the other.",
        HELD_OUT,
        Comparison::All(&[
            of("ensemble-accuracy", &[(1.0, "star-sse-soup"), (-1.0, "local-soup")], ABOVE),
            of("ensemble-accuracy", &[(1.0, "star-sse-soup"), (-1.0, "sse-soup")], ABOVE),
        ]),
    ),
    in_case(
        "fge-is-worth-few",
        "From scratch, an ensemble of short cycles is worth fewer than two independent runs.",
        SCRATCH,
        Comparison::All(&[of("deep-equivalent", &[(1.0, "fge")], Expected::Below(2.0))]),
    ),
];
