//! SVHN in its second format: a MATLAB file a part, with images `X` `[32, 32, 3, n]` and labels `y` `[n, 1]` of 1 to 10.

use crate::folder::{Kind, check_finished, file, given, missing, nested};
use crate::mat::{self, Matrix};
use crate::{DataError, Dataset, ImageSet, Split};
use std::path::{Path, PathBuf};

/// Height and width.
pub(crate) const SIZE: usize = 32;
const CHANNELS: usize = 3;
const IMAGE: usize = SIZE * SIZE * CHANNELS;
/// The label of the digit 0.
const ZERO: u8 = 10;
/// Names of the folders that its files come in.
const FOLDERS: &[&str] = &["svhn", "housenumbers"];

/// Loads one part. A file with fewer images is a subset.
pub(crate) fn load(dataset: &'static Dataset, dir: &Path, split: Split) -> Result<ImageSet, DataError> {
    let path = locate(dataset, dir, split)?;
    let most = dataset.official_images(split).unwrap_or(0);
    let found = mat::read(&path, &[("X", most * IMAGE), ("y", most)])?;
    let wrong = |expected: &str, found: String| {
        Err(DataError::Mat { path: path.clone(), expected: expected.to_owned(), found })
    };
    let named = |name: &str| found.iter().find(|matrix| matrix.name == name);
    let (Some(x), Some(y)) = (named("X"), named("y")) else {
        let names: Vec<&str> = found.iter().map(|matrix| matrix.name.as_str()).collect();
        return wrong("variables X and y", format!("of these {names:?}"));
    };
    // A last dimension of one image may be left out.
    let count = match x.dims[..] {
        [SIZE, SIZE, CHANNELS] => 1,
        [SIZE, SIZE, CHANNELS, n] => n,
        _ => return wrong("X of [32, 32, 3, images]", format!("{:?}", x.dims)),
    };
    if y.values.len() != count {
        return wrong(&format!("{count} labels, one for each image"), format!("{}", y.values.len()));
    }
    if let Some((image, label)) = y.values.iter().enumerate().find(|(_, label)| !(1..=ZERO).contains(*label))
    {
        return wrong("labels of 1 to 10, 10 for the digit 0", format!("{label} at image {image}"));
    }
    let labels = y.values.iter().map(|label| u32::from(label % ZERO)).collect();
    ImageSet::new(dataset.extent, dataset.classes, pixels(x), labels)
}

/// Rows run fastest in the file, then columns, channels and images; here it is channels, columns, rows.
fn pixels(x: &Matrix) -> Vec<u8> {
    let mut pixels = vec![0; x.values.len()];
    for (from, to) in x.values.chunks_exact(IMAGE).zip(pixels.chunks_exact_mut(IMAGE)) {
        for (place, value) in to.iter_mut().enumerate() {
            let (pixel, channel) = (place / CHANNELS, place % CHANNELS);
            *value = from[pixel / SIZE + SIZE * (pixel % SIZE) + SIZE * SIZE * channel];
        }
    }
    pixels
}

