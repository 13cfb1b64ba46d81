//! Tiny ImageNet folders, right and wrong, from three small JPEGs made with Pillow (`fixtures/jpegs.py`).

use crate::tiny::{RED, WNIDS, load, official};
use basin_data::{DataError, Source, Split, TINY_IMAGENET};
use std::fs;

const SMALL: &[u8] = include_bytes!("../fixtures/small.JPEG");

fn near(pixel: &[u8], expected: [u8; 3]) {
    assert!(pixel.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 3), "{pixel:?} against {expected:?}");
}

#[test]
fn labels_follow_wnids_and_classes_take_turns() {
    let dir = official();
    for split in [Split::Train, Split::Test] {
        let set = load(dir.path(), split).unwrap();
        assert_eq!((set.len(), set.size(), set.classes()), (4, 64, 2));
        assert_eq!(set.labels(), [0, 1, 0, 1]);
        near(&set.image(0)[..3], [200, 30, 40]);
    }
}

#[test]
fn a_grey_jpeg_becomes_three_equal_channels() {
    let dir = official();
    let set = load(dir.path(), Split::Train).unwrap();
    near(&set.image(1)[..3], [90, 90, 90]);
    assert!(set.image(1).chunks(3).all(|p| p[0] == p[1] && p[1] == p[2]));
}

#[test]
fn a_refoldered_val_is_the_same_set() {
    let dir = official();
    let before = load(dir.path(), Split::Test).unwrap();
    let val = dir.path().join("val");
    for (i, class) in [1, 0, 0, 1].into_iter().enumerate() {
        let folder = val.join(WNIDS[class]);
        fs::create_dir_all(&folder).unwrap();
        fs::rename(val.join(format!("images/val_{i}.JPEG")), folder.join(format!("val_{i}.JPEG"))).unwrap();
    }
    fs::remove_dir(val.join("images")).unwrap();
    assert_eq!(load(dir.path(), Split::Test).unwrap(), before);
    // The annotations may have stayed or gone.
    fs::remove_file(val.join("val_annotations.txt")).unwrap();
    assert_eq!(load(dir.path(), Split::Test).unwrap(), before);
}

#[test]
fn a_flat_val_without_annotations_is_refused() {
    let dir = official();
    fs::remove_file(dir.path().join("val/val_annotations.txt")).unwrap();
    let error = load(dir.path(), Split::Test).unwrap_err();
    assert!(
        matches!(&error, DataError::Missing { path, .. } if path.ends_with("val_annotations.txt")),
        "{error}"
    );
}

#[test]
fn wrong_annotations_are_named_by_line() {
    let dir = official();
    let path = dir.path().join("val/val_annotations.txt");
    let right = fs::read_to_string(&path).unwrap();
    let wrong = [
        (right.replacen("n02000002", "n09999999", 1), 2),
        (right.replace("val_3", "val_0"), 4),
        (format!("{right}val_4.JPEG\n"), 5),
    ];
    for (text, wrong_line) in wrong {
        fs::write(&path, text).unwrap();
        let error = load(dir.path(), Split::Test).unwrap_err();
        assert!(matches!(error, DataError::Listing { line, .. } if line == wrong_line), "{error}");
    }
    let (_, shortened) = right.split_once('\n').unwrap();
    fs::write(&path, shortened).unwrap();
    let error = load(dir.path(), Split::Test).unwrap_err();
    assert!(error.to_string().contains("val_0.JPEG has no line in val_annotations.txt"), "{error}");
}

#[test]
fn a_shortened_or_damaged_list_of_classes_is_refused() {
    let dir = official();
    let path = dir.path().join("wnids.txt");
    fs::write(&path, "n02000002\n").unwrap();
    let error = load(dir.path(), Split::Train).unwrap_err();
    assert!(error.to_string().contains("n01000001 has no line in wnids.txt"), "{error}");
    for (text, wrong_line) in [("n02000002\nn02000002\n", 2), ("n02000002\ncat\n", 2), ("", 1)] {
        fs::write(&path, text).unwrap();
        let error = load(dir.path(), Split::Train).unwrap_err();
        assert!(matches!(error, DataError::Listing { line, .. } if line == wrong_line), "{error}");
    }
    fs::remove_file(&path).unwrap();
    assert!(matches!(load(dir.path(), Split::Train), Err(DataError::Missing { .. })));
}

#[test]
fn torn_foreign_and_misfitting_images_are_named() {
    let dir = official();
    let path = dir.path().join("train/n02000002/images/n02000002_1.JPEG");
    let named = |error: &DataError| assert!(error.to_string().contains("n02000002_1.JPEG"), "{error}");
    for content in [&RED[..RED.len() / 2], &RED[..RED.len() - 2], b"", b"no jpeg at all \xff\xd9"] {
        fs::write(&path, content).unwrap();
        let error = load(dir.path(), Split::Train).unwrap_err();
        assert!(matches!(error, DataError::Image { .. }), "{error}");
        named(&error);
    }
    fs::write(&path, SMALL).unwrap();
    let error = load(dir.path(), Split::Train).unwrap_err();
    assert!(matches!(error, DataError::Extent { expected: 64, found: (48, 32), .. }), "{error}");
    named(&error);
}

#[test]
fn fewer_classes_than_published_are_told_and_a_list_out_of_reason_is_not_read() {
    let dir = official();
    let mut notes = Vec::new();
    let source = Source::folder(&TINY_IMAGENET, dir.path());
    source.load_and_tell(Split::Train, &mut |note| notes.push(note.to_owned())).unwrap();
    assert_eq!(notes, ["tiny-imagenet is a subset: 2 of 200 classes, 4 of 100000 training images"]);
    let list = fs::File::options().write(true).open(dir.path().join("wnids.txt")).unwrap();
    list.set_len(100 << 30).unwrap();
    let start = std::time::Instant::now();
    assert!(matches!(source.load(Split::Train), Err(DataError::Read { .. })));
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}
