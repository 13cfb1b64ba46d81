//! Convolutions and dense layers on the device: what is asked of a [`super::Queue`].

use super::{GpuError, Precision, Span};
use crate::conv::ConvShape;

/// Which of a convolution's three products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pass {
    /// y from x and w.
    Forward,
    /// dx from dy and w.
    InputGradient,
    /// dw from x and dy.
    WeightGradient,
}

/// A convolution with SAME padding ([`ConvShape::padding`], which at stride 2 may be on one side only) of NHWC
/// images; a dense layer is one with a kernel of one pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Convolution {
    /// Channels, kernel, stride.
    pub shape: ConvShape,
    /// Images.
    pub images: usize,
    /// Rows of the input.
    pub height: usize,
    /// Pixels of its rows.
    pub width: usize,
    /// Which product.
    pub pass: Pass,
    /// Storage of activations and weights, arithmetic of the product.
    pub precision: Precision,
    /// Whether the result is added to what is there instead of written.
    pub add: bool,
}

/// The three arrays of a convolution. The pass says which one is written.
#[derive(Clone, Copy, Debug)]
pub struct Operands<'m> {
    /// x or dx, `[n, h, w, cin]`, in the precision's storage.
    pub input: Span<'m>,
    /// w, `[cout, kh, kw, cin]`, in the precision's storage; dw likewise, but f32.
    pub weights: Span<'m>,
    /// y or dy, `[n, ⌈h/s⌉, ⌈w/s⌉, cout]`, in the precision's storage.
    pub output: Span<'m>,
}

impl Convolution {
    /// Pixels of the output.
    pub fn output_rows(&self) -> usize {
        self.images * self.shape.output(self.height) * self.shape.output(self.width)
    }

    /// Pixels of the input.
    pub fn input_rows(&self) -> usize {
        self.images * self.height * self.width
    }

    /// Whether the operands have room for the sizes, and the sizes fit the kernels' 31-bit counters.
    ///
    /// # Errors
    /// [`GpuError::Size`].
    pub fn check(&self, operands: &Operands<'_>) -> Result<(), GpuError> {
        let storage = self.precision.storage().bytes();
        let weight = if self.pass == Pass::WeightGradient { 4 } else { storage };
        let parts = [
            ("input", operands.input, self.input_rows() * self.shape.cin, storage),
            ("weights", operands.weights, self.shape.weights(), weight),
            ("output", operands.output, self.output_rows() * self.shape.cout, storage),
        ];
        for (name, span, values, size) in parts {
            if values == 0 || values > i32::MAX as usize || span.bytes() < values * size {
                let what = format!("{name} of {self:?}");
                let expected = format!("1..2³¹ values, here {values} of {size} bytes");
                return Err(GpuError::size(what, expected, format!("{} bytes", span.bytes())));
            }
        }
        Ok(())
    }
}
