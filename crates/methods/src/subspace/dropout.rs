//! Dropout of a solution's weights.

use super::weights::{Networks, check_one, one};
use super::{Subspaces, share_of};
use basin_core::{Citation, Params, SeedTree};
use basin_ensemble::{EnsembleMethod, ParamOp, ParamOpError, PlanContext, Recipe, RecipeError};
use std::sync::Arc;

/// Samples in which every weight of a run's solution is kept with probability 1 − p and divided by that, or is 0; p is the
/// sample's own, uniform in 0..rate (Fort et al. 2019, §4; 0.1 in their notebook). Weights, not activations, are dropped, and
/// biases and scales are weights, too.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SubspaceDropout {
    /// How many runs and samples.
    pub subspaces: Subspaces,
    /// Largest share of weights that are dropped, in 0 < rate < 1.
    pub rate: f64,
}

impl EnsembleMethod for SubspaceDropout {
    fn id(&self) -> &'static str {
        "subspace-dropout"
    }

    fn citations(&self) -> Vec<Citation> {
        vec![Citation::LOSS_LANDSCAPE]
    }

    fn members(&self, _: &PlanContext) -> usize {
        self.subspaces.members()
    }

    fn plan(&self, cx: &PlanContext) -> Result<Recipe, RecipeError> {
        let rate = self.rate;
        if !(rate > 0.0 && rate < 1.0) {
            return Err(RecipeError::Parameter {
                key: "subspace.scale_dropout",
                expected: "0 < rate < 1".into(),
                found: rate.to_string(),
            });
        }
        let operation: Arc<dyn ParamOp> = Arc::new(DropWeights { rate });
        self.subspaces.plan(cx, self.id(), &operation, |_, solution, _| Ok(vec![solution]))
    }
}

/// Dropout of weights, as an operation of a recipe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DropWeights {
    /// Largest share, below 1.
    pub rate: f64,
}

impl ParamOp for DropWeights {
    fn id(&self) -> String {
        format!("weight-dropout 1 (rate {:?})", self.rate)
    }

    fn apply(&self, inputs: &[&Params], seed: &SeedTree) -> Result<Params, ParamOpError> {
        one(self, inputs)?;
        let keep = 1.0 - share_of(self.rate, seed);
        let mut rng = seed.child("mask").rng();
        let mut kept = |x: &f32| if rng.chance(keep) { (f64::from(*x) / keep) as f32 } else { 0.0 };
        Ok(Networks::of(self, inputs)?.made(|slices| slices[0].iter().map(&mut kept).collect()))
    }

    fn check(&self, networks: usize, _: &Params) -> Result<(), ParamOpError> {
        check_one(self, networks)
    }
}
