//! Matrix products: inner products of every unit of one network with every unit of another.

mod job;
mod left;
mod panels;
mod row;
mod tile;
#[cfg(target_arch = "x86_64")]
mod vectors;

pub(crate) use left::{Left, Neighbours, Part};
pub(crate) use panels::Panels;
pub(crate) use row::{LANES, Row};
pub(crate) use tile::Element;

use basin_core::Isa;
use job::{Job, stretch};
use rayon::prelude::*;

/// The products of every unit of one matrix with every unit of another, kept as they were computed: for one or two
/// panels of the second matrix after the other, all units of the first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Products<T> {
    rows: Vec<Row<T>>,
    left: usize,
    right: usize,
}

/// Panels of the right operand that are computed together.
const TOGETHER: usize = 2;

/// Multiplications from which on several threads are faster: some 20 µs of one.
const WORTH_SHARING: usize = 1 << 20;

impl<T: Element> Products<T> {
    /// Some terms of `left`, which rise, each with a row of `right`: entry (i, j) is the sum over these terms k of
    /// left\[terms\[k\], i\] · right\[order\[k\], j\]. The sum runs in an order that is the same for every number of
    /// threads.
    ///
    /// # Panics
    /// When there are other numbers of terms than in `order`, or when `left` has no such term.
    pub(crate) fn compute(
        &mut self,
        (left, terms): (&Left<'_, T>, &[usize]),
        right: &Panels<T>,
        order: &[usize],
    ) {
        self.compute_on(Isa::detect(), (left, terms), right, order);
    }

    fn compute_on(
        &mut self,
        isa: Isa,
        (left, terms): (&Left<'_, T>, &[usize]),
        right: &Panels<T>,
        order: &[usize],
    ) {
        (self.left, self.right) = (left.units(), right.units());
        if self.left * self.right == 0 {
            return self.rows.clear();
        }
        assert_eq!(order.len(), terms.len(), "terms of both operands");
        let stretches = left.stretches(terms, stretch::<T>(isa));
        let panels = right.units().div_ceil(LANES);
        let padded = left.units().div_ceil(LANES) * LANES;
        self.rows.resize(panels * padded, [T::default(); LANES]);
        // One share per thread, of whole pairs; a small product would wait longer for the threads than it takes.
        let small = left.units() * right.units() * terms.len() < WORTH_SHARING;
        let threads = if small { 1 } else { rayon::current_num_threads() };
        let share = panels.div_ceil(TOGETHER).div_ceil(threads) * TOGETHER;
        let job = |(place, out): (usize, &mut [Row<T>])| {
            let panels = place * share..panels.min((place + 1) * share);
            Job { left, stretches: &stretches, right, panels, order, out }.run(isa);
        };
        match share < panels {
            true => self.rows.par_chunks_mut(share * padded).enumerate().for_each(job),
            false => job((0, &mut self.rows)),
        }
    }

    /// Adds the products of other matrices of as many units.
    ///
    /// # Panics
    /// When there are other numbers of units.
    pub(crate) fn add(&mut self, other: &Self) {
        assert_eq!((self.left, self.right), (other.left, other.right), "products of as many units");
        let rows = self.rows.as_flattened_mut().iter_mut().zip(other.rows.as_flattened());
        rows.for_each(|(sum, &x)| *sum = *sum + x);
    }

    /// Adds `factor` · product to `out`, `[left units, right units]` row-major.
    ///
    /// # Panics
    /// When `out` has another size.
    pub(crate) fn add_to(&self, out: &mut [f64], factor: f64)
    where
        f64: From<T>,
    {
        assert_eq!(out.len(), self.left * self.right, "a matrix of [left units, right units]");
        let padded = self.left.div_ceil(LANES) * LANES;
        for (pair, rows) in self.rows.chunks((TOGETHER * padded).max(1)).enumerate() {
            let (width, start) = (rows.len() / padded, pair * TOGETHER * LANES);
            let out = out.chunks_exact_mut(self.right.max(1));
            for (out, row) in out.zip(rows.chunks_exact(width)) {
                let out = &mut out[start..self.right.min(start + width * LANES)];
                let row = row.as_flattened();
                out.iter_mut().zip(row).for_each(|(out, x)| *out += factor * f64::from(*x));
            }
        }
    }
}

/// An operand as its rows lie in memory, or with its columns in their place.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stored<'a> {
    Plain(&'a [f64]),
    Transposed(&'a [f64]),
}

/// AB for A of `[m, k]` and B of `[k, n]`, in `f64`, added to `out` of `[m, n]`, row-major.
///
/// # Panics
/// When the slices are not of these sizes.
pub(crate) fn add_product([m, k, n]: [usize; 3], a: Stored<'_>, b: Stored<'_>, out: &mut [f64]) {
    let (a, stride, block) = match a {
        Stored::Plain(a) => (sized(a, m, k), k, m * k),
        Stored::Transposed(a) => (sized(a, k, m), 1, m),
    };
    let left = Left::new(m, vec![Part { values: a.into(), start: 0, stride, block, terms: k }]);
    let right = match b {
        Stored::Plain(b) => Panels::of_columns(sized(b, k, n), n),
        Stored::Transposed(b) => Panels::of_rows(sized(b, n, k), n),
    };
    if k > 0 && m > 0 && n > 0 {
        let mut products = Products::default();
        let terms: Vec<usize> = (0..k).collect();
        products.compute((&left, &terms), &right, &terms);
        products.add_to(out, 1.0);
    }
}

fn sized(matrix: &[f64], rows: usize, cols: usize) -> &[f64] {
    assert_eq!(Some(matrix.len()), rows.checked_mul(cols), "a matrix of {rows} x {cols}");
    matrix
}

#[cfg(test)]
mod tests;
