//! CIFAR-10 and CIFAR-100 from their official binary files, in a folder or straight from the tar.gz.

mod locate;

use crate::image_set::CHANNELS;
use crate::{DataError, DatasetId, ImageSet, Split, archive, folder};
use locate::{Place, locate};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

const SIZE: usize = 32;
const PIXELS: usize = SIZE * SIZE * CHANNELS;

/// How a CIFAR set lies on disk: records of label bytes, then a red, a green and a blue plane, row-major.
#[derive(Debug)]
pub(crate) struct Format {
    dataset: DatasetId,
    /// Label bytes of a record with their ranges; the last one is the class.
    labels: &'static [(&'static str, usize)],
    /// Records of one official file of the training and the test part.
    train: (&'static [&'static str], u64),
    test: (&'static [&'static str], u64),
    /// Whether a folder may hold fewer whole records: a development subset.
    subsets: bool,
    folder: &'static str,
    archive: &'static str,
    /// The archive's size in bytes, and its MD5.
    published: (u64, &'static str),
    /// MD5 of the training files and of the test files, as far as they are known.
    contents: (&'static [&'static str], &'static [&'static str]),
    /// The versions that are published beside it.
    versions: [Version; 2],
}

/// A version of a set that is published for another program and is not read.
#[derive(Debug)]
struct Version {
    program: &'static str,
    folder: &'static str,
    archive: &'static str,
    /// A file that only this version has.
    file: &'static str,
}

/// Records of 3 073 bytes, five training files and a test file of 10 000 each.
pub(crate) const CIFAR10: Format = Format {
    dataset: DatasetId::Cifar10,
    labels: &[("class", 10)],
    train: (
        &["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"],
        10_000,
    ),
    test: (&["test_batch.bin"], 10_000),
    subsets: false,
    folder: "cifar-10-batches-bin",
    archive: "cifar-10-binary.tar.gz",
    published: (170_052_171, "c32a1d4ab5d03f1284b67883e8d87530"),
    contents: (
        &[
            "5dd7e06a14cb22eb9f671a540d1b7c25",
            "5ea93a67294ea407fff1d09f752e9692",
            "942cd6a4bcdd0dd3c604fbe906cb4421",
            "ae636b3ba5c66a11e91e8cb52e771fcb",
            "53f37980c15c3d472c316c40844f3f0d",
        ],
        &["803d5f7f4d78ea53de84dbe85f74fb6d"],
    ),
    versions: [
        Version {
            program: "Python",
            folder: "cifar-10-batches-py",
            archive: "cifar-10-python.tar.gz",
            file: "data_batch_1",
        },
        Version {
            program: "MATLAB",
            folder: "cifar-10-batches-mat",
            archive: "cifar-10-matlab.tar.gz",
            file: "data_batch_1.mat",
        },
    ],
};

/// Records of 3 074 bytes (coarse label, fine label, pixels), one training file of 50 000, a test file of
/// 10 000. A folder may hold fewer whole records if every class has equally many: a file that broke off at a
/// record's end does not pass for a subset.
pub(crate) const CIFAR100: Format = Format {
    dataset: DatasetId::Cifar100,
    labels: &[("coarse", 20), ("fine", 100)],
    train: (&["train.bin"], 50_000),
    test: (&["test.bin"], 10_000),
    subsets: true,
    folder: "cifar-100-binary",
    archive: "cifar-100-binary.tar.gz",
    published: (168_513_733, "03b5dce01913d631647c71ecec9e9cb8"),
    contents: (&[], &[]),
    versions: [
        Version {
            program: "Python",
            folder: "cifar-100-python",
            archive: "cifar-100-python.tar.gz",
            file: "meta",
        },
        Version {
            program: "MATLAB",
            folder: "cifar-100-matlab",
            archive: "cifar-100-matlab.tar.gz",
            file: "train.mat",
        },
    ],
};

impl Format {
    fn record(&self) -> usize {
        self.labels.len() + PIXELS
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

    fn other(&self) -> &'static Format {
        if self.dataset == DatasetId::Cifar10 { &CIFAR100 } else { &CIFAR10 }
    }

    fn wrong_dataset(&self, path: PathBuf) -> DataError {
        DataError::WrongDataset { path, expected: self.dataset, found: self.other().dataset }
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
                    folder::missing(folder.join(file), format!("restore it from {}", format.archive))
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
            let names: Vec<String> = files.iter().map(|file| format!("{}/{file}", format.folder)).collect();
            let length = records * format.record() as u64;
            for (bytes, name) in
                archive::read_files(&path, format.published, &names, length)?.iter().zip(&names)
            {
                append(format, &path.join(name), bytes, &mut pixels, &mut labels)?;
            }
        }
    }
    ImageSet::new(SIZE, format.dataset.classes(), pixels, labels)
}

/// Reads a batch file after its length has been found right, so no file can exhaust memory.
fn read_file(format: &Format, path: &Path, records: u64) -> Result<Vec<u8>, DataError> {
    let read_error = |source| DataError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(read_error)?;
    let found = file.metadata().map_err(read_error)?.len();
    let (record, other) = (format.record() as u64, format.other().record() as u64);
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
    let mut counts = vec![0u32; format.dataset.classes()];
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
            "train.bin: record 1 has coarse label 20, expected 0..20; the file is damaged or of another data set"
        );
    }
}
