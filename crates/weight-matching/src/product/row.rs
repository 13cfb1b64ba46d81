//! What a panel is made of: rows of neighbouring units.

/// Units of a panel.
pub(crate) const LANES: usize = 16;

/// A row of a panel: one term of [`LANES`] units.
pub(crate) type Row<T> = [T; LANES];

/// Rows and columns of a matrix that is transposed in registers.
pub(crate) const QUAD: usize = 4;
