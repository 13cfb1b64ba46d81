//! Writing files: all that a command writes, or nothing that was there before changed.

use crate::failure::Failure;
use crate::progress::during;
use basin_core::Params;
use basin_store::{Fs, Outputs, RealFs, StoreError};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use weight_matching::files::{Checkpoint, Tensor};

/// The outputs of a command that reads these files, checked by the rule for all of them before any work is done.
pub(crate) fn check_outputs(inputs: &[&Path], outputs: &[&Path], force: bool) -> Result<Outputs, Failure> {
    let mut checked = Outputs::new(inputs.iter().copied(), force);
    outputs.iter().try_for_each(|path| checked.add(path))?;
    Ok(checked)
}

/// Creates the folder if need be.
pub(crate) fn make_folder(path: &Path) -> Result<(), Failure> {
    let failed = |cause| StoreError::Io { operation: "create", path: path.to_owned(), cause };
    Ok(RealFs.create_dir_all(path).map_err(failed)?)
}

/// The bytes of a network for a file.
pub(crate) fn encode(
    path: &Path,
    params: &Params,
    kept: &BTreeMap<String, Tensor>,
) -> Result<(PathBuf, Vec<u8>), Failure> {
    let bytes = Checkpoint::encode(params, kept)
        .map_err(|source| Failure::Encode { path: path.to_owned(), source })?;
    Ok((path.to_owned(), bytes))
}

/// Writes the files one after the other, each in one step.
pub(crate) fn write(outputs: &Outputs, files: &[(PathBuf, Vec<u8>)]) -> Result<(), Failure> {
    for (path, bytes) in files {
        during(&format!("writing {}", path.display()), || outputs.write(&RealFs, path, bytes))?;
    }
    Ok(())
}
