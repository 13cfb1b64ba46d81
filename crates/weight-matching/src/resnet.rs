//! The spec of the CIFAR residual networks with LayerNorm.

use crate::{PermutationSpec, SpecError};

const DEPTHS: [usize; 5] = [20, 32, 44, 56, 110];
const GROUPS: usize = 3;

impl PermutationSpec {
    /// The CIFAR ResNet of depth 20, 32, 44, 56 or 110 with channel LayerNorm and 3×3 shortcut convolutions,
    /// any width (Ainsworth et al., `resnet20_permutation_spec`).
    ///
    /// One permutation `bg0`, `bg1`, `bg2` per group for its residual stream, which the skip connections tie
    /// together, and one `….inner` per block: 12 for depth 20. Parameters are `conv1.weight`,
    /// `norm1.{weight,bias}`, `blockgroups.{g}.blocks.{b}.{conv1,conv2}.weight`, `….{norm1,norm2}.{weight,bias}`,
    /// `….shortcut.{conv.weight,norm.weight,norm.bias}` where a group narrows the image, and
    /// `dense.{weight,bias}`, in PyTorch's shapes.
    ///
    /// # Errors
    /// [`SpecError::Depth`] for any other depth.
    pub fn resnet(depth: usize) -> Result<Self, SpecError> {
        if !DEPTHS.contains(&depth) {
            return Err(SpecError::Depth { depth, supported: &DEPTHS });
        }
        let blocks = (depth - 2) / (2 * GROUPS);
        let stream = |group: usize| format!("bg{group}");
        let mut spec = Self::builder().conv("conv1", None, Some("bg0")).norm("norm1", "bg0");
        for group in 0..GROUPS {
            let output = stream(group);
            for block in 0..blocks {
                let narrows = block == 0 && group > 0;
                let input = if narrows { stream(group - 1) } else { output.clone() };
                let name = format!("blockgroups.{group}.blocks.{block}");
                let inner = format!("{name}.inner");
                spec = spec
                    .conv(&format!("{name}.conv1"), Some(&input), Some(&inner))
                    .norm(&format!("{name}.norm1"), &inner)
                    .conv(&format!("{name}.conv2"), Some(&inner), Some(&output))
                    .norm(&format!("{name}.norm2"), &output);
                if narrows {
                    spec = spec
                        .conv(&format!("{name}.shortcut.conv"), Some(&input), Some(&output))
                        .norm(&format!("{name}.shortcut.norm"), &output);
                }
            }
        }
        spec.dense("dense", Some(&stream(GROUPS - 1)), None).build()
    }
}
