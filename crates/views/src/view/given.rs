//! What a transformation is given besides the image.

use crate::corruptions::Frost;
use basin_core::{Rng, SeedTree};

/// What a transformation is given besides the image.
pub(crate) struct Given<'a> {
    /// Its parameters, or the constants of its severity.
    pub(crate) values: &'a [f64],
    /// Mean of each channel over the training images, in `[0, 1]`.
    pub(crate) means: &'a [f32],
    /// Photographs, where it needs some.
    pub(crate) frost: Option<&'a Frost>,
    /// The place of its randomness, of this image alone.
    pub(crate) seeds: SeedTree,
}

impl Given<'_> {
    pub(crate) fn rng(&self) -> Rng {
        self.seeds.rng()
    }
}
