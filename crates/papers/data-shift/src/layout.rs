//! What tables and figures show.

use basin_papers::{
    Barrier, Curves, Figure, Layout, Over, PrintedMethod, Quantity, Reference, Sweep, Within,
};

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
    figures: &[
        Figure::Curves(&curves("loss-on-the-line", "line-loss")),
        Figure::Curves(&curves("accuracy-on-the-line", "line-accuracy")),
        Figure::Sweep(&Sweep {
            over: Over::Metric { metric: "noise-scale", keys: &["train.batch", "train.peak_lr"] },
            symbol: "g",
            name: "SGD noise scale g = ε(N/B − 1)",
            logarithmic: true,
            quantities: &[
                quantity("barrier", "barrier", None),
                quantity("accuracy-difference", "accuracy-difference", Some(MINUS_FIVE)),
                quantity("shared-errors", "shared-errors", None),
                quantity("displacement-cosine", "displacement-cosine", None),
            ],
        }),
        Figure::Sweep(&over("data.imbalance", "rho", "share ρ of the lower classes on the first side")),
        Figure::Sweep(&over("ensemble.members", "M", "number of parts M")),
        Figure::Sweep(&over("ensemble.split_epoch", "t", "epochs t on all images before the parts")),
        Figure::Training,
    ],
};

/// A share of five points: below it, the paper calls two networks unconnected.
const MINUS_FIVE: Reference = Reference { at: -0.05, name: "−5 %" };

const fn quantity(file: &'static str, metric: &'static str, reference: Option<Reference>) -> Quantity {
    Quantity { reference, file, metric, like: "" }
}

const fn over(key: &'static str, symbol: &'static str, name: &'static str) -> Sweep {
    const QUANTITIES: &[Quantity] = &[
        quantity("barrier", "barrier", None),
        quantity("accuracy-difference", "accuracy-difference", Some(MINUS_FIVE)),
        quantity("accuracy", "ensemble-accuracy", None),
        quantity("connectivity", "joint-connectivity", None),
        quantity("shared-errors", "shared-errors", None),
    ];
    Sweep { over: Over::Key(key), symbol, name, logarithmic: false, quantities: QUANTITIES }
}

const fn curves(file: &'static str, metric: &'static str) -> Curves {
    Curves {
        file,
        metric,
        data: &["test", "train", "test-1", "test-2", "test-unshifted"],
        variable: "lambda",
        subjects: &[],
        name: "λ, from the first side's network to the second's",
        barrier: Some(Barrier { loss: "line-loss", accuracy: "line-accuracy" }),
        like: "the paper's Fig. 3 and 5",
    }
}
