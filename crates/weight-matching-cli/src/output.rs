//! Writing files: all that a command writes, or nothing that was there before changed.

use crate::failure::Failure;
use crate::progress::during;
use basin_core::Params;
use basin_store::{Fs, Outputs, RealFs, StoreError};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use weight_matching::files::{Encoding, Tensor};

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

/// What goes into a file.
#[derive(Debug)]
pub(crate) enum Content<'a> {
    Network(Encoding<'a>),
    Bytes(Vec<u8>),
}

/// A network for a file.
pub(crate) fn encode<'a>(
    path: &Path,
    params: &'a Params,
    kept: &'a BTreeMap<String, Tensor>,
) -> Result<(PathBuf, Content<'a>), Failure> {
    let network =
        Encoding::new(params, kept).map_err(|source| Failure::Encode { path: path.to_owned(), source })?;
    Ok((path.to_owned(), Content::Network(network)))
}

/// Writes the files one after the other, each in one step.
pub(crate) fn write(outputs: &Outputs, files: &[(PathBuf, Content<'_>)]) -> Result<(), Failure> {
    for (path, content) in files {
        let mut content = |to: &mut dyn Write| match content {
            Content::Network(network) => network.write(to),
            Content::Bytes(bytes) => to.write_all(bytes),
        };
        during(&format!("writing {}", path.display()), || outputs.write_with(&RealFs, path, &mut content))?;
    }
    Ok(())
}
