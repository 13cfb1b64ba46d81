//! A part whose images lie in a folder for each class: `train` as published, `val` as many re-folder it.

use super::RESTORE;
use super::balance::{self, Found};
use super::lists::is_wordnet_id;
use crate::DataError;
use crate::folder::{Kind, folder, list, missing};
use crate::image_file::{ImageFile, images};
use std::path::{Path, PathBuf};

/// The images of each class of `train`.
pub(super) fn of_train(dir: &Path, classes: &[String]) -> Result<Vec<Vec<ImageFile>>, DataError> {
    let found = classes.iter().map(|class| of_class(dir, class)).collect::<Result<Vec<_>, _>>()?;
    check_listed(dir, classes)?;
    let official = |class: usize, n| (0..n).map(|i| format!("{}_{i}.JPEG", classes[class])).collect();
    balance::check(&found, classes, official)?;
    Ok(found.into_iter().map(|class| class.files).collect())
}

/// The images of a class in `<dir>/<wnid>/images` or `<dir>/<wnid>`, sorted by name.
pub(super) fn of_class(dir: &Path, class: &str) -> Result<Found, DataError> {
    let outer = folder(dir, class)?.ok_or_else(|| missing(dir.join(class), RESTORE))?;
    if let Some(inner) = folder(&outer, "images")? {
        let files = images(&inner)?;
        if !files.is_empty() {
            return Ok(Found { folder: inner, files });
        }
    }
    let files = images(&outer)?;
    Ok(Found { folder: outer, files })
}

/// Refuses a class that the list does not have: then the list is not that of these folders.
pub(super) fn check_listed(dir: &Path, classes: &[String]) -> Result<(), DataError> {
    let listed = |name: &str| classes.iter().any(|class| class.eq_ignore_ascii_case(name));
    let unlisted: Option<PathBuf> = list(dir)?
        .into_iter()
        .find(|entry| entry.kind == Kind::Folder && is_wordnet_id(&entry.name) && !listed(&entry.name))
        .map(|entry| entry.path);
    match unlisted {
        None => Ok(()),
        Some(path) => Err(DataError::Layout {
            path,
            found: "no line in wnids.txt".to_owned(),
            expected: "one for every class".to_owned(),
        }),
    }
}
