//! Networks from files of somebody else's, as work of a plan.

use crate::checkpoint;
use anyhow::Result;
use basin_core::{Digest, Params, digest};
use basin_exit as exit;
use basin_models::Network;
use std::path::Path;
use weight_matching::files::{Checkpoint, FileError, Problem};

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
pub fn params(path: &Path, content: Digest, network: &Network, say: &mut dyn FnMut(&str)) -> Result<Params> {
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

/// Classes that the head of the network in a file tells apart: the first axis of the parameter of that name, under whatever
/// prefix.
///
/// # Errors
/// When it cannot be read or has no such parameter.
pub(crate) fn classes(path: &Path, head: &str) -> Result<usize> {
    let unfit = |problem| FileError { path: path.to_owned(), problem };
    let found = Checkpoint::decode(&checkpoint::bytes(path)?).map_err(unfit)?;
    let is_head = |name: &str| name == head || name.ends_with(&format!(".{head}"));
    let array = found.params.iter().find(|(name, _)| is_head(name)).map(|(_, array)| array);
    match array.and_then(|array| array.shape().first()) {
        Some(classes) => Ok(*classes),
        None => {
            let names: Vec<&str> = found.params.iter().map(|(name, _)| name).collect();
            let last = names.last().copied().unwrap_or("nothing");
            let reason = format!(
                "it has no {head}, the head of the network that is fine-tuned, among {} tensors, the last of which is {last}; set \
                 model.name and model.width to what the file holds",
                names.len()
            );
            Err(exit::Checkpoint::new(path, reason).into())
        }
    }
}

fn of_bytes(bytes: &[u8]) -> Digest {
    digest([b"file".as_slice(), bytes])
}
