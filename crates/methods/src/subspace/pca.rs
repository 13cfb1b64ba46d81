//! A Gaussian along the principal components of a run's last epochs.

use super::components::components;
use super::mean::Around;
use super::weights::{Networks, refusal};
use super::{Spread, Subspaces, check_rank, tail};
use basin_core::{Citation, Params, SeedTree};
use basin_ensemble::{EnsembleMethod, ParamOp, ParamOpError, PlanContext, Recipe, RecipeError};
use std::sync::Arc;

/// Samples μ + Σᵢ zᵢvᵢ around each run, μ the mean of the states after the last K epochs, vᵢ their first principal components, of
/// length 1, and zᵢ ~ N(0, s²) (Fort et al. 2019, §4). The coordinates z are raw, as in their notebook: every component counts
/// alike, whatever the variance along it; [`Swag`](crate::Swag) has the Gaussian with the states' own covariance. The notebook's
/// components are those of centred states, whose mean, 0, it adds again to no effect. Its s is 1 for ensembles and 6 for the
/// plane of diversity and accuracy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SubspacePca {
    /// How many runs and samples.
    pub subspaces: Subspaces,
    /// K, in 2..T.
    pub last: u64,
    /// Components, in 1..K.
    pub rank: usize,
    /// s.
    pub spread: Spread,
}

impl EnsembleMethod for SubspacePca {
    fn id(&self) -> &'static str {
        "subspace-pca"
    }

    fn citations(&self) -> Vec<Citation> {
        vec![Citation::LOSS_LANDSCAPE]
    }

    fn members(&self, _: &PlanContext) -> usize {
        self.subspaces.members()
    }

    fn plan(&self, cx: &PlanContext) -> Result<Recipe, RecipeError> {
        self.spread.check("subspace.scale_pca")?;
        let operation: Arc<dyn ParamOp> = Arc::new(LowRankGaussian { rank: self.rank, spread: self.spread });
        self.subspaces.plan(cx, self.id(), &operation, |recipe, solution, _| {
            let states = tail(recipe, cx, solution, self.last)?;
            check_rank(self.rank, states.len(), "K")?;
            Ok(states)
        })
    }
}

/// A sample along the principal components of networks, as an operation of a recipe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LowRankGaussian {
    /// Components, fewer than networks.
    pub rank: usize,
    /// Deviation of each raw coordinate.
    pub spread: Spread,
}

impl ParamOp for LowRankGaussian {
    fn id(&self) -> String {
        format!("low-rank-gaussian 1 (rank {}, {})", self.rank, self.spread.id())
    }

    fn apply(&self, inputs: &[&Params], seed: &SeedTree) -> Result<Params, ParamOpError> {
        self.check_networks(inputs.len())?;
        let networks = Networks::of(self, inputs)?;
        let components = components(&networks, self.rank).map_err(|there| {
            let (rank, n) = (self.rank, inputs.len());
            let reason =
                format!("{n} networks differ in {there} directions, expected at least the rank, {rank}");
            refusal(self, reason)
        })?;
        let (scale, mut rng) = (self.spread.draw(seed), seed.child("coordinates").rng());
        let mut coefficients = vec![0.0; networks.len()];
        for component in &components {
            let z = scale * rng.normal();
            coefficients.iter_mut().zip(component).for_each(|(sum, c)| *sum += z * c);
        }
        Ok(Around { coefficients: &coefficients, diagonal: None }.network(&networks))
    }

    fn check(&self, networks: usize, _: &Params) -> Result<(), ParamOpError> {
        self.check_networks(networks)
    }

    fn new_statistics(&self) -> bool {
        true
    }
}

impl LowRankGaussian {
    fn check_networks(&self, networks: usize) -> Result<(), ParamOpError> {
        match (1..networks).contains(&self.rank) {
            true => Ok(()),
            false => {
                let reason =
                    format!("rank {} of {networks} networks, expected 1 ≤ rank < networks", self.rank);
                Err(refusal(self, reason))
            }
        }
    }
}
