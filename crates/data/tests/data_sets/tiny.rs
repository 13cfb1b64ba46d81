//! A small Tiny ImageNet folder as published, from images made with Pillow (`fixtures/jpegs.py`).

use basin_data::{DataError, ImageSet, Source, Split, TINY_IMAGENET};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

pub(crate) const RED: &[u8] = include_bytes!("../fixtures/red.JPEG");
pub(crate) const GREY: &[u8] = include_bytes!("../fixtures/grey.JPEG");

pub(crate) const WNIDS: [&str; 2] = ["n02000002", "n01000001"];

/// Two classes of two training and two validation images in the official layout.
pub(crate) fn official() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    fs::write(root.join("wnids.txt"), "n02000002\nn01000001\n").unwrap();
    for (wnid, content) in WNIDS.into_iter().zip([RED, GREY]) {
        let images = root.join("train").join(wnid).join("images");
        fs::create_dir_all(&images).unwrap();
        for i in 0..2 {
            fs::write(images.join(format!("{wnid}_{i}.JPEG")), content).unwrap();
        }
    }
    fs::create_dir_all(root.join("val/images")).unwrap();
    let mut annotations = String::new();
    for (i, (class, content)) in [(1, GREY), (0, RED), (0, RED), (1, GREY)].into_iter().enumerate() {
        fs::write(root.join(format!("val/images/val_{i}.JPEG")), content).unwrap();
        annotations += &format!("val_{i}.JPEG\t{}\t0\t0\t63\t63\n", WNIDS[class]);
    }
    fs::write(root.join("val/val_annotations.txt"), annotations).unwrap();
    dir
}

pub(crate) fn load(dir: &Path, split: Split) -> Result<ImageSet, DataError> {
    Source::folder(&TINY_IMAGENET, dir).load(split)
}
