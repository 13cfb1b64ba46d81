//! Centred kernel alignment: whether two networks see the same images as alike.

use crate::MetricError;
use basin_core::{Array, Citation};

/// Where this metric comes from.
pub const CITATION: Citation = Citation {
    key: "kornblith2019similarity",
    authors: "Kornblith, Simon and Norouzi, Mohammad and Lee, Honglak and Hinton, Geoffrey",
    title: "Similarity of Neural Network Representations Revisited",
    year: 2019,
    locator: "1905.00414",
};

/// Rows and columns that are summed at a time, so that sums stay near the CPU.
const TILE: usize = 64;

/// Linear CKA of two feature matrices `[n, d₁]` and `[n, d₂]`, a row an image, in 0..=1 (Kornblith et al., Eq. 3 and
/// Sec. 3): with columns centred, `‖Yᵀ X‖² / (‖Xᵀ X‖ ‖Yᵀ Y‖)` in Frobenius norms.
///
/// 1 for features that are equal up to rotation and scale; features that do not vary over the images have none. The
/// biased estimate, which rises as n falls towards d: compare at one n, and let n be well above d. Sums in f64.
/// Cost: O(n (d₁² + d₂² + d₁ d₂)).
///
/// # Errors
/// [`MetricError::NoRows`]; [`MetricError::MemberShape`] for matrices of other numbers of rows or arrays that are no
/// matrices; [`MetricError::NotFinite`] with matrix and row; [`MetricError::NoVariation`] with the matrix.
pub fn linear_cka(x: &Array, y: &Array) -> Result<f64, MetricError> {
    let (x, y) = (Centred::new(0, x, None)?, Centred::new(1, y, Some(x))?);
    let [own_x, own_y] = [(&x, 0), (&y, 1)].map(|(m, member)| match m.product(m) {
        square if square > 0.0 => Ok(square.sqrt()),
        _ => Err(MetricError::NoVariation { member }),
    });
    Ok((x.product(&y) / (own_x? * own_y?)).min(1.0))
}

/// A matrix whose columns have mean 0, row-major.
struct Centred {
    values: Vec<f64>,
    width: usize,
}

impl Centred {
    fn new(member: usize, array: &Array, like: Option<&Array>) -> Result<Self, MetricError> {
        let &[rows, width] = array.shape() else {
            let found = [array.shape().first().copied().unwrap_or(0), 0];
            return Err(MetricError::MemberShape { member, found, expected: [found[0], 1] });
        };
        if let Some(expected) = like.map(|like| like.shape()[0]).filter(|expected| *expected != rows) {
            let expected = [expected, width];
            return Err(MetricError::MemberShape { member, found: [rows, width], expected });
        }
        if rows == 0 || width == 0 {
            return Err(MetricError::NoRows);
        }
        let data = array.data();
        if let Some(at) = data.iter().position(|value| !value.is_finite()) {
            return Err(MetricError::NotFinite { member, row: at / width });
        }
        // Measured from the first row, so that equal values leave exactly nothing.
        let (first, mut means) = (&data[..width], vec![0.0; width]);
        for row in data.chunks_exact(width) {
            means
                .iter_mut()
                .zip(row.iter().zip(first))
                .for_each(|(m, (v, f))| *m += f64::from(*v) - f64::from(*f));
        }
        means.iter_mut().for_each(|mean| *mean /= rows as f64);
        let centre = |(v, (f, m)): (&f32, (&f32, &f64))| f64::from(*v) - f64::from(*f) - m;
        let row = |row| std::iter::zip(row, first.iter().zip(&means)).map(centre);
        let values = data.chunks_exact(width).flat_map(row).collect();
        Ok(Self { values, width })
    }

    /// `‖selfᵀ other‖²`, by tiles of columns.
    fn product(&self, other: &Self) -> f64 {
        let mut sum = 0.0;
        for left in (0..self.width).step_by(TILE) {
            for right in (0..other.width).step_by(TILE) {
                sum += self.tile(other, left, right);
            }
        }
        sum
    }

