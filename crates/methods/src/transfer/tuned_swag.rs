//! SWAG after fine-tuning.

use super::Swa;
use crate::{Spread, Swag, SwagGaussian};
use basin_core::Citation;
use basin_ensemble::{EnsembleMethod, PlanContext, Recipe, RecipeError};
use std::sync::Arc;

/// M samples of the Gaussian of the states that [`Swa`] averages: the same work, M networks instead of one (Maddox et al. 2019).
#[derive(Clone, Debug, PartialEq)]
pub struct TunedSwag {
    /// The states.
    pub swa: Swa,
    /// How many of the last ones, at least 2; all where there are fewer.
    pub last: u64,
    /// Factor of the deviations.
    pub spread: Spread,
}

impl EnsembleMethod for TunedSwag {
    fn id(&self) -> &'static str {
        "tuned-swag"
    }

    fn citations(&self) -> Vec<Citation> {
        vec![Citation::PRETRAIN_BASIN, Swag::CITATION]
    }

    fn plan(&self, cx: &PlanContext) -> Result<Recipe, RecipeError> {
        let mut recipe = Recipe::new();
        let (mut states, origin) = self.swa.states(&mut recipe, cx)?;
        states.drain(..states.len().saturating_sub(self.last.max(2) as usize));
        let operation = Arc::new(SwagGaussian { spread: self.spread });
        for m in 1..=cx.members {
            let (name, seed) = (format!("tuned-swag-{m}"), format!("tuned-swag/{m}"));
            let member = recipe.transform(name, operation.clone(), states.clone(), seed);
            recipe.member_from(member, origin);
        }
        Ok(recipe)
    }
}
