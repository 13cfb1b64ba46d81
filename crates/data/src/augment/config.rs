//! The settings of augmentation, with their ranges.

use crate::DataError;

/// What is changed at random in training images: in each by itself ([`crate::augment`] says in which order; then, behind
/// the normalisation, comes what is erased), and then in the images of a batch by each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AugmentConfig {
    /// Probability of a horizontal flip, in `0..=1`.
    pub flip: f64,
    /// Zero pixels put around the image before a random crop of the original extent, in `0..=32`.
    pub crop_padding: usize,
    /// Changes of colour.
    pub jitter: Jitter,
    /// Range of the zoom factor, each in `0.1..=10`, drawn log-uniformly; above 1 magnifies. The centre is
    /// uniform over the positions where image and crop cover each other. Bilinear, zeros outside.
    pub zoom: Option<(f64, f64)>,
    /// Largest rotation to either side in degrees, in `0..=180`; uniform, bilinear, zeros outside.
    pub rotation_degrees: f64,
    /// Probability in `0..=1` with which a rectangle of an image is erased (Zhong et al., arXiv 1708.04896): of 0.02 to 1/3
    /// of its area, 0.3 to 1/0.3 times as tall as wide, drawn log-uniformly, so that flat and tall ones come alike (the paper
    /// draws it uniformly), at a uniform place. Its pixels become 0 behind the normalisation: the mean colour that this
    /// takes away. To a convolution without a bias these are zeros that have no variance, which a LayerNorm behind it blows up
    /// by 1/√ε: what rounding makes of a ResNet's training grows faster with it.
    pub erasing: f64,
    /// α of mixup in `0..=100`, 0 for none: every image of a batch becomes λ of itself and 1 − λ of another one of the
    /// batch, λ drawn from Beta(α, α) for the batch; so does its label.
    pub mixup: f64,
    /// α of CutMix in `0..=100`, 0 for none: a square of every image, of 1 − λ of its area before it is cut off at the sides,
    /// comes from another one of the batch. Labels are mixed by the areas that are seen. With mixup beside it, each batch has
    /// the one or the other, at even odds.
    pub cutmix: f64,
}

/// Strengths of colour changes, as torchvision's `ColorJitter`: the four are applied in random order, the
/// factors of the first three drawn from `[max(0, 1 − x), 1 + x]`, the hue shift from `[−x, x]` turns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Jitter {
    /// Scale of all channels, in `0..=10`.
    pub brightness: f64,
    /// Distance from the image's mean grey, in `0..=10`.
    pub contrast: f64,
    /// Distance of each pixel from its own grey, in `0..=10`.
    pub saturation: f64,
    /// Shift on the colour wheel in turns, in `0..=0.5`.
    pub hue: f64,
}

impl Jitter {
    /// Colours stay as they are.
    pub const NONE: Self = Self { brightness: 0.0, contrast: 0.0, saturation: 0.0, hue: 0.0 };

    pub(crate) fn is_none(&self) -> bool {
        *self == Self::NONE
    }
}

impl AugmentConfig {
    /// Images stay as they are.
    pub fn none() -> Self {
        Self {
            flip: 0.0,
            crop_padding: 0,
            jitter: Jitter::NONE,
            zoom: None,
            rotation_degrees: 0.0,
            erasing: 0.0,
            mixup: 0.0,
            cutmix: 0.0,
        }
    }

    /// "Random horizontal flips, random crops and colour jitter" of the paper (Appendix C), which gives no
    /// numbers. Flip 0.5 and padding 4 are the custom for CIFAR; the four jitter strengths of 0.1 are a guess,
    /// the defaults of augmax, on which git-re-basin's training code rests.
    pub fn paper() -> Self {
        let jitter = Jitter { brightness: 0.1, contrast: 0.1, saturation: 0.1, hue: 0.1 };
        Self { flip: 0.5, crop_padding: 4, jitter, ..Self::none() }
    }

