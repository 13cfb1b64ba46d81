//! What a data set is: a name and the facts that belong to it, how it is read, and where it is published.

use crate::{DataError, ImageSet, Normalisation, Source, Split, sets};
use basin_core::{Archive, Extent};
use std::fmt;

/// A data set. The built-in ones stand in a file each below `sets`; another crate's is a `static` of this type.
///
/// The name stands for the content: work on images is taken up again where their bytes are the same, and settings that
/// belong to a data set, such as its channel statistics, are found by it.
#[derive(Clone, Copy)]
pub struct Dataset {
    /// The name on the command line and in results: lower-case words with hyphens.
    pub name: &'static str,
    /// Number of classes of the whole set. A subset may have fewer: see [`ImageSet::classes`].
    pub classes: usize,
    /// Height and width of an image in pixels, and its channels.
    pub extent: Extent,
    /// Training and test images of the official set; none of a set that is made, whose size is a setting.
    pub official: Option<(usize, usize)>,
    /// Statistics of its channels over the training part, used to normalise train and test alike.
    pub normalisation: Normalisation,
    /// What its folder must hold, in words; none of a set that is made.
    pub folder: Option<&'static str>,
    /// How the names of its files end, in lower case: nothing else in its folder is read.
    pub reads: &'static [&'static str],
    /// Reads or makes one part, whole. Where the files are not the published ones, that is told, a line each.
    pub load: Load,
    /// What `fetch` brings, if it may.
    pub archive: Option<&'static Archive>,
}

/// Reads or makes one part of a data set.
pub type Load = fn(&Source, Split, &mut dyn FnMut(&str)) -> Result<ImageSet, DataError>;

impl Dataset {
    /// Every built-in data set, in the order in which they are listed to the user.
    pub const BUILT_IN: [&'static Self; 9] = [
        &sets::SYNTHETIC,
        &sets::SYNTHETIC_100,
        &sets::CIFAR10,
        &sets::CIFAR100,
        &sets::TINY_IMAGENET,
        &sets::MNIST,
        &sets::FASHION_MNIST,
        &sets::EUROSAT,
        &sets::SVHN,
    ];

    /// Images of a part of the official set; none of a set that is made.
    pub fn official_images(&self, split: Split) -> Option<usize> {
        self.official.map(|(train, test)| match split {
            Split::Train => train,
            Split::Test => test,
        })
    }
}

/// Two are one if their names are.
impl PartialEq for Dataset {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Dataset {}

impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dataset").field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Display for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}
