//! Principal components of a few long rows, such as the weights of snapshots or the predictions of networks.

use crate::{MetricError, vector};
use basin_core::{Eigen, symmetric_eigen};

/// Components with a variance below this share of the first's are rounding.
const SMALLEST: f64 = 1e-12;

/// Columns that are centred at once; a block of them stays in cache.
const BLOCK: usize = 256;

/// Principal components of n rows of d numbers, largest first, k of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Pca {
    /// Mean of the rows, `[d]`.
    pub mean: Vec<f64>,
    /// Orthonormal components, `[k][d]`. The loading of largest magnitude, the first of equals, is positive.
    pub components: Vec<Vec<f64>>,
    /// Coordinates of the rows, `[n][k]`, in the unit of the rows: row i is `mean + Σ_c scores[i][c] components[c]` if no
    /// component is left out.
    pub scores: Vec<Vec<f64>>,
    /// Variances of the scores, `[k]`, with n − 1 in the denominator.
    pub variances: Vec<f64>,
}

/// Principal components of rows of equal length, at most `most` of them and at most n − 1.
///
/// Made for n ≪ d: eigenvectors of the n × n matrix of inner products of centred rows (Jacobi's method), so the d × d
/// covariance is never made. Components with a variance below 1e-12 of the first are left out, as this way cannot tell them
/// from rounding; the others' scores agree with a singular value decomposition to about 1e-15 times the ratio of the first
/// variance to theirs. Cost: O(n² d + n³), memory O(k d) beside the rows. The same rows give the same bits.
///
/// ```
/// let rows = [[0.0, 0.0, 1.0], [3.0, 4.0, 1.0], [6.0, 8.0, 1.0]];
/// let pca = basin_metrics::pca(&rows, 2).unwrap();
/// assert_eq!(pca.mean, [3.0, 4.0, 1.0]);
/// assert_eq!(pca.variances.len(), 1, "the rows lie on a line");
/// assert!((pca.scores[2][0] - 5.0).abs() < 1e-12 && (pca.components[0][1] - 0.8).abs() < 1e-12);
/// ```
///
/// # Errors
/// [`MetricError::Values`] for fewer than two rows, [`MetricError::RowLength`] for rows that differ in length,
/// [`MetricError::NotFinite`] for a row (of member 0) that holds no number or whose square overflows,
/// [`MetricError::Identical`] for rows that are all the same.
pub fn pca<R: AsRef<[f64]>>(rows: &[R], most: usize) -> Result<Pca, MetricError> {
    check(rows)?;
    let n = rows.len();
    let mean = mean(rows);
    let gram = gram(rows, &mean);
    if let Some(row) = (0..n).find(|i| !gram[i * n + i].is_finite()) {
        return Err(MetricError::NotFinite { member: 0, row });
    }
    let Eigen { values, vectors } = symmetric_eigen(&gram, n);
    if values[0] <= 0.0 {
        return Err(MetricError::Identical { points: n });
    }
    let count =
        values.iter().take((n - 1).min(most)).take_while(|value| **value > SMALLEST * values[0]).count();
    let mut pca = Pca { mean, components: Vec::new(), scores: vec![Vec::new(); n], variances: Vec::new() };
    for (value, vector) in values.into_iter().zip(vectors).take(count) {
        let component = component(rows, &pca.mean, &vector, &pca.components);
        let sign = sign(&component);
        pca.components.push(component.into_iter().map(|x| sign * x).collect());
        pca.scores.iter_mut().zip(&vector).for_each(|(row, u)| row.push(sign * u * value.sqrt()));
        pca.variances.push(value / (n - 1) as f64);
    }
    Ok(pca)
}

/// Checks rows of a matrix: at least two, of equal length, finite.
pub(crate) fn check<R: AsRef<[f64]>>(rows: &[R]) -> Result<(), MetricError> {
    if rows.len() < 2 {
        return Err(MetricError::Values { found: rows.len(), needed: 2 });
    }
    let expected = rows[0].as_ref().len();
    for (row, values) in rows.iter().map(AsRef::as_ref).enumerate() {
        if values.len() != expected {
            return Err(MetricError::RowLength { row, found: values.len(), expected });
        }
        if values.iter().any(|x| !x.is_finite()) {
            return Err(MetricError::NotFinite { member: 0, row });
        }
    }
    Ok(())
}

fn mean<R: AsRef<[f64]>>(rows: &[R]) -> Vec<f64> {
    // Measured from the first row, so that equal rows have no variance at all.
    let first = rows[0].as_ref();
    let mut mean = vec![0.0; first.len()];
    for row in rows {
        mean.iter_mut().zip(row.as_ref().iter().zip(first)).for_each(|(sum, (x, from))| *sum += x - from);
    }
    let n = rows.len() as f64;
    mean.iter_mut().zip(first).for_each(|(sum, from)| *sum = from + *sum / n);
    mean
}

