//! Folders of MNIST and Fashion-MNIST, right and wrong, from small files in their form.

use basin_data::{DataError, Extent, FASHION_MNIST, ImageSet, MNIST, Source, Split};
use flate2::{Compression, write::GzEncoder};
use std::fs;
use std::io::Write;
use std::path::Path;
use tempfile::TempDir;

fn idx(magic: u32, sizes: &[u32], values: &[u8]) -> Vec<u8> {
    let sizes = sizes.iter().flat_map(|size| size.to_be_bytes());
    magic.to_be_bytes().into_iter().chain(sizes).chain(values.iter().copied()).collect()
}

/// So many images, the i-th of byte i.
fn images(n: u8) -> Vec<u8> {
    let pixels: Vec<u8> = (0..n).flat_map(|i| [i; 28 * 28]).collect();
    idx(0x803, &[n.into(), 28, 28], &pixels)
}

fn labels(labels: &[u8]) -> Vec<u8> {
    idx(0x801, &[labels.len() as u32], labels)
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Three training images and two test images, as they are published.
fn official() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in [
        ("train-images-idx3-ubyte.gz", images(3)),
        ("train-labels-idx1-ubyte.gz", labels(&[5, 0, 9])),
        ("t10k-images-idx3-ubyte.gz", images(2)),
        ("t10k-labels-idx1-ubyte.gz", labels(&[7, 2])),
    ] {
        fs::write(dir.path().join(name), gzipped(&bytes)).unwrap();
    }
    dir
}

fn load(dir: &Path, split: Split) -> Result<ImageSet, DataError> {
    Source::folder(&MNIST, dir).load(split)
}

fn refused(dir: &Path) -> String {
    load(dir, Split::Train).unwrap_err().to_string()
}

#[test]
fn images_have_one_channel_and_their_labels() {
    let dir = official();
    let mut told = Vec::new();
    let train = Source::folder(&MNIST, dir.path());
    let train = train.load_and_tell(Split::Train, &mut |line| told.push(line.to_owned())).unwrap();
    assert_eq!((train.len(), train.extent(), train.classes()), (3, Extent::grey(28), 10));
    assert_eq!((train.labels(), train.image(2)), (&[5, 0, 9][..], &[2; 28 * 28][..]));
    assert_eq!(told, ["mnist is a subset: 3 of 60000 training images"]);
    let test = Source::folder(&FASHION_MNIST, dir.path()).load(Split::Test).unwrap();
    assert_eq!((test.len(), test.labels()), (2, &[7, 2][..]));
}

#[test]
fn files_are_found_as_people_have_them() {
    let (images, labels) = (images(1), labels(&[4]));
    for names in [
        ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"],
        ["train-images.idx3-ubyte", "train-labels.idx1-ubyte"],
        ["TRAIN-IMAGES.IDX3-UBYTE.gz", "train-labels-idx1-ubyte"],
        ["MNIST/raw/train-images-idx3-ubyte", "MNIST/raw/train-labels-idx1-ubyte.gz"],
        ["mnist/train-images-idx3-ubyte", "mnist/train-labels-idx1-ubyte"],
        ["train-images-idx3-ubyte/train-images-idx3-ubyte", "train-labels-idx1-ubyte"],
    ] {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in names.iter().zip([&images, &labels]) {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            // By their content, not by their name.
            fs::write(path, if name.contains("raw") { gzipped(bytes) } else { bytes.clone() }).unwrap();
        }
        let set = load(dir.path(), Split::Train).unwrap_or_else(|error| panic!("{names:?}: {error}"));
        assert_eq!(set.labels(), [4]);
        let file = dir.path().join(names[1]);
        assert!(load(&file, Split::Train).is_ok(), "{names:?}");
    }
}

