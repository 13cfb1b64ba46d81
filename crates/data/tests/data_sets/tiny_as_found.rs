//! Tiny ImageNet folders as people have them: what file managers leave in them, other names, other kinds of images,
//! half-finished copies.

use crate::tiny::{RED, WNIDS, load, official};
use basin_data::{DataError, ImageSet, Split};
use std::fs;
use std::path::Path;

const CMYK: &[u8] = include_bytes!("../fixtures/cmyk.JPEG");
const THUMBNAIL: &[u8] = include_bytes!("../fixtures/thumbnail.JPEG");
const RED_PNG: &[u8] = include_bytes!("../fixtures/red.png");
const RGBA_PNG: &[u8] = include_bytes!("../fixtures/rgba.png");
const PALETTE_PNG: &[u8] = include_bytes!("../fixtures/palette.png");
const GREY_PNG: &[u8] = include_bytes!("../fixtures/grey.png");
/// What macOS writes beside every file on a foreign disk.
const APPLE_DOUBLE: &[u8] = b"\0\x05\x16\x07\0\x02\0\0Mac OS X        ";

/// Train and test part.
fn both(dir: &Path) -> [ImageSet; 2] {
    [Split::Train, Split::Test].map(|split| load(dir, split).unwrap())
}

/// Asserts that a part cannot be read for a reason that says all this and no more than fits a few lines.
#[track_caller]
fn refused(dir: &Path, split: Split, words: &[&str]) -> DataError {
    let error = load(dir, split).unwrap_err();
    let text = error.to_string();
    words.iter().for_each(|word| assert!(text.contains(word), "{word} in {text}"));
    assert!(text.len() < 400, "{text}");
    error
}

#[test]
fn what_file_managers_leave_is_passed_over() {
    let dir = official();
    let before = both(dir.path());
    let images =
        [format!("train/{}/images", WNIDS[0]), format!("train/{}/images", WNIDS[1]), "val/images".into()];
    for folder in &images {
        for file in fs::read_dir(dir.path().join(folder)).unwrap().collect::<Vec<_>>() {
            let name = format!("._{}", file.unwrap().file_name().to_str().unwrap());
            fs::write(dir.path().join(folder).join(name), APPLE_DOUBLE).unwrap();
        }
    }
    for folder in
        images.iter().map(String::as_str).chain(["", "train", "val", &format!("train/{}", WNIDS[0])])
    {
        for stray in ["__MACOSX", "@eaDir", ".ipynb_checkpoints"] {
            fs::create_dir(dir.path().join(folder).join(stray)).unwrap();
            fs::write(dir.path().join(folder).join(stray).join("x.JPEG"), RED).unwrap();
        }
        for stray in [".DS_Store", "Thumbs.db", "desktop.ini", "notes.txt"] {
            fs::write(dir.path().join(folder).join(stray), b"x").unwrap();
        }
    }
    assert_eq!(both(dir.path()), before);
}

#[test]
fn an_unlisted_folder_is_passed_over_unless_it_is_a_class() {
    let dir = official();
    let before = both(dir.path());
    fs::create_dir(dir.path().join("train/backup")).unwrap();
    assert_eq!(both(dir.path()), before);
    fs::create_dir(dir.path().join("train/n01000009")).unwrap();
    refused(dir.path(), Split::Train, &["n01000009 has no line in wnids.txt", "restore"]);
}

#[test]
fn a_refoldered_val_may_keep_its_folder_of_images() {
    for inner in ["", "images"] {
        let dir = official();
        let before = load(dir.path(), Split::Test).unwrap();
        let val = dir.path().join("val");
        // First two of four, as where moving them broke off, then all.
        for images in [0..2, 2..4] {
            for i in images {
                let folder = val.join(WNIDS[[1, 0, 0, 1][i]]).join(inner);
                fs::create_dir_all(&folder).unwrap();
                let name = format!("val_{i}.JPEG");
                fs::rename(val.join("images").join(&name), folder.join(&name)).unwrap();
            }
            assert_eq!(load(dir.path(), Split::Test).unwrap(), before);
        }
        fs::write(val.join("images/.DS_Store"), b"x").unwrap();
        assert_eq!(load(dir.path(), Split::Test).unwrap(), before);
    }
}

#[test]
fn an_image_in_the_folder_of_another_class_than_listed_is_refused() {
    let dir = official();
    let val = dir.path().join("val");
    fs::create_dir(val.join(WNIDS[0])).unwrap();
    fs::rename(val.join("images/val_0.JPEG"), val.join(WNIDS[0]).join("val_0.JPEG")).unwrap();
    refused(dir.path(), Split::Test, &["val_annotations.txt:1", "val_0.JPEG", "expected n02000002"]);
}

