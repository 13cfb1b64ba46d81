//! SVHN (Netzer, Wang, Coates, Bissacco, Wu and Ng, *Reading Digits in Natural Images with Unsupervised Feature Learning*, 2011),
//! cropped digits.

use crate::svhn::{self, SIZE};
use crate::{Dataset, Normalisation};
use basin_core::{Archive, Extent, FileRule, Packing, Published};

/// 73 257 + 26 032 digits of house numbers, 32×32, 10 classes.
pub static SVHN: Dataset = Dataset {
    name: "svhn",
    classes: 10,
    extent: Extent::colour(SIZE),
    official: Some((73_257, 26_032)),
    normalisation: Normalisation::SVHN,
    folder: Some("train_32x32.mat and test_32x32.mat"),
    reads: &[".mat"],
    load: |source, split, _| svhn::load(&SVHN, source.given_folder()?, split),
    archive: Some(&ARCHIVE),
};

/// The authors' address, which has no encryption; the checksums make up for that. MD5s as torchvision lists them, sizes as
/// TensorFlow Datasets does.
static ARCHIVE: Archive = Archive {
    name: "svhn",
    published: &[
        Published {
            file: "train_32x32.mat",
            addresses: &["http://ufldl.stanford.edu/housenumbers/train_32x32.mat"],
            bytes: 182_040_794,
            md5: "e26dedcc434d2e4c54c9b2d4a06d8373",
        },
        Published {
            file: "test_32x32.mat",
            addresses: &["http://ufldl.stanford.edu/housenumbers/test_32x32.mat"],
            bytes: 64_275_384,
            md5: "eb5a983be6a315427106f1b164d9cef3",
        },
    ],
    packing: Packing::Loose,
    folder: "svhn",
    files: &[
        FileRule::exact("train_32x32.mat", 1, 182_040_794),
        FileRule::exact("test_32x32.mat", 1, 64_275_384),
    ],
    unpacked: 256 << 20,
};
