//! Cycles side by side, all from one fine-tuned network.

use super::cycles::going_on;
use super::{Cycles, FineTuning};
use basin_core::Citation;
use basin_ensemble::{EnsembleMethod, PlanContext, Recipe, RecipeError};

/// Member 1 is a fine-tune; every other member is trained on from it for a cycle of its own (StarSSE of 2303.03374): as much work as
/// [`Sse`](super::Sse), but its cycles do not wait for each other, and no member is further from the start than one cycle.
#[derive(Clone, Debug, PartialEq)]
pub struct StarSse {
    /// Where it begins.
    pub tuning: FineTuning,
    /// The cycles.
    pub cycles: Cycles,
}

impl EnsembleMethod for StarSse {
    fn id(&self) -> &'static str {
        "star-sse"
    }

    fn citations(&self) -> Vec<Citation> {
        vec![Citation::PRETRAIN_BASIN]
    }

    fn plan(&self, cx: &PlanContext) -> Result<Recipe, RecipeError> {
        let epochs = self.cycles.epochs(cx.epochs)?;
        let mut recipe = Recipe::new();
        let (first, origin) = self.tuning.first(&mut recipe, cx)?;
        recipe.member_from(first, origin);
        for m in 2..=cx.members {
            let schedule = self.cycles.cosine(cx.epochs, epochs);
            let names = (format!("star-sse-{m}"), self.id());
            let order = format!("member/{m}/order");
            let cycle = going_on(names, first, cx.epochs, order, schedule, &self.tuning.data);
            let member = recipe.train(cycle, cx.epochs + epochs)?;
            recipe.member_from(member, origin);
        }
        Ok(recipe)
    }
}
