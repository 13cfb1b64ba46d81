//! What tables and figures show.

use basin_papers::{Figure, Layout, Over, PrintedMethod, Quantity, Sweep, Within};

const fn printed(id: &'static str, name: &'static str) -> PrintedMethod {
    PrintedMethod { id, name }
}

/// Fine-tunes first, then what goes on from one, then single networks made of several, then runs from scratch.
pub(crate) const METHODS: &[PrintedMethod] = &[
    printed("local", "Local DE"),
    printed("global", "Global DE"),
    printed("sse", "SSE"),
    printed("star-sse", "StarSSE"),
    printed("fge", "FGE"),
    printed("tuned-swag", "SWAG"),
    printed("swa", "SWA"),
    printed("local-soup", "Soup of Local DE"),
    printed("sse-soup", "Soup of SSE"),
    printed("star-sse-soup", "Soup of StarSSE"),
    printed("local-greedy-soup", "Greedy soup of Local DE"),
    printed("sse-greedy-soup", "Greedy soup of SSE"),
    printed("star-sse-greedy-soup", "Greedy soup of StarSSE"),
    printed("local-stock", "Model Stock of Local DE"),
    printed("star-sse-stock", "Model Stock of StarSSE"),
    printed("deep", "From scratch"),
    printed("fine-tuned", "Fine-tuning"),
    printed("pretrained", "Pre-training"),
];

/// Accuracy against connectivity is the paper's question in one picture.
pub(crate) const LAYOUT: Layout = Layout {
    compared: &["ensemble-accuracy", "mean-member-accuracy", "joint-connectivity"],
    within: &[Within { metric: "minus-deep", error: "minus-deep-se" }],
    described_title: "Diversity, connectivity, what is left of the source, and cost",
    described: &[
        "mean-class-accuracy",
        "calibrated-nll",
        "deep-equivalent",
        "disagreement",
        "normalised-disagreement",
        "jsd-one-vs-all",
        "joint-connectivity-sd",
        "first-connectivity",
        "first-barrier",
        "start-connectivity",
        "start-barrier",
        "distance-travelled",
        "task-cosine",
        "source-accuracy-before",
        "source-accuracy",
        "forgetting",
        "held-out-accuracy",
        "held-out-member-accuracy",
        "map-worst",
        "passes",
        "passes-in-a-row",
    ],
    figures: &[
        Figure::Scatter {
            file: "accuracy-connectivity",
            x: "joint-connectivity",
            y: "ensemble-accuracy",
            levels: &[],
            like: "",
            reading: "Further right, members lie more in one basin. A single network such as a soup has no connectivity and no point.",
        },
        Figure::Scatter {
            file: "accuracy-diversity",
            x: "disagreement",
            y: "ensemble-accuracy",
            levels: &[],
            like: "",
            reading: "Further right, members differ more. A single network such as a soup has no diversity and no point.",
        },
        Figure::Sweep(&over(
            "transfer.cycle_rate",
            "rate",
            "highest rate of a cycle over that of fine-tuning",
        )),
        Figure::Sweep(&over("transfer.cycle_length", "length", "length of a cycle over that of fine-tuning")),
        Figure::Training,
    ],
};

const fn quantity(file: &'static str, metric: &'static str) -> Quantity {
    Quantity { reference: None, file, metric, like: "" }
}

const fn over(key: &'static str, symbol: &'static str, name: &'static str) -> Sweep {
    const QUANTITIES: &[Quantity] = &[
        quantity("accuracy", "ensemble-accuracy"),
        quantity("member-accuracy", "mean-member-accuracy"),
        quantity("diversity", "disagreement"),
        quantity("connectivity", "joint-connectivity"),
    ];
    Sweep { over: Over::Key(key), symbol, name, logarithmic: true, quantities: QUANTITIES }
}
