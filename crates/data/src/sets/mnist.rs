//! MNIST (LeCun, Cortes and Burges, 1998), and Fashion-MNIST (Xiao, Rasul and Vollgraf, arXiv 1708.07747), which is published in
//! files of the same names: images of one channel.

use crate::mnist::{self, Format};
use crate::{Dataset, Normalisation};
use basin_core::{Archive, Extent, FileRule, Packing, Published};

/// 60 000 + 10 000 handwritten digits, 28×28, one channel, 10 classes.
pub static MNIST: Dataset = Dataset {
    name: "mnist",
    classes: 10,
    extent: Extent::grey(mnist::SIZE),
    official: Some((60_000, 10_000)),
    normalisation: Normalisation::MNIST,
    folder: Some("train-images-idx3-ubyte, train-labels-idx1-ubyte and the same of t10k, gzipped or not"),
    reads: mnist::READS,
    load: |source, split, tell| mnist::load(&DIGITS, source.given_folder()?, split, tell),
    archive: Some(&ARCHIVE_OF_DIGITS),
};

/// 60 000 + 10 000 pieces of clothing, 28×28, one channel, 10 classes.
pub static FASHION_MNIST: Dataset = Dataset {
    name: "fashion-mnist",
    normalisation: Normalisation::FASHION_MNIST,
    load: |source, split, tell| mnist::load(&FASHION, source.given_folder()?, split, tell),
    archive: Some(&ARCHIVE_OF_FASHION),
    ..MNIST
};

/// From PyTorch's copy, whose address, and the MD5s, torchvision lists; sizes as TensorFlow Datasets lists them. LeCun's own page
/// no longer gives the files out.
static ARCHIVE_OF_DIGITS: Archive = Archive {
    name: "mnist",
    published: &[
        Published {
            file: "train-images-idx3-ubyte.gz",
            addresses: &["https://ossci-datasets.s3.amazonaws.com/mnist/train-images-idx3-ubyte.gz"],
            bytes: 9_912_422,
            md5: "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        },
        Published {
            file: "train-labels-idx1-ubyte.gz",
            addresses: &["https://ossci-datasets.s3.amazonaws.com/mnist/train-labels-idx1-ubyte.gz"],
            bytes: 28_881,
            md5: "d53e105ee54ea40749a09fcbcd1e9432",
        },
        Published {
            file: "t10k-images-idx3-ubyte.gz",
            addresses: &["https://ossci-datasets.s3.amazonaws.com/mnist/t10k-images-idx3-ubyte.gz"],
            bytes: 1_648_877,
            md5: "9fb629c4189551a2d022fa330f9573f3",
        },
        Published {
            file: "t10k-labels-idx1-ubyte.gz",
            addresses: &["https://ossci-datasets.s3.amazonaws.com/mnist/t10k-labels-idx1-ubyte.gz"],
            bytes: 4_542,
            md5: "ec29112dd5afa0611ce80d1b7f02629c",
        },
    ],
    packing: Packing::Loose,
    folder: "mnist",
    files: &[
        FileRule::exact("train-images-idx3-ubyte.gz", 1, 9_912_422),
        FileRule::exact("train-labels-idx1-ubyte.gz", 1, 28_881),
        FileRule::exact("t10k-images-idx3-ubyte.gz", 1, 1_648_877),
        FileRule::exact("t10k-labels-idx1-ubyte.gz", 1, 4_542),
    ],
    unpacked: 16 << 20,
};

/// From the authors' address, which has no encryption; the checksums make up for that. MD5s as torchvision lists them, sizes as
/// TensorFlow Datasets does.
static ARCHIVE_OF_FASHION: Archive = Archive {
    name: "fashion-mnist",
    published: &[
        Published {
            file: "train-images-idx3-ubyte.gz",
            addresses: &[
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/train-images-idx3-ubyte.gz",
            ],
            bytes: 26_421_880,
            md5: "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        },
        Published {
            file: "train-labels-idx1-ubyte.gz",
            addresses: &[
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/train-labels-idx1-ubyte.gz",
            ],
            bytes: 29_515,
            md5: "25c81989df183df01b3e8a0aad5dffbe",
        },
        Published {
            file: "t10k-images-idx3-ubyte.gz",
            addresses: &[
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/t10k-images-idx3-ubyte.gz",
            ],
            bytes: 4_422_102,
            md5: "bef4ecab320f06d8554ea6380940ec79",
        },
        Published {
            file: "t10k-labels-idx1-ubyte.gz",
            addresses: &[
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/t10k-labels-idx1-ubyte.gz",
            ],
            bytes: 5_148,
            md5: "bb300cfdad3c16e7a12a480ee83cd310",
        },
    ],
    packing: Packing::Loose,
    folder: "fashion-mnist",
    files: &[
        FileRule::exact("train-images-idx3-ubyte.gz", 1, 26_421_880),
        FileRule::exact("train-labels-idx1-ubyte.gz", 1, 29_515),
        FileRule::exact("t10k-images-idx3-ubyte.gz", 1, 4_422_102),
        FileRule::exact("t10k-labels-idx1-ubyte.gz", 1, 5_148),
    ],
    unpacked: 32 << 20,
};

/// The MD5s are of the images alone, computed from the files whose MD5s are published.
static DIGITS: Format = Format {
    dataset: &MNIST,
    folders: &["mnist", "raw"],
    contents: Some(["6510e85a72c3e9475c492d559d3770d2", "240610fa99e73bfa49df8e7fc24d3206"]),
    other: None,
};

static FASHION: Format = Format {
    dataset: &FASHION_MNIST,
    folders: &["fashion-mnist", "FashionMNIST", "fashion_mnist", "fashion", "raw"],
    contents: None,
    other: Some(&DIGITS),
};
