//! Columns of a matrix in blocks as wide as the vectors of an instruction set.

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
        let isa = isa.for_rows(columns);
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

    /// Vectors of a block.
    pub(crate) fn vectors(&self) -> usize {
        self.width / self.isa.lanes()
    }

    /// Real columns of one block.
    pub(crate) fn used(&self, block: usize) -> usize {
        self.width.min(self.columns - block * self.width)
    }

    /// Lays out `[rows, columns]`, given as a function, block by block: `[block, rows, width]`.
    pub(crate) fn pack(&self, rows: usize, out: &mut Vec<f32>, value: impl Fn(usize, usize) -> f32) {
        out.resize(self.count() * rows * self.width, 0.0);
        for block in 0..self.count() {
            let (first, used) = (block * self.width, self.used(block));
            for row in 0..rows {
                let to = &mut out[(block * rows + row) * self.width..][..used];
                to.iter_mut().enumerate().for_each(|(c, slot)| *slot = value(row, first + c));
            }
        }
    }
}
