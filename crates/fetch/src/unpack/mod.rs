//! From a checked archive to a folder: everything is written beside the folder's place, then takes its name.

mod stage;
mod tarball;
mod zipped;

use crate::job::Job;
use crate::{FetchError, Packing};
use stage::Stage;
use std::fs::File;
use std::path::Path;

/// Unpacks the archive into the folder, which must not exist.
pub(crate) fn unpack(folder: &Path, job: &mut Job<'_>) -> Result<(), FetchError> {
    let path = job.published_path();
    let file = File::open(&path).map_err(FetchError::disk("open", &path))?;
    let packing = job.request.archive.packing;
    let mut stage = Stage::new(path, job)?;
    match packing {
        Packing::TarGz => tarball::read(file, &mut stage)?,
        Packing::Zip => zipped::read(file, &mut stage)?,
        // There is nothing to unpack, and nobody asks.
        Packing::Loose => {}
    }
    stage.place(folder)
}
