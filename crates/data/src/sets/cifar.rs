//! CIFAR-10, and CIFAR-100 with its fine labels, binary versions (Krizhevsky, 2009):
//! <https://www.cs.toronto.edu/~kriz/cifar.html>. They stand together because each is easily taken for the other, which is told.

use super::TEXT;
use crate::cifar::{self, Format, Version};
use crate::{DataError, Dataset, ImageSet, Normalisation, Source, Split};
use basin_core::{Archive, Extent, FileRule, Packing, Published};

/// 50 000 + 10 000 images, 32×32, 10 classes.
pub static CIFAR10: Dataset = Dataset {
    name: "cifar10",
    classes: 10,
    extent: Extent::colour(cifar::SIZE),
    official: Some((50_000, 10_000)),
    normalisation: Normalisation::CIFAR10,
    folder: Some("cifar-10-batches-bin or cifar-10-binary.tar.gz"),
    reads: cifar::READS,
    load: |source, split, tell| load(&FORMAT_10, source, split, tell),
    archive: Some(&ARCHIVE_10),
};

/// 50 000 + 10 000 images, 32×32, 100 classes.
pub static CIFAR100: Dataset = Dataset {
    name: "cifar100",
    classes: 100,
    extent: Extent::colour(cifar::SIZE),
    official: Some((50_000, 10_000)),
    normalisation: Normalisation::CIFAR100,
    folder: Some("cifar-100-binary or cifar-100-binary.tar.gz"),
    reads: cifar::READS,
    load: |source, split, tell| load(&FORMAT_100, source, split, tell),
    archive: Some(&ARCHIVE_100),
};

fn load(
    format: &Format,
    source: &Source,
    split: Split,
    tell: &mut dyn FnMut(&str),
) -> Result<ImageSet, DataError> {
    cifar::load(format, source.given_folder()?, split, tell)
}

static ARCHIVE_10: Archive = Archive {
    name: "cifar10",
    published: &[Published {
        file: "cifar-10-binary.tar.gz",
        addresses: &["https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"],
        bytes: 170_052_171,
        md5: "c32a1d4ab5d03f1284b67883e8d87530",
    }],
    packing: Packing::TarGz,
    folder: "cifar-10-batches-bin",
    files: &[
        FileRule::exact("data_batch_#.bin", 5, 10_000 * 3073),
        FileRule::exact("test_batch.bin", 1, 10_000 * 3073),
        FileRule::extra("batches.meta.txt", 1, TEXT),
        FileRule::extra("readme.html", 1, TEXT),
    ],
    unpacked: 256 << 20,
};

/// Records of 3 073 bytes, five training files and a test file of 10 000 each.
static FORMAT_10: Format = Format {
    dataset: &CIFAR10,
    archive: &ARCHIVE_10,
    other: &FORMAT_100,
    labels: &[("class", 10)],
    train: (
        &["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"],
        10_000,
    ),
    test: (&["test_batch.bin"], 10_000),
    subsets: false,
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

static ARCHIVE_100: Archive = Archive {
    name: "cifar100",
    published: &[Published {
        file: "cifar-100-binary.tar.gz",
        addresses: &["https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz"],
        bytes: 168_513_733,
        md5: "03b5dce01913d631647c71ecec9e9cb8",
    }],
    packing: Packing::TarGz,
    folder: "cifar-100-binary",
    files: &[
        FileRule::exact("train.bin", 1, 50_000 * 3074),
        FileRule::exact("test.bin", 1, 10_000 * 3074),
        FileRule::extra("coarse_label_names.txt", 1, TEXT),
        FileRule::extra("fine_label_names.txt", 1, TEXT),
    ],
    unpacked: 256 << 20,
};

/// Records of 3 074 bytes (coarse label, fine label, pixels), one training file of 50 000, a test file of
/// 10 000. A folder may hold fewer whole records if every class has equally many: a file that broke off at a
/// record's end does not pass for a subset.
pub(crate) static FORMAT_100: Format = Format {
    dataset: &CIFAR100,
    archive: &ARCHIVE_100,
    other: &FORMAT_10,
    labels: &[("coarse", 20), ("fine", 100)],
    train: (&["train.bin"], 50_000),
    test: (&["test.bin"], 10_000),
    subsets: true,
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