    /// The chain in git-re-basin's ResNet training (Ainsworth et al., arXiv 2209.04836, code): zoom between 0.8
    /// and 1.2, flip, rotation up to 30°. Later releases of augmax raise the lower zoom limit to 1 when the
    /// crop has the extent of the image; that is `zoom: Some((1.0, 1.2))`.
    pub fn git_rebasin() -> Self {
        Self { flip: 0.5, zoom: Some((0.8, 1.2)), rotation_degrees: 30.0, ..Self::none() }
    }

    /// Whether images of a batch are mixed with each other.
    pub fn mixes(&self) -> bool {
        self.mixup > 0.0 || self.cutmix > 0.0
    }

    /// Checks every range.
    ///
    /// # Errors
    /// [`DataError::Setting`] names the first key outside its range.
    pub fn check(&self) -> Result<(), DataError> {
        let within = |key, value: f64, low: f64, high: f64, expected| {
            // A NaN is in no range.
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(DataError::Setting { key, expected, found: value.to_string() })
        };
        let strength = "a strength in 0..=10";
        within("augment.flip", self.flip, 0.0, 1.0, "a probability in 0..=1")?;
        within("augment.crop_padding", self.crop_padding as f64, 0.0, 32.0, "pixels in 0..=32")?;
        within("augment.jitter.brightness", self.jitter.brightness, 0.0, 10.0, strength)?;
        within("augment.jitter.contrast", self.jitter.contrast, 0.0, 10.0, strength)?;
        within("augment.jitter.saturation", self.jitter.saturation, 0.0, 10.0, strength)?;
        within("augment.jitter.hue", self.jitter.hue, 0.0, 0.5, "turns in 0..=0.5")?;
        within("augment.rotation_degrees", self.rotation_degrees, 0.0, 180.0, "degrees in 0..=180")?;
        within("augment.erasing", self.erasing, 0.0, 1.0, "a probability in 0..=1")?;
        within("augment.mixup", self.mixup, 0.0, 100.0, "α in 0..=100")?;
        within("augment.cutmix", self.cutmix, 0.0, 100.0, "α in 0..=100")?;
        if let Some((low, high)) = self.zoom {
            let expected = "two factors in 0.1..=10, the smaller one first";
            within("augment.zoom", low, 0.1, 10.0, expected)?;
            within("augment.zoom", high, low, 10.0, expected)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_configurations_are_valid() {
        for config in [AugmentConfig::none(), AugmentConfig::paper(), AugmentConfig::git_rebasin()] {
            config.check().unwrap();
        }
    }

    #[test]
    fn a_value_outside_its_range_names_key_range_and_value() {
        let base = AugmentConfig::paper();
        let jitter = |jitter| AugmentConfig { jitter, ..base };
        let wrong = [
            ("augment.flip", AugmentConfig { flip: 1.5, ..base }),
            ("augment.flip", AugmentConfig { flip: f64::NAN, ..base }),
            ("augment.crop_padding", AugmentConfig { crop_padding: 33, ..base }),
            ("augment.jitter.brightness", jitter(Jitter { brightness: -0.1, ..base.jitter })),
            ("augment.jitter.contrast", jitter(Jitter { contrast: f64::INFINITY, ..base.jitter })),
            ("augment.jitter.saturation", jitter(Jitter { saturation: 11.0, ..base.jitter })),
            ("augment.jitter.hue", jitter(Jitter { hue: 0.51, ..base.jitter })),
            ("augment.rotation_degrees", AugmentConfig { rotation_degrees: 181.0, ..base }),
            ("augment.erasing", AugmentConfig { erasing: 1.01, ..base }),
            ("augment.mixup", AugmentConfig { mixup: -0.1, ..base }),
            ("augment.cutmix", AugmentConfig { cutmix: f64::NAN, ..base }),
            ("augment.zoom", AugmentConfig { zoom: Some((0.0, 1.0)), ..base }),
            ("augment.zoom", AugmentConfig { zoom: Some((1.2, 0.8)), ..base }),
        ];
        for (expected, config) in wrong {
            let Err(DataError::Setting { key, .. }) = config.check() else { panic!("{config:?} passed") };
            assert_eq!(key, expected);
        }
        assert_eq!(
            wrong[0].1.check().unwrap_err().to_string(),
            "augment.flip is 1.5, expected a probability in 0..=1; change --set augment.flip"
        );
    }
}
