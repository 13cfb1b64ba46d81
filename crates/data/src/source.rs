//! Where a data set comes from, and the one door through which it is loaded.

use crate::{DataError, Dataset, ImageSet, SYNTHETIC, Split};
use std::path::{Path, PathBuf};

/// A data set with all that determines its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Which data set.
    pub dataset: &'static Dataset,
    /// The folder with the official files; not needed by sets that are made.
    pub dir: Option<PathBuf>,
    /// Seed of a set that is made; nothing else looks at it.
    pub seed: u64,
    /// Training images of a set that is made, in `1..=1 000 000`.
    pub train_images: usize,
    /// Test images of a set that is made, in `1..=1 000 000`.
    pub test_images: usize,
}

impl Source {
    /// A synthetic set of 10 classes with 2 000 training and 1 000 test images.
    pub fn synthetic(seed: u64) -> Self {
        Self { dataset: &SYNTHETIC, dir: None, seed, train_images: 2000, test_images: 1000 }
    }

    /// A data set from a folder with its official files.
    pub fn folder(dataset: &'static Dataset, dir: impl Into<PathBuf>) -> Self {
        Self { dataset, dir: Some(dir.into()), ..Self::synthetic(0) }
    }

    /// Loads one part of the set into memory, whole.
    ///
    /// # Errors
    /// [`DataError`] says which file, what was expected, what was found and what to do.
    pub fn load(&self, split: Split) -> Result<ImageSet, DataError> {
        self.load_and_tell(split, &mut |_| {})
    }

    /// As [`Source::load`]; in what the set is not the published one is told, a line each: fewer images or classes, or a
    /// file of CIFAR-10 with another content.
    ///
    /// # Errors
    /// As [`Source::load`].
    pub fn load_and_tell(&self, split: Split, tell: &mut dyn FnMut(&str)) -> Result<ImageSet, DataError> {
        let set = (self.dataset.load)(self, split, tell)?;
        let (dataset, part) = (self.dataset, if split == Split::Train { "training" } else { "test" });
        let classes = dataset.classes;
        if let Some(images) = dataset.official_images(split).filter(|_| set.classes() != classes) {
            tell(&format!(
                "{dataset} is a subset: {} of {classes} classes, {} of {images} {part} images",
                set.classes(),
                set.len()
            ));
        } else if let Some(images) = dataset.official_images(split).filter(|images| set.len() != *images) {
            tell(&format!("{dataset} is a subset: {} of {images} {part} images", set.len()));
        }
        Ok(set)
    }

    /// Whether a file of that name may be one of the set's: nothing else in its folder is read.
    pub fn reads(&self, path: &Path) -> bool {
        let name =
            path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        self.dataset.reads.iter().any(|ending| name.ends_with(ending))
    }

    /// The folder that was given, for a set that is read from one.
    ///
    /// # Errors
    /// [`DataError::NoFolder`] when none was given.
    pub fn given_folder(&self) -> Result<&Path, DataError> {
        let (dataset, wanted) = (self.dataset.name, self.dataset.folder.unwrap_or("its files"));
        self.dir.as_deref().ok_or(DataError::NoFolder { dataset, wanted })
    }

    /// The number of images that was asked for, for a set that is made.
    ///
    /// # Errors
    /// [`DataError::Setting`] when it is not in `1..=1 000 000`.
    pub fn images(&self, split: Split) -> Result<usize, DataError> {
        let (key, images) = match split {
            Split::Train => ("data.train_images", self.train_images),
            Split::Test => ("data.test_images", self.test_images),
        };
        if (1..=1_000_000).contains(&images) {
            return Ok(images);
        }
        let expected = "a number of images in 1..=1000000";
        Err(DataError::Setting { key, expected, found: images.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CIFAR10, CIFAR100, TINY_IMAGENET};

    #[test]
    fn the_files_of_a_set_are_known_by_their_names() {
        let reads =
            |dataset, name: &str| Source::folder(dataset, "data").reads(&Path::new("data").join(name));
        for name in ["test_batch.bin", "x/DATA_BATCH_1.BIN", "cifar-10-binary (1).tar.gz"] {
            assert!(reads(&CIFAR10, name) && !reads(&TINY_IMAGENET, name), "{name}");
        }
        for name in ["wnids.txt", "train/n01443537/images/n01443537_0.JPEG", "val/val_annotations.txt"] {
            assert!(reads(&TINY_IMAGENET, name) && !reads(&CIFAR100, name), "{name}");
        }
        assert!(!reads(&CIFAR10, "out.safetensors") && !reads(&SYNTHETIC, "a.bin"));
    }
}
