//! What can be asked of `basin gpu-check`, and the ranges of it.

use super::networks::{self, Measured};
use basin_gpu::Precision;
use basin_reproduce::exit::Usage;
use clap::Args;
use std::path::PathBuf;

/// Seconds to measure a network for, where nobody names another time.
pub(super) const SECONDS: f64 = 2.0;

/// Images of the set: CIFAR-10's training split.
pub(super) const IMAGES: usize = 50_000;

/// The options of `basin gpu-check`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Python interpreter with PyTorch for CUDA to compare with
    #[arg(long, value_name = "PYTHON")]
    pub peer: Option<PathBuf>,
    /// Folder in which to make the folder DATE-GPU with gpu-check.json
    #[arg(long, value_name = "DIR", default_value = "benches/runs")]
    pub out: PathBuf,
    /// Replace the file of an earlier check of the same day
    #[arg(long)]
    pub force: bool,
    /// Images per step
    #[arg(long, default_value_t = 128)]
    pub batch: usize,
    /// Networks with their widths, the most important first
    #[arg(long, default_value = networks::DEFAULT)]
    pub networks: String,
    /// Precisions of the measurements, of f32,tf32,bf16, the most important first
    #[arg(long, default_value = "bf16,tf32,f32")]
    pub precisions: String,
    /// Seconds to measure each network for, on each side
    #[arg(long, default_value_t = SECONDS)]
    pub seconds: f64,
    /// Images of the random data set; an epoch is as many
    #[arg(long, default_value_t = IMAGES)]
    pub images: usize,
    /// Begin nothing more after so many minutes
    #[arg(long, default_value_t = 8.0)]
    pub minutes: f64,
}

impl Options {
    /// The networks and the precisions by name.
    ///
    /// # Errors
    /// [`Usage`] for an unknown one, and for numbers outside their ranges.
    pub(super) fn asked(&self) -> Result<(Vec<Measured>, Vec<Precision>), Usage> {
        if !(1..=65_536).contains(&self.batch) {
            return Err(Usage(format!("--batch {}, expected 1 to 65536", self.batch)));
        }
        if !(self.batch..=1_000_000).contains(&self.images) {
            return Err(Usage(format!("--images {}, expected {} to 1000000", self.images, self.batch)));
        }
        for (name, value) in [("seconds", self.seconds), ("minutes", self.minutes)] {
            if !(0.0 < value && value <= 600.0) {
                return Err(Usage(format!("--{name} {value}, expected more than 0 and at most 600")));
            }
        }
        let by_name = |name: &str| {
            let unknown = || Usage(format!("--precisions: {name:?}, expected some of f32,tf32,bf16"));
            Precision::named(name).ok_or_else(unknown)
        };
        let precisions = self.precisions.split(',').map(by_name).collect::<Result<_, _>>()?;
        Ok((networks::parse(&self.networks)?, precisions))
    }
}
