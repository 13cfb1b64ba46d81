//! torchvision's residual networks for ImageNet.

use crate::{PermutationSpec, Skip, SpecError};

/// Depth, blocks of each of the four layers, and whether blocks are bottlenecks of three convolutions
/// (He et al., arXiv 1512.03385, Table 1).
pub(super) const DEPTHS: [(usize, [usize; 4], bool); 5] = [
    (18, [2, 2, 2, 2], false),
    (34, [3, 4, 6, 3], false),
    (50, [3, 4, 6, 3], true),
    (101, [3, 4, 23, 3], true),
    (152, [3, 8, 36, 3], true),
];

impl PermutationSpec {
    /// torchvision's `resnet18`, `34`, `50`, `101` or `152` with batch normalisation: `conv1`, `bn1`,
    /// `layer{1..4}.{b}.{conv1, bn1, conv2, bn2}` (and `conv3, bn3` in bottlenecks), `….downsample.{0,1}` where
    /// width or image size change, `fc`. All entries of the state dict are described, running statistics
    /// carried along.
    ///
    /// Permutations: `stem`, a stream `layer{l}` wherever a projection starts one (bottlenecks: 4; else the
    /// first layer continues `stem`), and `….inner1` and, in bottlenecks, `….inner2` per block.
    ///
    /// # Errors
    /// [`SpecError::Family`] for another depth.
    pub fn torchvision_resnet(depth: usize) -> Result<Self, SpecError> {
        let Some((_, layers, bottleneck)) = DEPTHS.iter().find(|(known, ..)| *known == depth) else {
            let expected = "18, 34, 50, 101 or 152".into();
            return Err(SpecError::Family {
                family: "torchvision ResNet",
                what: "depth",
                found: depth,
                expected,
            });
        };
        let mut stream = "stem".to_owned();
        let mut spec = Self::builder().conv("conv1", None, Some(&stream)).batch_norm("bn1", &stream);
        for (layer, &blocks) in (1..).zip(layers) {
            for block in 0..blocks {
                let (name, output) = (format!("layer{layer}.{block}"), format!("layer{layer}"));
                let mut units = stream.clone();
                let last = if *bottleneck { 3 } else { 2 };
                for i in 1..=last {
                    let next = if i == last { output.clone() } else { format!("{name}.inner{i}") };
                    spec = spec
                        .conv(&format!("{name}.conv{i}"), Some(&units), Some(&next))
                        .batch_norm(&format!("{name}.bn{i}"), &next);
                    units = next;
                }
                let projects = block == 0 && (layer > 1 || *bottleneck);
                let [projection, norm] = [0, 1].map(|i| format!("{name}.downsample.{i}"));
                let skip = if projects { Skip::Conv(&projection) } else { Skip::Identity };
                spec = spec.residual(Some(&stream), Some(&output), skip);
                spec = if projects { spec.batch_norm(&norm, &output) } else { spec };
                stream = output;
            }
        }
        spec.dense("fc", Some(&stream), None).build()
    }
}
