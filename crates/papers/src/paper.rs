//! The trait that every paper implements, and all that the rest of the house knows of one.

use crate::{Claim, Experiment, Layout, Preset, Published, PublishedError, Symbol};
use basin_core::Citation;
use basin_metrics::{METRICS, Metric};
use serde_json::Value;
use std::fmt::Debug;

/// A method as a paper prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrintedMethod {
    /// Method id.
    pub id: &'static str,
    /// The name in its tables.
    pub name: &'static str,
}

/// A paper: what it asks, what it printed, what it claims, and how its results are shown.
pub trait Paper: Debug + Send + Sync {
    /// Lower-case words with hyphens, as after `--paper`.
    fn id(&self) -> &'static str;

    /// The work itself.
    fn citation(&self) -> Citation;

    /// What it asks, in one sentence that opens a report.
    fn question(&self) -> &'static str;

    /// Its methods in the order of its tables.
    fn methods(&self) -> &'static [PrintedMethod];

    /// How it writes the keys that its experiments vary, in the order in which labels tell them.
    fn symbols(&self) -> &'static [Symbol];

    /// Its experiments, the default one first.
    fn experiments(&self) -> &'static [Experiment];

    /// Its presets, the default one first.
    fn presets(&self) -> &'static [Preset];

    /// Its numbers.
    ///
    /// # Errors
    /// When the file that is compiled in does not parse.
    fn published(&self) -> Result<Published, PublishedError>;

    /// What its numbers are for, and how a run with this configuration (nested by section) and this many members differs.
    fn setup(&self, config: &Value, dataset: &str, model: &str, members: usize) -> String;

    /// What its tables and figures show.
    fn layout(&self) -> &'static Layout;

    /// What it says, with the comparisons that decide it.
    fn claims(&self) -> &'static [Claim];

    /// Quantities of its own, beside those of [`METRICS`].
    fn metrics(&self) -> &'static [Metric] {
        &[]
    }

    /// The quantity of that id: its own, or one of [`METRICS`].
    fn metric(&self, id: &str) -> Option<&'static Metric> {
        self.metrics().iter().chain(METRICS).find(|metric| metric.id == id)
    }

    /// The experiment of that name.
    fn experiment(&self, name: &str) -> Option<&'static Experiment> {
        self.experiments().iter().find(|experiment| experiment.name == name)
    }

    /// The preset of that name.
    fn preset(&self, name: &str) -> Option<&'static Preset> {
        self.presets().iter().find(|preset| preset.name == name)
    }
}
