//! Random directions around a solution.

use super::weights::{Networks, check_one, count, one};
use super::{Subspaces, draw, positive, share_of};
use basin_core::{Citation, Params, SeedTree};
use basin_ensemble::{
    Acceptance, EnsembleMethod, NodeId, ParamOp, ParamOpError, PlanContext, Recipe, RecipeError,
};
use std::sync::Arc;

/// Samples θ + t·v around each run's solution θ, v a direction drawn uniformly over all weights, t uniform in 0..scale (Fort
/// et al. 2019, §4; the scale of their notebook is 10 for ensembles, 70 for the plane of diversity and accuracy). A sample that
/// is less accurate than asked is drawn again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SubspaceRandom {
    /// How many runs and samples.
    pub subspaces: Subspaces,
    /// Largest distance from the solution, in units of weights.
    pub scale: f64,
    /// What a sample must reach, if anything.
    pub acceptance: Option<Acceptance>,
}

impl SubspaceRandom {
    fn operation(&self) -> Result<Arc<dyn ParamOp>, RecipeError> {
        positive("subspace.scale_random", self.scale)?;
        let Self { scale, acceptance, .. } = *self;
        Ok(Arc::new(RandomDirection { scale, acceptance }))
    }

    /// The samples around a run's solution, which are those of this method wherever they are used.
    pub(super) fn around(
        &self,
        recipe: &mut Recipe,
        solution: NodeId,
        run: usize,
    ) -> Result<Vec<NodeId>, RecipeError> {
        let operation = self.operation()?;
        let samples = 1..=self.subspaces.samples;
        Ok(samples.map(|i| draw(recipe, self.id(), &operation, vec![solution], run, i)).collect())
    }
}

impl EnsembleMethod for SubspaceRandom {
    fn id(&self) -> &'static str {
        "subspace-random"
    }

    fn citations(&self) -> Vec<Citation> {
        vec![Citation::LOSS_LANDSCAPE]
    }

    fn members(&self, _: &PlanContext) -> usize {
        self.subspaces.members()
    }

    fn plan(&self, cx: &PlanContext) -> Result<Recipe, RecipeError> {
        let operation = self.operation()?;
        self.subspaces.plan(cx, self.id(), &operation, |_, solution, _| Ok(vec![solution]))
    }
}

/// A step of random length in a random direction, as an operation of a recipe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RandomDirection {
    /// Largest length.
    pub scale: f64,
    /// What the result must reach, if anything.
    pub acceptance: Option<Acceptance>,
}

impl ParamOp for RandomDirection {
    fn id(&self) -> String {
        let accepted = self.acceptance.map(|Acceptance { images, share, tries }| {
            format!(", at least {share:?} of the accuracy on {images} training images in {tries} tries")
        });
        format!("random-direction 1 (scale {:?}{})", self.scale, accepted.unwrap_or_default())
    }

    fn apply(&self, inputs: &[&Params], seed: &SeedTree) -> Result<Params, ParamOpError> {
        let solution = one(self, inputs)?;
        let mut rng = seed.child("direction").rng();
        let direction: Vec<f64> = (0..count(solution)).map(|_| rng.normal()).collect();
        let norm = direction.iter().map(|x| x * x).sum::<f64>().sqrt();
        let step = share_of(self.scale, seed) / norm;
        let mut direction = direction.iter();
        let moved = |(x, v): (&f32, &f64)| (f64::from(*x) + step * v) as f32;
        Ok(Networks::of(self, inputs)?
            .made(|slices| slices[0].iter().zip(direction.by_ref()).map(moved).collect()))
    }

    fn check(&self, networks: usize, _: &Params) -> Result<(), ParamOpError> {
        check_one(self, networks)
    }

    fn acceptance(&self) -> Option<Acceptance> {
        self.acceptance
    }
}
