//! Writing files: all that a command writes, or nothing that was there before changed.

use crate::failure::Failure;
use crate::progress::during;
use basin_core::Params;
use basin_store::{Fs, Outputs, RealFs, StoreError};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
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
    write_if(outputs, files, || true)
}

/// [`write`] while a check is made, whose result is returned. Unless it ends well, no file takes its name: what was there
/// before stands.
pub(crate) fn write_checked<T: Send>(
    outputs: &Outputs,
    files: &[(PathBuf, Content<'_>)],
    check: impl FnOnce() -> Result<T, Failure> + Send,
) -> Result<T, Failure> {
    let (tell, told) = channel();
    let check = move || {
        let checked = check();
        // Who writes may have failed and no longer listen.
        let _ = tell.send(checked.is_ok());
        checked
    };
    let mut passed = None;
    // A check that dies tells nothing, and that is no.
    let passed = move || *passed.get_or_insert_with(|| told.recv().unwrap_or(false));
    let (checked, written) = rayon::join(check, move || write_if(outputs, files, passed));
    let checked = checked?;
    written.map(|()| checked)
}

/// Writes the files, which take their names only if they may.
fn write_if(
    outputs: &Outputs,
    files: &[(PathBuf, Content<'_>)],
    mut may: impl FnMut() -> bool,
) -> Result<(), Failure> {
    for (path, content) in files {
        let mut content = |to: &mut dyn Write| match content {
            Content::Network(network) => network.write(to),
            Content::Bytes(bytes) => to.write_all(bytes),
        };
        let write = || outputs.write_when(&RealFs, path, &mut content, &mut may);
        during(&format!("writing {}", path.display()), write)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is in a folder where a file is written while a check ends like this, and how it all ended.
    fn written(
        check: impl FnOnce() -> Result<u8, Failure> + Send,
    ) -> (Vec<(String, String)>, Result<u8, Failure>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        std::fs::write(&path, "before").unwrap();
        let outputs = check_outputs(&[], &[&path], true).unwrap();
        let files = [(path, Content::Bytes(b"after".to_vec()))];
        let ended = write_checked(&outputs, &files, check);
        let found = std::fs::read_dir(folder.path()).unwrap().map(|entry| {
            let path = entry.unwrap().path();
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                std::fs::read_to_string(&path).unwrap(),
            )
        });
        (found.collect(), ended)
    }

    #[test]
    fn nothing_is_written_unless_the_check_ends_well() {
        let out = |text: &str| vec![("out".to_owned(), text.to_owned())];
        let (found, ended) = written(|| Ok(7));
        assert_eq!((found, ended.unwrap()), (out("after"), 7));
        let failure = || Failure::Unchecked { path: "b".into(), reason: "of a reason".into() };
        let (found, ended) = written(move || Err(failure()));
        assert_eq!(found, out("before"));
        assert_eq!(ended.unwrap_err().to_string(), failure().to_string());
    }
}
