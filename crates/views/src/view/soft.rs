//! Softer images: MNIST that looks like USPS, without a second download.

use super::given::Given;
use super::picture::Picture;
use crate::corruptions::{blur as blurring, digital};

/// See [`digital::contrast`].
pub(super) fn low_contrast(picture: &mut Picture, given: &Given<'_>) {
    digital::contrast(picture, given);
}

/// See [`blurring::gaussian_blur`].
pub(super) fn blur(picture: &mut Picture, given: &Given<'_>) {
    blurring::gaussian_blur(picture, given);
}
