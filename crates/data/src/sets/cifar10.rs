//! CIFAR-10, binary version (Krizhevsky, 2009): <https://www.cs.toronto.edu/~kriz/cifar.html>.

use super::TEXT;
use super::cifar100;
use crate::cifar::{self, Format, Version};
use crate::{DataError, Dataset, ImageSet, Normalisation, Source, Split};
use basin_core::{Archive, FileRule, Packing};

/// 50 000 + 10 000 images, 32×32, 10 classes.
pub static CIFAR10: Dataset = Dataset {
    name: "cifar10",
    classes: 10,
    side: cifar::SIZE,
    official: Some((50_000, 10_000)),
    normalisation: Normalisation::CIFAR10,
    folder: Some("cifar-10-batches-bin or cifar-10-binary.tar.gz"),
    reads: cifar::READS,
    load,
    archive: Some(&ARCHIVE),
};

fn load(source: &Source, split: Split, tell: &mut dyn FnMut(&str)) -> Result<ImageSet, DataError> {
    cifar::load(&FORMAT, source.given_folder()?, split, tell)
}

static ARCHIVE: Archive = Archive {
    name: "cifar10",
    file: "cifar-10-binary.tar.gz",
    packing: Packing::TarGz,
    addresses: &["https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"],
    bytes: 170_052_171,
    md5: "c32a1d4ab5d03f1284b67883e8d87530",
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
pub(super) static FORMAT: Format = Format {
    dataset: &CIFAR10,
    archive: &ARCHIVE,
    other: &cifar100::FORMAT,
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
