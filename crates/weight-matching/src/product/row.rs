//! What a panel is made of: rows of neighbouring units.

/// Units of a panel.
pub(crate) const LANES: usize = 16;

/// A row of a panel: one term of [`LANES`] units.
pub(crate) type Row<T> = [T; LANES];
