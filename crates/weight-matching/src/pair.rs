//! What is known of the arrays of one parameter in two networks before any of them is permuted.

use crate::dot::{Dot, LANES};
use basin_core::Array;

/// How large the values of an array are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Magnitude {
    /// The largest absolute value, NaN or infinite where a value is.
    pub(crate) largest: f32,
    /// The sum of all squares.
    pub(crate) squares: f64,
}

impl Magnitude {
    /// Of two arrays together.
    pub(crate) fn with(self, other: Self) -> Self {
        let larger = self.largest.to_bits().max(other.largest.to_bits());
        Self { largest: f32::from_bits(larger), squares: self.squares + other.squares }
    }

    /// Whether all values are finite.
    pub(crate) fn is_finite(self) -> bool {
        self.largest.is_finite()
    }
}

/// Two arrays of one shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pair {
    pub(crate) magnitudes: [Magnitude; 2],
    /// Their inner product.
    pub(crate) product: f64,
}

impl Pair {
    /// Both arrays are read once.
    pub(crate) fn of(a: &Array, b: &Array) -> Self {
        let (mut of_a, mut of_b, mut dot) = (Lanes::default(), Lanes::default(), Dot::new(a.data()));
        for (a, b) in a.data().chunks(STRETCH).zip(b.data().chunks(STRETCH)) {
            of_a.add(a);
            of_b.add(b);
            dot.add(b);
        }
        Self { magnitudes: [of_a.magnitude(), of_b.magnitude()], product: dot.sum() }
    }
}

/// Values that stay in the first cache: whole lanes.
const STRETCH: usize = 1024;

/// A magnitude, lane by lane.
#[derive(Default)]
struct Lanes {
    /// As bits, magnitudes are in the order of their size, and those of infinities and NaN are the largest.
    largest: [u32; LANES],
    squares: [f64; LANES],
}

impl Lanes {
    fn add(&mut self, values: &[f32]) {
        let (rows, rest) = values.as_chunks::<LANES>();
        for x in rows {
            for ((largest, squares), x) in self.largest.iter_mut().zip(&mut self.squares).zip(x) {
                *largest = (*largest).max(x.abs().to_bits());
                *squares += f64::from(*x) * f64::from(*x);
            }
        }
        for x in rest {
            self.largest[0] = self.largest[0].max(x.abs().to_bits());
            self.squares[0] += f64::from(*x) * f64::from(*x);
        }
    }

    fn magnitude(&self) -> Magnitude {
        let largest = self.largest.iter().copied().fold(0, u32::max);
        Magnitude { largest: f32::from_bits(largest), squares: self.squares.iter().sum() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magnitudes_and_product_are_those_of_all_values() {
        for len in [0, 1, 7, 8, 9, 31, STRETCH + 3, 3 * STRETCH] {
            let values: Vec<f32> = (0..len).map(|i| (i as f32 - 20.0) * 0.5).collect();
            let twice: Vec<f32> = values.iter().map(|x| 2.0 * x).collect();
            let array = |values: &[f32]| Array::new(vec![values.len()], values.to_vec()).unwrap();
            let found = Pair::of(&array(&values), &array(&twice));
            let squares = values.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>();
            let largest = values.iter().fold(0.0f32, |most, x| most.max(x.abs()));
            let one = Magnitude { largest, squares };
            let two = Magnitude { largest: 2.0 * largest, squares: 4.0 * squares };
            // Quarters of whole numbers: every sum is exact.
            assert_eq!(found, Pair { magnitudes: [one, two], product: 2.0 * squares }, "{len}");
            let both = Magnitude { largest: 2.0 * largest, squares: 5.0 * squares };
            assert_eq!(one.with(two), both);
            for place in [0, len / 2, len.max(1) - 1].into_iter().filter(|place| *place < len) {
                for odd in [f32::NAN, f32::NEG_INFINITY] {
                    let mut values = values.clone();
                    values[place] = odd;
                    let [broken, sound] = Pair::of(&array(&values), &array(&twice)).magnitudes;
                    assert!(!broken.is_finite() && sound.is_finite(), "{odd} at {place} of {len}");
                }
            }
        }
    }
}
