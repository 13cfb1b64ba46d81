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

/// "Deep Ensembles: A Loss Landscape Perspective".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LossLandscape;

impl Paper for LossLandscape {
    fn id(&self) -> &'static str {
        "loss-landscape"
    }

    fn citation(&self) -> Citation {
        Citation::LOSS_LANDSCAPE
    }

    fn question(&self) -> &'static str {
        "Why do networks from different starts make a better ensemble than networks around one solution?"
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
        format!(
            "The paper's numbers are in figures alone. {members} runs of {model} on {dataset}: {}, batch {}, rate {}, {} epochs.",
            of("/train/optimiser"),
            of("/train/batch"),
            of("/train/peak_lr"),
            of("/train/epochs"),
        )
    }

    fn layout(&self) -> &'static Layout {
        &layout::LAYOUT
    }

    fn claims(&self) -> &'static [Claim] {
        claims::CLAIMS
    }
}
