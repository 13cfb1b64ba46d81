//! Folders of EuroSAT, right and wrong, from small JPEGs made with Pillow (`fixtures/jpegs.py`).

use crate::tiny::{GREY, RED};
use basin_data::{DataError, EUROSAT, Extent, ImageSet, Source, Split};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const SMALL: &[u8] = include_bytes!("../fixtures/small.JPEG");

const CLASSES: [&str; 10] = [
    "AnnualCrop",
    "Forest",
    "HerbaceousVegetation",
    "Highway",
    "Industrial",
    "Pasture",
    "PermanentCrop",
    "Residential",
    "River",
    "SeaLake",
];

/// Eleven images of every class in the published layout.
fn subset() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for class in CLASSES {
        let folder = dir.path().join("2750").join(class);
        fs::create_dir_all(&folder).unwrap();
        for number in 1..=11 {
            fs::write(folder.join(format!("{class}_{number}.jpg")), RED).unwrap();
        }
    }
    dir
}

fn load(dir: &Path, split: Split) -> Result<ImageSet, DataError> {
    Source::folder(&EUROSAT, dir).load(split)
}

#[test]
fn each_fifth_image_is_a_test_image_and_classes_take_turns() {
    let dir = subset();
    let mut told = Vec::new();
    let source = Source::folder(&EUROSAT, dir.path());
    let train = source.load_and_tell(Split::Train, &mut |line| told.push(line.to_owned())).unwrap();
    let test = load(&dir.path().join("2750"), Split::Test).unwrap();
    assert_eq!((train.len(), test.len(), test.extent(), test.classes()), (90, 20, Extent::colour(64), 10));
    for set in [train, test] {
        assert!(set.labels().iter().enumerate().all(|(i, label)| *label as usize == i % 10));
        assert!(set.image(0)[..3].iter().zip([200, 30, 40]).all(|(a, b): (&u8, u8)| a.abs_diff(b) <= 3));
    }
    assert_eq!(told, ["eurosat is a subset: 90 of 21600 training images"]);
    // The tenth by number, not by name, where it would be the second.
    fs::write(dir.path().join("2750/Forest/Forest_10.jpg"), GREY).unwrap();
    assert!(load(dir.path(), Split::Train).is_ok());
    assert!(load(dir.path(), Split::Test).is_err());
}

#[test]
fn images_of_another_size_or_mode_are_refused() {
    let dir = subset();
    let path = dir.path().join("2750/River/River_3.jpg");
    let refused = || load(dir.path(), Split::Train).unwrap_err().to_string();
    fs::write(&path, GREY).unwrap();
    let expected = "River_3.jpg is an image of mode L8, expected one of red, green and blue, 8 bits each (Rgb8); restore the official file";
    assert!(refused().ends_with(expected), "{}", refused());
    fs::write(&path, SMALL).unwrap();
    assert!(
        refused().contains("River_3.jpg is ") && refused().contains("pixels, expected 64x64"),
        "{}",
        refused()
    );
    fs::write(&path, &RED[..RED.len() / 2]).unwrap();
    assert!(refused().contains("River_3.jpg is not a readable JPEG or PNG image"), "{}", refused());
    assert!(load(dir.path(), Split::Test).is_ok());
}

#[test]
fn a_folder_that_lacks_something_is_told() {
    let dir = subset();
    let refused = |dir: &Path| load(dir, Split::Train).unwrap_err().to_string();
    let at = |name: &str| dir.path().join("2750").join(name);
    fs::rename(at("Pasture/Pasture_4.jpg"), at("Pasture/Pasture_12.jpg")).unwrap();
    assert!(refused(dir.path()).ends_with("Pasture_4.jpg is missing; restore it from EuroSAT.zip"));
    fs::rename(at("Pasture/Pasture_12.jpg"), at("Pasture/Pasture_004.jpg")).unwrap();
    let expected = "Pasture has an image Pasture_004.jpg, expected Pasture_1.jpg to Pasture_2000.jpg and no others; restore the official folder";
    assert!(refused(dir.path()).ends_with(expected), "{}", refused(dir.path()));
    fs::rename(at("Pasture/Pasture_004.jpg"), at("Pasture/Pasture_4.jpg")).unwrap();
    fs::remove_file(at("Forest/Forest_11.jpg")).unwrap();
    let expected = "has 11 images, expected 3000, or equally many of every class, at least 5, for a subset; restore the official folder";
    assert!(refused(dir.path()).ends_with(expected), "{}", refused(dir.path()));
    fs::remove_dir_all(at("SeaLake")).unwrap();
    assert!(refused(dir.path()).ends_with("SeaLake is missing; restore it from EuroSAT.zip"));
    let empty = tempfile::tempdir().unwrap();
    assert!(
        refused(empty.path()).contains("or unpack EuroSAT.zip there: its folder 2750 has one for each class")
    );
    fs::write(empty.path().join("EuroSAT.zip"), "").unwrap();
    assert!(refused(empty.path()).contains(
        "EuroSAT.zip is a file, expected the folder with the classes' folders; run `cargo xtask fetch eurosat"
    ));
}
