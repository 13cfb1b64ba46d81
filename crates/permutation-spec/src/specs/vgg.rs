//! VGG networks: a chain of convolutions, then a chain of dense layers.

use super::Norm;
use crate::{PermutationSpec, Segment, SpecError};

/// Convolutions of each of the five stages (Simonyan & Zisserman, arXiv 1409.1556, Table 1: A, B, D, E).
pub(super) const STAGES: [(usize, [usize; 5]); 4] =
    [(11, [1, 1, 2, 2, 2]), (13, [2, 2, 2, 2, 2]), (16, [2, 2, 3, 3, 3]), (19, [2, 2, 4, 4, 4])];

impl PermutationSpec {
    /// VGG of depth 11, 13, 16 or 19 with torchvision's names: `features.{i}.{weight,bias}` `[out, in, 3, 3]`,
    /// `[out]`, counted with activations and poolings, a norm behind each convolution unless [`Norm::None`],
    /// then dense layers `{name}.{weight,bias}` of the names in `classifier`: `["classifier.0",
    /// "classifier.3", "classifier.6"]` in torchvision, a single one in many networks for CIFAR.
    ///
    /// `pixels` is the size of the last image, flattened to `[c · pixels]`: 49 in torchvision, 1 for CIFAR.
    /// One permutation `{name}.out` per layer but the last.
    ///
    /// # Errors
    /// [`SpecError::Family`] for another depth, no classifier or no pixels.
    pub fn vgg(depth: usize, norm: Norm, pixels: usize, classifier: &[&str]) -> Result<Self, SpecError> {
        let refused = |what, found, expected: &str| {
            Err(SpecError::Family { family: "VGG", what, found, expected: expected.into() })
        };
        let Some((_, stages)) = STAGES.iter().find(|(known, _)| *known == depth) else {
            return refused("depth", depth, "11, 13, 16 or 19");
        };
        if pixels == 0 || classifier.is_empty() {
            let (what, found) = if pixels == 0 { ("pixels", pixels) } else { ("dense layers", 0) };
            return refused(what, found, "at least 1");
        }
        let mut spec = Self::builder();
        let mut input: Vec<Segment> = Vec::new();
        let mut index = 0;
        for &convolutions in stages {
            for _ in 0..convolutions {
                let name = format!("features.{index}");
                let output = vec![Segment::units(format!("{name}.out"))];
                spec = spec
                    .conv_over(&name, &input, &output)
                    .concatenated(format!("{name}.bias"), std::slice::from_ref(&output))
                    .norm_over(&format!("features.{}", index + 1), &output, norm);
                input = output;
                // The activation has an index of its own, and so has the norm.
                index += if norm == Norm::None { 2 } else { 3 };
            }
            // So has the pooling.
            index += 1;
        }
        let channels = input.iter().filter_map(Segment::name);
        input = channels.map(|name| Segment::blocks(name, pixels)).collect();
        for (i, name) in classifier.iter().enumerate() {
            let last = i + 1 == classifier.len();
            let output = if last { Vec::new() } else { vec![Segment::units(format!("{name}.out"))] };
            spec = spec.dense_over(name, &input, &output);
            input = output;
        }
        spec.build()
    }
}
