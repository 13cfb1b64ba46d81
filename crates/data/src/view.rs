//! What becomes of the pixels of a set before anybody sees them: views, by name. A new one is a function and a line of
//! [`View::ALL`].

use crate::image_set::CHANNELS;
use crate::{DataError, ImageSet};
use std::fmt;

/// A pure function of images.
#[derive(Clone, Copy)]
pub struct View {
    /// The name that a [`basin_core::DataRef`] has it by.
    pub name: &'static str,
    /// The set through it; labels and the extent of images stay as they are.
    pub apply: fn(&ImageSet) -> Result<ImageSet, DataError>,
}

impl View {
    /// Every view.
    pub const ALL: [Self; 1] = [Self { name: "grey", apply: grey }];

    /// The view of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        const ALL: &[View] = &View::ALL;
        ALL.iter().find(|view| view.name == name)
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Luma of ITU-R BT.601 in all channels, as torchvision's `rgb_to_grayscale`, rounded to the nearest byte.
fn grey(set: &ImageSet) -> Result<ImageSet, DataError> {
    let luma = |rgb: &[u8]| {
        let sum = 299 * u32::from(rgb[0]) + 587 * u32::from(rgb[1]) + 114 * u32::from(rgb[2]);
        ((sum + 500) / 1000) as u8
    };
    let pixels = set.images().chunks_exact(CHANNELS).flat_map(|rgb| [luma(rgb); CHANNELS]).collect();
    ImageSet::new(set.size(), set.classes(), pixels, set.labels().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_is_the_luma_in_all_channels() {
        let set = ImageSet::new(1, 2, vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255], vec![0, 1, 0, 1]);
        let grey = (View::named("grey").unwrap().apply)(&set.unwrap()).unwrap();
        assert_eq!(grey.images(), [76, 76, 76, 150, 150, 150, 29, 29, 29, 255, 255, 255]);
        assert_eq!(grey.labels(), [0, 1, 0, 1]);
    }

    #[test]
    fn every_view_is_found_by_its_name() {
        assert!(View::ALL.iter().all(|view| View::named(view.name).is_some()));
        assert!(View::named("gray").is_none());
    }
}
