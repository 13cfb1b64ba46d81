//! Tiny ImageNet from its official folder of JPEGs, with the official or a re-foldered `val`.
//!
//! Images are ordered class by class in turn (the first of every class, then the second, ...), so that a
//! prefix of the set holds all classes, and both layouts of `val` give the same set.

mod balance;
mod class_folders;
mod lists;
mod val;

use crate::folder::{Kind, check_finished, file, file_like, folder, given, missing, nested};
use crate::image_file::{Wanted, decode_all};
use crate::{DataError, ImageSet, Split};
use std::path::{Path, PathBuf};

/// Height and width of an image in pixels.
pub(crate) const SIZE: usize = 64;

const FOLDER: &str = "tiny-imagenet-200";
const ARCHIVE: &str = "tiny-imagenet-200.zip";
const CLASSES: &str = "wnids.txt";
/// What to do about a file that is not there.
const RESTORE: &str = "restore it from tiny-imagenet-200.zip";

/// Loads one part; `Test` is the official `val`.
///
/// Decoding takes about 0.1 ms an image and core; the order does not depend on the threads.
pub(crate) fn load(dir: &Path, split: Split) -> Result<ImageSet, DataError> {
    let (root, list) = locate(dir)?;
    let classes = lists::classes(&list)?;
    let by_class = match split {
        Split::Train => class_folders::of_train(&part(&root, "train")?, &classes)?,
        Split::Test => val::files(&part(&root, "val")?, &classes)?,
    };
    let per_class = by_class[0].len();
    let files: Vec<(&Path, u32)> = (0..per_class)
        .flat_map(|i| by_class.iter().enumerate().map(move |(class, files)| (&*files[i].path, class as u32)))
        .collect();
    let pixels = decode_all(&files, Wanted { size: SIZE, may_be_grey: true })?;
    ImageSet::new(SIZE, classes.len(), pixels, files.iter().map(|(_, class)| *class).collect())
}

/// The set's folder and its list of classes: in `dir`, or in its official subfolder, however often that is nested.
fn locate(dir: &Path) -> Result<(PathBuf, PathBuf), DataError> {
    if given(dir)? == Kind::File {
        return Err(packed(dir.to_owned(), dir.parent().unwrap_or(dir)));
    }
    let places = nested(dir, &[FOLDER, ARCHIVE])?;
    for place in &places {
        if let Some(list) = file(place, CLASSES)? {
            return Ok((place.clone(), list));
        }
    }
    for place in &places {
        if folder(place, "train")?.is_some() || folder(place, "val")?.is_some() {
            return Err(missing(
                place.join(CLASSES),
                format!("{RESTORE}: it says which number each class has"),
            ));
        }
    }
    if let Some(archive) = file_like(dir, ARCHIVE, &[".zip"])? {
        return Err(packed(archive, dir));
    }
    check_finished(dir, ARCHIVE)?;
    let action = format!("{}, or unpack {ARCHIVE} and pass the folder to --data-dir", fetch(dir));
    Err(missing(dir.join(FOLDER).join(CLASSES), action))
}

fn fetch(dir: &Path) -> String {
    format!("run `cargo xtask fetch tiny-imagenet --dir {}`", dir.display())
}

/// A file in place of the folder.
fn packed(path: PathBuf, dir: &Path) -> DataError {
    let is_zip = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip"));
    let (found, action) = match is_zip {
        true => {
            ("the archive, not unpacked", format!("{}, which unpacks it, or unpack it there", fetch(dir)))
        }
        false => ("a file", "pass the folder to --data-dir".to_owned()),
    };
    DataError::Form { path, found: found.to_owned(), expected: format!("the folder {FOLDER}"), action }
}

/// The folder `train` or `val`.
fn part(root: &Path, name: &str) -> Result<PathBuf, DataError> {
    folder(root, name)?.ok_or_else(|| missing(root.join(name), RESTORE))
}