fn locate(dataset: &Dataset, dir: &Path, split: Split) -> Result<PathBuf, DataError> {
    let name = match split {
        Split::Train => "train_32x32.mat",
        Split::Test => "test_32x32.mat",
    };
    // The other part lies beside a file that was given.
    let dir = match given(dir)? {
        Kind::File => dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")),
        _ => dir,
    };
    for place in nested(dir, FOLDERS)? {
        if let Some(path) = file(&place, name)? {
            return Ok(path);
        }
    }
    check_finished(dir, name)?;
    let action = format!("run `cargo xtask fetch {dataset} --dir {}`, or put the file there", dir.display());
    Err(missing(dir.join(name), action))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SVHN, Source};

    fn place(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/svhn").join(name)
    }

    /// What `make.py` beside the files wrote into them.
    fn pixel(image: usize, row: usize, column: usize, channel: usize) -> u8 {
        ((31 * image + 7 * row + 3 * column + 50 * channel + row * column) % 256) as u8
    }

    /// A folder with one file as the test part.
    fn folder(bytes: &[u8]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("test_32x32.mat"), bytes).unwrap();
        folder
    }

    #[test]
    fn files_of_scipy_are_read_compressed_or_not() {
        for name in ["compressed.mat", "plain.mat", "doubles.mat"] {
            let folder = folder(&std::fs::read(place(name)).unwrap());
            let set = load(&SVHN, folder.path(), Split::Test).unwrap();
            assert_eq!((set.len(), set.size(), set.channels(), set.classes()), (3, 32, 3, 10), "{name}");
            assert_eq!(set.labels(), [0, 1, 9], "{name}");
            for image in 0..3 {
                let all = (0..IMAGE).map(|i| pixel(image, i / 96, i / 3 % 32, i % 3));
                assert!(set.image(image).iter().copied().eq(all), "image {image} of {name}");
            }
        }
    }

    #[test]
    fn it_is_found_in_its_folder_and_a_subset_is_told() {
        let whole = std::fs::read(place("compressed.mat")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let told = load(&SVHN, folder.path(), Split::Train).unwrap_err().to_string();
        assert!(told.contains("train_32x32.mat is missing; run `cargo xtask fetch svhn --dir"), "{told}");
        std::fs::create_dir(folder.path().join("SVHN")).unwrap();
        std::fs::write(folder.path().join("SVHN/train_32x32.mat"), whole).unwrap();
        let (source, mut notes) = (Source::folder(&SVHN, folder.path()), Vec::new());
        let set = source.load_and_tell(Split::Train, &mut |note| notes.push(note.to_owned())).unwrap();
        assert_eq!((set.len(), notes), (3, vec!["svhn is a subset: 3 of 73257 training images".to_owned()]));
        let file = folder.path().join("SVHN/train_32x32.mat");
        assert_eq!(Source::folder(&SVHN, &file).load(Split::Train).unwrap(), set);
        assert!(Source::folder(&SVHN, &file).reads(&file));
    }

    #[test]
    fn what_is_no_such_file_is_refused_with_what_is_expected() {
        let plain = std::fs::read(place("plain.mat")).unwrap();
        let compressed = std::fs::read(place("compressed.mat")).unwrap();
        let changed = |at: usize, byte: u8| {
            let mut bytes = plain.clone();
            bytes[at] = byte;
            bytes
        };
        // Behind the header a tag, flags, then the tag of the dimensions and the first of them.
        let (side, labels) = (128 + 8 + 16 + 8, plain.len() - 4);
        for (bytes, words) in [
            (b"<html>not found</html>".to_vec(), "expected a header of 128 bytes"),
            (vec![b'x'; 400], "expected a MATLAB file of version 5, lowest byte first"),
            (changed(125, 2), "found a file of version 7.3, expected a MATLAB file of version 5"),
            (plain[..200].to_vec(), "found the end of the file or of a variable, expected"),
            (plain[..130].to_vec(), "expected type and length of an element"),
            (compressed[..compressed.len() / 2].to_vec(), "test_32x32.mat: found "),
            (changed(side, 31), "expected 8928 values of X"),
            (changed(side + 2, 255), "expected X of at most 79970304 values"),
            (changed(labels, 0), "found 0 at image 0, expected labels of 1 to 10, 10 for the digit 0"),
            (changed(labels + 2, 11), "found 11 at image 2"),
            (plain[..128].to_vec(), "found of these [], expected variables X and y"),
        ] {
            let folder = folder(&bytes);
            let told = load(&SVHN, folder.path(), Split::Test).unwrap_err().to_string();
            assert!(told.contains(words), "{words} in {told}");
        }
        let other = std::fs::read(place("other.mat")).unwrap();
        let told = load(&SVHN, folder(&other).path(), Split::Test).unwrap_err().to_string();
        assert!(told.contains("found [16, 64, 3, 1], expected X of [32, 32, 3, images]"), "{told}");
    }

    #[test]
    fn no_bytes_panic() {
        let plain = std::fs::read(place("plain.mat")).unwrap();
        for at in (0..plain.len()).step_by(13).chain(0..400) {
            let mut bytes = plain.clone();
            bytes[at] ^= 0xff;
            let _ = load(&SVHN, folder(&bytes).path(), Split::Test);
            let _ = load(&SVHN, folder(&plain[..at]).path(), Split::Test);
        }
    }
}
