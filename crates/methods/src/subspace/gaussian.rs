//! A Gaussian around the mean of a run's last epochs, every weight by itself.

use super::mean::Around;
use super::weights::{Networks, check_several};
use super::{Spread, Subspaces, tail};
use basin_core::{Citation, Params, SeedTree};
use basin_ensemble::{EnsembleMethod, ParamOp, ParamOpError, PlanContext, Recipe, RecipeError};
use std::sync::Arc;

/// Samples N(μ, s²σ²) around each run, μ and σ every weight's own mean and deviation over the states after the last K epochs
/// (Fort et al. 2019, §4). σ is the population's, as in their notebook, whose s is 1 for ensembles and 10·U(0, 1) for the plane
/// of diversity and accuracy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SubspaceGaussian {
    /// How many runs and samples.
    pub subspaces: Subspaces,
    /// K, in 2..T.
    pub last: u64,
    /// s.
    pub spread: Spread,
}

impl EnsembleMethod for SubspaceGaussian {
    fn id(&self) -> &'static str {
        "subspace-gaussian"
    }

    fn citations(&self) -> Vec<Citation> {
        vec![Citation::LOSS_LANDSCAPE]
    }

    fn members(&self, _: &PlanContext) -> usize {
        self.subspaces.members()
    }

    fn plan(&self, cx: &PlanContext) -> Result<Recipe, RecipeError> {
        self.spread.check("subspace.scale_gaussian")?;
        let operation: Arc<dyn ParamOp> = Arc::new(DiagonalGaussian { spread: self.spread });
        self.subspaces
            .plan(cx, self.id(), &operation, |recipe, solution, _| tail(recipe, cx, solution, self.last))
    }
}

/// A sample of the diagonal Gaussian of networks, as an operation of a recipe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DiagonalGaussian {
    /// Factor of the deviations.
    pub spread: Spread,
}

impl ParamOp for DiagonalGaussian {
    fn id(&self) -> String {
        format!("diagonal-gaussian 1 ({})", self.spread.id())
    }

    fn apply(&self, inputs: &[&Params], seed: &SeedTree) -> Result<Params, ParamOpError> {
        check_several(self, inputs.len())?;
        let diagonal = Some((self.spread.draw(seed), seed.child("diagonal").rng()));
        Ok(Around { coefficients: &[], diagonal }.network(&Networks::of(self, inputs)?))
    }

    fn check(&self, networks: usize, _: &Params) -> Result<(), ParamOpError> {
        check_several(self, networks)
    }

    fn new_statistics(&self) -> bool {
        true
    }
}
