//! Fast geometric ensembles: short triangular cycles.

use super::cycles::going_on;
use super::{Cycles, FineTuning};
use basin_core::Citation;
use basin_ensemble::{EnsembleMethod, PlanContext, Recipe, RecipeError, Starting, Triangular};
use std::sync::Arc;

/// Lowest rate of a cycle over its highest one.
const LOW: f64 = 0.01;

/// Member 1 is a fine-tune; after it the rate falls from that of a cycle to a hundredth of it and rises again, every few epochs, and
/// a member is taken whenever it is lowest (Garipov et al. 2018).
#[derive(Clone, Debug, PartialEq)]
pub struct Fge {
    /// Where it begins.
    pub tuning: FineTuning,
    /// The rate; the length of these cycles is not used.
    pub cycles: Cycles,
    /// Epochs of a cycle, even.
    pub epochs: u64,
}

impl Fge {
    /// Source of the method.
    pub const CITATION: Citation = Citation {
        key: "garipov2018loss",
        authors: "Garipov, Timur and Izmailov, Pavel and Podoprikhin, Dmitrii and Vetrov, Dmitry and Wilson, Andrew Gordon",
        title: "Loss Surfaces, Mode Connectivity, and Fast Ensembling of DNNs",
        year: 2018,
        locator: "1802.10026",
    };
}

impl EnsembleMethod for Fge {
    fn id(&self) -> &'static str {
        "fge"
    }

    fn citations(&self) -> Vec<Citation> {
        vec![Citation::PRETRAIN_BASIN, Self::CITATION]
    }

    fn plan(&self, cx: &PlanContext) -> Result<Recipe, RecipeError> {
        if self.epochs == 0 || !self.epochs.is_multiple_of(2) {
            return Err(RecipeError::Parameter {
                key: "transfer.fge_epochs",
                expected: "an even number of epochs, at least 2: the lowest rate ends one".into(),
                found: self.epochs.to_string(),
            });
        }
        let high = self.cycles.high();
        let schedule = Triangular { high, low: LOW * high, epochs: self.epochs };
        let schedule = Arc::new(Starting { epoch: cx.epochs, schedule });
        let mut recipe = Recipe::new();
        let (first, origin) = self.tuning.first(&mut recipe, cx)?;
        recipe.member_from(first, origin);
        for m in 2..=cx.members as u64 {
            let names = (format!("fge-{m}"), self.id());
            let (order, data) = ("member/1/order".into(), &self.tuning.data);
            let cycles = going_on(names, first, cx.epochs, order, schedule.clone(), data);
            let end = cx.epochs + (m - 2) * self.epochs + self.epochs / 2;
            let member = recipe.train(cycles, end)?;
            recipe.member_from(member, origin);
        }
        Ok(recipe)
    }
}
