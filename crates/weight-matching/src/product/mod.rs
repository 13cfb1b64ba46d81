//! Matrix products: inner products of every unit of one network with every unit of another.

mod job;
mod operand;
mod pack;
mod row;
mod stretch;
mod tile;
#[cfg(target_arch = "x86_64")]
mod vectors;

pub(crate) use operand::{Operand, Part, Place};
pub(crate) use stretch::Rows;
pub(crate) use tile::Element;

use basin_core::Isa;
use job::{Job, stretch};
use rayon::prelude::*;
use row::{LANES, Row};
use stretch::stretches;

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

/// Panels of a share.
const LEAST_SHARE: usize = 4;

/// Multiplications from which on several threads are faster: some 20 µs of one.
const WORTH_SHARING: usize = 1 << 20;

impl<T: Element> Products<T> {
    /// Some terms of `left`, each with a row of `right`: entry (i, j) is the sum over these terms k of
    /// left\[terms\[k\], i\] · right\[rows\[k\], j\]. The sum runs in an order that is the same for every number of
    /// threads.
    ///
    /// # Panics
    /// When there are other numbers of terms than of rows, when an operand has no such term, or when the two rows of a
    /// difference lie in different parts.
    pub(crate) fn compute(
        &mut self,
        (left, terms): (&Operand<'_, T>, &[usize]),
        (right, rows): (&Operand<'_, T>, Rows<'_>),
    ) {
        self.compute_on(Isa::detect(), (left, terms), (right, rows));
    }

    fn compute_on(
        &mut self,
        isa: Isa,
        (left, terms): (&Operand<'_, T>, &[usize]),
        (right, rows): (&Operand<'_, T>, Rows<'_>),
    ) {
        (self.left, self.right) = (left.units(), right.units());
        if self.left * self.right == 0 {
            return self.rows.clear();
        }
        let stretches = stretches((left, terms), (right, rows), stretch::<T>(isa));
        let panels = right.units().div_ceil(LANES);
        let padded = left.units().div_ceil(LANES) * LANES;
        self.rows.resize(panels * padded, [T::default(); LANES]);
        // Shares of whole pairs, two for each thread, since they may not all be free at once, but not too small, since each
        // reads the whole left operand; a small product would wait longer for the threads than it takes.
        let small = left.units() * right.units() * terms.len() < WORTH_SHARING;
        let shares = if small { 1 } else { 2 * rayon::current_num_threads() };
        let share = (panels.div_ceil(TOGETHER).div_ceil(shares) * TOGETHER).max(LEAST_SHARE);
        let job = |(place, out): (usize, &mut [Row<T>])| {
            let panels = place * share..panels.min((place + 1) * share);
            Job { left, right, stretches: &stretches, panels, out }.run(isa);
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
pub(crate) fn add_product<'a>([m, k, n]: [usize; 3], a: Stored<'a>, b: Stored<'a>, out: &mut [f64]) {
    // A term of rows of units lies `k` values from unit to unit, one of columns side by side.
    let operand = |stored: Stored<'a>, units: usize, rows: bool| {
        let (Stored::Plain(values) | Stored::Transposed(values)) = stored;
        assert_eq!(Some(values.len()), units.checked_mul(k), "a matrix of {units} units and {k} terms");
        let (stride, block) = if rows { (k, units * k) } else { (1, units) };
        Operand::new(units, vec![Part { values: values.into(), start: 0, stride, block, terms: k }])
    };
    let left = operand(a, m, matches!(a, Stored::Plain(_)));
    let right = operand(b, n, matches!(b, Stored::Transposed(_)));
    if k > 0 && m > 0 && n > 0 {
        let mut products = Products::default();
        let terms: Vec<usize> = (0..k).collect();
        products.compute((&left, &terms), (&right, terms[..].into()));
        products.add_to(out, 1.0);
    }
}

#[cfg(test)]
mod tests;
