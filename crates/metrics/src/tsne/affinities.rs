//! How near points are to each other, as probabilities that all points share.

/// By how much the entropy of a point's neighbours may miss the logarithm of the perplexity.
const TOLERANCE: f64 = 1e-5;

/// Most steps of a search; 200 doublings reach any bandwidth.
const STEPS: usize = 200;

/// Joint probabilities of pairs, `[n][n]`, symmetric, zero on the diagonal, with sum 1 (van der Maaten and Hinton 2008,
/// Sec. 2 and 3.1): conditional Gaussian ones of one perplexity, `(p(j|i) + p(i|j)) / 2n`.
///
/// `distances`: squared, `[n][n]`.
pub(super) fn affinities(distances: &[f64], n: usize, perplexity: f64) -> Vec<f64> {
    let mut joint = vec![0.0; n * n];
    for (i, row) in distances.chunks_exact(n).enumerate() {
        let conditional = neighbours(row, i, perplexity.ln());
        for (j, p) in conditional.into_iter().enumerate() {
            joint[i * n + j] += p;
            joint[j * n + i] += p;
        }
    }
    // The conditional probabilities of a point sum to 1 but for rounding.
    let sum: f64 = joint.iter().sum();
    joint.iter_mut().for_each(|p| *p /= sum);
    joint
}

/// Probabilities of the neighbours of point i, `∝ exp(−β d)`, whose entropy is `target` nats: β by bisection.
///
/// Where as many points as the perplexity has neighbours are the nearest and equally far, the entropy cannot become that
/// small, and they share the probability evenly.
fn neighbours(distances: &[f64], i: usize, target: f64) -> Vec<f64> {
    let others = || distances.iter().enumerate().filter(move |(j, _)| *j != i);
    let nearest = others().fold(f64::INFINITY, |low, (_, d)| low.min(*d));
    let (mut low, mut high, mut beta) = (0.0, f64::INFINITY, 1.0);
    let mut weights = vec![0.0; distances.len()];
    let mut sum = 0.0;
    for _ in 0..STEPS {
        // Distances beyond the nearest, so that the sum is never 0.
        let mut mean = 0.0;
        sum = 0.0;
        for (j, d) in others() {
            let excess = d - nearest;
            weights[j] = (-beta * excess).exp();
            sum += weights[j];
            mean += weights[j] * excess;
        }
        let miss = sum.ln() + beta * mean / sum - target;
        if miss.abs() <= TOLERANCE {
            break;
        }
        (low, high) = if miss > 0.0 { (beta, high) } else { (low, beta) };
        beta = if high.is_infinite() { 2.0 * beta } else { 0.5 * (low + high) };
    }
    weights.iter_mut().for_each(|w| *w /= sum);
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distances(points: &[f64]) -> Vec<f64> {
        points.iter().flat_map(|a| points.iter().map(move |b| (a - b) * (a - b))).collect()
    }

    #[test]
    fn every_point_has_as_many_neighbours_as_the_perplexity() {
        for scale in [1e-8, 1.0, 1e8] {
            let points: Vec<f64> = (0..20).map(|i| scale * f64::from(i * i)).collect();
            for (i, row) in distances(&points).chunks_exact(20).enumerate() {
                let p = neighbours(row, i, 5f64.ln());
                let entropy: f64 = -p.iter().filter(|p| **p > 0.0).map(|p| p * p.ln()).sum::<f64>();
                assert!((entropy - 5f64.ln()).abs() <= 1.001e-5, "{scale} {i}: {entropy}");
                assert!(p[i] == 0.0 && (p.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn joint_probabilities_are_symmetric_and_sum_to_one() {
        let joint = affinities(&distances(&[0.0, 1.0, 3.0, 3.5, 9.0]), 5, 2.0);
        assert!((joint.iter().sum::<f64>() - 1.0).abs() < 1e-15);
        for i in 0..5 {
            assert_eq!(joint[i * 6], 0.0);
            assert!((0..5).all(|j| joint[i * 5 + j] == joint[j * 5 + i]));
        }
    }

    #[test]
    fn copies_of_a_point_share_evenly() {
        let p = neighbours(&distances(&[0.0, 0.0, 0.0, 0.0, 0.0, 7.0])[..6], 0, 2f64.ln());
        assert_eq!(p, [0.0, 0.25, 0.25, 0.25, 0.25, 0.0]);
    }
}
