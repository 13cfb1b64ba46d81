//! Sizes of a convolution with SAME padding.

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

#[cfg(test)]
mod tests {
    use super::*;

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
