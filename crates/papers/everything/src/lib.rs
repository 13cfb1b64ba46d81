#![doc = include_str!("../README.md")]

use basin_core::Citation;
use basin_papers::{
    Claim, Experiment, Figure, Layout, Outcome, Paper, Preset, PrintedMethod, Published, PublishedError,
    Symbol, Within, measured,
};
use serde_json::Value;

/// The methods of all papers on one plane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Everything;

const METHODS: &[PrintedMethod] = &[
    printed("deep", "Deep ensemble"),
    printed("constrained", "Constrained"),
    printed("distilled", "Distilled"),
    printed("distilled-deep", "Distilled from deep"),
    printed("permuted", "Permuted"),
    printed("swe", "SWE"),
    printed("sse", "SSE"),
    printed("star-sse", "StarSSE"),
    printed("fge", "FGE"),
    printed("local", "One start"),
    printed("swag", "SWAG"),
    printed("subspace-random", "Random directions"),
    printed("subspace-dropout", "Dropout of weights"),
    printed("subspace-gaussian", "Diagonal Gaussian"),
    printed("subspace-pca", "Low-rank Gaussian"),
    printed("averaged", "Averages of runs"),
    printed("swa", "SWA"),
    printed("sse-soup", "Soup of SSE"),
    printed("star-sse-soup", "Soup of StarSSE"),
];

const fn printed(id: &'static str, name: &'static str) -> PrintedMethod {
    PrintedMethod { id, name }
}

const EXPERIMENTS: &[Experiment] = &[Experiment {
    name: "everything",
    summary: "every method from scratch on one data set: accuracy, calibration, diversity, connectivity and cost",
    cases: |_| {
        let methods = METHODS.iter().map(|method| method.id).collect::<Vec<_>>().join(",");
        Ok(vec![measured(&methods, "calibration")])
    },
    outcome: Outcome::Report,
}];

const PRESETS: &[Preset] = &[
    Preset {
        name: "quick",
        summary: "synthetic images, a narrow ResNet20, minutes on 2 cores",
        text: include_str!("../presets/quick.toml"),
    },
    Preset {
        name: "small",
        summary: "CIFAR-10, ResNet20, three seeds, hours on 2 cores (needs --data-dir)",
        text: include_str!("../presets/small.toml"),
    },
];

const LAYOUT: Layout = Layout {
    compared: &["ensemble-accuracy", "mean-member-accuracy", "joint-connectivity"],
    within: &[Within { metric: "minus-deep", error: "minus-deep-se" }],
    described_title: "Calibration, diversity and cost",
    described: &[
        "calibrated-nll",
        "deep-equivalent",
        "disagreement",
        "normalised-disagreement",
        "jsd-one-vs-all",
        "passes",
        "passes-in-a-row",
    ],
    figures: &[
        plane("accuracy-connectivity", "joint-connectivity", "ensemble-accuracy"),
        plane("accuracy-diversity", "disagreement", "ensemble-accuracy"),
        plane("calibration-connectivity", "joint-connectivity", "calibrated-nll"),
        Figure::Training,
    ],
};

const fn plane(file: &'static str, x: &'static str, y: &'static str) -> Figure {
    Figure::Scatter {
        file,
        x,
        y,
        levels: &[],
        together: true,
        size: Some("passes"),
        like: "",
        reading: "The larger a point, the more passes over the training set its method takes. A single network such as a soup has \
                  neither connectivity nor diversity, and no point.",
    }
}

impl Paper for Everything {
    fn id(&self) -> &'static str {
        "everything"
    }

    fn citation(&self) -> Citation {
        Citation::SINGLE_BASIN
    }

    fn question(&self) -> &'static str {
        "What do accuracy and diversity cost, in connectivity and in training?"
    }

    fn methods(&self) -> &'static [PrintedMethod] {
        METHODS
    }

    fn symbols(&self) -> &'static [Symbol] {
        &[]
    }

    fn experiments(&self) -> &'static [Experiment] {
        EXPERIMENTS
    }

    fn presets(&self) -> &'static [Preset] {
        PRESETS
    }

    fn published(&self) -> Result<Published, PublishedError> {
        Ok(Published::none())
    }

    fn setup(&self, config: &Value, dataset: &str, model: &str, members: usize) -> String {
        let of = |key: &str| config.pointer(key).map_or_else(|| "unknown".into(), Value::to_string);
        format!(
            "No paper has these side by side. M = {members} members of {model} on {dataset}, T = {} epochs, batch {}, rate {}.",
            of("/train/epochs"),
            of("/train/batch"),
            of("/train/peak_lr"),
        )
    }

    fn layout(&self) -> &'static Layout {
        &LAYOUT
    }

    fn claims(&self) -> &'static [Claim] {
        &[]
    }
}