    fn tile(&self, other: &Self, left: usize, right: usize) -> f64 {
        let (width, height) = (TILE.min(other.width - right), TILE.min(self.width - left));
        let mut sums = vec![0.0f64; height * width];
        for (a, b) in self.values.chunks_exact(self.width).zip(other.values.chunks_exact(other.width)) {
            let (a, b) = (&a[left..left + height], &b[right..right + width]);
            for (sums, a) in sums.chunks_exact_mut(width).zip(a) {
                sums.iter_mut().zip(b).for_each(|(sum, b)| *sum += a * b);
            }
        }
        sums.iter().map(|sum| sum * sum).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_core::SeedTree;

    fn drawn(rows: usize, width: usize, seed: u64) -> Array {
        let mut rng = SeedTree::root(seed).rng();
        Array::new(vec![rows, width], (0..rows * width).map(|_| rng.normal() as f32).collect()).unwrap()
    }

    #[test]
    fn a_worked_example() {
        // Centred columns x = (−1, 0, 1) and y = (−1, 2, −1), (0, −1, 1): (Σxy)² = 0 and 1; norms 2 and
        // √(36 + 2·9 + 4).
        let x = Array::new(vec![3, 1], vec![4.0, 5.0, 6.0]).unwrap();
        let y = Array::new(vec![3, 2], vec![0.0, 3.0, 3.0, 2.0, 0.0, 4.0]).unwrap();
        assert!((linear_cka(&x, &y).unwrap() - 1.0 / (2.0 * 58f64.sqrt())).abs() < 1e-15);
    }

    #[test]
    fn rotation_and_scale_do_not_matter() {
        let x = drawn(40, 2, 1);
        let (s, c) = 0.7f64.sin_cos();
        let turned = x.data().chunks(2).flat_map(|v| {
            let [a, b] = [f64::from(v[0]), f64::from(v[1])];
            [(3.0 * (c * a - s * b)) as f32, (3.0 * (s * a + c * b)) as f32 + 5.0]
        });
        let turned = Array::new(vec![40, 2], turned.collect()).unwrap();
        assert!((linear_cka(&x, &turned).unwrap() - 1.0).abs() < 1e-6);
        assert!((linear_cka(&x, &x).unwrap() - 1.0).abs() < 1e-15);
    }

    #[test]
    fn tiles_leave_no_seam() {
        let (x, y) = (drawn(30, 2 * TILE + 3, 2), drawn(30, TILE + 1, 3));
        let plain = |a: &Array, b: &Array| {
            let column = |m: &Array, j: usize| {
                let width = m.shape()[1];
                let v: Vec<f64> = (0..30).map(|i| f64::from(m.data()[i * width + j])).collect();
                let mean = v.iter().sum::<f64>() / 30.0;
                v.into_iter().map(|v| v - mean).collect::<Vec<f64>>()
            };
            let columns = |m: &Array| (0..m.shape()[1]).map(|j| column(m, j)).collect::<Vec<_>>();
            let (a, b) = (columns(a), columns(b));
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            a.iter().flat_map(|a| b.iter().map(|b| dot(a, b).powi(2))).sum::<f64>()
        };
        let expected = plain(&x, &y) / (plain(&x, &x) * plain(&y, &y)).sqrt();
        let found = linear_cka(&x, &y).unwrap();
        assert!((found - expected).abs() < 1e-12, "{found} for {expected}");
        assert!((linear_cka(&y, &x).unwrap() - found).abs() < 1e-12);
    }

    #[test]
    fn what_has_no_alignment_is_refused() {
        let x = drawn(4, 2, 1);
        let refused = |y: Array| linear_cka(&x, &y).unwrap_err();
        assert_eq!(
            refused(drawn(5, 3, 1)),
            MetricError::MemberShape { member: 1, found: [5, 3], expected: [4, 3] }
        );
        assert_eq!(refused(Array::full(vec![4, 2], 0.1)), MetricError::NoVariation { member: 1 });
        assert_eq!(refused(Array::full(vec![4, 2], f32::NAN)), MetricError::NotFinite { member: 1, row: 0 });
        let flat = MetricError::MemberShape { member: 1, found: [4, 0], expected: [4, 1] };
        assert_eq!(refused(Array::full(vec![4], 0.1)), flat);
        let none = Array::full(vec![0, 2], 0.0);
        assert_eq!(linear_cka(&none, &none), Err(MetricError::NoRows));
    }
}
