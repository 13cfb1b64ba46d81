//! One thread's share of a product, tile by tile.

use super::TOGETHER;
use super::panels::Panels;
use super::row::{LANES, Row};
use super::tile::{Element, Loop, any};
use basin_core::{Isa, Set};
use std::ops::Range;

/// Terms that one pass adds up: this stretch of three panels of `f32`, two of the right operand and one of the left,
/// stays in the first cache.
const STRETCH: usize = 128;

/// Neighbouring panels of the right operand against all panels of the left one. The sums over the terms run from the
/// first to the last, on every processor and for every number of threads.
pub(super) struct Job<'a, T> {
    pub(super) left: &'a Panels<T>,
    pub(super) right: &'a Panels<T>,
    /// The panels of the right operand.
    pub(super) panels: Range<usize>,
    /// Row of the right operand that meets each row of the left one.
    pub(super) order: &'a [usize],
    /// The products: for [`TOGETHER`] panels after the other, `[padded left units, those panels]` rows of lanes.
    pub(super) out: &'a mut [Row<T>],
}

impl<T: Element> Job<'_, T> {
    /// Fills `out`. A stretch of the left operand stays in the second cache while all panels meet it, one of the right
    /// operand in the first.
    pub(super) fn run(self, isa: Isa) {
        let Self { left, right, panels, order, out } = self;
        out.fill([T::default(); LANES]);
        let padded = left.units().div_ceil(LANES) * LANES;
        for (stretch, order) in order.chunks(STRETCH).enumerate() {
            let rows = stretch * STRETCH..stretch * STRETCH + order.len();
            let firsts = panels.clone().step_by(TOGETHER);
            for (first, out) in firsts.zip(out.chunks_mut(TOGETHER * padded)) {
                let tiles = Tiles { left, rows: rows.clone(), order, out };
                match (isa.set(), panels.end - first) {
                    (Set::Portable, 1) => tiles.add(any::<T, 4, 1>, [right.panel(first)]),
                    (Set::Portable, _) => {
                        tiles.add(any::<T, 4, 2>, [right.panel(first), right.panel(first + 1)]);
                    }
                    #[cfg(target_arch = "x86_64")]
                    (Set::Avx2, 1) => tiles.add(T::AVX2, [right.panel(first)]),
                    #[cfg(target_arch = "x86_64")]
                    (Set::Avx2, _) => {
                        tiles.add(T::AVX2_PAIR, [right.panel(first), right.panel(first + 1)]);
                    }
                    #[cfg(target_arch = "x86_64")]
                    (Set::Avx512, 1) => tiles.add(T::AVX512, [right.panel(first)]),
                    #[cfg(target_arch = "x86_64")]
                    (Set::Avx512, _) => {
                        tiles.add(T::AVX512_PAIR, [right.panel(first), right.panel(first + 1)]);
                    }
                }
            }
        }
    }
}

/// One stretch of terms of all panels of the left operand against `P` panels of the right one.
struct Tiles<'a, T> {
    left: &'a Panels<T>,
    rows: Range<usize>,
    order: &'a [usize],
    out: &'a mut [Row<T>],
}

impl<T: Element> Tiles<'_, T> {
    /// Adds the products to `out`, `R` units of the left operand at a time.
    #[allow(unsafe_code, reason = "the loops are compiled for instruction sets found at run time")]
    fn add<const R: usize, const P: usize>(self, add: Loop<T, R, P>, right: [&[Row<T>]; P]) {
        // Copied once into the order in which all panels of the left operand meet them.
        let side_by_side = |&at: &usize| std::array::from_fn(|p| right[p][at]);
        let right: Vec<[Row<T>; P]> = self.order.iter().map(side_by_side).collect();
        for panel in 0..self.left.units().div_ceil(LANES) {
            let left = &self.left.panel(panel)[self.rows.clone()];
            for part in 0..LANES / R {
                let row = |r: usize| (panel * LANES + part * R + r) * P;
                let mut sums = [[[T::default(); LANES]; P]; R];
                (0..R).for_each(|r| sums[r].copy_from_slice(&self.out[row(r)..][..P]));
                // SAFETY: `Job::run` picks the loop by a processor, and only this machine's exist.
                unsafe { add(left, part, &right, &mut sums) };
                (0..R).for_each(|r| self.out[row(r)..][..P].copy_from_slice(&sums[r]));
            }
        }
    }
}
