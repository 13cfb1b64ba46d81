//! What a command does to the process that it is: its worker threads, its standard output.

use anyhow::{Context, Result};
use basin_core::warn;
use basin_reproduce::exit;

/// Results do not depend on the number of threads; speed does, up to one for each core.
pub(crate) fn use_threads(threads: usize) -> Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if threads > cores {
        warn(&format!(
            "note: {threads} threads on {cores} cores would only wait for each other; {cores} are used"
        ));
    }
    let threads = threads.min(cores);
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().context("starting worker threads")
}

/// Prints a result.
pub(crate) fn say(text: &str) -> Result<()> {
    Ok(basin_core::say(text).map_err(exit::Print)?)
}