#[test]
fn names_in_another_case_or_with_another_extension_are_found() {
    let dir = official();
    let before = both(dir.path());
    let val = dir.path().join("val/images");
    for (old, new) in [("val_0.JPEG", "VAL_0.jpg"), ("val_1.JPEG", "val_1.jpeg"), ("val_2.JPEG", "Val_2.JPG")]
    {
        fs::rename(val.join(old), val.join(new)).unwrap();
    }
    fs::rename(&val, dir.path().join("val/Images")).unwrap();
    fs::rename(dir.path().join("val/val_annotations.txt"), dir.path().join("val/VAL_ANNOTATIONS.TXT"))
        .unwrap();
    fs::rename(dir.path().join("wnids.txt"), dir.path().join("WNIDS.TXT")).unwrap();
    fs::rename(dir.path().join("train"), dir.path().join("Train")).unwrap();
    assert_eq!(both(dir.path()), before);
}

#[test]
fn lists_from_other_editors_are_read() {
    let dir = official();
    let before = both(dir.path());
    let (wnids, annotations) = (dir.path().join("wnids.txt"), dir.path().join("val/val_annotations.txt"));
    let edit = |path: &Path, change: fn(&str) -> String| {
        fs::write(path, change(&fs::read_to_string(path).unwrap())).unwrap();
    };
    for path in [&wnids, &annotations] {
        edit(path, |text| format!("\u{feff}{}\r\n", text.replace('\n', "\r\n")));
        assert_eq!(both(dir.path()), before);
    }
    for between in [" ", ", "] {
        fs::write(&annotations, fs::read_to_string(&annotations).unwrap().replace(['\t', ' '], between))
            .unwrap();
        assert_eq!(both(dir.path()), before);
    }
    let utf16: Vec<u8> = "n02000002\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(&wnids, [&[0xff, 0xfe], &utf16[..]].concat()).unwrap();
    refused(dir.path(), Split::Train, &["wnids.txt:1", "text in UTF-8", "ff, fe"]);
}

/// Puts a folder into one of its own name.
fn nest(folder: &Path) {
    let moved = folder.with_extension("moved");
    fs::rename(folder, &moved).unwrap();
    fs::create_dir(folder).unwrap();
    fs::rename(moved, folder.join(folder.file_name().unwrap())).unwrap();
}

#[test]
fn nested_folders_are_found() {
    let class = format!("train/{}", WNIDS[0]);
    for name in ["", "train", "val", "val/images", &class, &format!("{class}/images")] {
        let dir = official();
        let before = both(dir.path());
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("tiny-imagenet-200");
        fs::rename(dir.path(), &root).unwrap();
        nest(&if name.is_empty() { root } else { root.join(name) });
        assert_eq!(both(outer.path()), before, "{name}");
    }
}

#[test]
fn images_are_read_for_what_they_are_whatever_their_name() {
    let dir = official();
    let at = |i: usize| dir.path().join(format!("train/{}/images/{}_{i}.JPEG", WNIDS[0], WNIDS[0]));
    let first = |i: usize| load(dir.path(), Split::Train).map(|set| set.image(2 * i)[..3].to_vec());
    for (content, pixel) in [
        (RED_PNG, [200, 30, 40]),
        (RGBA_PNG, [200, 30, 40]),
        (PALETTE_PNG, [200, 30, 40]),
        (GREY_PNG, [90, 90, 90]),
    ] {
        fs::write(at(0), content).unwrap();
        assert_eq!(first(0).unwrap(), pixel);
    }
    // Pillow's own conversion; JPEG's rounding aside.
    fs::write(at(1), CMYK).unwrap();
    let found = first(1).unwrap();
    assert!(found.iter().zip([216u8, 172, 119]).all(|(a, b)| a.abs_diff(b) <= 3), "{found:?}");
    fs::write(at(0), &RED_PNG[..RED_PNG.len() - 20]).unwrap();
    refused(dir.path(), Split::Train, &["n02000002_0.JPEG is not a readable JPEG or PNG image"]);
    fs::write(at(0), b"GIF89a...").unwrap();
    refused(dir.path(), Split::Train, &["n02000002_0.JPEG", "it begins with [47, 49, 46"]);
}

/// The end marker of its thumbnail does not make a torn image whole.
#[test]
fn a_torn_image_with_a_thumbnail_is_refused() {
    let dir = official();
    let path = dir.path().join("val/images/val_1.JPEG");
    fs::write(&path, THUMBNAIL).unwrap();
    load(dir.path(), Split::Test).unwrap();
    for cut in [2, 10] {
        fs::write(&path, &THUMBNAIL[..THUMBNAIL.len() - cut]).unwrap();
        refused(dir.path(), Split::Test, &["val_1.JPEG", "truncated"]);
    }
}

