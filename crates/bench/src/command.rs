//! `basin bench`: a suite on the CPU, or a training step on a GPU.

use crate::gpu_check;
use crate::suites::{self, Options};
use anyhow::Result;

/// Measures one suite. Every JSON line is handed to `say`, and appended to a file if the options name a folder.
///
/// # Errors
/// [`basin_reproduce::exit::Usage`] for options outside their range and for a peer that cannot start; what the model, the
/// peer, the device or the folder say.
pub fn run(options: &Options, say: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
    options.check()?;
    match options.on_device()? {
        Some(precision) => gpu_check::train_step(options, precision, say),
        None => suites::run(options, say),
    }
}
