//! How large an image is, in every direction that a network's first layer is built for.

use std::fmt;

/// Extent of square images. A bare side is the extent of colour images: `Extent::from(32)` is 32×32×3.
///
/// ```
/// use basin_core::Extent;
/// assert_eq!(Extent::grey(28).to_string(), "28×28×1");
/// assert_eq!((Extent::from(32), Extent::from(32).values()), (Extent::colour(32), 3072));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Extent {
    /// Height and width in pixels.
    pub side: usize,
    /// Values of a pixel: 1 (grey) or 3 (red, green, blue).
    pub channels: usize,
}

impl Extent {
    /// Colour images of so many pixels a side.
    pub const fn colour(side: usize) -> Self {
        Self { side, channels: 3 }
    }

    /// Images of one channel.
    pub const fn grey(side: usize) -> Self {
        Self { side, channels: 1 }
    }

    /// Values of an image: `side · side · channels`.
    pub const fn values(self) -> usize {
        self.side * self.side * self.channels
    }
}

impl From<usize> for Extent {
    fn from(side: usize) -> Self {
        Self::colour(side)
    }
}

impl fmt::Display for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { side, channels } = self;
        write!(f, "{side}×{side}×{channels}")
    }
}
