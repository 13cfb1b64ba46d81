//! Convex weights: finite, non-negative, summing to one. Checked once, when made.

use crate::SeedTree;
use thiserror::Error;

/// Weights λ of a convex combination.
#[derive(Clone, Debug, PartialEq)]
pub struct Simplex(Vec<f64>);

/// Why a list of numbers is not a point of the simplex.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum SimplexError {
    /// No weights at all.
    #[error("a convex combination needs at least one weight")]
    Empty,
    /// A weight is negative, infinite or not a number.
    #[error("weight {index} is {value}, expected a finite number >= 0")]
    Weight {
        /// Position of the weight.
        index: usize,
        /// Its value.
        value: f64,
    },
    /// The weights do not sum to one within 1e-9.
    #[error("weights sum to {sum}, expected 1")]
    Sum {
        /// What they sum to.
        sum: f64,
    },
}

impl Simplex {
    /// Checks the weights: finite, ≥ 0, sum 1 within 1e-9.
    ///
    /// # Errors
    /// [`SimplexError`] names the first weight or the sum that is wrong.
    pub fn new(weights: Vec<f64>) -> Result<Self, SimplexError> {
        if weights.is_empty() {
            return Err(SimplexError::Empty);
        }
        if let Some((index, &value)) = weights.iter().enumerate().find(|(_, w)| !w.is_finite() || **w < 0.0) {
            return Err(SimplexError::Weight { index, value });
        }
        let sum: f64 = weights.iter().sum();
        if (sum - 1.0).abs() > 1e-9 {
            return Err(SimplexError::Sum { sum });
        }
        Ok(Self(weights))
    }

    /// All weight on one corner: member `corner` of `members`.
    ///
    /// # Panics
    /// When `corner >= members`.
    pub fn vertex(members: usize, corner: usize) -> Self {
        assert!(corner < members, "corner {corner} of {members}");
        Self((0..members).map(|i| f64::from(u8::from(i == corner))).collect())
    }

    /// Equal weights 1/m.
    ///
    /// # Panics
    /// When `members` is zero.
    pub fn uniform(members: usize) -> Self {
        assert!(members > 0, "a convex combination needs at least one weight");
        Self(vec![1.0 / members as f64; members])
    }

    /// `[1 − α, α]`, the point of the segment at α in `[0, 1]`.
    ///
    /// # Errors
    /// [`SimplexError::Weight`] when α is outside `[0, 1]`.
    pub fn segment(alpha: f64) -> Result<Self, SimplexError> {
        Self::new(vec![1.0 - alpha, alpha])
    }

    /// One draw from Dir(1, …, 1): uniform on the simplex (normalised exponentials).
    ///
    /// # Panics
    /// When `members` is zero.
    pub fn dirichlet(members: usize, seed: &SeedTree) -> Self {
        assert!(members > 0, "a convex combination needs at least one weight");
        let mut rng = seed.rng();
        let draws: Vec<f64> = (0..members).map(|_| rng.exponential()).collect();
        let sum: f64 = draws.iter().sum();
        Self(draws.into_iter().map(|x| x / sum).collect())
    }

    /// The weights.
    pub fn weights(&self) -> &[f64] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_convex_weights_are_accepted() {
        assert_eq!(Simplex::new(vec![]), Err(SimplexError::Empty));
        assert!(matches!(Simplex::new(vec![1.5, -0.5]), Err(SimplexError::Weight { index: 1, .. })));
        assert!(matches!(Simplex::new(vec![f64::NAN, 1.0]), Err(SimplexError::Weight { index: 0, .. })));
        assert!(matches!(Simplex::new(vec![0.5, 0.6]), Err(SimplexError::Sum { .. })));
        assert!(Simplex::new(vec![0.25, 0.75]).is_ok());
    }

    #[test]
    fn dirichlet_has_mean_one_over_m_and_beta_marginals() {
        let (m, draws) = (5, 20_000);
        let root = SeedTree::root(0).child("lambda");
        let mut first: Vec<f64> =
            (0..draws).map(|i| Simplex::dirichlet(m, &root.index(i)).weights()[0]).collect();
        let mean = first.iter().sum::<f64>() / draws as f64;
        assert!((mean - 0.2).abs() < 5.0 * 0.163 / (draws as f64).sqrt(), "{mean}");
        // Kolmogorov–Smirnov against Beta(1, m-1): F(x) = 1 - (1-x)^(m-1).
        first.sort_by(f64::total_cmp);
        let ks = first
            .iter()
            .enumerate()
            .map(|(i, x)| ((i as f64 + 0.5) / draws as f64 - (1.0 - (1.0 - x).powi(m as i32 - 1))).abs())
            .fold(0.0, f64::max);
        assert!(ks < 2.7 / (draws as f64).sqrt(), "{ks}");
    }

    /// A new variant does not compile here until it has a line in the test.
    fn place(error: &SimplexError) -> usize {
        match error {
            SimplexError::Empty => 0,
            SimplexError::Weight { .. } => 1,
            SimplexError::Sum { .. } => 2,
        }
    }

    #[test]
    fn every_error_says_what_where_and_what_to_do() {
        let told = [
            (SimplexError::Empty, "a convex combination needs at least one weight"),
            (
                SimplexError::Weight { index: 1, value: -0.5 },
                "weight 1 is -0.5, expected a finite number >= 0",
            ),
            (SimplexError::Sum { sum: 1.5 }, "weights sum to 1.5, expected 1"),
        ];
        let mut seen = [false; 3];
        for (error, text) in &told {
            assert_eq!(error.to_string(), *text);
            seen[place(error)] = true;
        }
        assert_eq!(seen, [true; 3], "every variant is told");
    }
}
