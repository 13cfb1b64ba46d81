//! SWAG: a Gaussian with the covariance of a run's last epochs, half of it diagonal.

use super::mean::Around;
use super::weights::{Networks, check_several};
use super::{Spread, Subspaces, tail};
use basin_core::{Citation, Params, SeedTree};
use basin_ensemble::{EnsembleMethod, ParamOp, ParamOpError, PlanContext, Recipe, RecipeError};
use std::sync::Arc;

/// Samples μ + s (σ∘z₁/√2 + D z₂/√(2(K − 1))) around each run, z₁ and z₂ standard normal (Maddox et al. 2019, Eq. 1): of covariance
/// s²/2 (Σ_diag + Σ_low-rank), Σ_diag = σ² the population's variance of every weight over the states after the last K epochs,
/// Σ_low-rank = D Dᵀ/(K − 1), the columns of D the states' deviations from μ. In the paper a column is a deviation from the mean
/// so far, because states are not kept; here they are. s is 1 there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Swag {
    /// How many runs and samples.
    pub subspaces: Subspaces,
    /// K, in 2..T.
    pub last: u64,
    /// s.
    pub spread: Spread,
}

impl Swag {
    /// Source of the method.
    pub const CITATION: Citation = Citation {
        key: "maddox2019swag",
        authors: "Maddox, Wesley J. and Garipov, Timur and Izmailov, Pavel and Vetrov, Dmitry and Wilson, Andrew Gordon",
        title: "A Simple Baseline for Bayesian Uncertainty in Deep Learning",
        year: 2019,
        locator: "1902.02476",
    };
}

impl EnsembleMethod for Swag {
    fn id(&self) -> &'static str {
        "swag"
    }

    fn citations(&self) -> Vec<Citation> {
        vec![Self::CITATION]
    }

    fn members(&self, _: &PlanContext) -> usize {
        self.subspaces.members()
    }

    fn plan(&self, cx: &PlanContext) -> Result<Recipe, RecipeError> {
        self.spread.check("subspace.scale_gaussian")?;
        let operation: Arc<dyn ParamOp> = Arc::new(SwagGaussian { spread: self.spread });
        self.subspaces
            .plan(cx, self.id(), &operation, |recipe, solution, _| tail(recipe, cx, solution, self.last))
    }
}

/// A sample of SWAG's Gaussian of networks, as an operation of a recipe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SwagGaussian {
    /// Factor of the deviations.
    pub spread: Spread,
}

impl ParamOp for SwagGaussian {
    fn id(&self) -> String {
        format!("swag 1 ({})", self.spread.id())
    }

    fn apply(&self, inputs: &[&Params], seed: &SeedTree) -> Result<Params, ParamOpError> {
        check_several(self, inputs.len())?;
        let networks = Networks::of(self, inputs)?;
        let scale = self.spread.draw(seed);
        let mut rng = seed.child("low-rank").rng();
        let factor = scale / (2.0 * (networks.len() - 1) as f64).sqrt();
        let coefficients: Vec<f64> = (0..networks.len()).map(|_| factor * rng.normal()).collect();
        let diagonal = Some((scale / 2f64.sqrt(), seed.child("diagonal").rng()));
        Ok(Around { coefficients: &coefficients, diagonal }.network(&networks))
    }

    fn check(&self, networks: usize, _: &Params) -> Result<(), ParamOpError> {
        check_several(self, networks)
    }

    fn new_statistics(&self) -> bool {
        true
    }
}