#[test]
fn each_set_keeps_to_its_own_folder() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("mnist")).unwrap();
    fs::write(dir.path().join("mnist/train-images-idx3-ubyte"), images(1)).unwrap();
    fs::write(dir.path().join("mnist/train-labels-idx1-ubyte"), labels(&[4])).unwrap();
    assert!(load(dir.path(), Split::Train).is_ok());
    let error = Source::folder(&FASHION_MNIST, dir.path()).load(Split::Train).unwrap_err().to_string();
    let expected = format!(
        "{0}/train-images-idx3-ubyte.gz is missing; run `cargo xtask fetch fashion-mnist --dir {0}`, or put its four IDX \
         files there, gzipped or not",
        dir.path().display()
    );
    assert_eq!(error, expected);
}

#[test]
fn what_is_missing_or_in_the_place_is_told() {
    let dir = official();
    let at = |name: &str| dir.path().join(name);
    fs::remove_file(at("train-labels-idx1-ubyte.gz")).unwrap();
    let expected = "train-labels-idx1-ubyte.gz is missing; restore it: images and labels belong together";
    assert!(refused(dir.path()).ends_with(expected), "{}", refused(dir.path()));
    fs::rename(at("train-images-idx3-ubyte.gz"), at("train-images-idx3-ubyte.gz.crdownload")).unwrap();
    assert!(refused(dir.path()).contains("is an unfinished download"), "{}", refused(dir.path()));
    assert!(load(dir.path(), Split::Test).is_ok());
    fs::write(at("notes.txt"), "").unwrap();
    let error = refused(&at("notes.txt"));
    assert!(error.ends_with(
        "notes.txt is a file, expected the folder with its IDX files; pass the folder to --data-dir"
    ));
    assert!(refused(&at("absent")).contains("absent is missing; pass an existing folder"));
    let error = Source { dir: None, ..Source::folder(&MNIST, "x") }.load(Split::Test).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("mnist is read from disk but no folder was given; pass --data-dir with")
    );
}

#[test]
fn wrong_files_are_told() {
    let dir = official();
    let write = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
    let (of_images, of_labels) = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte");
    let ends = |words: &str| {
        let error = refused(dir.path());
        assert!(error.ends_with(&format!("{words}; fetch the official file again")), "{error}");
    };
    // An unpacked file comes before the packed one.
    write(of_labels, &labels(&[1, 2]));
    let error = refused(dir.path());
    assert!(error.contains("idx1-ubyte: found 2 labels, expected 3, one for each image of "), "{error}");
    write(of_labels, &labels(&[1, 10, 2]));
    let error = refused(dir.path());
    assert!(error.contains("idx1-ubyte: record 1 has class label 10, expected 0..10"), "{error}");
    write(of_labels, &images(3));
    ends("idx1-ubyte: found magic number 00000803, expected magic number 00000801, that of labels");
    write(of_images, &idx(0x803, &[3, 32, 32], &[0; 3 * 1024]));
    ends("idx3-ubyte: found images of 32×32, expected 28×28");
    write(of_images, &images(3)[..2000]);
    ends("idx3-ubyte: found an end after 1984 bytes of images, expected 2352, as its header says");
    write(of_images, &idx(0x803, &[60_001, 28, 28], &[]));
    ends("idx3-ubyte: found 60001 images, expected 1 to 60000");
    write(of_images, &gzipped(&images(3))[..40]);
    assert!(refused(dir.path()).contains("found a broken gzip stream ("), "{}", refused(dir.path()));
}

/// As many images as are published, with another content: taken, and said.
#[test]
fn images_that_nobody_published_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let pixels = vec![0; 10_000 * 28 * 28];
    fs::write(dir.path().join("t10k-images-idx3-ubyte"), idx(0x803, &[10_000, 28, 28], &pixels)).unwrap();
    fs::write(dir.path().join("t10k-labels-idx1-ubyte"), labels(&[3; 10_000])).unwrap();
    for (dataset, lines) in [(&MNIST, 1), (&FASHION_MNIST, 0)] {
        let mut told = Vec::new();
        let source = Source::folder(dataset, dir.path());
        let set = source.load_and_tell(Split::Test, &mut |line| told.push(line.to_owned())).unwrap();
        assert_eq!((set.len(), told.len()), (10_000, lines), "{told:?}");
        assert!(told.iter().all(|line| line.contains("has not the published images: md5 ")), "{told:?}");
    }
}
