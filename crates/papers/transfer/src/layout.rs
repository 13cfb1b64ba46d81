//! What tables and figures show.

use basin_papers::{Along, Basin, Figure, Grid, Layout, PrintedMethod, Triangle, Within};

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
            together: true,
            size: Some("passes"),
            like: "",
            reading: "Further right, members lie more in one basin. A single network such as a soup has no connectivity and no point.",
        },
        Figure::Scatter {
            file: "accuracy-diversity",
            x: "disagreement",
            y: "ensemble-accuracy",
            levels: &[],
            together: true,
            size: Some("passes"),
            like: "",
            reading: "Further right, members differ more. A single network such as a soup has no diversity and no point.",
        },
        Figure::Grid(&cycles("grid-accuracy", "ensemble-accuracy")),
        Figure::Grid(&cycles("grid-members", "mean-member-accuracy")),
        Figure::Grid(&cycles("grid-diversity", "disagreement")),
        Figure::Grid(&cycles("grid-connectivity", "joint-connectivity")),
        Figure::Grid(&FINE_TUNING),
        Figure::Triangle(&map("map-connectivity")),
        Figure::Triangle(&map("map-accuracy")),
        Figure::Training,
    ],
};

/// Twice the spread of its draws below zero counts as outside.
const BASIN: Basin = Basin { metric: "joint-connectivity", spread: "joint-connectivity-sd", times: 2.0 };

const fn along(key: &'static str, name: &'static str) -> Along {
    Along { key, name }
}

const fn cycles(file: &'static str, metric: &'static str) -> Grid {
    Grid {
        file,
        metric,
        x: along("transfer.cycle_length", "length of a cycle over that of fine-tuning"),
        y: along("transfer.cycle_rate", "highest rate of a cycle over that of fine-tuning"),
        basin: Some(BASIN),
        best: Some("ensemble-accuracy"),
        like: "",
        reading: "Longer cycles are further right, hotter ones further up.",
    }
}

const FINE_TUNING: Grid = Grid {
    file: "fine-tuning",
    metric: "held-out-member-accuracy",
    x: along("train.epochs", "epochs T of fine-tuning"),
    y: along("train.peak_lr", "highest rate of fine-tuning"),
    basin: None,
    best: Some("held-out-member-accuracy"),
    like: "",
    reading: "Accuracy of a member on training images that were held out: the best cell is what to set train.epochs and train.peak_lr to.",
};

const fn map(metric: &'static str) -> Triangle {
    Triangle {
        file: metric,
        metric,
        data: &["test"],
        subjects: &["map"],
        like: "",
        reading: "The corners are three members; every other point is the mean of their weights that its place says.",
    }
}
