//! Tiny ImageNet's two lists beside a few images: all of the images are loaded, each once, or the lists are refused. The
//! classes' list, then that of the images.
#![no_main]

use basin_data::{Source, Split, TINY_IMAGENET};
use basin_fuzz::{USUAL, bounded, parts, scratch, told};
use libfuzzer_sys::fuzz_target;
use std::path::PathBuf;
use std::sync::LazyLock;

/// A PNG of 64×64 pixels.
const PICTURE: &[u8] = include_bytes!("../seeds/image_file/grey.png");
const IMAGES: usize = 4;

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = scratch("tiny-imagenet");
    std::fs::create_dir_all(folder.join("val/images")).expect("the folder can be written");
    for i in 0..IMAGES {
        let image = folder.join(format!("val/images/val_{i}.JPEG"));
        std::fs::write(image, PICTURE).expect("the folder can be written");
    }
    folder
});

fuzz_target!(|bytes: &[u8]| {
    let [classes, images] = parts(bytes);
    let write =
        |name: &str, bytes| std::fs::write(FOLDER.join(name), bytes).expect("the folder can be written");
    write("wnids.txt", classes);
    write("val/val_annotations.txt", images);
    let source = Source::folder(&TINY_IMAGENET, &*FOLDER);
    bounded(bytes.len(), USUAL, || match source.load(Split::Test) {
        Ok(set) => assert!(set.len() == IMAGES && set.classes() <= IMAGES),
        Err(error) => told(&error),
    });
    // There is no folder `train`, whatever the lists say.
    bounded(bytes.len(), USUAL, || told(&source.load(Split::Train).expect_err("no training images")));
});