/// Inner products of centred rows, `[n][n]`, a block of columns at a time.
fn gram<R: AsRef<[f64]>>(rows: &[R], mean: &[f64]) -> Vec<f64> {
    let n = rows.len();
    let mut gram = vec![0.0; n * n];
    let mut centred = vec![0.0; n * BLOCK];
    for (block, mean) in mean.chunks(BLOCK).enumerate() {
        let width = mean.len();
        for (row, out) in rows.iter().zip(centred.chunks_mut(BLOCK)) {
            let row = &row.as_ref()[block * BLOCK..][..width];
            out.iter_mut().zip(row.iter().zip(mean)).for_each(|(c, (x, m))| *c = x - m);
        }
        for i in 0..n {
            for j in 0..=i {
                gram[i * n + j] +=
                    vector::dot(&centred[i * BLOCK..][..width], &centred[j * BLOCK..][..width]);
            }
        }
    }
    for i in 0..n {
        for j in 0..i {
            gram[j * n + i] = gram[i * n + j];
        }
    }
    gram
}

/// The combination of centred rows by an eigenvector, of unit length and at right angles to the components before it.
fn component<R: AsRef<[f64]>>(rows: &[R], mean: &[f64], weights: &[f64], before: &[Vec<f64>]) -> Vec<f64> {
    let mut component = vec![0.0; mean.len()];
    for (row, weight) in rows.iter().zip(weights) {
        component
            .iter_mut()
            .zip(row.as_ref().iter().zip(mean))
            .for_each(|(c, (x, m))| *c += weight * (x - m));
    }
    vector::normalise(&mut component);
    for other in before {
        let along = vector::dot(other, &component);
        vector::subtract(&mut component, along, other);
    }
    vector::normalise(&mut component);
    component
}

/// 1 if the number of largest magnitude, the first of equals, is positive, else −1.
fn sign(values: &[f64]) -> f64 {
    values.iter().fold(0.0f64, |top, x| if x.abs() > top.abs() { *x } else { top }).signum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_core::SeedTree;

    #[test]
    fn rows_are_their_mean_and_components() {
        let mut rng = SeedTree::root(4).rng();
        let rows: Vec<Vec<f64>> = (0..6).map(|_| (0..700).map(|_| 3.0 + rng.normal()).collect()).collect();
        let pca = pca(&rows, 9).unwrap();
        assert_eq!((pca.components.len(), pca.variances.len()), (5, 5));
        for (row, scores) in rows.iter().zip(&pca.scores) {
            let mut again = pca.mean.clone();
            scores.iter().zip(&pca.components).for_each(|(s, c)| vector::subtract(&mut again, -s, c));
            assert!(row.iter().zip(&again).all(|(a, b)| (a - b).abs() < 1e-12));
        }
        for (k, component) in pca.components.iter().enumerate() {
            assert!((vector::dot(component, component) - 1.0).abs() < 1e-13);
            assert!(pca.components[..k].iter().all(|other| vector::dot(component, other).abs() < 1e-13));
            assert_eq!(sign(component), 1.0);
            let spread: f64 = pca.scores.iter().map(|row| row[k] * row[k]).sum::<f64>() / 5.0;
            assert!((spread / pca.variances[k] - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn fewer_components_are_the_first_ones() {
        let rows = [[1.0, 0.0, 0.2], [0.0, 2.0, 0.1], [0.5, 0.0, 3.0], [1.0, 1.0, 1.0]];
        let (one, all) = (pca(&rows, 1).unwrap(), pca(&rows, 3).unwrap());
        assert_eq!((one.components.len(), all.components.len()), (1, 3));
        assert_eq!(one.components[0], all.components[0]);
        assert!(pca(&rows, 0).unwrap().components.is_empty());
    }

    #[test]
    fn what_has_no_components_is_refused() {
        assert_eq!(pca(&[[1.0]], 1), Err(MetricError::Values { found: 1, needed: 2 }));
        let ragged = [vec![1.0], vec![1.0, 2.0]];
        assert_eq!(pca(&ragged, 1), Err(MetricError::RowLength { row: 1, found: 2, expected: 1 }));
        assert_eq!(pca(&[[0.1]; 3], 1), Err(MetricError::Identical { points: 3 }));
        assert_eq!(pca(&[[0.0], [f64::NAN]], 1), Err(MetricError::NotFinite { member: 0, row: 1 }));
        assert_eq!(pca(&[[0.0], [1e200]], 1), Err(MetricError::NotFinite { member: 0, row: 0 }));
        let empty: [[f64; 0]; 2] = [[], []];
        assert_eq!(pca(&empty, 1), Err(MetricError::Identical { points: 2 }));
    }
}
