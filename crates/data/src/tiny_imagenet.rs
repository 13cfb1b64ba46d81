//! Tiny ImageNet from its official folder of JPEGs, with the official or a re-foldered `val`.
//!
//! Images are ordered class by class in turn (the first of every class, then the second, ...), so that a
//! prefix of the set holds all classes, and both layouts of `val` give the same set.

use crate::image_set::CHANNELS;
use crate::{DataError, DatasetId, ImageSet, Split};
use image::{DynamicImage, ImageDecoder, codecs::jpeg::JpegDecoder};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

const SIZE: usize = 64;
/// Far above any JPEG of 64×64 pixels.
const FILE_LIMIT: u64 = 1 << 20;

/// Loads one part; `Test` is the official `val`.
///
/// Decoding takes about 0.1 ms an image and core; the order does not depend on the threads.
pub(crate) fn load(dir: &Path, split: Split) -> Result<ImageSet, DataError> {
    let root = [dir.to_owned(), dir.join("tiny-imagenet-200")]
        .into_iter()
        .find(|root| root.join("wnids.txt").is_file())
        .ok_or_else(|| DataError::Missing {
            path: dir.join("tiny-imagenet-200").join("wnids.txt"),
            action: format!(
                "run `cargo xtask fetch tiny-imagenet --dir {}`, or unpack tiny-imagenet-200.zip and pass the \
                 folder to --data-dir",
                dir.display()
            ),
        })?;
    let classes = read_classes(&root.join("wnids.txt"))?;
    let by_class = match split {
        Split::Train => files_in_class_folders(&root.join("train"), &classes)?,
        Split::Test => files_of_val(&root.join("val"), &classes)?,
    };
    let per_class = by_class[0].len();
    let files: Vec<(&PathBuf, u32)> = (0..per_class)
        .flat_map(|i| by_class.iter().enumerate().map(move |(class, files)| (&files[i], class as u32)))
        .collect();
    let bytes = SIZE * SIZE * CHANNELS;
    let mut pixels = vec![0; files.len() * bytes];
    let first_error = pixels
        .par_chunks_exact_mut(bytes)
        .zip(&files)
        .find_map_first(|(out, (path, _))| decode(path, out).err());
    if let Some(error) = first_error {
        return Err(error);
    }
    ImageSet::new(SIZE, classes.len(), pixels, files.iter().map(|(_, class)| *class).collect())
}

/// The classes in the order of `wnids.txt`, which defines the labels.
fn read_classes(path: &Path) -> Result<Vec<String>, DataError> {
    let limit = DatasetId::TinyImagenet.classes();
    let mut classes: Vec<String> = Vec::new();
    for (i, line) in read_text(path)?.lines().enumerate() {
        let name = line.trim();
        let well_formed =
            name.len() == 9 && name.starts_with('n') && name[1..].bytes().all(|b| b.is_ascii_digit());
        if !well_formed || classes.iter().any(|c| c == name) || classes.len() == limit {
            let expected = format!("one of at most {limit} different WordNet ids such as n01443537");
            return Err(DataError::Listing {
                path: path.to_owned(),
                line: i + 1,
                expected,
                found: excerpt(line),
            });
        }
        classes.push(name.to_owned());
    }
    if classes.is_empty() {
        let expected = "a WordNet id such as n01443537".to_owned();
        return Err(DataError::Listing { path: path.to_owned(), line: 1, expected, found: String::new() });
    }
    Ok(classes)
}

/// JPEGs of each class in `<dir>/<wnid>/images` or `<dir>/<wnid>`, sorted by name, equally many.
fn files_in_class_folders(dir: &Path, classes: &[String]) -> Result<Vec<Vec<PathBuf>>, DataError> {
    let folders = list(dir)?.into_iter().filter(|path| path.is_dir()).count();
    let mut by_class = Vec::new();
    for class in classes {
        let folder = dir.join(class);
        let inner = folder.join("images");
        by_class.push(jpegs(if inner.is_dir() { &inner } else { &folder })?);
    }
    if folders != classes.len() {
        let (expected, found) =
            (format!("{} as listed in wnids.txt", classes.len()), format!("{folders} folders"));
        return Err(DataError::Layout { path: dir.to_owned(), expected, found });
    }
    check_balance(dir, classes, &by_class)?;
    Ok(by_class)
}

