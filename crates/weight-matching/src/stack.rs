//! The weights of one permutation's units as a matrix, where they lie.

use crate::pair::Magnitude;
use crate::product::{Operand, Part};
use basin_core::Array;
use std::borrow::Cow;
use std::ops::RangeInclusive;

/// Magnitudes that need no scaling: neither products of two of them nor sums of many come near the ends of `f32`, so
/// that a power of two would change no bit of them.
const USUAL: RangeInclusive<f64> = 1e-6..=1e6;

/// A stretch of an axis of an array: `len` entries from `start`.
#[derive(Clone, Copy)]
pub(crate) struct Slab<'a> {
    pub(crate) array: &'a Array,
    /// Of the whole array.
    pub(crate) magnitude: Magnitude,
    pub(crate) axis: usize,
    pub(crate) start: usize,
    pub(crate) len: usize,
}

impl Slab<'_> {
    /// Entries that lie side by side for each index of the axis.
    fn inner(&self) -> usize {
        self.array.shape()[self.axis + 1..].iter().product()
    }
}

/// The power of two that brings the largest magnitude into [1/2, 1); 1 when all are 0.
fn scale(largest: f32) -> f64 {
    let largest = f64::from(largest);
    let mut scale = 1.0f64;
    while largest >= scale {
        scale *= 2.0;
    }
    while largest > 0.0 && largest < 0.5 * scale {
        scale *= 0.5;
    }
    scale
}

/// x / scale. As a normal f32 the factor gives the same bits as in f64, since it is a power of two.
fn scaled(x: f32, scale: f64) -> f32 {
    match (1.0 / scale) as f32 {
        factor if factor.is_normal() => x * factor,
        _ => (f64::from(x) / scale) as f32,
    }
}

/// The weights of a permutation's units in one network.
#[derive(Debug)]
pub(crate) struct Stack<'a> {
    pub(crate) operand: Operand<'a, f32>,
    /// By which power of two the values were divided.
    pub(crate) scale: f64,
    /// At least the root of the sum of the squares of its values.
    pub(crate) norm: f64,
}

/// The slabs of `units` units as an operand of a product. They stay where they are unless their magnitudes are
/// unusual.
pub(crate) fn stack<'a>(units: usize, slabs: &[Slab<'a>]) -> Stack<'a> {
    let magnitude = slabs.iter().map(|slab| slab.magnitude).fold(Magnitude::default(), Magnitude::with);
    let scale = scale(magnitude.largest);
    let usual = USUAL.contains(&scale);
    let part = |slab: &Slab<'a>| {
        let (data, inner) = (slab.array.data(), slab.inner());
        let values = match usual {
            true => Cow::Borrowed(data),
            false => data.iter().map(|&x| scaled(x, scale)).collect(),
        };
        let block = slab.array.shape()[slab.axis] * inner;
        // The entries of one unit, if several, come before those of the next.
        let stride = inner * (slab.len / units.max(1));
        let terms = data.len().checked_div(block).unwrap_or(0) * stride;
        Part { values, start: slab.start * inner, stride, block, terms }
    };
    let operand = Operand::new(units, slabs.iter().map(part).collect());
    let scale = if usual { 1.0 } else { scale };
    Stack { operand, scale, norm: magnitude.squares.sqrt() / scale }
}
