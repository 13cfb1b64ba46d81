//! Distilled ensembles: deep members re-discovered in one basin.

use crate::{Constrained, Deep};
use basin_core::Citation;
use basin_ensemble::{EnsembleMethod, NodeId, Objective, PlanContext, Recipe, RecipeError};

/// The knobs of Eq. 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distillation {
    /// β in `[0, 1]`: weight of the labels. The paper uses 0.2; 1 is the constrained ensemble.
    pub label_weight: f64,
    /// τ > 0. The paper uses 3.
    pub temperature: f64,
}

impl Distillation {
    /// Source of distillation.
    pub const CITATION: Citation = Citation {
        key: "hinton2015distilling",
        authors: "Hinton, Geoffrey and Vinyals, Oriol and Dean, Jeff",
        title: "Distilling the Knowledge in a Neural Network",
        year: 2015,
        locator: "1503.02531",
    };

    pub(crate) fn towards(self, teacher: NodeId) -> Result<Objective, RecipeError> {
        let Self { label_weight, temperature } = self;
        let refuse = |key, expected: &str, found: f64| {
            Err(RecipeError::Parameter { key, expected: expected.into(), found: found.to_string() })
        };
        if !(0.0..=1.0).contains(&label_weight) {
            return refuse("label_weight", "0 ≤ β ≤ 1", label_weight);
        }
        if !(temperature > 0.0 && temperature.is_finite()) {
            return refuse("temperature", "a finite τ > 0", temperature);
        }
        Ok(Objective::Distillation { teacher, label_weight, temperature })
    }
}

/// One student per deep member j, started from the state of member 1 after epoch t and trained for T − t
/// epochs towards member j with Eq. 1 (the paper's §4). Batch orders are those of the constrained ensemble,
/// so β = 1 gives its members bit for bit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distilled {
    /// t in 1..T.
    pub split_epoch: u64,
    /// β and τ.
    pub distillation: Distillation,
}

impl EnsembleMethod for Distilled {
    fn id(&self) -> &'static str {
        "distilled"
    }

    fn citations(&self) -> Vec<Citation> {
        vec![Citation::SINGLE_BASIN, Distillation::CITATION]
    }

    fn plan(&self, cx: &PlanContext) -> Result<Recipe, RecipeError> {
        let mut recipe = Recipe::new();
        let trunk = Deep::trunk(&mut recipe, cx, self.split_epoch)?;
        for j in 1..=cx.members {
            let teacher = Deep::member(&mut recipe, cx, j)?;
            let objective = self.distillation.towards(teacher)?;
            let at = (trunk, self.split_epoch);
            let member = Constrained::branch(&mut recipe, cx, at, j, "distilled", objective)?;
            recipe.member(member);
        }
        Ok(recipe)
    }
}
