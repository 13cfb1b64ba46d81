//! Where a CIFAR set lies below the folder that was given, and what lies there in its place.

use super::Format;
use crate::folder::{Kind, check_finished, file, file_like, given, missing, nested};
use crate::{DataError, Split};
use std::path::{Path, PathBuf};

/// Where a set is read from.
pub(super) enum Place {
    /// The folder with its files.
    Folder(PathBuf),
    /// The official archive.
    Archive(PathBuf),
}

/// Finds the set: `dir` itself, its official subfolder, also where an unpacker put it into a folder of the archive's
/// name, or the official archive. `dir` may be the archive or one of the set's files, too.
pub(super) fn locate(format: &Format, dir: &Path, split: Split) -> Result<Place, DataError> {
    if given(dir)? == Kind::File {
        return of_file(format, dir, split);
    }
    let (wanted, _) = format.files(split);
    let places = nested(dir, &format.folders())?;
    let (mut partly, mut archive) = (None, None);
    for place in &places {
        if count(place, wanted)? == wanted.len() {
            return Ok(Place::Folder(place.clone()));
        }
        if partly.is_none() && format.lies_in(place)? {
            partly = Some(place.clone());
        }
        archive = archive.or(file(place, format.packed().file)?);
    }
    if archive.is_none() {
        archive = file_like(dir, format.packed().file, &[".tar.gz", ".tgz"])?;
    }
    if let Some(archive) = archive {
        return Ok(Place::Archive(archive));
    }
    // One that has the right name and not a single file is still the one to mend.
    if let Some(folder) = partly.or_else(|| places[1..].last().cloned()) {
        return Ok(Place::Folder(folder));
    }
    Err(in_its_place(format, dir)?)
}

/// A file was given: the archive, or a batch, which stands for the folder that it lies in.
fn of_file(format: &Format, path: &Path, split: Split) -> Result<Place, DataError> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    if format.all_files().any(is) {
        let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        return locate(format, folder.unwrap_or(Path::new(".")), split);
    }
    if is(format.other.packed().file) || format.other.all_files().any(is) {
        return Err(format.wrong_dataset(path.to_owned()));
    }
    if let Some(version) = format.versions.iter().find(|version| is(version.archive)) {
        return Err(format.version(path.to_owned(), version.program));
    }
    if is(format.packed().file.trim_end_matches(".gz")) {
        return Err(format.inflated(path.to_owned()));
    }
    Ok(Place::Archive(path.to_owned()))
}

/// How many of these files lie directly in the folder.
fn count(folder: &Path, names: &[&str]) -> Result<usize, DataError> {
    names.iter().try_fold(0, |n, name| Ok(n + usize::from(file(folder, name)?.is_some())))
}

/// What stands in `dir` in place of the set, or that nothing does.
fn in_its_place(format: &Format, dir: &Path) -> Result<DataError, DataError> {
    let other = format.other;
    for (depth, place) in nested(dir, &other.folders())?.into_iter().enumerate() {
        if depth > 0 || other.lies_in(&place)? {
            return Ok(format.wrong_dataset(place));
        }
    }
    if let Some(path) = file(dir, other.packed().file)? {
        return Ok(format.wrong_dataset(path));
    }
    for version in &format.versions {
        for (depth, place) in nested(dir, &[version.folder])?.into_iter().enumerate() {
            if depth > 0 || file(&place, version.file)?.is_some() {
                return Ok(format.version(place, version.program));
            }
        }
        if let Some(path) = file(dir, version.archive)? {
            return Ok(format.version(path, version.program));
        }
    }
    if let Some(path) = file(dir, format.packed().file.trim_end_matches(".gz"))? {
        return Ok(format.inflated(path));
    }
    check_finished(dir, format.packed().file)?;
    let action = format!("{}, or put it or the archive {} there", format.fetch(dir), format.packed().file);
    Ok(missing(dir.join(format.archive.folder), action))
}

impl Format {
    /// Names that the set's folder has, as published and as unpackers call it.
    fn folders(&self) -> Vec<&'static str> {
        let tar = self.packed().file.trim_end_matches(".gz");
        let stem = tar.trim_end_matches(".tar");
        let mut names = vec![self.archive.folder, stem, tar, self.packed().file];
        names.dedup();
        names
    }

    fn all_files(&self) -> impl Iterator<Item = &'static str> {
        self.train.0.iter().chain(self.test.0).copied()
    }

    /// Whether one of the set's files lies directly in the folder.
    fn lies_in(&self, folder: &Path) -> Result<bool, DataError> {
        let names: Vec<&str> = self.all_files().collect();
        Ok(count(folder, &names)? > 0)
    }

    fn fetch(&self, dir: &Path) -> String {
        format!("run `cargo xtask fetch {} --dir {}`", self.dataset, dir.display())
    }

    /// Another program's version of the set.
    fn version(&self, path: PathBuf, program: &str) -> DataError {
        let dir = path.parent().unwrap_or(Path::new("."));
        let action = format!("{}, which takes the right one", self.fetch(dir));
        let found = format!("the {program} version of {}", self.dataset);
        let expected = format!("the binary version, {} or {}", self.archive.folder, self.packed().file);
        DataError::Form { path, found, expected, action }
    }

    /// The archive as browsers store it that take its compression off.
    fn inflated(&self, path: PathBuf) -> DataError {
        let action = format!("unpack it (tar -xf {})", path.display());
        let found = "the archive without its compression, which has no published checksum".to_owned();
        let expected = format!("{} or the folder {}", self.packed().file, self.archive.folder);
        DataError::Form { path, found, expected, action }
    }
}
