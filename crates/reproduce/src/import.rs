//! Networks from files of somebody else's: safetensors, or state dicts that PyTorch saved.

use crate::exit;
use anyhow::{Context, Result};
use basin_core::{Digest, Params, digest};
use basin_models::Network;
use std::path::Path;
use weight_matching::files::Checkpoint;

/// The digest of a file's bytes, by which a plan names the work of importing it.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn content(path: &Path) -> Result<Digest> {
    Ok(digest([b"file".as_slice(), &bytes(path)?]))
}

/// The parameters in a file, in the network's order.
///
/// # Errors
/// When it cannot be read, has another content than when the run was planned, holds no network or does not fit:
/// then with every tensor that is missing, unexpected or misshaped.
pub(crate) fn params(path: &Path, content: Digest, network: &Network) -> Result<Params> {
    let bytes = bytes(path)?;
    if digest([b"file".as_slice(), &bytes]) != content {
        let reason =
            "its content is not the one that was planned with; start again to plan with what it is now";
        return Err(exit::Checkpoint::new(path, reason.into()).into());
    }
    let unreadable = |reason: String| exit::Checkpoint::new(path, reason);
    let checkpoint = Checkpoint::decode(&bytes).map_err(|problem| unreadable(problem.to_string()))?;
    network.check(&checkpoint.params).with_context(|| path.display().to_string())
}

fn bytes(path: &Path) -> Result<Vec<u8>, exit::Checkpoint> {
    // Asked before opening: opening a pipe would wait for its writer.
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() => {}
        Ok(_) => return Err(exit::Checkpoint::new(path, "it is no regular file".into())),
        Err(error) => return Err(exit::Checkpoint::new(path, error.to_string())),
    }
    std::fs::read(path).map_err(|error| exit::Checkpoint::new(path, error.to_string()))
}
