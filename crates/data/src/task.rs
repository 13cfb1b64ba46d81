//! What the images of a set are told apart by, where that is not all of its classes: some of them, or how images are turned.

use crate::{DataError, ImageSet};
use basin_core::Extent;
use std::ops::RangeInclusive;

/// Quarter turns of an image, its own position among them.
const TURNS: usize = 4;

impl ImageSet {
    /// The images of some classes in a row, which become classes 0, 1 and so on: a part of a set as a set of its own, such as 60
    /// of CIFAR-100's classes to train on before the other 40.
    ///
    /// # Errors
    /// [`DataError::Set`] when these are not classes of the set, fewer than two, or no image has one.
    pub fn of_classes(&self, classes: RangeInclusive<usize>) -> Result<Self, DataError> {
        let (first, last) = (*classes.start(), *classes.end());
        if first >= last || last >= self.classes() {
            let expected = format!("two classes or more, in 0-{}", self.classes() - 1);
            return Err(DataError::Set { what: "classes", expected, found: format!("{first}-{last}") });
        }
        let labels = self.labels().iter().enumerate();
        let chosen: Vec<usize> =
            labels.filter(|(_, label)| classes.contains(&(**label as usize))).map(|(i, _)| i).collect();
        if chosen.is_empty() {
            let expected = format!("images of classes {first}-{last}");
            return Err(DataError::Set { what: "classes", expected, found: "no image of these".into() });
        }
        let images = chosen.iter().flat_map(|&i| self.image(i)).copied().collect();
        let labels = chosen.iter().map(|&i| self.labels()[i] - first as u32).collect();
        Self::new(self.extent(), last - first + 1, images, labels)
    }

    /// Every image four times, turned by 0, 90, 180 and 270 degrees counter-clockwise, which are the classes 0 to 3: what a network
    /// learns from without labels (Gidaris, Singh, Komodakis 2018, "Unsupervised Representation Learning by Predicting Image
    /// Rotations", 1803.07728).
    ///
    /// # Errors
    /// As [`ImageSet::new`].
    pub fn rotations(&self) -> Result<Self, DataError> {
        let extent = self.extent();
        let mut images = Vec::with_capacity(TURNS * self.images().len());
        for image in (0..self.len()).map(|i| self.image(i)) {
            let mut turned = image.to_vec();
            for _ in 0..TURNS {
                images.extend_from_slice(&turned);
                turned = quarter_turn(&turned, extent);
            }
        }
        let labels = (0..self.len()).flat_map(|_| 0..TURNS as u32).collect();
        Self::new(extent, TURNS, images, labels)
    }
}

/// An image turned by 90 degrees counter-clockwise: its last column becomes its first row.
fn quarter_turn(image: &[u8], Extent { side, channels }: Extent) -> Vec<u8> {
    let pixels = (0..side).flat_map(|row| (0..side).map(move |col| (col, side - 1 - row)));
    pixels.flat_map(|(row, col)| &image[(row * side + col) * channels..][..channels]).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> ImageSet {
        ImageSet::new(Extent::grey(2), 4, (1..=16).collect(), vec![3, 1, 2, 1]).unwrap()
    }

    #[test]
    fn some_classes_become_a_set_of_their_own() {
        let part = set().of_classes(1..=2).unwrap();
        assert_eq!((part.classes(), part.labels()), (2, &[0, 1, 0][..]));
        assert_eq!(part.images(), (5..=16).collect::<Vec<u8>>());
        assert!(set().of_classes(0..=3).unwrap() == set());
        for (classes, found) in [(2..=2, "2-2"), (1..=4, "1-4")] {
            let error = set().of_classes(classes).unwrap_err().to_string();
            assert_eq!(error, format!("classes: expected two classes or more, in 0-3, found {found}"));
        }
        let none = ImageSet::new(Extent::grey(1), 4, vec![0], vec![0]).unwrap().of_classes(1..=2);
        assert_eq!(
            none.unwrap_err().to_string(),
            "classes: expected images of classes 1-2, found no image of these"
        );
    }

    #[test]
    fn turns_are_counter_clockwise_and_four_are_none() {
        let turned =
            ImageSet::new(Extent::grey(2), 4, vec![1, 2, 3, 4], vec![3]).unwrap().rotations().unwrap();
        assert_eq!((turned.classes(), turned.labels()), (4, &[0, 1, 2, 3][..]));
        let images: Vec<&[u8]> = (0..4).map(|i| turned.image(i)).collect();
        assert_eq!(images, [[1, 2, 3, 4], [2, 4, 1, 3], [4, 3, 2, 1], [3, 1, 4, 2]]);
        // As numpy's rot90 of an image of three channels.
        let colour = ImageSet::new(2, 1, (0..12).collect(), vec![0]).unwrap().rotations().unwrap();
        assert_eq!(colour.image(1), [3, 4, 5, 9, 10, 11, 0, 1, 2, 6, 7, 8]);
    }
}
