//! Principal components of few networks with many weights, by the matrix of their inner products.

use super::weights::Networks;
use basin_core::{Eigen, symmetric_eigen};

/// Weights looked at together.
const STRETCH: usize = 256;
/// Share of the largest variance below which a direction is rounding.
const NOTHING: f64 = 1e-12;

/// The first `rank` principal components of networks around their mean, largest variance first, each as the coefficients cₖ
/// that make it of the centred networks: the unit vector is Σₖ cₖ (θₖ − μ). Its sign is such that the largest of the cₖ,
/// the first of equals, is positive. `Err` with how many directions there are, where those are fewer.
///
/// With n networks of d weights the components are those of the n × n matrix G of inner products: for G u = λ u the unit
/// vector is Σₖ uₖ (θₖ − μ) / √λ. Cost: n² d / 2 products, and n³ a round.
pub(super) fn components(networks: &Networks<'_>, rank: usize) -> Result<Vec<Vec<f64>>, usize> {
    let n = networks.len();
    let Eigen { values, vectors } = symmetric_eigen(&products(networks), n);
    let there = values.iter().filter(|value| **value > NOTHING * values[0]).count();
    if rank > there {
        return Err(there);
    }
    let component = |(vector, value): (&Vec<f64>, &f64)| {
        let biggest = vector.iter().fold(0.0, |most: f64, u| if u.abs() > most.abs() { *u } else { most });
        let factor = biggest.signum() / value.sqrt();
        vector.iter().map(|u| u * factor).collect()
    };
    Ok(vectors.iter().zip(&values).take(rank).map(component).collect())
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
