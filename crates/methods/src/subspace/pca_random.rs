//! A Gaussian along the principal components of random samples.

use super::pca::LowRankGaussian;
use super::{Spread, SubspaceRandom, check_rank};
use basin_core::Citation;
use basin_ensemble::{EnsembleMethod, ParamOp, PlanContext, Recipe, RecipeError};
use std::sync::Arc;

/// Most samples whose components are looked for: each of as many results needs the products of all pairs.
const MOST: usize = 100;

/// As [`SubspacePca`](crate::SubspacePca), of the samples that [`SubspaceRandom`] takes around the run in place of states of
/// its last epochs (Fort et al. 2019, §4). The samples are that method's own nodes. As many are taken along their components.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SubspacePcaRandom {
    /// The samples.
    pub random: SubspaceRandom,
    /// Components, fewer than samples.
    pub rank: usize,
    /// Deviation of each raw coordinate.
    pub spread: Spread,
}

impl EnsembleMethod for SubspacePcaRandom {
    fn id(&self) -> &'static str {
        "subspace-pca-random"
    }

    fn citations(&self) -> Vec<Citation> {
        vec![Citation::LOSS_LANDSCAPE]
    }

    fn members(&self, _: &PlanContext) -> usize {
        self.random.subspaces.members()
    }

    fn plan(&self, cx: &PlanContext) -> Result<Recipe, RecipeError> {
        let Self { random, rank, spread } = *self;
        spread.check("subspace.scale_pca")?;
        let samples = random.subspaces.samples;
        if samples > MOST {
            return Err(RecipeError::Parameter {
                key: "subspace.samples",
                expected: format!("at most {MOST} with {}", self.id()),
                found: samples.to_string(),
            });
        }
        check_rank(rank, samples, "subspace.samples")?;
        let operation: Arc<dyn ParamOp> = Arc::new(LowRankGaussian { rank, spread });
        random
            .subspaces
            .plan(cx, self.id(), &operation, |recipe, solution, run| random.around(recipe, solution, run))
    }
}
