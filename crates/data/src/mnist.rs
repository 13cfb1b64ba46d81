//! MNIST and the sets in its form: a file of images and one of labels for each part, in IDX.

use crate::folder::{Kind, check_finished, file, folder, given, missing, nested};
use crate::idx::{self, Wanted};
use crate::{DataError, Dataset, ImageSet, Split, archive};
use std::path::{Path, PathBuf};

/// Height and width of an image in pixels.
pub(crate) const SIZE: usize = 28;
/// How the names of files that are read end.
pub(crate) const READS: &[&str] = &["-ubyte", "-ubyte.gz"];

/// A set in the form of MNIST; the files of all of them have the same names.
#[derive(Debug)]
pub(crate) struct Format {
    pub(crate) dataset: &'static Dataset,
    /// Names of the folders that its files come in.
    pub(crate) folders: &'static [&'static str],
    /// MD5 of the images of the training and the test part, without their headers, where they are known.
    pub(crate) contents: Option<[&'static str; 2]>,
    /// Another set that may lie in its place.
    pub(crate) other: Option<&'static Format>,
}

/// Loads one part. One with other images than the published ones is told.
pub(crate) fn load(
    format: &Format,
    dir: &Path,
    split: Split,
    tell: &mut dyn FnMut(&str),
) -> Result<ImageSet, DataError> {
    let Located { images, labels } = locate(format, dir, split)?;
    let (most, classes) = (format.dataset.official_images(split).unwrap_or(0), format.dataset.classes);
    let pixels = idx::read(&images, Wanted { items: "images", most, shape: &[SIZE, SIZE] })?;
    let found = idx::read(&labels, Wanted { items: "labels", most, shape: &[] })?;
    let count = pixels.len() / (SIZE * SIZE);
    if found.len() != count {
        let expected = format!("{count}, one for each image of {}", images.display());
        return Err(DataError::Idx { path: labels, expected, found: format!("{} labels", found.len()) });
    }
    if let Some((record, &label)) =
        found.iter().enumerate().find(|(_, label)| usize::from(**label) >= classes)
    {
        let label = u32::from(label);
        return Err(DataError::Label { path: labels, record, kind: "class", label, classes });
    }
    if count == most {
        check_content(format, images, &pixels, split, tell)?;
    }
    ImageSet::new(format.dataset.extent, classes, pixels, found.into_iter().map(u32::from).collect())
}

/// Refuses the images of another set, and tells of ones that nobody published.
fn check_content(
    format: &Format,
    path: PathBuf,
    pixels: &[u8],
    split: Split,
    tell: &mut dyn FnMut(&str),
) -> Result<(), DataError> {
    let published = |format: &Format| format.contents.map(|parts| parts[usize::from(split == Split::Test)]);
    let md5 = archive::md5(pixels);
    if let Some(other) = format.other.filter(|other| published(other) == Some(&md5)) {
        let (expected, found) = (format.dataset.name, other.dataset.name);
        return Err(DataError::WrongDataset { path, expected, found });
    }
    if let Some(expected) = published(format).filter(|expected| *expected != md5) {
        let what = "a pixel is another, or it is another set";
        tell(&format!(
            "{} has not the published images: md5 {md5}, expected {expected}; {what}",
            path.display()
        ));
    }
    Ok(())
}

/// The two files of a part.
struct Located {
    images: PathBuf,
    labels: PathBuf,
}

/// Finds them in `dir`, or in a folder in it that is called as the set's folders are. `dir` may be one of the files, too.
fn locate(format: &Format, dir: &Path, split: Split) -> Result<Located, DataError> {
    let name = dir.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    if given(dir)? == Kind::File {
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        return match READS.iter().any(|ending| name.ends_with(ending)) {
            true => locate(format, parent, split),
            false => Err(DataError::Form {
                path: dir.to_owned(),
                found: "a file".to_owned(),
                expected: "the folder with its IDX files".to_owned(),
                action: "pass the folder to --data-dir".to_owned(),
            }),
        };
    }
    let part = if split == Split::Train { "train" } else { "t10k" };
    let wanted = [(format!("{part}-images"), 3), (format!("{part}-labels"), 1)];
    for place in nested(dir, format.folders)? {
        let [images, labels] = [idx_file(&place, &wanted[0])?, idx_file(&place, &wanted[1])?];
        match (images, labels) {
            (Some(images), Some(labels)) => return Ok(Located { images, labels }),
            (None, None) => {}
            (images, _) => {
                let lost = &wanted[usize::from(images.is_some())];
                return Err(missing(
                    place.join(official(lost)),
                    "restore it: images and labels belong together",
                ));
            }
        }
    }
    let archive = official(&wanted[0]);
    check_finished(dir, &archive)?;
    let action = format!(
        "run `cargo xtask fetch {} --dir {}`, or put its four IDX files there, gzipped or not",
        format.dataset,
        dir.display()
    );
    Err(missing(dir.join(archive), action))
}

/// The name that a file is published under.
fn official((stem, dimensions): &(String, usize)) -> String {
    format!("{stem}-idx{dimensions}-ubyte.gz")
}

/// A file under one of its usual names, alone or in a folder of its name; unpacked before packed.
fn idx_file(place: &Path, (stem, dimensions): &(String, usize)) -> Result<Option<PathBuf>, DataError> {
    for between in ['-', '.'] {
        let name = format!("{stem}{between}idx{dimensions}-ubyte");
        for name in [&name, &format!("{name}.gz")] {
            if let Some(path) = file(place, name)? {
                return Ok(Some(path));
            }
        }
        if let Some(inner) = folder(place, &name)?
            && let Some(path) = file(&inner, &name)?
        {
            return Ok(Some(path));
        }
    }
    Ok(None)
}
