//! Procedural images of 10 or 100 classes, made from a seed.

use crate::{DataError, Dataset, ImageSet, Normalisation, Source, Split, synthetic};
use basin_core::Extent;

/// Procedural 32×32 images of 10 classes.
pub static SYNTHETIC: Dataset = Dataset {
    name: "synthetic",
    classes: 10,
    extent: Extent::colour(synthetic::SIZE),
    official: None,
    normalisation: Normalisation::SYNTHETIC,
    folder: None,
    reads: &[],
    load,
    archive: None,
};

/// Procedural 32×32 images of 100 classes.
pub static SYNTHETIC_100: Dataset = Dataset { name: "synthetic-100", classes: 100, ..SYNTHETIC };

fn load(source: &Source, split: Split, _: &mut dyn FnMut(&str)) -> Result<ImageSet, DataError> {
    synthetic::generate(source.dataset.classes, source.seed, split, source.images(split)?)
}
