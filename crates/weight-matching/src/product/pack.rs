//! Panels of the right operand, copied out of the arrays where they lie in the order in which a product reads them.

use super::operand::Operand;
use super::row::{LANES, QUAD, Row};
use super::stretch::{Run, Stretch};
use super::tile::Element;
#[cfg(target_arch = "x86_64")]
use super::vectors::fetch;

/// Copies a stretch of the terms of `P` neighbouring panels, the first one of this number: a row of each panel for each
/// term. Lanes beyond the last unit are zero.
pub(super) fn pack<T: Element, const P: usize>(
    right: &Operand<'_, T>,
    stretch: &Stretch,
    first: usize,
    rows: &mut Vec<[Row<T>; P]>,
) {
    let (values, stride) = right.part(stretch.right);
    rows.resize(stretch.left.1.len(), [[T::default(); LANES]; P]);
    for p in 0..P {
        let start = (first + p) * LANES;
        let own = LANES.min(right.units() - start);
        if own < LANES {
            rows.iter_mut().for_each(|row| row[p][own..].fill(T::default()));
        }
        // The panel after these is fetched while they are computed: its units lie far apart, in no order that the CPU
        // could foresee.
        let after = start + P * LANES;
        let next = LANES.min(right.units().saturating_sub(after));
        let mut rest = &mut rows[..];
        for run in &stretch.runs {
            for unit in after..after + next {
                fetch(values, run.at + unit * stride);
                fetch(values, run.at + unit * stride + run.len - 1);
            }
            let rows;
            (rows, rest) = rest.split_at_mut(run.len);
            let lanes = Lanes { values, stride, first: start * stride, run, own };
            match run.less {
                None if stride == 1 => lanes.copy(rows, p),
                None if run.len >= QUAD && own == LANES => lanes.transpose(rows, p),
                None => lanes.fill(rows, p, |values, term| values[run.at + term]),
                Some(less) => lanes.fill(rows, p, |values, term| values[run.at + term] - values[less + term]),
            }
        }
    }
}

/// A run of terms of neighbouring units, one lane for each.
struct Lanes<'a, T> {
    values: &'a [T],
    /// How far apart the units are.
    stride: usize,
    /// How far behind those of the first unit of all the values of the first lane are.
    first: usize,
    run: &'a Run,
    /// Number of lanes that have a unit.
    own: usize,
}

impl<T: Element> Lanes<'_, T> {
    /// Where the units lie side by side.
    fn copy<const P: usize>(&self, rows: &mut [[Row<T>; P]], p: usize) {
        for (term, row) in rows.iter_mut().enumerate() {
            row[p][..self.own].copy_from_slice(&self.values[self.run.at + term + self.first..][..self.own]);
        }
    }

    /// Four terms of four units at a time. Where the run ends within the four, the last ones are copied twice.
    fn transpose<const P: usize>(&self, rows: &mut [[Row<T>; P]], p: usize) {
        let last = rows.len() - QUAD;
        for term in (0..rows.len()).step_by(QUAD).map(|term| term.min(last)) {
            let rows = &mut rows[term..][..QUAD];
            for lane in (0..LANES).step_by(QUAD) {
                let of = |n: usize| {
                    let from = self.run.at + term + self.first + (lane + n) * self.stride;
                    let [a, b, c, d] = self.values[from..][..QUAD] else { unreachable!("four values") };
                    [a, b, c, d]
                };
                let turned = T::transposed(std::array::from_fn(of));
                for (row, turned) in rows.iter_mut().zip(turned) {
                    row[p][lane..][..QUAD].copy_from_slice(&turned);
                }
            }
        }
    }

    /// Lane by lane, since a unit's terms lie near each other. The value is made of those from the unit on, and the term's
    /// number in the run.
    fn fill<const P: usize>(&self, rows: &mut [[Row<T>; P]], p: usize, value: impl Fn(&[T], usize) -> T) {
        for lane in 0..self.own {
            let values = &self.values[self.first + lane * self.stride..];
            rows.iter_mut().enumerate().for_each(|(term, row)| row[p][lane] = value(values, term));
        }
    }
}

/// Elsewhere the CPU is left to itself.
#[cfg(not(target_arch = "x86_64"))]
fn fetch<T>(_: &[T], _: usize) {}
