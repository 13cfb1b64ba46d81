//! The residual networks for CIFAR: three groups of blocks at widths w, 2w, 4w.

use super::{Norm, at_least_one};
use crate::{PermutationSpec, Segment, SpecError};

const DEPTHS: [usize; 7] = [8, 14, 20, 32, 44, 56, 110];
const GROUPS: usize = 3;

/// How the first block of a group joins its input, which is narrower and of a finer image, to its output
/// (He et al., arXiv 1512.03385, Section 3.3). All other blocks add their input as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shortcut {
    /// Subsampled and added: all groups have one width and share one stream `bg0`.
    Identity,
    /// A convolution of any size, 3×3 or 1×1, with a normalisation: each group has a stream of its own.
    Conv,
    /// Subsampled and padded by as many zero channels on both sides (option A). The stream of a group is
    /// `[bg{g}.low, stream before, bg{g}.high]`: new channels move among their side, old ones as before.
    ZeroPad,
}

impl PermutationSpec {
    /// The CIFAR ResNet of depth 8, 14, 20, 32, 44, 56 or 110 with channel LayerNorm and 3×3 shortcut convolutions,
    /// any width (Ainsworth et al., `resnet20_permutation_spec`); others by [`PermutationSpec::cifar_resnet`].
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
        Self::cifar_resnet((depth - 2) / (2 * GROUPS), Shortcut::Conv, Norm::Layer)
    }

    /// A CIFAR ResNet with `blocks` blocks per group (depth 6·blocks + 2), with the names of
    /// [`PermutationSpec::resnet`] and, for [`Norm::Batch`], `….{running_mean,running_var,num_batches_tracked}`
    /// of each norm. Shapes are `[out, in, k, k]`, `[units]` and, for `dense`, `[classes, units]`.
    ///
    /// # Errors
    /// [`SpecError::Family`] for no blocks.
    pub fn cifar_resnet(blocks: usize, shortcut: Shortcut, norm: Norm) -> Result<Self, SpecError> {
        at_least_one("CIFAR ResNet", "blocks per group", blocks)?;
        let mut stream = vec![Segment::units("bg0")];
        let mut spec = Self::builder().conv_over("conv1", &[], &stream).norm_over("norm1", &stream, norm);
        for group in 0..GROUPS {
            for block in 0..blocks {
                let name = format!("blockgroups.{group}.blocks.{block}");
                let narrows = block == 0 && group > 0;
                let input = stream.clone();
                if narrows && shortcut == Shortcut::Conv {
                    stream = vec![Segment::units(format!("bg{group}"))];
                }
                if narrows && shortcut == Shortcut::ZeroPad {
                    let [low, high] = ["low", "high"].map(|side| format!("bg{group}.{side}"));
                    stream.insert(0, Segment::units(&low));
                    stream.push(Segment::units(&high));
                    spec = spec.equal_sizes(low, high);
                }
                let inner = [Segment::units(format!("{name}.inner"))];
                spec = spec
                    .conv_over(&format!("{name}.conv1"), &input, &inner)
                    .norm_over(&format!("{name}.norm1"), &inner, norm)
                    .conv_over(&format!("{name}.conv2"), &inner, &stream)
                    .norm_over(&format!("{name}.norm2"), &stream, norm);
                if narrows && shortcut == Shortcut::Conv {
                    spec = spec.conv_over(&format!("{name}.shortcut.conv"), &input, &stream).norm_over(
                        &format!("{name}.shortcut.norm"),
                        &stream,
                        norm,
                    );
                }
            }
        }
        spec.dense_over("dense", &stream, &[]).build()
    }
}
