//! Photographs of frost laid over images, where somebody has some.

use crate::view::Given;
use crate::view::picture::Picture;
use basin_core::{Digest, digest};
use basin_data::{DataError, Photograph};
use std::path::Path;

/// Photographs are taken at a fifth of their size: every fifth pixel of every fifth row, which is what OpenCV's bilinear
/// interpolation comes to at this factor.
const FIFTH: usize = 5;
/// The pixel of five on which the interpolation falls.
const MIDDLE: usize = 2;
/// The largest side of an image that frost is laid over: a photograph has at least five times as many pixels.
const LEAST: usize = 32 * FIFTH;

/// Photographs at the size at which they are laid over images. The benchmark has six, of which it draws five; any folder of
/// photographs of frost serves, and of all in it one is drawn for each image.
#[derive(Debug, PartialEq, Eq)]
pub struct Frost {
    photographs: Vec<Photograph>,
    digest: Digest,
}

impl Frost {
    /// Reads a folder.
    ///
    /// # Errors
    /// As [`Photograph::folder`]; each side must have at least 160 pixels.
    pub fn open(dir: &Path) -> Result<Self, DataError> {
        let whole = Photograph::folder(dir, LEAST)?;
        let digests: Vec<String> = whole.iter().map(|one| one.digest().to_string()).collect();
        let photographs = whole.iter().map(reduced).collect();
        Ok(Self { photographs, digest: digest(digests.iter().map(|one| one.as_bytes())) })
    }

    /// Content hash of all photographs in their order.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The smallest side of a photograph: larger images find no place in it.
    pub(crate) fn side(&self) -> usize {
        self.photographs.iter().map(|one| one.width.min(one.height)).min().unwrap_or(0)
    }
}

fn reduced(whole: &Photograph) -> Photograph {
    // OpenCV rounds the size; the last pixel taken lies inside either way.
    let fifth = |side: usize| (side as f64 / FIFTH as f64).round_ties_even() as usize;
    let (width, height) = (fifth(whole.width), fifth(whole.height));
    let mut pixels = Vec::with_capacity(3 * width * height);
    for row in 0..height {
        for column in 0..width {
            let at = 3 * ((FIFTH * row + MIDDLE) * whole.width + FIFTH * column + MIDDLE);
            pixels.extend_from_slice(&whole.pixels[at..at + 3]);
        }
    }
    Photograph { width, height, pixels }
}

/// a · x + b · a random square of a random photograph, on the scale of bytes.
pub(super) fn frost(picture: &mut Picture, given: &Given<'_>) {
    let (&[image, ice], Some(frost)) = (given.values, given.frost) else { return };
    let (mut rng, side) = (given.rng(), picture.side);
    let photograph = &frost.photographs[rng.below(frost.photographs.len() as u32) as usize];
    // The last place is left out, as numpy's `randint` does; a photograph as large as the image has one place.
    let place = |whole: usize, rng: &mut basin_core::Rng| rng.below(((whole - side) as u32).max(1)) as usize;
    let top = place(photograph.height, &mut rng);
    let left = place(photograph.width, &mut rng);
    for (i, x) in picture.pixels.iter_mut().enumerate() {
        let (row, column) = (i / 3 / side, i / 3 % side);
        let over = photograph.pixels[3 * ((top + row) * photograph.width + left + column) + i % 3];
        *x = (image * f64::from(*x) + ice * f64::from(over)).clamp(0.0, 255.0) as u8;
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::View;
    use basin_data::{ImageSet, Normalisation};
    use std::sync::Arc;

    /// A pixel of photograph `which`, by a formula.
    fn ice(which: usize, row: usize, column: usize, channel: usize) -> u8 {
        ((which * 90 + 7 * row * row + 13 * column * column + 3 * row * column + 70 * channel) % 251) as u8
    }

    /// Two photographs, of 163 × 200 and of 201 × 170 pixels, in a folder of their own.
    pub(crate) fn photographs() -> (tempfile::TempDir, Arc<Frost>) {
        let folder = tempfile::tempdir().unwrap();
        for (which, (width, height)) in [(163, 200), (201, 170)].into_iter().enumerate() {
            let value =
                |i: u32| ice(which, (i / 3 / width) as usize, (i / 3 % width) as usize, (i % 3) as usize);
            let pixels = (0..3 * width * height).map(value).collect();
            let image = image::RgbImage::from_raw(width, height, pixels).unwrap();
            image.save(folder.path().join(format!("{which}.png"))).unwrap();
        }
        let frost = Arc::new(Frost::open(folder.path()).unwrap());
        (folder, frost)
    }

    #[test]
    fn an_image_lies_below_a_square_of_a_fifth_of_a_photograph() {
        let (_folder, frost) = photographs();
        // 163 / 5 is 32.6: OpenCV has 33 columns of it.
        let sizes: Vec<_> = frost.photographs.iter().map(|one| (one.width, one.height)).collect();
        assert_eq!((sizes, frost.side()), (vec![(33, 40), (40, 34)], 33));
        let set = ImageSet::new(32, 10, vec![100; 40 * 3072], vec![0; 40]).unwrap();
        let all: Vec<usize> = (0..40).collect();
        let view = View::parse("frost:3@5").unwrap().with_frost(frost.clone());
        let seen = view.apply(&set, &all, &Normalisation::CIFAR10).unwrap();
        let mut drawn = std::collections::BTreeSet::new();
        for image in 0..40 {
            // Where a square lies shows in all of its pixels.
            let lies = |which: usize, top: usize, left: usize| {
                seen.image(image).iter().enumerate().all(|(i, found)| {
                    let (row, column) = (top + i / 96, left + i / 3 % 32);
                    let over = f64::from(ice(which, 5 * row + 2, 5 * column + 2, i % 3));
                    *found == (0.9 * 100.0 + 0.4 * over).min(255.0) as u8
                })
            };
            let places =
                (0..2).flat_map(|which| (0..8).flat_map(move |t| (0..8).map(move |l| (which, t, l))));
            let found: Vec<_> = places.filter(|(which, top, left)| lies(*which, *top, *left)).collect();
            assert_eq!(found.len(), 1, "image {image}: {found:?}");
            let (which, top, left) = found[0];
            let (width, height) = (frost.photographs[which].width, frost.photographs[which].height);
            assert!(left < width - 32 && top < height - 32, "image {image}: {found:?}");
            drawn.insert(found[0]);
        }
        assert!(drawn.len() > 10 && drawn.iter().any(|one| one.0 == 0) && drawn.iter().any(|one| one.0 == 1));
    }

    #[test]
    fn without_photographs_or_with_small_ones_frost_is_refused() {
        let (folder, frost) = photographs();
        let view = View::parse("frost:1").unwrap();
        let told = |view: &View, side: usize| view.turned(side.into(), 10).unwrap_err().to_string();
        assert_eq!(
            told(&view, 32),
            "view \"frost:1\": the photographs must be those of a folder; set data.frost_dir, or leave this view out, found none"
        );
        let cold = view.with_frost(frost.clone());
        assert!(
            told(&cold, 64).ends_with("must be at least 64 pixels a side at a fifth of their size, found 33")
        );
        assert!(cold.turned(32.into(), 10).is_ok() && cold.needs_photographs());
        // Other photographs are another digest.
        std::fs::remove_file(folder.path().join("0.png")).unwrap();
        assert_ne!(Frost::open(folder.path()).unwrap().digest(), frost.digest());
    }
}
