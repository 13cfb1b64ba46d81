//! One thread's share of a product, tile by tile.

use super::panels::LANES;
use super::tile::{Element, Loop, Row, any};
use crate::processor::Processor;

/// Terms that one pass adds up: this stretch of two panels of `f32` stays in the first cache.
const STRETCH: usize = 256;

/// One or two panels of the right operand against all panels of the left one. The sums over the terms run from the
/// first to the last, on every processor and for every number of threads.
pub(super) struct Job<'a, T> {
    /// Panels of the left operand, `terms` rows each.
    pub(super) left: &'a [Row<T>],
    /// The panels of the right operand.
    pub(super) right: &'a [&'a [Row<T>]],
    /// Row of the right operand that meets each row of the left one.
    pub(super) order: &'a [usize],
    /// The products, `[padded left units, right.len()]` rows of lanes.
    pub(super) out: &'a mut [Row<T>],
    /// Number of terms, at least 1.
    pub(super) terms: usize,
}

impl<T: Element> Job<'_, T> {
    /// Fills `out`.
    pub(super) fn run(self, processor: Processor) {
        match (processor, self.right.len()) {
            (Processor::Any, _) => self.tiles(any::<T, 4, 1>),
            #[cfg(target_arch = "x86_64")]
            (Processor::Avx2, _) => self.tiles(T::AVX2),
            #[cfg(target_arch = "x86_64")]
            (Processor::Avx512, 2) => self.tiles(T::AVX512_PAIR),
            #[cfg(target_arch = "x86_64")]
            (Processor::Avx512, _) => self.tiles(T::AVX512),
        }
    }

    /// Tiles of `R` units of the left operand and `P` panels of the right one.
    #[allow(unsafe_code, reason = "the loops are compiled for instruction sets found at run time")]
    fn tiles<const R: usize, const P: usize>(self, add: Loop<T, R, P>) {
        let Self { left, right, order, out, terms } = self;
        out.fill([T::default(); LANES]);
        let width = right.len();
        for (stretch, order) in order.chunks(STRETCH).enumerate() {
            let start = stretch * STRETCH;
            for first in (0..width).step_by(P) {
                let right: [&[Row<T>]; P] = std::array::from_fn(|p| right[first + p]);
                for (panel, left) in left.chunks_exact(terms).enumerate() {
                    let left = &left[start..start + order.len()];
                    for part in 0..LANES / R {
                        let row = |r: usize| (panel * LANES + part * R + r) * width + first;
                        let mut sums = [[[T::default(); LANES]; P]; R];
                        (0..R).for_each(|r| sums[r].copy_from_slice(&out[row(r)..][..P]));
                        // SAFETY: `run` picks the loop by a processor, and only this machine's exist.
                        unsafe { add(left, part, right, order, &mut sums) };
                        (0..R).for_each(|r| out[row(r)..][..P].copy_from_slice(&sums[r]));
                    }
                }
            }
        }
    }
}
