//! Sizes of a convolution.

/// A square-kernel convolution without bias, SAME padding as in TensorFlow and XLA.
///
/// The total padding `max((ceil(n/s) − 1)·s + k − n, 0)` is split with the smaller half before, so a
/// 3×3 kernel at stride 2 on an even side pads right and bottom only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvShape {
    /// Input channels.
    pub cin: usize,
    /// Output channels.
    pub cout: usize,
    /// Side of the kernel.
    pub kernel: usize,
    /// Stride in both directions, at least 1.
    pub stride: usize,
}

impl ConvShape {
    /// A dense layer: a kernel of one pixel.
    pub fn dense(inputs: usize, outputs: usize) -> Self {
        Self { cin: inputs, cout: outputs, kernel: 1, stride: 1 }
    }

    /// Output side for an input side.
    pub fn output(&self, side: usize) -> usize {
        side.div_ceil(self.stride)
    }

    /// Padding before the first and after the last input.
    pub fn padding(&self, side: usize) -> (usize, usize) {
        let total = ((self.output(side) - 1) * self.stride + self.kernel).saturating_sub(side);
        (total / 2, total - total / 2)
    }

    /// Multiply-adds of one pass over one image of `h × w` pixels.
    pub fn macs(&self, h: usize, w: usize) -> usize {
        self.output(h) * self.output(w) * self.kernel * self.kernel * self.cin * self.cout
    }

    /// Number of weights.
    pub fn weights(&self) -> usize {
        self.cout * self.cin * self.kernel * self.kernel
    }

    /// `(n, h, w)` as the inner loops see it: to a kernel of one pixel, images are lines of one tall image; or
    /// everything is one line where `across`, or where an image has too few pixels to fill a tile.
    pub(crate) fn flatten(&self, (n, h, w): (usize, usize, usize), across: bool) -> (usize, usize, usize) {
        match self.kernel == 1 && self.stride == 1 {
            true if across || h * w < 12 => (1, 1, n * h * w),
            true => (1, n, h * w),
            false => (n, h, w),
        }
    }

    /// One dimension of the input gradient: the kernel taps that reach input positions `i` with
    /// `(i + pad) mod stride = residue`, largest first, so that the output position
    /// `(i + pad − tap) / stride` increases.
    pub(crate) fn taps(&self, residue: usize) -> Vec<usize> {
        (0..self.kernel).rev().filter(|tap| tap % self.stride == residue).collect()
    }

    /// The first input position of a residue, and the output position that its largest tap reaches (may be
    /// negative).
    pub(crate) fn phase(&self, residue: usize, pad: usize, largest_tap: usize) -> (usize, isize) {
        let first = (residue + self.stride * pad - pad) % self.stride;
        (first, ((first + pad) as isize - largest_tap as isize).div_euclid(self.stride as isize))
    }
}

/// Zeros around an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Padding {
    /// As [`ConvShape::padding`] says.
    Same,
    /// So many on every side, as PyTorch's `padding`.
    Each(usize),
}

impl Padding {
    /// Output side of a convolution for an input side; 0 where the kernel is larger than the padded image.
    pub fn output(self, shape: ConvShape, side: usize) -> usize {
        Geometry::new(shape, self).output(side)
    }

    /// [`Padding::Same`] where it is the same for a shape, whatever the image: then one name stands for one convolution.
    #[must_use]
    pub fn of(self, shape: ConvShape) -> Self {
        Geometry::new(shape, self).padding
    }

    /// Zeros before the first and after the last input of a side, as far as a kernel reaches.
    pub fn around(self, shape: ConvShape, side: usize) -> (usize, usize) {
        Geometry::new(shape, self).padding(side)
    }
}

/// A convolution with its padding: what the passes work on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub(crate) shape: ConvShape,
    /// [`Padding::Same`] wherever it is the same, so that the algorithms which need it find it.
    padding: Padding,
}

impl Geometry {
    pub(crate) fn new(shape: ConvShape, padding: Padding) -> Self {
        let same = |pad: usize| 2 * pad + 1 == shape.kernel && (shape.stride == 1 || shape.kernel == 1);
        let padding = match padding {
            Padding::Each(pad) if same(pad) => Padding::Same,
            other => other,
        };
        Self { shape, padding }
    }

    pub(crate) fn is_same(&self) -> bool {
        self.padding == Padding::Same
    }

    /// Output side for an input side; 0 where the kernel is larger than the padded image.
    pub(crate) fn output(&self, side: usize) -> usize {
        match self.padding {
            Padding::Same => self.shape.output(side),
            Padding::Each(pad) => match (side + 2 * pad).checked_sub(self.shape.kernel) {
                Some(rest) => rest / self.shape.stride + 1,
                None => 0,
            },
        }
    }

    /// Padding before the first and after the last input, as far as a kernel reaches.
    pub(crate) fn padding(&self, side: usize) -> (usize, usize) {
        match self.padding {
            Padding::Same => self.shape.padding(side),
            Padding::Each(pad) => {
                let reach = self.output(side).saturating_sub(1) * self.shape.stride + self.shape.kernel;
                (pad, reach.saturating_sub(side + pad))
            }
        }
    }

    /// As [`ConvShape::flatten`], where no pixel is padded.
    pub(crate) fn flatten(&self, size: (usize, usize, usize), across: bool) -> (usize, usize, usize) {
        if self.is_same() { self.shape.flatten(size, across) } else { size }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn explicit_padding_counts_as_pytorch_does() {
        let conv = ConvShape { cin: 1, cout: 1, kernel: 3, stride: 2 };
        let each = |shape, pad| Geometry::new(shape, Padding::Each(pad));
        // Even sides pad left and top, and the last column is never reached: the mirror image of SAME.
        assert_eq!((each(conv, 1).output(32), each(conv, 1).padding(32)), (16, (1, 0)));
        assert_eq!((each(conv, 1).output(7), each(conv, 1).padding(7)), (4, (1, 1)));
        assert_eq!((each(conv, 0).output(7), each(conv, 0).padding(7)), (3, (0, 0)));
        assert_eq!((each(conv, 0).output(2), each(conv, 2).output(1)), (0, 2));
        assert!(each(ConvShape { stride: 1, ..conv }, 1).is_same() && !each(conv, 1).is_same());
        assert!(each(ConvShape { kernel: 1, ..conv }, 0).is_same());
    }

    #[test]
    fn stride_two_pads_right_and_bottom_only_on_even_sides() {
        let conv = ConvShape { cin: 1, cout: 1, kernel: 3, stride: 2 };
        assert_eq!((conv.output(32), conv.padding(32)), (16, (0, 1)));
        assert_eq!((conv.output(7), conv.padding(7)), (4, (1, 1)));
        assert_eq!(ConvShape { stride: 1, ..conv }.padding(32), (1, 1));
    }

    #[test]
    fn phases_of_a_strided_kernel_share_its_taps() {
        let conv = ConvShape { cin: 1, cout: 1, kernel: 3, stride: 2 };
        assert_eq!((conv.taps(0), conv.taps(1)), (vec![2, 0], vec![1]));
        // No padding before: even inputs are reached by taps 2 and 0, from the output before theirs on.
        assert_eq!((conv.phase(0, 0, 2), conv.phase(1, 0, 1)), ((0, -1), (1, 0)));
        // One pixel of padding: even inputs are reached by tap 1, odd ones by taps 2 and 0.
        assert_eq!((conv.phase(0, 1, 2), conv.phase(1, 1, 1)), ((1, 0), (0, 0)));
    }
}