#[test]
fn a_lost_image_is_named() {
    let dir = official();
    fs::remove_file(dir.path().join("val/images/val_2.JPEG")).unwrap();
    let words = ["val/images/val_2.JPEG is missing", "tiny-imagenet-200.zip", "line 3"];
    refused(dir.path(), Split::Test, &words);
    fs::remove_file(dir.path().join("train/n01000001/images/n01000001_1.JPEG")).unwrap();
    refused(dir.path(), Split::Train, &["n01000001/images/n01000001_1.JPEG is missing", "restore it"]);
    fs::remove_dir_all(dir.path().join("train/n01000001")).unwrap();
    refused(dir.path(), Split::Train, &["train/n01000001 is missing", "restore it"]);
}

#[test]
fn an_image_lost_from_a_refoldered_val_is_named_by_the_list_that_was_left() {
    let dir = official();
    let val = dir.path().join("val");
    for (i, class) in [1, 0, 0, 1].into_iter().enumerate() {
        fs::create_dir_all(val.join(WNIDS[class])).unwrap();
        let name = format!("val_{i}.JPEG");
        fs::rename(val.join("images").join(&name), val.join(WNIDS[class]).join(&name)).unwrap();
    }
    fs::remove_file(val.join("n02000002/val_1.JPEG")).unwrap();
    refused(dir.path(), Split::Test, &["val/n02000002/val_1.JPEG is missing", "restore it"]);
    fs::remove_file(val.join("val_annotations.txt")).unwrap();
    let error = refused(dir.path(), Split::Test, &["1 images of class n02000002, expected 2"]);
    assert!(matches!(error, DataError::Layout { .. }), "{error}");
}

#[test]
fn a_copy_among_the_images_is_named() {
    let dir = official();
    fs::create_dir(dir.path().join("train/n02000001")).unwrap();
    fs::rename(dir.path().join("train/n01000001/images"), dir.path().join("train/n02000001/images")).unwrap();
    fs::remove_dir(dir.path().join("train/n01000001")).unwrap();
    for i in 0..2 {
        let images = dir.path().join("train/n02000001/images");
        fs::rename(images.join(format!("n01000001_{i}.JPEG")), images.join(format!("n02000001_{i}.JPEG")))
            .unwrap();
    }
    fs::create_dir_all(dir.path().join("train/n02000003/images")).unwrap();
    for i in 0..2 {
        fs::write(dir.path().join(format!("train/n02000003/images/n02000003_{i}.JPEG")), RED).unwrap();
    }
    fs::write(dir.path().join("wnids.txt"), "n02000001\nn02000002\nn02000003\n").unwrap();
    fs::write(dir.path().join("train/n02000002/images/n02000002_0 (1).JPEG"), RED).unwrap();
    let words = ["3 images of class n02000002, among them n02000002_0 (1).JPEG", "expected 2"];
    refused(dir.path(), Split::Train, &words);
}

#[test]
fn what_stands_in_place_of_a_folder_is_named() {
    let dir = official();
    fs::remove_file(dir.path().join("wnids.txt")).unwrap();
    refused(dir.path(), Split::Test, &["wnids.txt is missing", "restore it from tiny-imagenet-200.zip"]);
    let dir = tempfile::tempdir().unwrap();
    let archive = dir.path().join("tiny-imagenet-200.zip");
    let unfinished = dir.path().join("tiny-imagenet-200.zip.crdownload");
    fs::write(&unfinished, b"PK\x03\x04").unwrap();
    refused(dir.path(), Split::Test, &["tiny-imagenet-200.zip.crdownload is an unfinished download"]);
    fs::rename(&unfinished, &archive).unwrap();
    for place in [dir.path(), &archive] {
        let words =
            ["tiny-imagenet-200.zip is the archive, not unpacked", "cargo xtask fetch tiny-imagenet --dir"];
        refused(place, Split::Test, &words);
    }
    fs::remove_file(&archive).unwrap();
    refused(dir.path(), Split::Test, &["wnids.txt is missing", "cargo xtask fetch tiny-imagenet --dir"]);
    refused(Path::new("~/nowhere"), Split::Test, &["~/nowhere is missing", "the shell did not expand ~"]);
    let dir = official();
    fs::remove_dir_all(dir.path().join("val/images")).unwrap();
    refused(dir.path(), Split::Test, &["val/images is missing", "no images and no class folders are in val"]);
    fs::remove_dir_all(dir.path().join("val")).unwrap();
    refused(dir.path(), Split::Test, &["val is missing"]);
}
