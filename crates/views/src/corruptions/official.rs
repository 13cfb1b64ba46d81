//! The published arrays of CIFAR-10-C, where somebody has them.

use super::npy::Npy;
use super::{EXTRA, MAIN};
use basin_data::{DataError, ImageSet};
use std::path::Path;

/// Test images of one severity.
const IMAGES: usize = 10_000;
const SEVERITIES: usize = 5;
const SIDE: usize = 32;
const CLASSES: usize = 10;

/// The test set of CIFAR-10 under one published corruption: `{kind}.npy`, `[50 000, 32, 32, 3]` of `|u1`, severity after
/// severity, with `labels.npy` beside it. `frost` is read as the others. 30 MB of the 154 are read.
///
/// # Errors
/// [`DataError::View`] for a type or severity that there is not; [`DataError::Missing`], [`DataError::Npy`],
/// [`DataError::Length`] or [`DataError::Label`] for files that are not those.
pub fn official(dir: &Path, kind: &str, severity: usize) -> Result<ImageSet, DataError> {
    let there = MAIN.iter().chain(&EXTRA).chain(&["frost"]);
    let refused = |what: &str, expected, found: String| {
        let (view, what) = (format!("official {kind}:{severity}"), what.to_owned());
        Err(DataError::View { view, what, expected, found })
    };
    if !there.clone().any(|known| *known == kind) {
        let known: Vec<&str> = there.copied().collect();
        return refused("the type", format!("one of {}", known.join(", ")), kind.to_owned());
    }
    if !(1..=SEVERITIES).contains(&severity) {
        return refused("the severity", "a whole number in 1..=5".to_owned(), severity.to_string());
    }
    let (all, image) = (SEVERITIES * IMAGES, SIDE * SIDE * 3);
    let pixels = dir.join(format!("{kind}.npy"));
    let mut pixels = Npy::open(&pixels)?.expect(&["|u1"], &[all, SIDE, SIDE, 3])?;
    let path = dir.join("labels.npy");
    let labels = Npy::open(&path)?.expect(&["|u1", "<i4", "<i8"], &[all])?.numbers()?;
    let first = (severity - 1) * IMAGES;
    let label = |record: usize| match u32::try_from(labels[record]) {
        Ok(label) if (label as usize) < CLASSES => Ok(label),
        _ => {
            let label = u32::try_from(labels[record]).unwrap_or(u32::MAX);
            Err(DataError::Label { path: path.clone(), record, kind: "class", label, classes: CLASSES })
        }
    };
    let labels = (first..first + IMAGES).map(label).collect::<Result<_, _>>()?;
    ImageSet::new(SIDE, CLASSES, pixels.bytes(first * image, IMAGES * image)?, labels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corruptions::npy::tests::npy;

    const SHAPE: &str = "(50000, 32, 32, 3)";

    fn folder(labels: &[u8]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let mut fog = npy("|u1", "False", SHAPE, &[]);
        // Severity after severity: each image is filled with its severity.
        fog.extend((0..50_000 * 3072usize).map(|i| (i / 3072 / 10_000 + 1) as u8));
        std::fs::write(folder.path().join("fog.npy"), fog).unwrap();
        std::fs::write(folder.path().join("labels.npy"), npy("|u1", "False", "(50000,)", labels)).unwrap();
        folder
    }

    #[test]
    fn one_severity_of_one_type_is_read() {
        let labels: Vec<u8> = (0..50_000usize).map(|i| (i % 10_000 % 7) as u8).collect();
        let folder = folder(&labels);
        let set = official(folder.path(), "fog", 3).unwrap();
        assert_eq!((set.len(), set.size(), set.classes()), (10_000, 32, 10));
        assert!(set.images().iter().all(|x| *x == 3));
        assert_eq!(set.labels()[..9], [0, 1, 2, 3, 4, 5, 6, 0, 1]);
        let refused = |kind, severity| official(folder.path(), kind, severity).unwrap_err().to_string();
        assert!(refused("fog", 6).contains("official fog:6"));
        assert!(refused("fogg", 1).contains("the type must be one of gaussian_noise,"));
        assert!(refused("snow", 1).contains("snow.npy is missing; pass the folder of CIFAR-10-C"));
        std::fs::write(folder.path().join("snow.npy"), npy("|u1", "False", "(1, 32, 32, 3)", &[0; 3072]))
            .unwrap();
        let told = refused("snow", 1);
        assert!(told.contains("the shape is [1, 32, 32, 3], expected [50000, 32, 32, 3]"), "{told}");
    }

    #[test]
    fn labels_out_of_range_are_refused() {
        let mut labels = vec![0; 50_000];
        labels[20_001] = 10;
        let folder = folder(&labels);
        assert!(official(folder.path(), "fog", 2).is_ok());
        let told = official(folder.path(), "fog", 3).unwrap_err().to_string();
        assert!(told.contains("record 20001 has class label 10, expected 0..10"), "{told}");
    }
}
