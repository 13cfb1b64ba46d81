//! Architectures by name.

use crate::{Network, VitConfig};
use basin_core::{Extent, PredictionError, TensorFileError};
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
    /// The width gives no usable number of channels.
    #[error(
        "width {width} gives {channels} channels in the first layer, expected a whole number, a multiple of {unit}"
    )]
    Width {
        /// The width multiplier.
        width: f64,
        /// Channels it gives.
        channels: f64,
        /// What they must be a multiple of.
        unit: usize,
    },
    /// The image does not fit the strides or patches.
    #[error("images of side {side}, expected {expected}")]
    Side {
        /// Side of the images.
        side: usize,
        /// What the architecture takes.
        expected: &'static str,
    },
    /// Sizes that make no network.
    #[error("{sizes}, expected {expected}")]
    Sizes {
        /// The sizes asked for.
        sizes: String,
        /// What they must be.
        expected: &'static str,
    },
    /// The residual branches' first scale is not a finite number, or the architecture has no such branches.
    #[error("a residual scale of {scale} for {model}, expected {expected}")]
    ResidualScale {
        /// The scale asked for.
        scale: f64,
        /// The architecture's family.
        model: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// The architecture has no kernels to centre.
    #[error("centred kernels for {model}, expected a ResNet")]
    CentredKernels {
        /// The architecture's family.
        model: &'static str,
    },
    /// Dropout is not a probability below 1, or the architecture has none.
    #[error("dropout {rate} for {model}, expected {expected}")]
    Dropout {
        /// The rate asked for.
        rate: f64,
        /// The architecture's family.
        model: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// Drop path is not a probability below 1.
    #[error("drop path {rate}, expected 0 ≤ rate < 1")]
    DropPath {
        /// The rate asked for.
        rate: f64,
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
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Architecture {
    family: Family,
    residual_scale: f32,
    centred_kernels: bool,
    drop_path: f32,
}

/// A family of architectures with its sizes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Family {
    /// CIFAR ResNets.
    ResNet {
        /// Layers.
        depth: usize,
        /// Channels of the first group.
        base: usize,
    },
    /// Vision transformers.
    Vit(VitConfig),
}

/// The paper's transformer (Lippe's): its sizes at width 1.
const VIT: VitConfig = VitConfig { patch: 4, dim: 256, hidden: 512, heads: 8, layers: 6, dropout: 0.0 };

impl Architecture {
    /// Known names.
    pub const NAMES: [&'static str; 8] =
        ["resnet8", "resnet14", "resnet20", "resnet32", "resnet44", "resnet56", "resnet110", "vit"];

    /// The architecture of that name; `width` multiplies the 16/32/64 channels of a ResNet (the paper's ResNet20
    /// has 4) or the 256 and 512 of the transformer (the paper's has 1).
    ///
    /// # Errors
    /// [`ModelError::Unknown`] or [`ModelError::Width`].
    pub fn from_name(name: &str, width: f64) -> Result<Self, ModelError> {
        let channels = |base: f64, unit: usize| {
            let channels = base * width;
            let whole = (1.0..=65536.0).contains(&channels) && channels.fract() == 0.0;
            match whole && (channels as usize).is_multiple_of(unit) {
                true => Ok(channels as usize),
                false => Err(ModelError::Width { width, channels, unit }),
            }
        };
        if name == "vit" {
            let dim = channels(VIT.dim as f64, VIT.heads)?;
            let config = VitConfig { dim, hidden: 2 * dim, ..VIT };
            return Ok(Self::plain(Family::Vit(config)));
        }
        let depth = match name {
            "resnet8" => 8,
            "resnet14" => 14,
            "resnet20" => 20,
            "resnet32" => 32,
            "resnet44" => 44,
            "resnet56" => 56,
            "resnet110" => 110,
            _ => return Err(ModelError::Unknown { name: name.to_owned() }),
        };
        Ok(Self::plain(Family::ResNet { depth, base: channels(16.0, 1)? }))
    }

    fn plain(family: Family) -> Self {
        Self { family, residual_scale: 1.0, centred_kernels: false, drop_path: 0.0 }
    }

    /// The same with stochastic depth: in training the residual branches of an image are dropped with a probability that grows
    /// linearly from 0 in the first block to this one in the last (Huang et al., arXiv 1603.09382, spread as in timm).
    ///
    /// # Errors
    /// [`ModelError::DropPath`].
    pub fn with_drop_path(mut self, largest: f64) -> Result<Self, ModelError> {
        // In the precision that is used: a rate just below 1 may round to it.
        self.drop_path = largest as f32;
        match (0.0..1.0).contains(&self.drop_path) {
            true => Ok(self),
            false => Err(ModelError::DropPath { rate: largest }),
        }
    }

    /// The same with dropout; only the transformer has any.
    ///
    /// # Errors
    /// [`ModelError::Dropout`].
    pub fn with_dropout(mut self, rate: f64) -> Result<Self, ModelError> {
        match &mut self.family {
            // In the precision that is used: a rate just below 1 may round to it.
            Family::Vit(config) if (0.0..1.0).contains(&(rate as f32)) => config.dropout = rate as f32,
            Family::Vit(_) => {
                return Err(ModelError::Dropout { rate, model: "vit", expected: "0 ≤ rate < 1" });
            }
            Family::ResNet { .. } if rate == 0.0 => {}
            Family::ResNet { .. } => {
                return Err(ModelError::Dropout {
                    rate,
                    model: "a ResNet",
                    expected: "0, it has no dropout",
                });
            }
        }
        Ok(self)
    }

    /// The same with another initial scale of the last normalisation of every residual branch; only ResNets take
    /// any but 1. At 0 a fresh network is its shortcuts alone (Goyal et al. 2017, arXiv 1706.02677).
    ///
    /// # Errors
    /// [`ModelError::ResidualScale`].
    pub fn with_residual_scale(mut self, scale: f64) -> Result<Self, ModelError> {
        let wrong = |model, expected| ModelError::ResidualScale { scale, model, expected };
        match self.family {
            Family::Vit(_) if scale != 1.0 => Err(wrong("vit", "1, it has no such scale")),
            _ if !(scale as f32).is_finite() => Err(wrong("a ResNet", "a finite number")),
            _ => {
                self.residual_scale = scale as f32;
                Ok(self)
            }
        }
    }

    /// The same with initial kernels whose sum is 0 for every output channel, in all convolutions after the stem; only
    /// ResNets take it. Inputs behind a ReLU have positive means, which such kernels do not pass on, so that a fresh
    /// network tells images apart (Brock et al. 2021, arXiv 2101.08692, on means that
    /// add up from block to block).
    ///
    /// # Errors
    /// [`ModelError::CentredKernels`].
    pub fn with_centred_kernels(mut self, centred: bool) -> Result<Self, ModelError> {
        self.centred_kernels = centred;
        match self.family {
            Family::Vit(_) if centred => Err(ModelError::CentredKernels { model: "vit" }),
            _ => Ok(self),
        }
    }

    /// Family and sizes, from which a permutation spec follows.
    pub fn family(&self) -> Family {
        self.family
    }

    /// The network for images of this extent; a bare side is that of colour images.
    ///
    /// # Errors
    /// [`ModelError::Side`].
    pub fn build(&self, extent: impl Into<Extent>, classes: usize) -> Result<Network, ModelError> {
        let extent = extent.into();
        let side = extent.side;
        let net = match self.family {
            Family::ResNet { depth, base } if side >= 4 => {
                let net = Network::resnet(depth, base, extent, classes)?;
                Ok(net.with_initialisation(self.residual_scale, self.centred_kernels))
            }
            Family::ResNet { .. } => Err(ModelError::Side { side, expected: "at least 4 pixels" }),
            Family::Vit(config) if side > 0 && side.is_multiple_of(config.patch) => {
                Network::vit(config, extent, classes)
            }
            Family::Vit(_) => Err(ModelError::Side { side, expected: "a multiple of the patches' 4 pixels" }),
        };
        Ok(net?.with_drop_path(self.drop_path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new variant does not compile here until it has a line in the test.
    fn place(error: &ModelError) -> usize {
        match error {
            ModelError::Unknown { .. } => 0,
            ModelError::Width { .. } => 1,
            ModelError::Side { .. } => 2,
            ModelError::Sizes { .. } => 3,
            ModelError::ResidualScale { .. } => 4,
            ModelError::CentredKernels { .. } => 5,
            ModelError::Dropout { .. } => 6,
            ModelError::Tensors(_) => 7,
            ModelError::Predictions(_) => 8,
            ModelError::Kernel(_) => 9,
            ModelError::DropPath { .. } => 10,
        }
    }

    #[test]
    fn every_error_says_what_where_and_what_to_do() {
        let told = [
            (
                ModelError::Unknown { name: "lenet".into() },
                "unknown model \"lenet\", expected one of resnet8, resnet14, resnet20, resnet32, resnet44, resnet56, resnet110, vit",
            ),
            (
                ModelError::Width { width: 0.3, channels: 4.8, unit: 1 },
                "width 0.3 gives 4.8 channels in the first layer, expected a whole number, a multiple of 1",
            ),
            (
                ModelError::Side { side: 33, expected: "a multiple of 4" },
                "images of side 33, expected a multiple of 4",
            ),
            (
                ModelError::Sizes { sizes: "ResNet9".into(), expected: "a depth of 6n + 2" },
                "ResNet9, expected a depth of 6n + 2",
            ),
            (
                ModelError::ResidualScale { scale: 0.5, model: "vit", expected: "1" },
                "a residual scale of 0.5 for vit, expected 1",
            ),
            (ModelError::CentredKernels { model: "vit" }, "centred kernels for vit, expected a ResNet"),
            (
                ModelError::Dropout { rate: 0.1, model: "a ResNet", expected: "0" },
                "dropout 0.1 for a ResNet, expected 0",
            ),
            (
                ModelError::Tensors(TensorFileError::Layout { problems: vec!["missing a".into()] }),
                "the tensors do not fit the network:\nmissing a",
            ),
            (
                ModelError::Predictions(PredictionError::Ragged { values: 7, classes: 2 }),
                "7 values do not make rows of 2 classes",
            ),
            (ModelError::Kernel(candle_core::Error::Msg("sizes".into())), "sizes"),
            (ModelError::DropPath { rate: 1.5 }, "drop path 1.5, expected 0 ≤ rate < 1"),
        ];
        let mut seen = [false; 11];
        for (error, text) in &told {
            assert_eq!(error.to_string(), *text);
            seen[place(error)] = true;
        }
        assert_eq!(seen, [true; 11], "every variant is told");
    }
}
