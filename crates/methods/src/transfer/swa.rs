//! Stochastic weight averaging after fine-tuning.

use super::cycles::going_on;
use super::{Cycles, FineTuning};
use crate::{Average, Swe};
use basin_core::Citation;
use basin_ensemble::{Constant, EnsembleMethod, NodeId, Origin, PlanContext, Recipe, RecipeError, Starting};
use std::sync::Arc;

/// One network: the mean of the states after every epoch of training that goes on from a fine-tune at a constant rate, for as many
/// epochs as the M − 1 cycles of an ensemble (Izmailov et al. 2018).
#[derive(Clone, Debug, PartialEq)]
pub struct Swa {
    /// Where it begins.
    pub tuning: FineTuning,
    /// The rate, and how many epochs.
    pub cycles: Cycles,
}

impl Swa {
    /// The states after every epoch at the constant rate, in order, and where they come from.
    pub(super) fn states(
        &self,
        recipe: &mut Recipe,
        cx: &PlanContext,
    ) -> Result<(Vec<NodeId>, Origin), RecipeError> {
        let (epochs, cycles) = (self.cycles.epochs(cx.epochs)?, cx.members as u64 - 1);
        let length = epochs * cycles;
        if length < 2 {
            return Err(RecipeError::Parameter {
                key: "transfer.cycle_length",
                expected: "two epochs or more to average, in all cycles together".into(),
                found: format!("{}, which is {length} epoch", self.cycles.length),
            });
        }
        let schedule = Constant { rate: self.cycles.high(), epochs: length, warmup: 0.0 };
        let schedule = Arc::new(Starting { epoch: cx.epochs, schedule });
        let (first, origin) = self.tuning.first(recipe, cx)?;
        let mut states = Vec::new();
        for epoch in 1..=length {
            let names = (format!("swa-epoch-{epoch}"), "swa");
            let (order, data) = ("member/1/order".into(), &self.tuning.data);
            let run = going_on(names, first, cx.epochs, order, schedule.clone(), data);
            states.push(recipe.train(run, cx.epochs + epoch)?);
        }
        Ok((states, origin))
    }
}

impl EnsembleMethod for Swa {
    fn id(&self) -> &'static str {
        "swa"
    }

    fn citations(&self) -> Vec<Citation> {
        vec![Citation::PRETRAIN_BASIN, Swe::CITATION]
    }

    fn members(&self, _: &PlanContext) -> usize {
        1
    }

    fn plan(&self, cx: &PlanContext) -> Result<Recipe, RecipeError> {
        let mut recipe = Recipe::new();
        let (states, origin) = self.states(&mut recipe, cx)?;
        let mean = recipe.transform("swa", Arc::new(Average), states, "averaged");
        recipe.member_from(mean, origin);
        Ok(recipe)
    }
}
