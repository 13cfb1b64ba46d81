//! The entries of a zip archive, in the order of its directory.

use super::stage::{Entry, Stage};
use crate::FetchError;
use std::fs::File;
use std::io::{BufReader, Error};
use zip::ZipArchive;

/// The bits of a Unix mode that say what an entry is, and two of their values.
const KIND: u32 = 0o170_000;
const FOLDER: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;

/// Hands every entry to the stage.
pub(crate) fn read(file: File, stage: &mut Stage<'_, '_>) -> Result<(), FetchError> {
    let broken = |stage: &Stage<'_, '_>, error| stage.broken(&Error::from(error));
    let mut zip = ZipArchive::new(BufReader::new(file)).map_err(|error| broken(stage, error))?;
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).map_err(|error| broken(stage, error))?;
        let kind = match entry.unix_mode().unwrap_or(0) & KIND {
            LINK => Entry::Other("is a symbolic link"),
            0 | FILE | FOLDER if entry.is_dir() => Entry::Nothing,
            0 | FILE => Entry::File,
            _ => Entry::Other("is neither file nor folder"),
        };
        let (name, size) = (entry.name_raw().to_owned(), entry.size());
        stage.entry(&name, kind, size, &mut entry)?;
    }
    Ok(())
}
