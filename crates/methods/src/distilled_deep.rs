//! Deep ensembles trained with the distillation loss: the control of Table 4.

use crate::{Deep, Distillation};
use basin_core::{Citation, DataRef};
use basin_ensemble::{AtStart, EnsembleMethod, PlanContext, Recipe, RecipeError, Trajectory};

/// M students of T epochs from initialisations of their own, student j towards deep member j (the paper's
/// App. A). Separates the regularising effect of distillation from the knowledge of other basins. Which
/// teacher a student has is not stated in the paper; one student per teacher, as in the distilled ensemble.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DistilledDeep {
    /// β and τ.
    pub distillation: Distillation,
}

impl EnsembleMethod for DistilledDeep {
    fn id(&self) -> &'static str {
        "distilled-deep"
    }

    fn citations(&self) -> Vec<Citation> {
        vec![Citation::SINGLE_BASIN, Distillation::CITATION]
    }

    fn plan(&self, cx: &PlanContext) -> Result<Recipe, RecipeError> {
        let mut recipe = Recipe::new();
        for j in 1..=cx.members {
            let teacher = Deep::member(&mut recipe, cx, j)?;
            let from = recipe.init(format!("student/{j}/init"));
            let trajectory = Trajectory {
                name: format!("distilled-deep-{j}"),
                method: self.id().to_owned(),
                from,
                start_epoch: 0,
                order: format!("student/{j}/order"),
                schedule: cx.schedule.clone(),
                objective: self.distillation.towards(vec![teacher], None)?,
                data: DataRef::train(),
                sides: Vec::new(),
                moments: AtStart::Continue,
            };
            let member = recipe.train(trajectory, cx.epochs)?;
            recipe.member(member);
        }
        Ok(recipe)
    }
}
