//! Architectures by name.

use crate::{Network, ResNet};
use basin_core::{PredictionError, TensorFileError};
use thiserror::Error;

/// Why a network cannot be made or used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModelError {
    /// No architecture of that name.
    #[error("unknown model {name:?}, expected one of {}", Architecture::NAMES.join(", "))]
    Unknown {
        /// The name asked for.
        name: String,
    },
    /// The width gives no whole number of channels.
    #[error(
        "width {width} gives {channels} channels in the first layer, expected a whole number of at least 1"
    )]
    Width {
        /// The width multiplier.
        width: f64,
        /// 16 × width.
        channels: f64,
    },
    /// The image is too small for the strides.
    #[error("images of side {side}, expected at least 4 pixels")]
    Side {
        /// Side of the images.
        side: usize,
    },
    /// Parameters do not have the network's layout.
    #[error(transparent)]
    Tensors(#[from] TensorFileError),
    /// Predictions are malformed.
    #[error(transparent)]
    Predictions(#[from] PredictionError),
    /// A kernel refused its arguments.
    #[error(transparent)]
    Kernel(#[from] candle_core::Error),
}

/// An architecture before it is given an input size and classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Architecture {
    depth: usize,
    base: usize,
}

impl Architecture {
    /// Known names.
    pub const NAMES: [&'static str; 5] = ["resnet20", "resnet32", "resnet44", "resnet56", "resnet110"];

    /// The architecture of that name; `width` multiplies the 16/32/64 channels (the paper's ResNet20 has 4).
    ///
    /// # Errors
    /// [`ModelError::Unknown`] or [`ModelError::Width`].
    pub fn from_name(name: &str, width: f64) -> Result<Self, ModelError> {
        let depth = match name {
            "resnet20" => 20,
            "resnet32" => 32,
            "resnet44" => 44,
            "resnet56" => 56,
            "resnet110" => 110,
            _ => return Err(ModelError::Unknown { name: name.to_owned() }),
        };
        let channels = 16.0 * width;
        if !(1.0..=65536.0).contains(&channels) || channels.fract() != 0.0 {
            return Err(ModelError::Width { width, channels });
        }
        Ok(Self { depth, base: channels as usize })
    }

    /// The depth of the ResNet, for its permutation spec.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// The network for square images of `side` pixels.
    ///
    /// # Errors
    /// [`ModelError::Side`].
    pub fn build(&self, side: usize, classes: usize) -> Result<Network, ModelError> {
        if side < 4 {
            return Err(ModelError::Side { side });
        }
        Ok(Network::new(ResNet::new(self.depth, self.base, classes), side, classes))
    }
}
