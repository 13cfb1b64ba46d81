//! EuroSAT's red, green and blue bands from its folder of JPEGs, a folder for each class.
//!
//! No split is official. Here an image is a test image if the number in its name divides by five: a fifth of every class,
//! whatever else lies beside it. Images are ordered by number and class, class by class in turn, so that a prefix of the set
//! holds all classes.

use crate::folder::{Kind, check_finished, file_like, folder, given, missing, nested};
use crate::image_file::{ImageFile, Wanted, decode_all, images};
use crate::{DataError, Dataset, ImageSet, Split};
use std::path::{Path, PathBuf};

/// Height and width of an image in pixels.
pub(crate) const SIZE: usize = 64;

/// Classes in the order of their labels, with the number of their images: `<class>/<class>_<1 …>.jpg`.
pub(crate) const CLASSES: [(&str, usize); 10] = [
    ("AnnualCrop", 3000),
    ("Forest", 3000),
    ("HerbaceousVegetation", 3000),
    ("Highway", 2500),
    ("Industrial", 2500),
    ("Pasture", 2000),
    ("PermanentCrop", 2500),
    ("Residential", 3000),
    ("River", 2500),
    ("SeaLake", 3000),
];

/// One image in so many is a test image.
const TEST_EVERY: usize = 5;

/// Names of its folder, as published and as others call it.
const FOLDERS: &[&str] = &["2750", "EuroSAT_RGB", "EuroSAT", "EuroSATRGB", "eurosat-rgb"];
const ARCHIVE: &str = "EuroSAT.zip";
/// What to do about a file that is not there.
const RESTORE: &str = "restore it from EuroSAT.zip";

/// Loads one part. Decoding takes about 0.1 ms an image and core; the order does not depend on the threads.
pub(crate) fn load(dataset: &Dataset, dir: &Path, split: Split) -> Result<ImageSet, DataError> {
    let root = locate(dataset, dir)?;
    let by_class =
        CLASSES.iter().map(|&(class, most)| of_class(&root, class, most)).collect::<Result<Vec<_>, _>>()?;
    check_sizes(&root, &by_class)?;
    let most = CLASSES.iter().map(|(_, images)| *images).max().unwrap_or(0);
    let files: Vec<(&Path, u32)> = (1..=most)
        .filter(|number| number.is_multiple_of(TEST_EVERY) == (split == Split::Test))
        .flat_map(|number| {
            let of = by_class.iter().enumerate();
            of.filter_map(move |(class, files)| Some((&*files.get(number - 1)?.path, class as u32)))
        })
        .collect();
    let pixels = decode_all(&files, Wanted { size: SIZE, may_be_grey: false })?;
    ImageSet::new(SIZE, CLASSES.len(), pixels, files.iter().map(|(_, class)| *class).collect())
}

/// The folder with the classes' folders: `dir`, or one in it that is called as the set is.
fn locate(dataset: &Dataset, dir: &Path) -> Result<PathBuf, DataError> {
    let fetch = |dir: &Path| format!("run `cargo xtask fetch {dataset} --dir {}`", dir.display());
    let packed = |path: PathBuf, dir: &Path| DataError::Form {
        path,
        found: "a file".to_owned(),
        expected: "the folder with the classes' folders".to_owned(),
        action: format!("{}, or unpack the archive there", fetch(dir)),
    };
    if given(dir)? == Kind::File {
        return Err(packed(dir.to_owned(), dir.parent().unwrap_or(dir)));
    }
    for place in nested(dir, FOLDERS)? {
        for (class, _) in CLASSES {
            if folder(&place, class)?.is_some() {
                return Ok(place);
            }
        }
    }
    if let Some(path) = file_like(dir, ARCHIVE, &[".zip"])? {
        return Err(packed(path, dir));
    }
    check_finished(dir, ARCHIVE)?;
    let action = format!("{}, or unpack {ARCHIVE} there: its folder 2750 has one for each class", fetch(dir));
    Err(missing(dir.join(CLASSES[0].0), action))
}

/// The images of a class, numbers 1, 2, … without a gap.
fn of_class(root: &Path, class: &str, most: usize) -> Result<Vec<ImageFile>, DataError> {
    let path = folder(root, class)?.ok_or_else(|| missing(root.join(class), RESTORE))?;
    let prefix = format!("{}_", class.to_ascii_lowercase());
    let mut numbered = Vec::new();
    for image in images(&path)? {
        let digits = image.stem.strip_prefix(&prefix).filter(|digits| !digits.starts_with('0'));
        let number =
            digits.and_then(|digits| digits.parse::<usize>().ok()).filter(|n| (1..=most).contains(n));
        let Some(number) = number else {
            return Err(DataError::Layout {
                path,
                found: format!("an image {}", image.path.file_name().unwrap_or_default().to_string_lossy()),
                expected: format!("{class}_1.jpg to {class}_{most}.jpg and no others"),
            });
        };
        numbered.push((number, image));
    }
    numbered.sort_unstable_by_key(|(number, _)| *number);
    if let Some((number, _)) = (1..).zip(&numbered).find(|(expected, (number, _))| expected != number) {
        return Err(missing(path.join(format!("{class}_{number}.jpg")), RESTORE));
    }
    Ok(numbered.into_iter().map(|(_, image)| image).collect())
}

/// All images, or a subset with equally many of every class: a broken copy does not pass for one.
fn check_sizes(root: &Path, by_class: &[Vec<ImageFile>]) -> Result<(), DataError> {
    let least = by_class.iter().map(Vec::len).min().unwrap_or(0);
    let whole = by_class.iter().zip(CLASSES).all(|(files, (_, images))| files.len() == images);
    if whole || least >= TEST_EVERY && by_class.iter().all(|files| files.len() == least) {
        return Ok(());
    }
    let short = by_class.iter().zip(CLASSES).find(|(files, (_, images))| files.len() != *images);
    let (files, (class, images)) = short.unwrap_or((&by_class[0], CLASSES[0]));
    Err(DataError::Layout {
        path: root.join(class),
        found: format!("{} images", files.len()),
        expected: format!("{images}, or equally many of every class, at least {TEST_EVERY}, for a subset"),
    })
}
