//! Snapshot ensembles in transfer learning: cycles one after the other.

use super::cycles::going_on;
use super::{Cycles, FineTuning};
use basin_core::Citation;
use basin_ensemble::{EnsembleMethod, PlanContext, Recipe, RecipeError};

/// Member 1 is a fine-tune; member m is trained on from member m − 1 for a cycle, its optimiser from zero (Huang et al. 2017, in
/// the form of 2303.03374): M − 1 cycles in a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Sse {
    /// Where it begins.
    pub tuning: FineTuning,
    /// The cycles.
    pub cycles: Cycles,
}

impl Sse {
    /// Source of snapshot ensembles.
    pub const CITATION: Citation = Citation {
        key: "huang2017snapshot",
        authors: "Huang, Gao and Li, Yixuan and Pleiss, Geoff and Liu, Zhuang and Hopcroft, John E. and Weinberger, Kilian Q.",
        title: "Snapshot Ensembles: Train 1, Get M for Free",
        year: 2017,
        locator: "1704.00109",
    };
}

impl EnsembleMethod for Sse {
    fn id(&self) -> &'static str {
        "sse"
    }

    fn citations(&self) -> Vec<Citation> {
        vec![Citation::PRETRAIN_BASIN, Self::CITATION]
    }

    fn plan(&self, cx: &PlanContext) -> Result<Recipe, RecipeError> {
        let epochs = self.cycles.epochs(cx.epochs)?;
        let mut recipe = Recipe::new();
        let (mut member, origin) = self.tuning.first(&mut recipe, cx)?;
        recipe.member_from(member, origin);
        for m in 2..=cx.members {
            let start = cx.epochs + (m as u64 - 2) * epochs;
            let schedule = self.cycles.cosine(start, epochs);
            let names = (format!("sse-{m}"), self.id());
            let order = "member/1/order".into();
            let cycle = going_on(names, member, start, order, schedule, &self.tuning.data);
            member = recipe.train(cycle, start + epochs)?;
            recipe.member_from(member, origin);
        }
        Ok(recipe)
    }
}
