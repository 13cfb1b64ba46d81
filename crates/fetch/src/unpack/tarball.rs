//! The entries of a gzipped tar archive, in the order in which they come.

use super::stage::{Entry, Stage};
use crate::FetchError;
use flate2::read::GzDecoder;
use std::fs::File;
use std::io::Read;

/// Hands every entry to the stage.
pub(crate) fn read(file: File, stage: &mut Stage<'_, '_>) -> Result<(), FetchError> {
    // Headers, padding and long names beside the files themselves; what the library holds in memory is
    // bounded by this, too.
    let limit = stage.most_bytes() + (4 << 10) * stage.most_entries();
    let mut tar = tar::Archive::new(GzDecoder::new(file).take(limit));
    for entry in tar.entries().map_err(|error| stage.broken(&error))? {
        let mut entry = entry.map_err(|error| stage.broken(&error))?;
        let kind = match entry.header().entry_type() {
            tar::EntryType::Regular => Entry::File,
            tar::EntryType::Directory | tar::EntryType::XGlobalHeader => Entry::Nothing,
            tar::EntryType::Symlink => Entry::Other("is a symbolic link"),
            tar::EntryType::Link => Entry::Other("is a hard link"),
            _ => Entry::Other("is neither file nor folder"),
        };
        let name = entry.path_bytes().into_owned();
        let size = entry.size();
        stage.entry(&name, kind, size, &mut entry)?;
    }
    Ok(())
}
