//! Averages of runs' last epochs.

use super::mean::mean_of;
use super::tail;
use super::weights::{Networks, check_several};
use crate::{Deep, Swe};
use basin_core::{Citation, Params, SeedTree};
use basin_ensemble::{EnsembleMethod, ParamOp, ParamOpError, PlanContext, Recipe, RecipeError};
use std::sync::Arc;

/// M members, each the mean of the weights of one deep run after its last K epochs: the averages of Fort et al. 2019, §6, which
/// are Izmailov et al.'s (2018) for a run whose learning rate is not raised again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Averaged {
    /// K, in 2..T.
    pub last: u64,
}

impl EnsembleMethod for Averaged {
    fn id(&self) -> &'static str {
        "averaged"
    }

    fn citations(&self) -> Vec<Citation> {
        vec![Citation::LOSS_LANDSCAPE, Swe::CITATION]
    }

    fn plan(&self, cx: &PlanContext) -> Result<Recipe, RecipeError> {
        let mut recipe = Recipe::new();
        let operation = Arc::new(Average);
        for i in 1..=cx.members {
            let run = Deep::member(&mut recipe, cx, i)?;
            let states = tail(&mut recipe, cx, run, self.last)?;
            let name = format!("averaged-{i}");
            // Nothing is drawn: all have one seed, and equal states one average.
            let member = recipe.transform(name, operation.clone(), states, "averaged");
            recipe.member(member);
        }
        Ok(recipe)
    }
}

/// The mean of networks, as an operation of a recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Average;

impl ParamOp for Average {
    fn id(&self) -> String {
        "average 1".into()
    }

    fn apply(&self, inputs: &[&Params], _: &SeedTree) -> Result<Params, ParamOpError> {
        check_several(self, inputs.len())?;
        Ok(mean_of(&Networks::of(self, inputs)?))
    }

    fn check(&self, networks: usize, _: &Params) -> Result<(), ParamOpError> {
        check_several(self, networks)
    }

    fn new_statistics(&self) -> bool {
        true
    }
}
