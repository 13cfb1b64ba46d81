//! What the paper's tables and figures show.

use basin_papers::{Figure, Layout, Level, Over, PrintedMethod, Quantity, Sweep, Within};

const fn printed(id: &'static str, name: &'static str) -> PrintedMethod {
    PrintedMethod { id, name }
}

/// In the order of Table 1, with the paper's names.
pub(crate) const METHODS: &[PrintedMethod] = &[
    printed("deep", "Deep Ens."),
    printed("constrained", "Con. Ens."),
    printed("swe", "SW Ens."),
    printed("permuted", "Perm. Ens."),
    printed("distilled", "Dist. Ens."),
    printed("distilled-deep", "Dist. Deep Ens."),
];

/// Accuracy against connectivity is the paper's answer in one picture.
pub(crate) const LAYOUT: Layout = Layout {
    compared: &["ensemble-accuracy", "joint-connectivity", "mean-member-accuracy"],
    within: &[Within { metric: "minus-deep", error: "minus-deep-se" }],
    described_title: "Calibration, diversity and cost",
    described: &["nll", "brier", "ece", "jsd-one-vs-all", "true-class-variance", "disagreement", "passes"],
    figures: &[
        Figure::Scatter {
            file: "accuracy-connectivity",
            x: "joint-connectivity",
            y: "ensemble-accuracy",
            levels: &[
                Level { metric: "ensemble-accuracy", method: "deep", name: "deep ensemble" },
                Level { metric: "mean-member-accuracy", method: "deep", name: "mean member" },
            ],
            together: false,
            size: None,
            like: "the paper's Fig. 2c",
            reading: "Dashed: mean accuracy of the deep ensembles, dotted: of their members. Further right is better \
                      connected; at 0, points between the members are as accurate as the members themselves.",
        },
        Figure::Lines { like: "the paper's Fig. 2a and 2b" },
        Figure::Sweep(&Sweep {
            over: Over::Key("ensemble.split_epoch"),
            symbol: "t",
            name: "split epoch t",
            logarithmic: false,
            quantities: &[
                quantity("accuracy", "ensemble-accuracy", ""),
                quantity("connectivity", "joint-connectivity", FIGURE_3),
                quantity("member-accuracy", "mean-member-accuracy", ""),
                quantity("variance", "true-class-variance", FIGURE_3),
                quantity("divergence", "jsd-one-vs-all", FIGURE_3),
            ],
        }),
        Figure::Sweep(&Sweep {
            over: Over::Key("ensemble.members"),
            symbol: "M",
            name: "number of members M",
            logarithmic: false,
            quantities: &[
                quantity("accuracy", "ensemble-accuracy", ""),
                quantity("connectivity", "joint-connectivity", ""),
                quantity("member-accuracy", "mean-member-accuracy", ""),
                quantity("variance", "true-class-variance", ""),
                quantity("divergence", "jsd-one-vs-all", ""),
            ],
        }),
        Figure::Training,
    ],
};

const FIGURE_3: &str = "the paper's Fig. 3";

const fn quantity(file: &'static str, metric: &'static str, like: &'static str) -> Quantity {
    Quantity { file, metric, like, reference: None }
}
