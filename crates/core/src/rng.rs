//! Random numbers with documented, stable values: ChaCha8 and our own distributions on top of it.

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng as _, SeedableRng};

/// A random stream. Made by [`crate::SeedTree::rng`]; the same place gives the same values on every
/// machine.
#[derive(Debug)]
pub struct Rng(ChaCha8Rng);

impl Rng {
    pub(crate) fn from_key(key: [u8; 32]) -> Self {
        Self(ChaCha8Rng::from_seed(key))
    }

    /// 32 uniform bits.
    pub fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// Uniform in `[0, 1)`, a multiple of 2⁻⁵³.
    pub fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in `[low, high)`.
    pub fn uniform_in(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Uniform integer in `0..bound`, without bias (Lemire's method with rejection).
    ///
    /// # Panics
    /// When `bound` is zero.
    pub fn below(&mut self, bound: u32) -> u32 {
        assert!(bound > 0, "an empty range has no random element");
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u64::from(self.next_u32()) * u64::from(bound);
            if product as u32 >= threshold {
                return (product >> 32) as u32;
            }
        }
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.uniform() < p
    }

    /// Standard normal, by the polar method of Marsaglia.
    pub fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let s = x * x + y * y;
            if s > 0.0 && s < 1.0 {
                return x * (-2.0 * s.ln() / s).sqrt();
            }
        }
    }

    /// Standard normal restricted to `[-2, 2]`, by rejection. Its standard deviation is 0.879 625 66.
    pub fn truncated_normal(&mut self) -> f64 {
        loop {
            let x = self.normal();
            if x.abs() <= 2.0 {
                return x;
            }
        }
    }

    /// Exponential with mean 1.
    pub fn exponential(&mut self) -> f64 {
        -(1.0 - self.uniform()).ln()
    }

    /// Beta-distributed with both parameters `alpha` > 0, in `[0, 1]`: a ratio of two Gamma variates (Marsaglia and Tsang
    /// 2000), taken from their logarithms, so that no small `alpha` loses both.
    pub fn symmetric_beta(&mut self, alpha: f64) -> f64 {
        let [x, y] = [(); 2].map(|()| self.log_gamma_variate(alpha));
        // Of two that are beyond all numbers, either one is the larger.
        if x == y { if self.chance(0.5) { 1.0 } else { 0.0 } } else { 1.0 / (1.0 + (y - x).exp()) }
    }

    /// The logarithm of a Gamma variate of this shape > 0 and scale 1.
    fn log_gamma_variate(&mut self, shape: f64) -> f64 {
        // A shape below 1 is that above it, times a power of a uniform variate.
        let (boost, shape) = match shape < 1.0 {
            true => ((1.0 - self.uniform()).ln() / shape, shape + 1.0),
            false => (0.0, shape),
        };
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            let u = 1.0 - self.uniform();
            if v > 0.0 && u.ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return (d * v).ln() + boost;
            }
        }
    }

    /// Fisher–Yates shuffle: every order is equally likely.
    ///
    /// # Panics
    /// When the slice has more than `u32::MAX` elements.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let j = self.below(u32::try_from(i + 1).expect("at most u32::MAX items")) as usize;
            items.swap(i, j);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::SeedTree;

    fn moments(draw: impl FnMut() -> f64) -> (f64, f64) {
        let values: Vec<f64> = std::iter::repeat_with(draw).take(40_000).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / values.len() as f64;
        (mean, variance)
    }

    #[test]
    fn distributions_have_their_moments() {
        let mut rng = SeedTree::root(3).rng();
        let near = |got: (f64, f64), mean: f64, variance: f64| {
            assert!((got.0 - mean).abs() < 0.03 && (got.1 - variance).abs() < 0.05, "{got:?}");
        };
        near(moments(|| rng.uniform()), 0.5, 1.0 / 12.0);
        near(moments(|| rng.normal()), 0.0, 1.0);
        near(moments(|| rng.truncated_normal()), 0.0, 0.879_625_66f64.powi(2));
        near(moments(|| rng.exponential()), 1.0, 1.0);
        for alpha in [0.2, 1.0, 5.0] {
            let (mean, variance) = moments(|| rng.symmetric_beta(alpha));
            let expected = 0.25 / (2.0 * alpha + 1.0);
            assert!(
                (mean - 0.5).abs() < 0.01 && (variance / expected - 1.0).abs() < 0.03,
                "{alpha}: {variance}"
            );
        }
        near(moments(|| f64::from(rng.below(6))), 2.5, 35.0 / 12.0);
    }

    /// The share of draws below the quantiles 0.1, 0.5 and 0.9 of Beta(0.3, 0.3) and Beta(2, 2), by scipy 1.17.
    #[test]
    fn a_symmetric_beta_has_its_quantiles() {
        let mut rng = SeedTree::root(4).rng();
        for (alpha, tenth) in [(0.3, 0.003_304_618_3), (2.0, 0.195_800_105_6)] {
            let draws: Vec<f64> = std::iter::repeat_with(|| rng.symmetric_beta(alpha)).take(40_000).collect();
            for (quantile, share) in [(tenth, 0.1), (0.5, 0.5), (1.0 - tenth, 0.9)] {
                let below = draws.iter().filter(|x| **x < quantile).count() as f64 / draws.len() as f64;
                assert!((below - share).abs() < 0.01, "{alpha}: {below} for {share}");
            }
        }
        // Where no number is small enough, a coin is left.
        let ends: Vec<f64> = std::iter::repeat_with(|| rng.symmetric_beta(1e-300)).take(100).collect();
        assert!(ends.iter().all(|x| *x == 0.0 || *x == 1.0) && ends.contains(&0.0) && ends.contains(&1.0));
    }

    #[test]
    fn a_shuffle_keeps_every_element() {
        let mut items: Vec<u32> = (0..100).collect();
        SeedTree::root(1).rng().shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
