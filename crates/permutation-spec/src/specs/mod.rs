//! Ready specs, one file per family of networks.

mod cifar_resnet;
mod mlp;
mod torchvision;
mod vgg;
mod vit;

pub use cifar_resnet::Shortcut;

use crate::{Segment, SpecBuilder, SpecError};

/// A normalisation over units and what it stores. All but batch normalisation store scale and shift alone;
/// group normalisation means one group, since more groups restrict which units may change places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Norm {
    /// No normalisation.
    None,
    /// Over the channels of each pixel.
    Layer,
    /// `GroupNorm(1, C)`: over channels and pixels.
    Group,
    /// Over the batch, with running mean, running variance and a count.
    Batch,
}

impl SpecBuilder {
    fn conv_over(self, name: &str, input: &[Segment], output: &[Segment]) -> Self {
        let axes = [output.to_vec(), input.to_vec(), Vec::new(), Vec::new()];
        self.concatenated(format!("{name}.weight"), &axes)
    }

    fn dense_over(self, name: &str, input: &[Segment], output: &[Segment]) -> Self {
        self.concatenated(format!("{name}.weight"), &[output.to_vec(), input.to_vec()])
            .concatenated(format!("{name}.bias"), &[output.to_vec()])
    }

    fn norm_over(self, name: &str, units: &[Segment], norm: Norm) -> Self {
        if norm == Norm::None {
            return self;
        }
        let spec = self
            .concatenated(format!("{name}.weight"), &[units.to_vec()])
            .concatenated(format!("{name}.bias"), &[units.to_vec()]);
        if norm == Norm::Batch { spec.statistics(name, units) } else { spec }
    }
}

/// That a network of a family has at least one of something.
fn at_least_one(family: &'static str, what: &'static str, found: usize) -> Result<(), SpecError> {
    if found > 0 {
        return Ok(());
    }
    Err(SpecError::Family { family, what, found, expected: "at least 1".into() })
}
