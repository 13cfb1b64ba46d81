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

/// "Linear Mode Connectivity under Data Shifts for Deep Ensembles of Image Classifiers".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DataShift;

impl Paper for DataShift {
    fn id(&self) -> &'static str {
        "data-shift"
    }

    fn citation(&self) -> Citation {
        Citation::DATA_SHIFTS
    }

    fn question(&self) -> &'static str {
        "Do networks from one start stay in one basin when their data differ?"
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
            "The paper's numbers are not public. {members} members of {model}, each on a part of {dataset}: {} partition, {} \
             SGD noise, batch {}, rate {}, {} epochs of a part.",
            of("/data/partition"),
            of("/train/noise"),
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
