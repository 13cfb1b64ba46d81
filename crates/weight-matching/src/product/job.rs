//! One thread's share of a product, tile by tile.

use super::TOGETHER;
use super::operand::Operand;
use super::pack::pack;
use super::row::{LANES, Row};
use super::stretch::Stretch;
#[cfg(target_arch = "x86_64")]
use super::tile::Avx2;
use super::tile::{Element, Loop, any};
use basin_core::{Isa, Set};
use std::ops::Range;

/// Terms that one pass adds up: of the panels of the right operand that one loop takes, 16 KiB, which stay in the first
/// cache beside a few units of the left operand.
pub(super) fn stretch<T>(isa: Isa) -> usize {
    let panels = match isa.set() {
        #[cfg(target_arch = "x86_64")]
        Set::Avx2 => 1,
        _ => TOGETHER,
    };
    (1 << 14) / (panels * size_of::<Row<T>>())
}

/// Neighbouring panels of the right operand against all units of the left one. The sums over the terms run from the
/// first to the last, on every CPU and for every number of threads.
pub(super) struct Job<'a, T: Clone> {
    pub(super) left: &'a Operand<'a, T>,
    pub(super) right: &'a Operand<'a, T>,
    /// The terms of both.
    pub(super) stretches: &'a [Stretch],
    /// The panels of the right operand.
    pub(super) panels: Range<usize>,
    /// The products: for [`TOGETHER`] panels after the other, `[padded left units, those panels]` rows of lanes.
    pub(super) out: &'a mut [Row<T>],
}

impl<T: Element> Job<'_, T> {
    /// Fills `out`. A stretch of the left operand stays in the second cache while all panels meet it, one of the right
    /// operand in the first.
    pub(super) fn run(self, isa: Isa) {
        let Self { left, right, stretches, panels, out } = self;
        out.fill([T::default(); LANES]);
        let padded = left.units().div_ceil(LANES) * LANES;
        let (mut one, mut two) = (Vec::new(), Vec::new());
        for stretch in stretches {
            let firsts = panels.clone().step_by(TOGETHER);
            for (first, out) in firsts.zip(out.chunks_mut(TOGETHER * padded)) {
                let width = TOGETHER.min(panels.end - first);
                let mut tiles = Tiles { left, right, stretch, width, out };
                match isa.set() {
                    Set::Portable => match width {
                        1 => tiles.add(any::<T, 4, 1>, first, 0, &mut one),
                        _ => tiles.add(any::<T, 4, 2>, first, 0, &mut two),
                    },
                    #[cfg(target_arch = "x86_64")]
                    Set::Avx2 => {
                        for side in 0..width {
                            match T::AVX2 {
                                Avx2::Six(add) => tiles.add(add, first, side, &mut one),
                                Avx2::Two(add) => tiles.add(add, first, side, &mut one),
                            }
                        }
                    }
                    #[cfg(target_arch = "x86_64")]
                    Set::Avx512 => match width {
                        1 => tiles.add(T::AVX512, first, 0, &mut one),
                        _ => tiles.add(T::AVX512_PAIR, first, 0, &mut two),
                    },
                }
            }
        }
    }
}

/// One stretch of terms of all units of the left operand against some panels of the right one.
struct Tiles<'a, T: Clone> {
    left: &'a Operand<'a, T>,
    right: &'a Operand<'a, T>,
    stretch: &'a Stretch,
    /// Number of panels, whose sums lie side by side.
    width: usize,
    out: &'a mut [Row<T>],
}

impl<T: Element> Tiles<'_, T> {
    /// Adds the products with `P` of the panels that begin with the `first` one, from the one at `side` on, to `out`, `R`
    /// units of the left operand at a time. `rows` is memory for the panels' rows.
    #[allow(unsafe_code, reason = "the loops are compiled for instruction sets found at run time")]
    fn add<const R: usize, const P: usize>(
        &mut self,
        add: Loop<T, R, P>,
        first: usize,
        side: usize,
        rows: &mut Vec<[Row<T>; P]>,
    ) {
        // Once for all units of the left operand.
        pack(self.right, self.stretch, first + side, rows);
        let (part, places) = &self.stretch.left;
        let (values, stride) = self.left.part(*part);
        let all = self.left.units();
        for first in (0..all).step_by(R) {
            let row = |r: usize| (first + r) * self.width + side;
            let own = R.min(all - first);
            let mut sums = [[[T::default(); LANES]; P]; R];
            (0..own).for_each(|r| sums[r].copy_from_slice(&self.out[row(r)..][..P]));
            // Where units end within a tile, the last one fills it up.
            let units = std::array::from_fn(|r| (first + r).min(all - 1) * stride);
            // SAFETY: `Job::run` picks the loop by an instruction set, and only this machine's exist. `Operand::new` has seen
            // that all units of all its terms lie in their values.
            unsafe { add(values, units, places, rows, &mut sums) };
            (0..own).for_each(|r| self.out[row(r)..][..P].copy_from_slice(&sums[r]));
        }
    }
}
