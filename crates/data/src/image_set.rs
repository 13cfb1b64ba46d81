//! Images and labels in memory: what every data set becomes once it is loaded.

use crate::DataError;
use basin_core::{Digest, Extent, digest};
use std::sync::Arc;

/// Channels of a colour image: red, green, blue.
pub(crate) const CHANNELS: usize = 3;

/// Square images of one channel or of three (red, green, blue) with their classes: `u8`, NHWC,
/// `[n, size, size, channels]`, and `[n]` labels in `0..classes`. At least one image; immutable once made, so that clones
/// share their memory.
#[derive(Clone, PartialEq, Eq)]
pub struct ImageSet {
    extent: Extent,
    classes: usize,
    images: Arc<Vec<u8>>,
    labels: Arc<Vec<u32>>,
}

impl ImageSet {
    /// Wraps pixels `[n, size, size, channels]` and labels `[n]`. A bare size is that of colour images.
    ///
    /// # Errors
    /// [`DataError::Set`] when there is no image, when an image has neither one channel nor three, when the pixels are
    /// not whole images, one per label, or when a label is not in `0..classes`.
    pub fn new(
        extent: impl Into<Extent>,
        classes: usize,
        images: Vec<u8>,
        labels: Vec<u32>,
    ) -> Result<Self, DataError> {
        let extent = extent.into();
        let Extent { side: size, channels } = extent;
        let wrong = |what, expected: String, found: String| Err(DataError::Set { what, expected, found });
        if size == 0 || labels.is_empty() {
            return wrong(
                "image set",
                "at least one image of at least one pixel".into(),
                format!("{} images of {size}x{size} pixels", labels.len()),
            );
        }
        if channels != 1 && channels != CHANNELS {
            return wrong("channels of an image", "1 or 3".into(), channels.to_string());
        }
        let wanted = size
            .checked_mul(size)
            .and_then(|n| n.checked_mul(channels))
            .and_then(|n| n.checked_mul(labels.len()));
        if wanted != Some(images.len()) {
            return wrong(
                "pixel bytes",
                format!("{} images of {size}x{size}x{channels} bytes", labels.len()),
                format!("{} bytes", images.len()),
            );
        }
        if let Some((i, label)) = labels.iter().enumerate().find(|(_, label)| **label as usize >= classes) {
            return wrong("label", format!("0..{classes}"), format!("{label} at image {i}"));
        }
        Ok(Self { extent, classes, images: Arc::new(images), labels: Arc::new(labels) })
    }

    /// Number of images n, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a set is never empty")]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Height and width of an image in pixels.
    pub fn size(&self) -> usize {
        self.extent.side
    }

    /// Channels of a pixel: 1 or 3.
    pub fn channels(&self) -> usize {
        self.extent.channels
    }

    /// Size and channels of an image.
    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// Number of classes; a label is below it.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Pixels of image `i`, `[size, size, channels]`.
    ///
    /// # Panics
    /// When `i >= self.len()`.
    pub fn image(&self, i: usize) -> &[u8] {
        let bytes = self.extent.values();
        &self.images[i * bytes..][..bytes]
    }

    /// All pixels, `[n, size, size, channels]`.
    pub fn images(&self) -> &[u8] {
        &self.images
    }

    /// All labels, `[n]`.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// The first `n` images, to limit work.
    ///
    /// # Errors
    /// [`DataError::Set`] when `n` is 0 or above [`ImageSet::len`].
    pub fn take(&self, n: usize) -> Result<Self, DataError> {
        if n == 0 || n > self.len() {
            let expected = format!("1..={}", self.len());
            return Err(DataError::Set { what: "number of images", expected, found: n.to_string() });
        }
        let bytes = self.extent.values();
        Ok(Self {
            extent: self.extent,
            classes: self.classes,
            images: Arc::new(self.images[..n * bytes].to_vec()),
            labels: Arc::new(self.labels[..n].to_vec()),
        })
    }

    /// The images with these numbers, in this order.
    ///
    /// # Errors
    /// [`DataError::Set`] when there are none.
    ///
    /// # Panics
    /// When a number is not below [`ImageSet::len`].
    pub fn pick(&self, chosen: &[usize]) -> Result<Self, DataError> {
        let images = chosen.iter().flat_map(|&i| self.image(i)).copied().collect();
        let labels = chosen.iter().map(|&i| self.labels[i]).collect();
        Self::new(self.extent, self.classes, images, labels)
    }

