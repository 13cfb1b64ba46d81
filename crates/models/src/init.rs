//! Initial values of parameters.

use basin_core::Rng;

/// Distribution of a parameter's initial values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// Normal of variance 1/fan_in truncated at two standard deviations, as flax's `lecun_normal`.
    LecunNormal,
    /// The same less the mean of each output's weights, so that they sum to 0.
    CentredLecunNormal,
    /// Standard normal.
    Normal,
    /// Normal.
    Gaussian {
        /// Mean.
        mean: f64,
        /// Standard deviation ≥ 0.
        sd: f64,
    },
    /// Uniform between two values.
    Uniform {
        /// The lower one, included.
        low: f64,
        /// The upper one, excluded.
        high: f64,
    },
    /// One value.
    Constant(f32),
}

/// Standard deviation of a standard normal truncated to [-2, 2]; dividing by it restores the variance.
const TRUNCATED_SD: f64 = 0.879_625_661_034_239_8;

impl Init {
    pub(crate) fn sample(self, shape: &[usize], rng: &mut Rng) -> Vec<f32> {
        let len: usize = shape.iter().product();
        match self {
            Self::Constant(value) => vec![value; len],
            Self::Gaussian { mean, sd } => (0..len).map(|_| (mean + sd * rng.normal()) as f32).collect(),
            Self::Uniform { low, high } => {
                (0..len).map(|_| (low + (high - low) * rng.uniform()) as f32).collect()
            }
            Self::Normal => (0..len).map(|_| rng.normal() as f32).collect(),
            Self::CentredLecunNormal => {
                let fan_in: usize = shape[1..].iter().product();
                let mut data = Self::LecunNormal.sample(shape, rng);
                for weights in data.chunks_exact_mut(fan_in.max(1)) {
                    let mean = weights.iter().map(|w| f64::from(*w)).sum::<f64>() / fan_in as f64;
                    weights.iter_mut().for_each(|w| *w = (f64::from(*w) - mean) as f32);
                }
                data
            }
            Self::LecunNormal => {
                let fan_in: usize = shape[1..].iter().product();
                let sd = (1.0 / fan_in as f64).sqrt() / TRUNCATED_SD;
                (0..len).map(|_| (rng.truncated_normal() * sd) as f32).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_core::SeedTree;

    #[test]
    fn lecun_normal_has_variance_one_over_fan_in() {
        let values = Init::LecunNormal.sample(&[64, 16, 3, 3], &mut SeedTree::root(0).rng());
        let variance = values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / values.len() as f64;
        assert!((variance * 144.0 - 1.0).abs() < 0.05, "{variance}");
        assert!(values.iter().all(|v| f64::from(*v).abs() <= 2.0 / 12.0 / TRUNCATED_SD));
    }
}
