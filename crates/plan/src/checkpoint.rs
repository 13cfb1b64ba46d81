//! A network's parameters from a file, whoever wrote it: safetensors of any precision, or a state dict that PyTorch saved.

use anyhow::{Context, Result};
use basin_core::{Params, unexpanded_home};
use basin_exit as exit;
use basin_models::{ModelError, Network};
use basin_store::{RealFs, StoreError, check_seal};
use std::path::Path;
use weight_matching::files::{Checkpoint, FileError, Problem};

/// The bytes of a file that begins like a network. A file of a finished node is held against what was written.
///
/// # Errors
/// When it cannot be read, is something else, or is no longer what the node was finished with.
pub fn bytes(path: &Path) -> Result<Vec<u8>> {
    let bytes = unsealed(path)?;
    // The node is where the file is, not where a link to it is.
    let place = std::fs::canonicalize(path).map_err(StoreError::io("look at", path))?;
    check_seal(&RealFs, &place, &bytes)?;
    Ok(bytes)
}

fn unsealed(path: &Path) -> Result<Vec<u8>> {
    match Checkpoint::bytes(path) {
        Err(FileError { problem: Problem::Io(error), .. }) => Err(match unexpanded_home(path) {
            Some(home) => exit::Checkpoint::new(path, home),
            None => exit::Checkpoint::new(
                path,
                format!("it cannot be read ({error}); check the name and its permissions"),
            ),
        }
        .into()),
        bytes => Ok(bytes?),
    }
}

/// The parameters of `network` in the bytes of a file, in the network's order. `key` chooses among several networks.
/// Whatever was done to the file's content to get there is said, a line each.
///
/// # Errors
/// When they hold no network or one that does not fit: then with every tensor that is missing, unexpected or misshaped.
pub fn params(
    path: &Path,
    bytes: &[u8],
    key: Option<&str>,
    network: &Network,
    say: &mut dyn FnMut(&str),
) -> Result<Params> {
    let unfit = |problem| FileError { path: path.to_owned(), problem };
    let found = Checkpoint::decode_key(bytes, key).map_err(unfit)?;
    let prefixes = found.common_prefixes();
    let (found, refused) = match fit(found, network) {
        (found, Ok(params)) => return Ok(told(path, &found, params, say)),
        (found, Err(refused)) => (found, refused),
    };
    for prefix in prefixes {
        if let (found, Ok(params)) = fit(found.clone().without_prefix(&prefix), network) {
            return Ok(told(path, &found, params, say));
        }
    }
    // Weights of a type that is not understood are missing from the parameters: that is what is wrong with them.
    found.check_weights().map_err(unfit)?;
    told(path, &found, Err::<Params, ModelError>(refused), say).with_context(|| path.display().to_string())
}

/// The file's parameters as the network's, or why they are not.
fn fit(mut found: Checkpoint, network: &Network) -> (Checkpoint, Result<Params, ModelError>) {
    // A bias that is one number throughout may be kept as a view of that number: the network says that it is a weight.
    let shapes = network.layout().shapes();
    let is_kept = |name: &&str| found.kept.get(*name).is_some_and(|tensor| tensor.element().is_float());
    let kept: Vec<&str> = shapes.iter().map(|(name, _)| name.as_str()).filter(is_kept).collect();
    if !kept.is_empty() {
        found.count_as_weights(kept.iter().copied());
        found.notes.push(format!("the network has {} among its weights, so they are taken", kept.join(", ")));
    }
    let params = network.check(&found.params);
    (found, params)
}

/// The result, after what was done to the file's content has been said.
fn told<T>(path: &Path, found: &Checkpoint, result: T, say: &mut dyn FnMut(&str)) -> T {
    found.notes.iter().for_each(|note| say(&format!("{}: {note}", path.display())));
    result
}
