//! Reading networks, and writing files: all that a command writes, or nothing that was there before changed.

use crate::failure::Failure;
use crate::progress::during;
use basin_core::Params;
use basin_store::{Fs, RealFs, StoreError, write_atomic};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use weight_matching::files::{Checkpoint, Tensor};

/// Reads a network, tells what was done to it, and checks its weights.
pub(crate) fn read_network(path: &Path) -> Result<Checkpoint, Failure> {
    let network = during(&format!("reading {}", path.display()), || Checkpoint::read(path))?;
    network.notes.iter().for_each(|note| eprintln!("note: {}: {note}", path.display()));
    match network.params.first_non_finite() {
        Some(parameter) => Err(Failure::NonFinite { path: path.to_owned(), parameter: parameter.to_owned() }),
        None => Ok(network),
    }
}

/// Refuses outputs that exist, unless forced, or that are named twice; before any work is done.
pub(crate) fn check_outputs(paths: &[&Path], force: bool) -> Result<(), Failure> {
    for (i, path) in paths.iter().enumerate() {
        if paths[..i].contains(path) {
            return Err(Failure::Usage(format!("{} is to be written twice", path.display())));
        }
        if path.file_name().is_none() || path.is_dir() {
            return Err(Failure::Usage(format!("{} is no file name", path.display())));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if folder.is_some_and(|folder| !folder.is_dir()) {
            return Err(Failure::Usage(format!("{}: its folder does not exist", path.display())));
        }
        // A link that leads nowhere is there too.
        if !force && path.symlink_metadata().is_ok() {
            return Err(Failure::Exists { path: path.to_path_buf() });
        }
    }
    Ok(())
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
pub(crate) fn write(files: &[(PathBuf, Vec<u8>)]) -> Result<(), Failure> {
    for (path, bytes) in files {
        during(&format!("writing {}", path.display()), || write_atomic(&RealFs, path, bytes))?;
    }
    Ok(())
}

/// Prints; a reader who went away (a closed pipe) is no error.
pub(crate) fn say(text: &str) -> Result<(), Failure> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
