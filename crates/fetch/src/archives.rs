//! The table of archives: where each is published, how to know it, and what is in it.
//!
//! Sizes and checksums are those of the published files. The rules name the files that are unpacked; whatever
//! else an archive holds stays in it.

use crate::FetchError;

/// How files are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// A tar archive, gzipped.
    TarGz,
    /// A zip archive, its files stored or deflated.
    Zip,
}

/// Files of one kind inside an archive's folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileRule {
    /// The path below the folder, with `/` between names; `#` stands for one to eight digits.
    pub pattern: &'static str,
    /// How many files there are.
    pub files: u64,
    /// The least and the most bytes of one file.
    pub bytes: (u64, u64),
    /// Whether a folder without them is incomplete. Files that Basin does not read are not required.
    pub required: bool,
}

impl FileRule {
    /// Files that must be there, each of exactly `bytes` bytes.
    pub const fn exact(pattern: &'static str, files: u64, bytes: u64) -> Self {
        Self { pattern, files, bytes: (bytes, bytes), required: true }
    }

    /// Files that must be there, each of one to `most` bytes.
    pub const fn needed(pattern: &'static str, files: u64, most: u64) -> Self {
        Self { pattern, files, bytes: (1, most), required: true }
    }

    /// Files that may be there, up to `files` of up to `most` bytes each.
    pub const fn extra(pattern: &'static str, files: u64, most: u64) -> Self {
        Self { pattern, files, bytes: (0, most), required: false }
    }
}

/// A published archive of one data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Archive {
    /// The data set's name on the command line.
    pub name: &'static str,
    /// The archive's file name.
    pub file: &'static str,
    /// How it is packed.
    pub packing: Packing,
    /// Where it is published, in the order in which the addresses are tried.
    pub addresses: &'static [&'static str],
    /// Its size in bytes.
    pub bytes: u64,
    /// Its published MD5, 32 hexadecimal digits.
    pub md5: &'static str,
    /// The one folder in it.
    pub folder: &'static str,
    /// The files that are unpacked.
    pub files: &'static [FileRule],
    /// The most bytes that all its files may have together once unpacked.
    pub unpacked: u64,
}

/// The most bytes of a text file that comes along (the longest, words.txt, has 2.6 MB).
const TEXT: u64 = 8 << 20;
/// The most bytes of a JPEG of 64×64 pixels, as in the reader of the data set.
const JPEG: u64 = 1 << 20;

impl Archive {
    /// All archives, in the order in which they are listed to the user.
    pub const ALL: [Self; 3] = [Self::CIFAR10, Self::CIFAR100, Self::TINY_IMAGENET];

    /// CIFAR-10, binary version (Krizhevsky, 2009): <https://www.cs.toronto.edu/~kriz/cifar.html>.
    pub const CIFAR10: Self = Self {
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

    /// CIFAR-100, binary version (Krizhevsky, 2009): <https://www.cs.toronto.edu/~kriz/cifar.html>.
    pub const CIFAR100: Self = Self {
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

    /// Tiny ImageNet (Le and Yang, 2015), from the course it was made for. The address published is the one
    /// without encryption; the checksum makes up for that.
    pub const TINY_IMAGENET: Self = Self {
        name: "tiny-imagenet",
        file: "tiny-imagenet-200.zip",
        packing: Packing::Zip,
        addresses: &[
            "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
            "https://cs231n.stanford.edu/tiny-imagenet-200.zip",
        ],
        bytes: 248_100_043,
        md5: "90528d7ca1a48142e341f4ef8d21d0de",
        folder: "tiny-imagenet-200",
        files: &[
            FileRule::needed("wnids.txt", 1, TEXT),
            FileRule::needed("train/n#/images/n#_#.JPEG", 100_000, JPEG),
            FileRule::needed("val/images/val_#.JPEG", 10_000, JPEG),
            FileRule::needed("val/val_annotations.txt", 1, TEXT),
            FileRule::extra("train/n#/n#_boxes.txt", 200, TEXT),
            FileRule::extra("test/images/test_#.JPEG", 10_000, JPEG),
            FileRule::extra("words.txt", 1, TEXT),
        ],
        unpacked: 768 << 20,
    };

    /// The archive of a data set.
    ///
    /// # Errors
    /// [`FetchError::Unknown`] lists the names there are.
    pub fn of(name: &str) -> Result<&'static Self, FetchError> {
        const ALL: &[Archive] = &Archive::ALL;
        ALL.iter()
            .find(|archive| archive.name == name)
            .ok_or_else(|| FetchError::Unknown { name: name.to_owned() })
    }

    /// The most files that are unpacked.
    pub fn most_files(&self) -> u64 {
        self.files.iter().map(|rule| rule.files).sum()
    }
}
