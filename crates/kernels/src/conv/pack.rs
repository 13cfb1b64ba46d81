//! Weights in the order in which the inner loops read them.

use super::ConvShape;
use crate::simd::Isa;

/// Columns of a matrix grouped into blocks of one or two vectors, zero-padded at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Blocks {
    /// Real columns.
    pub(crate) columns: usize,
    /// Columns of one block.
    pub(crate) width: usize,
    /// Instruction set the blocks are made for.
    pub(crate) isa: Isa,
}

impl Blocks {
    pub(crate) fn new(isa: Isa, columns: usize) -> Self {
        let isa = isa.for_channels(columns);
        let vectors = if columns > isa.lanes() { 2 } else { 1 };
        Self { columns, width: vectors * isa.lanes(), isa }
    }

    /// Number of blocks.
    pub(crate) fn count(&self) -> usize {
        self.columns.div_ceil(self.width)
    }

    /// Columns including the padding.
    pub(crate) fn padded(&self) -> usize {
        self.count() * self.width
    }

    /// Whether a block is two vectors wide.
    pub(crate) fn two(&self) -> bool {
        self.width == 2 * self.isa.lanes()
    }

    /// Lays out `[rows, columns]`, given as a function, block by block: `[block, rows, width]`.
    fn pack(&self, rows: usize, value: impl Fn(usize, usize) -> f32) -> Vec<f32> {
        let mut out = vec![0.0; self.count() * rows * self.width];
        for block in 0..self.count() {
            let first = block * self.width;
            let used = self.width.min(self.columns - first);
            for row in 0..rows {
                let to = &mut out[(block * rows + row) * self.width..][..used];
                to.iter_mut().enumerate().for_each(|(c, slot)| *slot = value(row, first + c));
            }
        }
        out
    }
}

/// One phase of the input gradient: the taps that reach input positions of one residue.
#[derive(Clone, Debug)]
pub(crate) struct Phase {
    /// Residue of the padded input row and column.
    pub(crate) residue: (usize, usize),
    /// Number of kernel rows and columns that reach it.
    pub(crate) taps: (usize, usize),
    /// The largest of them.
    pub(crate) largest: (usize, usize),
    /// Packed weights `[block of cin, rows, columns · cout, width]`.
    pub(crate) weights: Vec<f32>,
}

/// The weights of one convolution, packed for the forward pass and for the input gradient.
///
/// Made from PyTorch's `[out, in, kh, kw]`; costs two passes over the weights.
#[derive(Clone, Debug)]
pub struct PackedConv {
    /// Sizes of the convolution.
    pub shape: ConvShape,
    pub(crate) forward: Vec<f32>,
    pub(crate) out_blocks: Blocks,
    pub(crate) in_blocks: Blocks,
    pub(crate) phases: Vec<Phase>,
}

impl PackedConv {
    /// Packs weights `[out, in, kh, kw]`.
    ///
    /// The input gradient is packed only when asked for: the first layer and evaluation never need it.
    ///
    /// # Panics
    /// When the number of weights does not fit the shape.
    pub fn new(shape: ConvShape, weights: &[f32], input_gradient: bool, isa: Isa) -> Self {
        let ConvShape { cin, cout, kernel: k, stride } = shape;
        assert_eq!(weights.len(), cout * cin * k * k, "weights of {shape:?}");
        let at = |o: usize, c: usize, y: usize, x: usize| weights[((o * cin + c) * k + y) * k + x];
        let out_blocks = Blocks::new(isa, cout);
        let in_blocks = Blocks::new(isa, cin);
        let forward = out_blocks.pack(k * k * cin, |row, o| at(o, row % cin, row / (cin * k), row / cin % k));
        let mut phases = Vec::new();
        for (ry, rx) in (0..stride).flat_map(|y| (0..stride).map(move |x| (y, x))).filter(|_| input_gradient)
        {
            let (ys, xs) = (shape.taps(ry), shape.taps(rx));
            let weights = in_blocks.pack(ys.len() * xs.len() * cout, |row, c| {
                let (tap, o) = (row / cout, row % cout);
                at(o, c, ys[tap / xs.len()], xs[tap % xs.len()])
            });
            // Without a tap (a 1×1 kernel at stride 2) the gradient of these positions is zero.
            let largest = (ys.first().copied().unwrap_or(0), xs.first().copied().unwrap_or(0));
            phases.push(Phase { residue: (ry, rx), taps: (ys.len(), xs.len()), largest, weights });
        }
        Self { shape, forward, out_blocks, in_blocks, phases }
    }

    /// Elements of a weight-gradient accumulator: `[kh, kw, cin, padded cout]`.
    pub fn gradient_len(&self) -> usize {
        self.shape.kernel * self.shape.kernel * self.shape.cin * self.out_blocks.padded()
    }

    /// An accumulated weight gradient in PyTorch's `[out, in, kh, kw]`.
    ///
    /// # Panics
    /// When the accumulator's length is not [`PackedConv::gradient_len`].
    pub fn unpack_gradient(&self, accumulator: &[f32]) -> Vec<f32> {
        let ConvShape { cin, cout, kernel: k, .. } = self.shape;
        assert_eq!(accumulator.len(), self.gradient_len());
        let padded = self.out_blocks.padded();
        let mut out = vec![0.0; cout * cin * k * k];
        for (row, values) in accumulator.chunks_exact(padded).enumerate() {
            let (tap, c) = (row / cin, row % cin);
            for (o, value) in values[..cout].iter().enumerate() {
                out[(o * cin + c) * k * k + tap] = *value;
            }
        }
        out
    }
}
