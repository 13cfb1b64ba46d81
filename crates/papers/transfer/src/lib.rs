#![doc = include_str!("../README.md")]

mod claims;
mod experiments;
mod layout;
mod presets;

use basin_core::Citation;
use basin_papers::{
    Claim, Experiment, Layout, Paper, Preset, PrintedMethod, Published, PublishedError, Symbol,
};
use serde_json::Value;

/// "To Stay or Not to Stay in the Pre-train Basin".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transfer;

impl Paper for Transfer {
    fn id(&self) -> &'static str {
        "transfer"
    }

    fn citation(&self) -> Citation {
        Citation::PRETRAIN_BASIN
    }

    fn question(&self) -> &'static str {
        "Should an ensemble in transfer learning stay in the basin of its pre-trained network?"
    }

    fn methods(&self) -> &'static [PrintedMethod] {
        layout::METHODS
    }

    fn symbols(&self) -> &'static [Symbol] {
        experiments::SYMBOLS
    }

    fn experiments(&self) -> &'static [Experiment] {
        experiments::EXPERIMENTS
    }

    fn presets(&self) -> &'static [Preset] {
        presets::PRESETS
    }

    fn published(&self) -> Result<Published, PublishedError> {
        Ok(Published::none())
    }

    fn setup(&self, config: &Value, dataset: &str, model: &str, members: usize) -> String {
        let text = |key: &str| config.pointer(key).map(|value| value.to_string().replace('"', ""));
        let of = |key: &str| text(key).unwrap_or_else(|| "unknown".into());
        let source = match (of("/source/dataset").as_str(), of("/source/checkpoints").as_str()) {
            ("none", "") => "from scratch".to_owned(),
            ("none", _) => "from files of pre-trained networks".to_owned(),
            (source, _) => format!(
                "from {source}{} ({}, {} epochs at {})",
                match of("/source/classes").as_str() {
                    "" => String::new(),
                    classes => format!(", classes {classes}"),
                },
                of("/source/task"),
                of("/source/epochs"),
                of("/source/peak_lr"),
            ),
        };
        format!(
            "The paper's tables are not at hand; its orders are the claims. {members} members of {model} on {dataset} {source}: T = {} \
             epochs, batch {}, rate {}.",
            of("/train/epochs"),
            of("/train/batch"),
            of("/train/peak_lr"),
        )
    }

    fn layout(&self) -> &'static Layout {
        &layout::LAYOUT
    }

    fn claims(&self) -> &'static [Claim] {
        claims::CLAIMS
    }
}
