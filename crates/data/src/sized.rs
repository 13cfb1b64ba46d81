//! Images of another size than they are published in.

use crate::{DataError, ImageSet};
use basin_core::Extent;

impl ImageSet {
    /// The images at half their height and width: each pixel the rounded mean of four.
    ///
    /// # Errors
    /// [`DataError::Set`] when the size is odd.
    pub fn halved(&self) -> Result<Self, DataError> {
        let Extent { side: from, channels } = self.extent();
        let size = from / 2;
        if !from.is_multiple_of(2) {
            let expected = "an even image size".to_owned();
            return Err(DataError::Set { what: "image to halve", expected, found: format!("{from} pixels") });
        }
        let mut images = Vec::with_capacity(self.images().len() / 4);
        for image in self.images().chunks_exact(self.extent().values()) {
            let at = |row: usize, col: usize, channel: usize| {
                u16::from(image[(row * from + col) * channels + channel])
            };
            for (row, col) in (0..size * size).map(|pixel| (2 * (pixel / size), 2 * (pixel % size))) {
                images.extend((0..channels).map(|c| {
                    let sum =
                        at(row, col, c) + at(row, col + 1, c) + at(row + 1, col, c) + at(row + 1, col + 1, c);
                    ((sum + 2) / 4) as u8
                }));
            }
        }
        Self::new(Extent { side: size, channels }, self.classes(), images, self.labels().to_vec())
    }

    /// Each image in the middle of a black one of `side` pixels; where the border is odd, the larger part is below and on
    /// the right.
    ///
    /// # Errors
    /// [`DataError::Setting`] when the images are larger than that.
    pub fn padded(&self, side: usize) -> Result<Self, DataError> {
        let Extent { side: from, channels } = self.extent();
        let Some(border) = side.checked_sub(from) else {
            let expected = "0 or at least the side of the images, in pixels";
            return Err(DataError::Setting { key: "data.padded", expected, found: side.to_string() });
        };
        let (to, row) = (Extent { side, channels }, from * channels);
        let mut images = vec![0; self.len() * to.values()];
        let outer = images.chunks_exact_mut(to.values());
        for (image, out) in self.images().chunks_exact(self.extent().values()).zip(outer) {
            for (y, pixels) in image.chunks_exact(row).enumerate() {
                let at = ((border / 2 + y) * side + border / 2) * channels;
                out[at..at + row].copy_from_slice(pixels);
            }
        }
        Self::new(to, self.classes(), images, self.labels().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey() -> ImageSet {
        ImageSet::new(Extent::grey(2), 3, (1..=8).collect(), vec![0, 2]).unwrap()
    }

    #[test]
    fn half_an_image_is_the_mean_of_four_pixels() {
        let halved = grey().halved().unwrap();
        assert_eq!((halved.extent(), halved.images()), (Extent::grey(1), &[3, 7][..]));
        assert!(halved.halved().is_err());
    }

    #[test]
    fn a_padded_image_lies_in_the_middle() {
        let padded = grey().padded(5).unwrap();
        assert_eq!((padded.extent(), padded.labels()), (Extent::grey(5), &[0, 2][..]));
        let expected = [0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(padded.image(0), expected);
        let colour = ImageSet::new(1, 1, vec![7, 8, 9], vec![0]).unwrap().padded(2).unwrap();
        assert_eq!(colour.images(), [7, 8, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert!(grey().padded(2).unwrap() == grey());
        let error = grey().padded(1).unwrap_err().to_string();
        assert_eq!(
            error,
            "data.padded is 1, expected 0 or at least the side of the images, in pixels; change --set data.padded"
        );
    }
}
