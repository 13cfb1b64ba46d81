//! The names of the data sets and the facts that belong to a name.

use crate::{DataError, Normalisation, Split};
use std::fmt;
use std::str::FromStr;

/// A data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DatasetId {
    /// Procedural 32×32 images of 10 classes, made from a seed.
    Synthetic10,
    /// Procedural 32×32 images of 100 classes, made from a seed.
    Synthetic100,
    /// CIFAR-10 (Krizhevsky, 2009): 50 000 + 10 000 images, 32×32.
    Cifar10,
    /// CIFAR-100 (Krizhevsky, 2009), fine labels: 50 000 + 10 000 images, 32×32.
    Cifar100,
    /// Tiny ImageNet (Le and Yang, 2015): 100 000 + 10 000 images, 64×64, 200 classes.
    TinyImagenet,
}

impl DatasetId {
    /// All data sets, in the order they are listed to the user.
    pub const ALL: [Self; 5] =
        [Self::Synthetic10, Self::Synthetic100, Self::Cifar10, Self::Cifar100, Self::TinyImagenet];

    /// The name on the command line and in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Synthetic10 => "synthetic",
            Self::Synthetic100 => "synthetic-100",
            Self::Cifar10 => "cifar10",
            Self::Cifar100 => "cifar100",
            Self::TinyImagenet => "tiny-imagenet",
        }
    }

    /// Number of classes of the whole set. A subset of Tiny ImageNet may have fewer: see
    /// [`crate::ImageSet::classes`].
    pub fn classes(self) -> usize {
        match self {
            Self::Synthetic10 | Self::Cifar10 => 10,
            Self::Synthetic100 | Self::Cifar100 => 100,
            Self::TinyImagenet => 200,
        }
    }

    /// Images of a part of the official set; none of a synthetic one, whose size is a setting.
    pub fn official_images(self, split: Split) -> Option<usize> {
        match (self, split) {
            (Self::Synthetic10 | Self::Synthetic100, _) => None,
            (Self::Cifar10 | Self::Cifar100, Split::Train) => Some(50_000),
            (Self::TinyImagenet, Split::Train) => Some(100_000),
            (Self::Cifar10 | Self::Cifar100 | Self::TinyImagenet, Split::Test) => Some(10_000),
        }
    }

    /// Height and width of an image in pixels.
    pub fn image_size(self) -> usize {
        if self == Self::TinyImagenet { 64 } else { 32 }
    }

    /// Channel statistics of the training part, used to normalise train and test alike.
    pub fn normalisation(self) -> Normalisation {
        match self {
            Self::Synthetic10 | Self::Synthetic100 => Normalisation::SYNTHETIC,
            Self::Cifar10 => Normalisation::CIFAR10,
            Self::Cifar100 => Normalisation::CIFAR100,
            Self::TinyImagenet => Normalisation::IMAGENET,
        }
    }
}

impl fmt::Display for DatasetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for DatasetId {
    type Err = DataError;

    fn from_str(name: &str) -> Result<Self, DataError> {
        if let Some(id) = Self::ALL.into_iter().find(|id| id.name() == name) {
            return Ok(id);
        }
        let nearest = Self::ALL
            .into_iter()
            .min_by_key(|id| edit_distance(id.name(), name))
            .expect("the list of data sets is not empty");
        let valid = Self::ALL.map(Self::name).join(", ");
        Err(DataError::UnknownDataset { name: name.to_owned(), valid, nearest })
    }
}

/// Levenshtein distance in characters, over one row of the table.
fn edit_distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.chars().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.chars().count()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back() {
        for id in DatasetId::ALL {
            assert_eq!(id.to_string().parse::<DatasetId>().unwrap(), id);
        }
    }

    #[test]
    fn an_unknown_name_lists_the_valid_ones_and_the_nearest() {
        let error = "cifar-10".parse::<DatasetId>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown data set \"cifar-10\", expected one of synthetic, synthetic-100, cifar10, cifar100, \
             tiny-imagenet; did you mean cifar10?"
        );
    }

    #[test]
    fn edit_distance_counts_single_changes() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "abc"), 3);
    }
}
