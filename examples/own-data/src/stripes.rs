//! Stripes in four directions under noise, made from a seed. A set that is read from files has a `folder`, takes it from
//! `source.given_folder()`, and may name the `archive` that `fetch` brings.

use basin_core::SeedTree;
use basin_data::{DataError, Dataset, Extent, ImageSet, Normalisation, Source, Split};

/// 16×16 pixels of three channels, 4 classes.
pub static STRIPES: Dataset = Dataset {
    name: "stripes",
    classes: 4,
    extent: Extent::colour(16),
    official: None,
    normalisation: Normalisation::HALF,
    folder: None,
    reads: &[],
    load,
    archive: None,
};

fn load(source: &Source, split: Split, _: &mut dyn FnMut(&str)) -> Result<ImageSet, DataError> {
    let (side, classes, n) = (STRIPES.extent.side, STRIPES.classes, source.images(split)?);
    let mut rng = SeedTree::root(source.seed).child("stripes").child(split.name()).rng();
    let (mut pixels, mut labels) = (Vec::with_capacity(n * side * side * 3), Vec::with_capacity(n));
    for i in 0..n {
        let (class, phase) = (i % classes, rng.below(4));
        for (row, column) in (0..side * side).map(|pixel| (pixel / side, pixel % side)) {
            let along = [row, column, row + column, row + side - column][class] as u32;
            let bright = if (along + phase) % 4 < 2 { 160 } else { 96 };
            // Noise of up to 64 on either side.
            pixels.extend((0..3).map(|_| (bright - 64 + rng.below(129)).min(255) as u8));
        }
        labels.push(class as u32);
    }
    ImageSet::new(side, classes, pixels, labels)
}
