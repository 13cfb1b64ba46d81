//! CIFAR-100 with its fine labels, binary version (Krizhevsky, 2009): <https://www.cs.toronto.edu/~kriz/cifar.html>.

use super::TEXT;
use super::cifar10;
use crate::cifar::{self, Format, Version};
use crate::{DataError, Dataset, ImageSet, Normalisation, Source, Split};
use basin_core::{Archive, FileRule, Packing};

/// 50 000 + 10 000 images, 32×32, 100 classes.
pub static CIFAR100: Dataset = Dataset {
    name: "cifar100",
    classes: 100,
    side: cifar::SIZE,
    official: Some((50_000, 10_000)),
    normalisation: Normalisation::CIFAR100,
    folder: Some("cifar-100-binary or cifar-100-binary.tar.gz"),
    reads: cifar::READS,
    load,
    archive: Some(&ARCHIVE),
};

fn load(source: &Source, split: Split, tell: &mut dyn FnMut(&str)) -> Result<ImageSet, DataError> {
    cifar::load(&FORMAT, source.given_folder()?, split, tell)
}

static ARCHIVE: Archive = Archive {
    name: "cifar100",
    file: "cifar-100-binary.tar.gz",
    packing: Packing::TarGz,
    addresses: &["https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz"],
    bytes: 168_513_733,
    md5: "03b5dce01913d631647c71ecec9e9cb8",
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
pub(crate) static FORMAT: Format = Format {
    dataset: &CIFAR100,
    archive: &ARCHIVE,
    other: &cifar10::FORMAT,
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
