//! Weights in the order in which the inner loops read them.

use super::blocks::Blocks;
use super::direct::Direct;
use super::winograd::Winograd;
use super::{ConvShape, Geometry, Padding};
use crate::simd::Isa;

/// How a convolution is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Implicit matrix product, any shape.
    Direct,
    /// Winograd's F(4×4, 3×3): 3×3 kernels at stride 1 whose channels fill whole vectors.
    Winograd,
}

impl Algorithm {
    /// The faster one for a shape, as measured: Winograd saves up to three quarters of the multiplications but
    /// moves more data, which pays from 16 channels on.
    pub fn fastest(shape: ConvShape, isa: Isa) -> Self {
        match Self::Winograd.fits(shape, isa) && shape.cin >= 16 && shape.cout >= 16 {
            true => Self::Winograd,
            false => Self::Direct,
        }
    }

    /// Whether the algorithm can compute the shape.
    pub fn fits(self, shape: ConvShape, isa: Isa) -> bool {
        let whole = |channels: usize| channels.is_multiple_of(isa.lanes());
        self == Self::Direct
            || (shape.kernel == 3 && shape.stride == 1 && whole(shape.cin) && whole(shape.cout))
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Form {
    Direct(Direct),
    Winograd(Winograd),
}

/// The weights of one convolution, packed for the forward pass and for the input gradient.
#[derive(Clone, Debug)]
pub struct PackedConv {
    geometry: Geometry,
    pub(crate) form: Form,
    out_blocks: Blocks,
    input_gradient: bool,
    packed: bool,
}

impl PackedConv {
    /// Packs weights `[out, in, kh, kw]` for the fastest algorithm. Costs two passes over the weights.
    ///
    /// The input gradient is packed only when asked for: the first layer and evaluation never need it.
    ///
    /// # Panics
    /// When the number of weights does not fit the shape.
    pub fn new(shape: ConvShape, weights: &[f32], input_gradient: bool, isa: Isa) -> Self {
        let mut packed = Self::empty(shape, input_gradient, isa);
        packed.pack(weights);
        packed
    }

    /// Buffers without weights yet, for [`PackedConv::pack`].
    pub fn empty(shape: ConvShape, input_gradient: bool, isa: Isa) -> Self {
        Self::with_algorithm(shape, Algorithm::fastest(shape, isa), input_gradient, isa)
    }

    /// As [`PackedConv::empty`] for a given algorithm.
    ///
    /// # Panics
    /// When the algorithm does not [fit](Algorithm::fits) the shape.
    pub fn with_algorithm(shape: ConvShape, algorithm: Algorithm, input_gradient: bool, isa: Isa) -> Self {
        assert!(algorithm.fits(shape, isa), "{algorithm:?} cannot compute {shape:?}");
        Self::with_geometry(Geometry::new(shape, Padding::Same), algorithm, input_gradient, isa)
    }

    /// As [`PackedConv::empty`] with a padding of its own.
    pub fn padded(shape: ConvShape, padding: Padding, input_gradient: bool, isa: Isa) -> Self {
        let geometry = Geometry::new(shape, padding);
        let fastest = if geometry.is_same() { Algorithm::fastest(shape, isa) } else { Algorithm::Direct };
        Self::with_geometry(geometry, fastest, input_gradient, isa)
    }

    fn with_geometry(geometry: Geometry, algorithm: Algorithm, input_gradient: bool, isa: Isa) -> Self {
        let shape = geometry.shape;
        let form = match algorithm {
            Algorithm::Direct => Form::Direct(Direct::new(shape, isa)),
            Algorithm::Winograd => Form::Winograd(Winograd::new(shape, isa)),
        };
        Self { geometry, form, out_blocks: Blocks::new(isa, shape.cout), input_gradient, packed: false }
    }

    /// Packs weights `[out, in, kh, kw]` into the buffers of the ones before.
    ///
    /// # Panics
    /// When the number of weights does not fit the shape.
    pub fn pack(&mut self, weights: &[f32]) {
        let shape = self.geometry.shape;
        assert_eq!(weights.len(), shape.weights(), "weights of {shape:?}");
        self.packed = true;
        match &mut self.form {
            Form::Direct(direct) => direct.pack(shape, weights, self.input_gradient),
            Form::Winograd(winograd) => winograd.pack(weights, self.input_gradient),
        }
    }

    /// Sizes of the convolution.
    pub fn shape(&self) -> ConvShape {
        self.geometry.shape
    }

    /// Output side for an input side, with the padding that it was made with.
    pub fn output(&self, side: usize) -> usize {
        self.geometry.output(side)
    }

    pub(crate) fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Whether weights were packed yet.
    pub(crate) fn is_packed(&self) -> bool {
        self.packed
    }

    pub(crate) fn has_input_gradient(&self) -> bool {
        self.input_gradient
    }

    /// Elements of a weight-gradient accumulator: `[kh, kw, cin, padded cout]`.
    pub fn gradient_len(&self) -> usize {
        self.shape().kernel * self.shape().kernel * self.shape().cin * self.out_blocks.padded()
    }

    /// An accumulated weight gradient in PyTorch's `[out, in, kh, kw]`.
    ///
    /// # Panics
    /// When a length is not [`PackedConv::gradient_len`] or the number of weights.
    pub fn unpack_gradient(&self, accumulator: &[f32], out: &mut [f32]) {
        let ConvShape { cin, cout, kernel: k, .. } = self.shape();
        assert_eq!((accumulator.len(), out.len()), (self.gradient_len(), self.shape().weights()));
        let (padded, taps) = (self.out_blocks.padded(), k * k);
        // Sixteen output channels at a time: their lines of `out` stay in cache while the taps pass.
        for first in (0..cout).step_by(16) {
            for (row, values) in accumulator.chunks_exact(padded).enumerate() {
                let (tap, c) = (row / cin, row % cin);
                for o in first..cout.min(first + 16) {
                    out[(o * cin + c) * taps + tap] = values[o];
                }
            }
        }
    }
}
