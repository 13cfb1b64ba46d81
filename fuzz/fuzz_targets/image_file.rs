//! An image of Tiny ImageNet, JPEG or PNG: pixels of the right size, the same whenever it is read, or a refusal.
#![no_main]

use basin_data::{Source, Split, TINY_IMAGENET};
use basin_fuzz::{USUAL, bounded, scratch, told};
use libfuzzer_sys::fuzz_target;
use std::path::PathBuf;
use std::sync::LazyLock;

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = scratch("image");
    std::fs::create_dir_all(folder.join("val/images")).expect("the folder can be written");
    for (list, line) in [("wnids.txt", "n00000001\n"), ("val/val_annotations.txt", "a.JPEG\tn00000001\n")] {
        std::fs::write(folder.join(list), line).expect("the folder can be written");
    }
    folder
});

fuzz_target!(|bytes: &[u8]| {
    std::fs::write(FOLDER.join("val/images/a.JPEG"), bytes).expect("the folder can be written");
    let load = || Source::folder(&TINY_IMAGENET, &*FOLDER).load(Split::Test);
    match bounded(bytes.len(), USUAL, load) {
        Ok(set) => {
            assert_eq!((set.len(), set.size(), set.channels()), (1, 64, 3));
            assert!(load().expect("read before") == set);
        }
        Err(error) => told(&error),
    }
});
