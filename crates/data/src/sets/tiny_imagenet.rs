//! Tiny ImageNet (Le and Yang, 2015), from the course it was made for. The address published is the one
//! without encryption; the checksum makes up for that.

use super::TEXT;
use crate::image_file::FILE_LIMIT;
use crate::tiny_imagenet::SIZE;
use crate::{DataError, Dataset, ImageSet, Normalisation, Source, Split, tiny_imagenet};
use basin_core::{Archive, Extent, FileRule, Packing, Published};

/// 100 000 + 10 000 images, 64×64, 200 classes.
pub static TINY_IMAGENET: Dataset = Dataset {
    name: "tiny-imagenet",
    classes: 200,
    extent: Extent::colour(SIZE),
    official: Some((100_000, 10_000)),
    normalisation: Normalisation::IMAGENET,
    folder: Some("tiny-imagenet-200"),
    reads: &[".jpeg", ".jpg", ".png", "wnids.txt", "val_annotations.txt"],
    load,
    archive: Some(&ARCHIVE),
};

fn load(source: &Source, split: Split, _: &mut dyn FnMut(&str)) -> Result<ImageSet, DataError> {
    tiny_imagenet::load(source.given_folder()?, split)
}

static ARCHIVE: Archive = Archive {
    name: "tiny-imagenet",
    published: &[Published {
        file: "tiny-imagenet-200.zip",
        addresses: &[
            "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
            "https://cs231n.stanford.edu/tiny-imagenet-200.zip",
        ],
        bytes: 248_100_043,
        md5: "90528d7ca1a48142e341f4ef8d21d0de",
    }],
    packing: Packing::Zip,
    folder: "tiny-imagenet-200",
    files: &[
        FileRule::needed("wnids.txt", 1, TEXT),
        FileRule::needed("train/n#/images/n#_#.JPEG", 100_000, FILE_LIMIT),
        FileRule::needed("val/images/val_#.JPEG", 10_000, FILE_LIMIT),
        FileRule::needed("val/val_annotations.txt", 1, TEXT),
        FileRule::extra("train/n#/n#_boxes.txt", 200, TEXT),
        FileRule::extra("test/images/test_#.JPEG", 10_000, FILE_LIMIT),
        FileRule::extra("words.txt", 1, TEXT),
    ],
    unpacked: 768 << 20,
};