    /// Content hash over extent, classes, pixels and labels: the set's identity in the name of a piece of
    /// work. Three channels are understood, so that the names of colour sets stay what they were. Costs about a second
    /// per 300 MB.
    pub fn digest(&self) -> Digest {
        let labels: Vec<u8> = self.labels.iter().flat_map(|label| label.to_le_bytes()).collect();
        let [size, classes, channels] =
            [self.size(), self.classes, self.channels()].map(|n| (n as u64).to_le_bytes());
        let colour = [&b"image set 1"[..], &size, &classes, &self.images, &labels];
        match self.channels() {
            CHANNELS => digest(colour),
            _ => digest(colour.into_iter().chain([&b"channels"[..], &channels])),
        }
    }
}

impl std::fmt::Debug for ImageSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { extent, classes, labels, .. } = self;
        write!(f, "ImageSet({} images, {extent}, {classes} classes)", labels.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn four() -> ImageSet {
        ImageSet::new(2, 3, (0..48).collect(), vec![0, 1, 2, 1]).unwrap()
    }

    #[test]
    fn an_image_is_its_slice_of_the_pixels() {
        assert_eq!(four().image(1), (12..24).collect::<Vec<u8>>());
    }

    #[test]
    fn a_prefix_keeps_images_labels_and_classes() {
        let two = four().take(2).unwrap();
        assert_eq!((two.len(), two.classes(), two.labels()), (2, 3, &[0, 1][..]));
        assert_eq!(two.images(), &four().images()[..24]);
        assert!(four().take(4).unwrap() == four());
        assert!(four().take(0).is_err());
        assert_eq!(four().take(5).unwrap_err().to_string(), "number of images: expected 1..=4, found 5");
    }

    #[test]
    fn what_is_no_set_is_refused() {
        assert!(ImageSet::new(2, 3, vec![0; 13], vec![0]).is_err());
        assert!(ImageSet::new(2, 3, vec![], vec![]).is_err());
        assert!(ImageSet::new(usize::MAX, 3, vec![0; 12], vec![0]).is_err());
        let error = ImageSet::new(1, 3, vec![0; 6], vec![0, 3]).unwrap_err().to_string();
        assert!(error.starts_with("label: expected 0..3, found 3 at image 1"), "{error}");
    }

    #[test]
    fn the_digest_sees_pixels_labels_and_classes() {
        let base = four().digest();
        let mut pixels = four().images().to_vec();
        pixels[7] ^= 1;
        assert_ne!(ImageSet::new(2, 3, pixels, vec![0, 1, 2, 1]).unwrap().digest(), base);
        assert_ne!(ImageSet::new(2, 3, four().images().to_vec(), vec![0, 1, 2, 0]).unwrap().digest(), base);
        assert_ne!(ImageSet::new(2, 4, four().images().to_vec(), vec![0, 1, 2, 1]).unwrap().digest(), base);
        // What earlier builds named their work by.
        assert_eq!(base.to_string(), "2e9597c546e540b26115cd66ffe6c4548cd7f52176fc7976cf8bdc4d622c92c0");
        let grey =
            ImageSet::new(Extent::grey(2), 3, four().images()[..16].to_vec(), vec![0, 1, 2, 1]).unwrap();
        let other = ImageSet::new(Extent::colour(4), 3, four().images().to_vec(), vec![0]).unwrap();
        assert!(![base, other.digest()].contains(&grey.digest()));
        assert_ne!(grey.digest(), four().take(1).unwrap().digest());
    }

    #[test]
    fn one_channel_is_one_channel() {
        let grey = ImageSet::new(Extent::grey(2), 3, (0..16).collect(), vec![0, 1, 2, 1]).unwrap();
        assert_eq!((grey.size(), grey.channels(), grey.extent()), (2, 1, Extent::grey(2)));
        assert_eq!(grey.image(1), [4, 5, 6, 7]);
        assert_eq!(grey.take(3).unwrap().images().len(), 12);
        assert_eq!(grey.pick(&[2, 0]).unwrap().images(), [8, 9, 10, 11, 0, 1, 2, 3]);
        assert_eq!(format!("{grey:?}"), "ImageSet(4 images, 2×2×1, 3 classes)");
        let error = ImageSet::new(Extent { side: 2, channels: 2 }, 3, vec![0; 8], vec![0]).unwrap_err();
        assert_eq!(error.to_string(), "channels of an image: expected 1 or 3, found 2");
    }
}
