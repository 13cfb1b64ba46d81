//! CIFAR-10 and CIFAR-100 from their official binary files, in a folder or straight from the tar.gz.

mod locate;

use crate::image_set::CHANNELS;
use crate::{DataError, Dataset, ImageSet, Split, archive, folder};
use basin_core::{Archive, Published};
use locate::{Place, locate};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Height and width of an image in pixels.
pub(crate) const SIZE: usize = 32;
/// How the names of files that are read end.
pub(crate) const READS: &[&str] = &[".bin", ".tar.gz", ".tgz"];
const PIXELS: usize = SIZE * SIZE * CHANNELS;

/// How a CIFAR set lies on disk: records of label bytes, then a red, a green and a blue plane, row-major.
#[derive(Debug)]
pub(crate) struct Format {
    pub(crate) dataset: &'static Dataset,
    /// The archive that it is published as.
    pub(crate) archive: &'static Archive,
    /// The other CIFAR, which is easily taken for this one.
    pub(crate) other: &'static Format,
    /// Label bytes of a record with their ranges; the last one is the class.
    pub(crate) labels: &'static [(&'static str, usize)],
    /// Records of one official file of the training and the test part.
    pub(crate) train: (&'static [&'static str], u64),
    pub(crate) test: (&'static [&'static str], u64),
    /// Whether a folder may hold fewer whole records: a development subset.
    pub(crate) subsets: bool,
    /// MD5 of the training files and of the test files, as far as they are known.
    pub(crate) contents: (&'static [&'static str], &'static [&'static str]),
    /// The versions that are published beside it.
    pub(crate) versions: [Version; 2],
}

/// A version of a set that is published for another program and is not read.
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) program: &'static str,
    pub(crate) folder: &'static str,
    pub(crate) archive: &'static str,
    /// A file that only this version has.
    pub(crate) file: &'static str,
}

impl Format {
    fn record(&self) -> usize {
        self.labels.len() + PIXELS
    }

    /// The archive's file.
    fn packed(&self) -> &'static Published {
        &self.archive.published[0]
    }

    fn files(&self, split: Split) -> (&'static [&'static str], u64) {
        match split {
            Split::Train => self.train,
            Split::Test => self.test,
        }
    }

    /// In what the content of a file is not the published one.
    fn difference(&self, split: Split, place: usize, bytes: &[u8]) -> Option<String> {
        let contents = if split == Split::Train { self.contents.0 } else { self.contents.1 };
        let (expected, found) = (*contents.get(place)?, archive::md5(bytes));
        let what = "a pixel or a label is another";
        (found != expected)
            .then(|| format!("is not the published file: md5 {found}, expected {expected}; {what}"))
    }

    fn wrong_dataset(&self, path: PathBuf) -> DataError {
        DataError::WrongDataset { path, expected: self.dataset.name, found: self.other.dataset.name }
    }
}

/// Loads one part of a CIFAR set. A file with another content than the published one is told.
pub(crate) fn load(
    format: &Format,
    dir: &Path,
    split: Split,
    tell: &mut dyn FnMut(&str),
) -> Result<ImageSet, DataError> {
    let (files, records) = format.files(split);
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    match locate(format, dir, split)? {
        Place::Folder(folder) => {
            for (place, file) in files.iter().enumerate() {
                let path = folder::file(&folder, file)?.ok_or_else(|| {
                    folder::missing(folder.join(file), format!("restore it from {}", format.packed().file))
                })?;
                let bytes = read_file(format, &path, records)?;
                append(format, &path, &bytes, &mut pixels, &mut labels)?;
                if let Some(difference) = format.difference(split, place, &bytes) {
                    tell(&format!("{} {difference}", path.display()));
                }
            }
            if format.subsets {
                check_balance(format, &folder.join(files[0]), &labels)?;
            }
        }
        Place::Archive(path) => {
            let names: Vec<String> =
                files.iter().map(|file| format!("{}/{file}", format.archive.folder)).collect();
            let length = records * format.record() as u64;
            for (bytes, name) in
                archive::read_files(&path, (format.packed().bytes, format.packed().md5), &names, length)?
                    .iter()
                    .zip(&names)
            {
                append(format, &path.join(name), bytes, &mut pixels, &mut labels)?;
            }
        }
    }
    ImageSet::new(SIZE, format.dataset.classes, pixels, labels)
}

