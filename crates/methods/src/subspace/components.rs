//! Principal components of few networks with many weights, by the matrix of their inner products.

use super::weights::Networks;

/// Weights looked at together.
const STRETCH: usize = 256;
/// Share of the largest variance below which a direction is rounding.
const NOTHING: f64 = 1e-12;
/// Rounds over all pairs; symmetric matrices of this size are diagonal to the last bit after about ten.
const ROUNDS: usize = 60;

/// The first `rank` principal components of networks around their mean, largest variance first, each as the coefficients cₖ
/// that make it of the centred networks: the unit vector is Σₖ cₖ (θₖ − μ). Its sign is such that the largest of the cₖ,
/// the first of equals, is positive. `Err` with how many directions there are, where those are fewer.
///
/// With n networks of d weights the components are those of the n × n matrix G of inner products: for G u = λ u the unit
/// vector is Σₖ uₖ (θₖ − μ) / √λ. Cost: n² d / 2 products, and n³ a round.
pub(super) fn components(networks: &Networks<'_>, rank: usize) -> Result<Vec<Vec<f64>>, usize> {
    let n = networks.len();
    let (values, vectors) = eigen(products(networks), n);
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    let largest = values[order[0]];
    let there = order.iter().filter(|&&i| values[i] > NOTHING * largest).count();
    if rank > there {
        return Err(there);
    }
    let component = |&i: &usize| {
        let vector = (0..n).map(|k| vectors[k * n + i]);
        let biggest = vector.clone().fold(0.0, |most: f64, u| if u.abs() > most.abs() { u } else { most });
        let factor = biggest.signum() / values[i].sqrt();
        vector.map(|u| u * factor).collect()
    };
    Ok(order[..rank].iter().map(component).collect())
}

/// Inner products of all pairs of networks around their mean, `[n, n]`.
fn products(networks: &Networks<'_>) -> Vec<f64> {
    let n = networks.len();
    let mut sums = vec![0.0; n * n];
    let mut centred = vec![[0.0f64; STRETCH]; n];
    for slices in networks.arrays() {
        for start in (0..slices[0].len()).step_by(STRETCH) {
            let length = STRETCH.min(slices[0].len() - start);
            for i in 0..length {
                let mean = slices.iter().map(|slice| f64::from(slice[start + i])).sum::<f64>() / n as f64;
                for (row, slice) in centred.iter_mut().zip(&slices) {
                    row[i] = f64::from(slice[start + i]) - mean;
                }
            }
            for (i, own) in centred.iter().enumerate() {
                for (j, other) in centred.iter().enumerate().take(i + 1) {
                    let product = own[..length].iter().zip(&other[..length]).map(|(a, b)| a * b);
                    sums[i * n + j] += product.sum::<f64>();
                }
            }
        }
    }
    for i in 0..n {
        for j in 0..i {
            sums[j * n + i] = sums[i * n + j];
        }
    }
    sums
}

/// Eigenvalues and eigenvectors (columns) of a symmetric matrix, by Jacobi's rotations (Golub and Van Loan, §8.5.3).
fn eigen(mut matrix: Vec<f64>, n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut vectors: Vec<f64> = (0..n * n).map(|at| f64::from(u8::from(at / n == at % n))).collect();
    for _ in 0..ROUNDS {
        let mut turned = false;
        for p in 0..n {
            for q in p + 1..n {
                let (own, other, between) = (matrix[p * n + p], matrix[q * n + q], matrix[p * n + q]);
                if between.abs() <= f64::EPSILON * 1e-3 * (own * other).abs().sqrt() {
                    continue;
                }
                turned = true;
                let tau = (other - own) / (2.0 * between);
                let tangent = tau.signum() / (tau.abs() + tau.hypot(1.0));
                let cosine = 1.0 / tangent.hypot(1.0);
                let sine = tangent * cosine;
                let turn = |a: f64, b: f64| (cosine * a - sine * b, sine * a + cosine * b);
                for k in 0..n {
                    let (a, b) = turn(matrix[k * n + p], matrix[k * n + q]);
                    (matrix[k * n + p], matrix[k * n + q]) = (a, b);
                    let (a, b) = turn(vectors[k * n + p], vectors[k * n + q]);
                    (vectors[k * n + p], vectors[k * n + q]) = (a, b);
                }
                for k in 0..n {
                    let (a, b) = turn(matrix[p * n + k], matrix[q * n + k]);
                    (matrix[p * n + k], matrix[q * n + k]) = (a, b);
                }
                (matrix[p * n + q], matrix[q * n + p]) = (0.0, 0.0);
            }
        }
        if !turned {
            break;
        }
    }
    ((0..n).map(|i| matrix[i * n + i]).collect(), vectors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_core::SeedTree;

    #[test]
    fn vectors_and_values_make_the_matrix_again() {
        let n = 30;
        let mut rng = SeedTree::root(5).rng();
        let mut matrix = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                // Over ten orders of magnitude, as variances along trajectories are.
                let value = rng.normal() * 10f64.powi(-((i + j) as i32) / 6);
                (matrix[i * n + j], matrix[j * n + i]) = (value, value);
            }
        }
        let (values, vectors) = eigen(matrix.clone(), n);
        for i in 0..n {
            for j in 0..n {
                let column = |k: usize| vectors[i * n + k] * vectors[j * n + k];
                let again: f64 = (0..n).map(|k| column(k) * values[k]).sum();
                let product: f64 = (0..n).map(column).sum();
                assert!((again - matrix[i * n + j]).abs() < 1e-13, "{again} for {}", matrix[i * n + j]);
                assert!((product - f64::from(u8::from(i == j))).abs() < 1e-13, "rows {i}, {j}: {product}");
            }
        }
    }

    #[test]
    fn a_matrix_of_zeros_has_zeros() {
        assert_eq!(eigen(vec![0.0; 9], 3).0, [0.0; 3]);
    }
}
