//! Networks from files of somebody else's, as work of a plan.

use crate::{checkpoint, exit};
use anyhow::Result;
use basin_core::{Digest, Params, digest};
use basin_models::Network;
use std::path::Path;
use weight_matching::files::{FileError, Problem};

/// The digest of a file's bytes, by which a plan names the work of importing it.
///
/// # Errors
/// When it cannot be read, or does not begin like a network.
pub(crate) fn content(path: &Path) -> Result<Digest> {
    Ok(of_bytes(&checkpoint::bytes(path)?))
}

/// The parameters in a file, in the network's order. What was converted is said.
///
/// # Errors
/// When it cannot be read, has another content than when the run was planned, holds no network or does not fit:
/// then with every tensor that is missing, unexpected or misshaped.
pub(crate) fn params(
    path: &Path,
    content: Digest,
    network: &Network,
    say: &mut dyn FnMut(&str),
) -> Result<Params> {
    let bytes = checkpoint::bytes(path)?;
    if of_bytes(&bytes) != content {
        let reason =
            "its content is not the one that was planned with; start again to plan with what it is now";
        return Err(exit::Checkpoint::new(path, reason.into()).into());
    }
    checkpoint::params(path, &bytes, None, network, say).map_err(|error| match error.downcast_ref() {
        Some(FileError { problem: Problem::Several { found }, .. }) => {
            let reason = format!(
                "it holds {} networks, {}; save the one that is meant alone",
                found.len(),
                found.join(", ")
            );
            exit::Checkpoint::new(path, reason).into()
        }
        _ => error,
    })
}

fn of_bytes(bytes: &[u8]) -> Digest {
    digest([b"file".as_slice(), bytes])
}