/// Reads a batch file after its length has been found right, so no file can exhaust memory.
fn read_file(format: &Format, path: &Path, records: u64) -> Result<Vec<u8>, DataError> {
    let read_error = |source| DataError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(read_error)?;
    let found = file.metadata().map_err(read_error)?.len();
    let (record, other) = (format.record() as u64, format.other.record() as u64);
    let whole = records * record;
    let right =
        found == whole || format.subsets && found > 0 && found < whole && found.is_multiple_of(record);
    if !right {
        if found > 0 && found.is_multiple_of(other) {
            return Err(format.wrong_dataset(path.to_owned()));
        }
        let (expected, least) = if format.subsets && found < whole {
            (format!("{whole}, or a multiple of {record} for a subset"), whole)
        } else {
            (whole.to_string(), whole)
        };
        return Err(DataError::Length { path: path.to_owned(), expected, least, found });
    }
    let mut bytes = Vec::with_capacity(found as usize);
    file.take(found).read_to_end(&mut bytes).map_err(read_error)?;
    if bytes.len() as u64 != found {
        let (expected, found) = (found.to_string(), bytes.len() as u64);
        return Err(DataError::Length { path: path.to_owned(), expected, least: whole, found });
    }
    Ok(bytes)
}

/// Appends whole records: labels checked, planes turned into interleaved pixels.
fn append(
    format: &Format,
    path: &Path,
    bytes: &[u8],
    pixels: &mut Vec<u8>,
    labels: &mut Vec<u32>,
) -> Result<(), DataError> {
    pixels.reserve(bytes.len());
    for (record, bytes) in bytes.chunks_exact(format.record()).enumerate() {
        let (head, planes) = bytes.split_at(format.labels.len());
        for (&label, &(kind, classes)) in head.iter().zip(format.labels) {
            if usize::from(label) >= classes {
                let label = u32::from(label);
                return Err(DataError::Label { path: path.to_owned(), record, kind, label, classes });
            }
        }
        labels.push(u32::from(head[head.len() - 1]));
        let (red, rest) = planes.split_at(SIZE * SIZE);
        let (green, blue) = rest.split_at(SIZE * SIZE);
        pixels.extend(red.iter().zip(green).zip(blue).flat_map(|((&r, &g), &b)| [r, g, b]));
    }
    Ok(())
}

/// All classes equally often.
fn check_balance(format: &Format, path: &Path, labels: &[u32]) -> Result<(), DataError> {
    let mut counts = vec![0u32; format.dataset.classes];
    labels.iter().for_each(|&label| counts[label as usize] += 1);
    let (least, most) = counts.iter().fold((u32::MAX, 0), |(low, high), &c| (low.min(c), high.max(c)));
    if least == most {
        return Ok(());
    }
    Err(DataError::Layout {
        path: path.to_owned(),
        expected: "equally many of every class (a broken download lacks some)".to_owned(),
        found: format!("between {least} and {most} images of a class"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sets::CIFAR100_FORMAT as CIFAR100;

    #[test]
    fn planes_become_interleaved_pixels() {
        let mut record = vec![3, 7];
        record.extend((0..PIXELS).map(|i| (i / (SIZE * SIZE) * 100 + i % 50) as u8));
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        append(&CIFAR100, Path::new("x"), &record, &mut pixels, &mut labels).unwrap();
        assert_eq!(labels, [7]);
        assert_eq!(
            pixels[..6],
            [0, 1024 % 50 + 100, 2048 % 50 + 200, 1, 1025 % 50 + 100, 2049 % 50 + 200].map(|x| x as u8)
        );
    }

    #[test]
    fn a_coarse_label_out_of_range_is_named_with_its_record() {
        let mut records = vec![0; 2 * CIFAR100.record()];
        records[CIFAR100.record()] = 20;
        let error =
            append(&CIFAR100, Path::new("train.bin"), &records, &mut vec![], &mut vec![]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "train.bin: record 1 has coarse label 20, expected 0..20; the file is damaged or of another data set, fetch the official one again"
        );
    }
}
