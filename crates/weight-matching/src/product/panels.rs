//! Matrices laid out for products: panels of units, each a run of rows of [`LANES`] neighbouring units.

use super::row::{LANES, Row};
use super::tile::Element;
use rayon::prelude::*;

/// A matrix of `terms` rows and `units` columns, cut into panels of [`LANES`] columns; the last panel is filled up
/// with zeros. A product then reads memory in its order, also when it takes the rows in another one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Panels<T> {
    units: usize,
    terms: usize,
    rows: Vec<Row<T>>,
}

impl<T: Element> Panels<T> {
    /// Zeros.
    pub(crate) fn new(units: usize, terms: usize) -> Self {
        Self { units, terms, rows: vec![[T::default(); LANES]; units.div_ceil(LANES) * terms] }
    }

    /// Columns of the matrix.
    pub(crate) fn units(&self) -> usize {
        self.units
    }

    /// Rows of the matrix.
    pub(crate) fn terms(&self) -> usize {
        self.terms
    }

    /// The rows of one panel.
    pub(crate) fn panel(&self, panel: usize) -> &[Row<T>] {
        &self.rows[panel * self.terms..][..self.terms]
    }

    /// The panels' rows, panel by panel, for several threads where that is faster.
    pub(crate) fn panels_mut(&mut self) -> impl IndexedParallelIterator<Item = &mut [Row<T>]> {
        /// Values from which on it is.
        const WORTH_SHARING: usize = 1 << 16;
        let least = WORTH_SHARING.div_ceil((self.terms * LANES).max(1));
        self.rows.par_chunks_exact_mut(self.terms.max(1)).with_min_len(least)
    }

    /// Makes this a matrix of as many units as `from`, with rows that a function makes of the rows of each of its panels,
    /// for the first term, the second, and so on. The memory serves again.
    pub(crate) fn derive(
        &mut self,
        from: &Self,
        terms: usize,
        row: impl Fn(&[Row<T>], usize) -> Row<T> + Sync,
    ) {
        (self.units, self.terms) = (from.units, terms);
        self.rows.resize(from.units.div_ceil(LANES) * terms, [T::default(); LANES]);
        self.panels_mut().enumerate().for_each(|(panel, rows)| {
            let from = from.panel(panel);
            rows.iter_mut().enumerate().for_each(|(term, to)| *to = row(from, term));
        });
    }

    /// From a matrix `[terms, units]`, row-major.
    pub(crate) fn of_columns(matrix: &[T], units: usize) -> Self {
        let mut panels = Self::new(units, matrix.len().checked_div(units).unwrap_or(0));
        panels.panels_mut().enumerate().for_each(|(panel, rows)| {
            for (row, from) in rows.iter_mut().zip(matrix.chunks_exact(units)) {
                let from = &from[panel * LANES..units.min((panel + 1) * LANES)];
                row[..from.len()].copy_from_slice(from);
            }
        });
        panels
    }

    /// From a matrix `[units, terms]`, row-major.
    pub(crate) fn of_rows(matrix: &[T], units: usize) -> Self {
        let mut panels = Self::new(units, matrix.len().checked_div(units).unwrap_or(0));
        let terms = panels.terms;
        panels.panels_mut().enumerate().for_each(|(panel, rows)| {
            for (lane, unit) in (panel * LANES..units.min((panel + 1) * LANES)).enumerate() {
                let from = &matrix[unit * terms..][..terms];
                rows.iter_mut().zip(from).for_each(|(row, x)| row[lane] = *x);
            }
        });
        panels
    }
}
