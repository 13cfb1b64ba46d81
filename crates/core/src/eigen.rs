//! Eigenvalues of small symmetric matrices: what principal components and Ritz values are read from.

/// Eigenvalues in descending order with their eigenvectors.
#[derive(Clone, Debug, PartialEq)]
pub struct Eigen {
    /// `[n]`.
    pub values: Vec<f64>,
    /// `[n][n]`: vector i of unit length belongs to value i.
    pub vectors: Vec<Vec<f64>>,
}

/// All eigenvalues and eigenvectors of a symmetric matrix `[n][n]`, row-major, of finite numbers, by cyclic Jacobi
/// rotations (Golub and Van Loan, *Matrix Computations*, Sec. 8.5). Errors are some 1e-15 of the largest eigenvalue.
///
/// Cost: O(n³) a sweep, six to ten sweeps; for n up to some hundreds.
pub fn symmetric_eigen(matrix: &[f64], n: usize) -> Eigen {
    let mut a = matrix.to_vec();
    let mut vectors: Vec<Vec<f64>> =
        (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    let norm = a.iter().map(|x| x * x).sum::<f64>().sqrt();
    for _ in 0..60 {
        let off: f64 =
            (0..n).flat_map(|p| (p + 1..n).map(move |q| (p, q))).map(|(p, q)| a[p * n + q].powi(2)).sum();
        if off.sqrt() <= f64::EPSILON * 1e-3 * norm {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(&mut a, n, p, q, &mut vectors);
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    // Equal values keep the order of their columns.
    order.sort_by(|i, j| a[j * n + j].total_cmp(&a[i * n + i]));
    let values = order.iter().map(|i| a[i * n + i]).collect();
    let vectors = order.iter().map(|i| std::mem::take(&mut vectors[*i])).collect();
    Eigen { values, vectors }
}

/// Rotates axes p and q so that their entry off the diagonal becomes 0.
fn rotate(a: &mut [f64], n: usize, p: usize, q: usize, vectors: &mut [Vec<f64>]) {
    let off = a[p * n + q];
    let (app, aqq) = (a[p * n + p], a[q * n + q]);
    if off.abs() <= f64::MIN_POSITIVE {
        return;
    }
    let theta = (aqq - app) / (2.0 * off);
    // The smaller of the two angles; for a huge theta its square would overflow.
    let t = match theta.abs() < 1e150 {
        true => theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt()),
        false => 0.5 / theta,
    };
    let c = 1.0 / (t * t + 1.0).sqrt();
    let s = t * c;
    for k in 0..n {
        if k == p || k == q {
            continue;
        }
        let (x, y) = (a[p * n + k], a[q * n + k]);
        let (x, y) = (c * x - s * y, s * x + c * y);
        (a[p * n + k], a[q * n + k]) = (x, y);
        (a[k * n + p], a[k * n + q]) = (x, y);
    }
    a[p * n + p] = app - t * off;
    a[q * n + q] = aqq + t * off;
    (a[p * n + q], a[q * n + p]) = (0.0, 0.0);
    let (left, right) = vectors.split_at_mut(q);
    for (x, y) in left[p].iter_mut().zip(&mut right[0]) {
        (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeedTree;

    /// Largest entry of A v − λ v, and of VᵀV − 1.
    fn residuals(matrix: &[f64], n: usize, eigen: &Eigen) -> (f64, f64) {
        let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(a, b)| a * b).sum::<f64>();
        let (mut off, mut skew) = (0.0f64, 0.0f64);
        for (i, (value, v)) in eigen.values.iter().zip(&eigen.vectors).enumerate() {
            for row in 0..n {
                off = off.max((dot(&matrix[row * n..][..n], v) - value * v[row]).abs());
            }
            for (j, w) in eigen.vectors.iter().enumerate() {
                skew = skew.max((dot(v, w) - f64::from(u8::from(i == j))).abs());
            }
        }
        (off, skew)
    }

    #[test]
    fn values_and_vectors_belong_together() {
        let mut rng = SeedTree::root(5).rng();
        for n in [1, 2, 3, 17, 60] {
            let half: Vec<f64> = (0..n * n).map(|_| rng.normal()).collect();
            let matrix: Vec<f64> = (0..n * n).map(|k| half[k] + half[k % n * n + k / n]).collect();
            let eigen = symmetric_eigen(&matrix, n);
            let (off, skew) = residuals(&matrix, n, &eigen);
            assert!(off < 1e-13 * n as f64 && skew < 1e-13, "{n}: {off:e} {skew:e}");
            assert!(eigen.values.windows(2).all(|pair| pair[0] >= pair[1]));
        }
    }

    #[test]
    fn zeros_equals_and_diagonals_are_no_trouble() {
        assert_eq!(symmetric_eigen(&[], 0).values, [0.0; 0]);
        assert_eq!(symmetric_eigen(&[0.0; 9], 3).values, [0.0; 3]);
        assert_eq!(symmetric_eigen(&[2.0, 0.0, 0.0, 3.0], 2).values, [3.0, 2.0]);
        let ones = symmetric_eigen(&[1.0; 16], 4);
        assert!((ones.values[0] - 4.0).abs() < 1e-14 && ones.values[1..].iter().all(|v| v.abs() < 1e-14));
        assert!(residuals(&[1.0; 16], 4, &ones).1 < 1e-14);
    }
}
