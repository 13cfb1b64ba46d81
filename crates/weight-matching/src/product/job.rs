//! One thread's share of a product, tile by tile.

use super::TOGETHER;
use super::left::{Left, Stretch};
use super::panels::Panels;
use super::row::{LANES, Row};
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
    pub(super) left: &'a Left<'a, T>,
    /// The terms of the left operand.
    pub(super) stretches: &'a [Stretch],
    pub(super) right: &'a Panels<T>,
    /// The panels of the right operand.
    pub(super) panels: Range<usize>,
    /// Row of the right operand that meets each of these terms.
    pub(super) order: &'a [usize],
    /// The products: for [`TOGETHER`] panels after the other, `[padded left units, those panels]` rows of lanes.
    pub(super) out: &'a mut [Row<T>],
}

impl<T: Element> Job<'_, T> {
    /// Fills `out`. A stretch of the left operand stays in the second cache while all panels meet it, one of the right
    /// operand in the first.
    pub(super) fn run(self, isa: Isa) {
        let Self { left, stretches, right, panels, order, out } = self;
        out.fill([T::default(); LANES]);
        let padded = left.units().div_ceil(LANES) * LANES;
        let (mut one, mut two) = (Vec::new(), Vec::new());
        for stretch in stretches {
            let order = &order[stretch.from..][..stretch.places.len()];
            let firsts = panels.clone().step_by(TOGETHER);
            for (first, out) in firsts.zip(out.chunks_mut(TOGETHER * padded)) {
                let width = TOGETHER.min(panels.end - first);
                let mut tiles = Tiles { left, stretch, order, width, out };
                match isa.set() {
                    Set::Portable => match width {
                        1 => tiles.add(any::<T, 4, 1>, [right.panel(first)], 0, &mut one),
                        _ => {
                            let panels = [right.panel(first), right.panel(first + 1)];
                            tiles.add(any::<T, 4, 2>, panels, 0, &mut two);
                        }
                    },
                    #[cfg(target_arch = "x86_64")]
                    Set::Avx2 => {
                        for side in 0..width {
                            let panel = [right.panel(first + side)];
                            match T::AVX2 {
                                Avx2::Six(add) => tiles.add(add, panel, side, &mut one),
                                Avx2::Two(add) => tiles.add(add, panel, side, &mut one),
                            }
                        }
                    }
                    #[cfg(target_arch = "x86_64")]
                    Set::Avx512 => match width {
                        1 => tiles.add(T::AVX512, [right.panel(first)], 0, &mut one),
                        _ => {
                            let panels = [right.panel(first), right.panel(first + 1)];
                            tiles.add(T::AVX512_PAIR, panels, 0, &mut two);
                        }
                    },
                }
            }
        }
    }
}

/// One stretch of terms of all units of the left operand against some panels of the right one.
struct Tiles<'a, T: Clone> {
    left: &'a Left<'a, T>,
    stretch: &'a Stretch,
    order: &'a [usize],
    /// Number of panels, whose sums lie side by side.
    width: usize,
    out: &'a mut [Row<T>],
}

impl<T: Element> Tiles<'_, T> {
    /// Adds the products with `P` of the panels, from the one at `side` on, to `out`, `R` units of the left operand at a
    /// time. `right` is memory for the panels' rows.
    #[allow(unsafe_code, reason = "the loops are compiled for instruction sets found at run time")]
    fn add<const R: usize, const P: usize>(
        &mut self,
        add: Loop<T, R, P>,
        panels: [&[Row<T>]; P],
        side: usize,
        right: &mut Vec<[Row<T>; P]>,
    ) {
        // Copied once into the order in which all units of the left operand meet them.
        right.clear();
        right.extend(self.order.iter().map(|&at| panels.map(|panel| panel[at])));
        let (values, stride) = self.left.part(self.stretch.part);
        let all = self.left.units();
        for first in (0..all).step_by(R) {
            let row = |r: usize| (first + r) * self.width + side;
            let own = R.min(all - first);
            let mut sums = [[[T::default(); LANES]; P]; R];
            (0..own).for_each(|r| sums[r].copy_from_slice(&self.out[row(r)..][..P]));
            // Where units end within a tile, the last one fills it up.
            let units = std::array::from_fn(|r| (first + r).min(all - 1) * stride);
            // SAFETY: `Job::run` picks the loop by an instruction set, and only this machine's exist. `Left::new` has seen
            // that all units of all its terms lie in their values.
            unsafe { add(values, units, &self.stretch.places, right, &mut sums) };
            (0..own).for_each(|r| self.out[row(r)..][..P].copy_from_slice(&sums[r]));
        }
    }
}