/// JPEGs of each class of `val`: by `val_annotations.txt` as published, else by class folders.
fn files_of_val(val: &Path, classes: &[String]) -> Result<Vec<Vec<PathBuf>>, DataError> {
    let images = val.join("images");
    let flat = if images.is_dir() { jpegs(&images)? } else { jpegs(val)? };
    let annotations = val.join("val_annotations.txt");
    if flat.is_empty() {
        return files_in_class_folders(val, classes);
    }
    if !annotations.is_file() {
        let action = "restore it: it says which class each image in val is of".to_owned();
        return Err(DataError::Missing { path: annotations, action });
    }
    let label: BTreeMap<&str, usize> = classes.iter().enumerate().map(|(i, c)| (c.as_str(), i)).collect();
    let mut unlisted: BTreeMap<String, PathBuf> =
        flat.into_iter().map(|path| (file_name(&path), path)).collect();
    let mut by_class = vec![Vec::new(); classes.len()];
    for (i, line) in read_text(&annotations)?.lines().enumerate() {
        let mut fields = line.split('\t');
        let (name, class) = (fields.next().unwrap_or(""), fields.next().unwrap_or(""));
        let wrong = |expected: &str| DataError::Listing {
            path: annotations.clone(),
            line: i + 1,
            expected: expected.to_owned(),
            found: excerpt(line),
        };
        let class = *label.get(class).ok_or_else(|| wrong("an image name, a tab and an id of wnids.txt"))?;
        let path = unlisted.remove(name).ok_or_else(|| wrong("an image of val/images, listed once"))?;
        by_class[class].push(path);
    }
    if let Some(name) = unlisted.keys().next() {
        return Err(DataError::Layout {
            path: annotations,
            expected: "a line for every image in val".to_owned(),
            found: format!("no line for {name} and {} others", unlisted.len() - 1),
        });
    }
    by_class.iter_mut().for_each(|files: &mut Vec<PathBuf>| files.sort());
    check_balance(val, classes, &by_class)?;
    Ok(by_class)
}

fn check_balance(dir: &Path, classes: &[String], by_class: &[Vec<PathBuf>]) -> Result<(), DataError> {
    let most = by_class.iter().map(Vec::len).max().unwrap_or(0).max(1);
    match by_class.iter().position(|files| files.len() != most) {
        None => Ok(()),
        Some(class) => Err(DataError::Layout {
            path: dir.to_owned(),
            expected: format!("{most} as of the largest class"),
            found: format!("{} images of class {}", by_class[class].len(), classes[class]),
        }),
    }
}

/// Decodes one file into `out` `[64, 64, 3]`; grey becomes three equal channels.
fn decode(path: &Path, out: &mut [u8]) -> Result<(), DataError> {
    let bytes = read_bounded(path)?;
    let broken = |reason: String| DataError::Jpeg { path: path.to_owned(), reason };
    // The decoder fills up what is missing; only the end marker tells a whole file from a torn one.
    if !bytes.windows(2).any(|pair| pair == [0xff, 0xd9]) {
        return Err(broken(format!("no end marker in its {} bytes: truncated", bytes.len())));
    }
    let decoder = JpegDecoder::new(Cursor::new(bytes)).map_err(|e| broken(e.to_string()))?;
    let found = decoder.dimensions();
    if found != (SIZE as u32, SIZE as u32) {
        return Err(DataError::Extent { path: path.to_owned(), expected: SIZE, found });
    }
    let image = DynamicImage::from_decoder(decoder).map_err(|e| broken(e.to_string()))?;
    out.copy_from_slice(&image.into_rgb8());
    Ok(())
}

/// The JPEG files of a folder, sorted by name.
fn jpegs(dir: &Path) -> Result<Vec<PathBuf>, DataError> {
    let is_jpeg = |path: &PathBuf| {
        let extension = path.extension().map(|e| e.to_ascii_lowercase());
        extension.is_some_and(|e| e == "jpeg" || e == "jpg")
    };
    Ok(list(dir)?.into_iter().filter(is_jpeg).collect())
}

/// The entries of a folder, sorted: the order of the file system must not matter.
fn list(dir: &Path) -> Result<Vec<PathBuf>, DataError> {
    let entries = fs::read_dir(dir).and_then(|entries| entries.map(|e| e.map(|e| e.path())).collect());
    let mut paths: Vec<PathBuf> = entries.map_err(|source| absent_or_unreadable(dir, source))?;
    paths.sort();
    Ok(paths)
}

fn read_text(path: &Path) -> Result<String, DataError> {
    fs::read_to_string(path).map_err(|source| absent_or_unreadable(path, source))
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(FILE_LIMIT + 1).read_to_end(&mut bytes))
        .map_err(|source| absent_or_unreadable(path, source))?;
    if bytes.len() as u64 > FILE_LIMIT {
        let reason = format!("above {FILE_LIMIT} bytes");
        return Err(DataError::Jpeg { path: path.to_owned(), reason });
    }
    Ok(bytes)
}

fn absent_or_unreadable(path: &Path, source: std::io::Error) -> DataError {
    let path = path.to_owned();
    match source.kind() {
        std::io::ErrorKind::NotFound => {
            DataError::Missing { path, action: "restore it from tiny-imagenet-200.zip".to_owned() }
        }
        _ => DataError::Read { path, source },
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Enough of a wrong line to recognise it.
fn excerpt(line: &str) -> String {
    line.chars().take(60).collect()
}
