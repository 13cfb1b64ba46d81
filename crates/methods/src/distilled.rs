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

    pub(crate) fn towards(self, teachers: Vec<NodeId>) -> Result<Objective, RecipeError> {
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
        Ok(Objective::Distillation { teachers, label_weight, temperature })
    }
}

/// Whom the students of a distilled ensemble learn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Teachers {
    /// Student j from deep member j: the paper's.
    Own,
    /// All students from deep member 1, so that no other deep member is needed.
    First,
    /// All students from the mean prediction of all deep members.
    All,
}

/// One student per deep member j, started from the state of member 1 after epoch t and trained for T − t
/// epochs towards member j with Eq. 1 (the paper's §4). Batch orders are those of the constrained ensemble,
/// so β = 1 gives its members bit for bit.
///
/// Other [`Teachers`], or a distillation of the last epochs only, ask how much of the paper's procedure is needed
/// (its open question on cost).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distilled {
    /// t in 1..T.
    pub split_epoch: u64,
    /// β and τ.
    pub distillation: Distillation,
    /// Who teaches.
    pub teachers: Teachers,
    /// Distil the last that many epochs, and train on labels from t until then; all from t on if none.
    pub last: Option<u64>,
}

impl Distilled {
    /// The paper's.
    pub fn new(split_epoch: u64, distillation: Distillation) -> Self {
        Self { split_epoch, distillation, teachers: Teachers::Own, last: None }
    }

    fn student(
        &self,
        recipe: &mut Recipe,
        cx: &PlanContext,
        (trunk, j): (NodeId, usize),
        objective: Objective,
    ) -> Result<NodeId, RecipeError> {
        let start = match self.last {
            Some(last) => cx.epochs.saturating_sub(last).max(self.split_epoch),
            None => self.split_epoch,
        };
        if start == self.split_epoch {
            return Constrained::branch(recipe, cx, (trunk, start), j, self.id(), objective);
        }
        let branch =
            Constrained::trajectory(cx, (trunk, self.split_epoch), j, "constrained", Objective::CrossEntropy);
        let labelled = recipe.train(branch, start)?;
        let mut distilled = Constrained::trajectory(cx, (labelled, start), j, self.id(), objective);
        distilled.schedule = cx.schedule_after(self.split_epoch);
        recipe.train(distilled, cx.epochs)
    }
}

impl EnsembleMethod for Distilled {
    fn id(&self) -> &'static str {
        match (self.teachers, self.last) {
            (Teachers::Own, None) => "distilled",
            (Teachers::Own, Some(_)) => "distilled-last",
            (Teachers::First, None) => "distilled-one-teacher",
            (Teachers::First, Some(_)) => "distilled-one-teacher-last",
            (Teachers::All, None) => "distilled-ensemble",
            (Teachers::All, Some(_)) => "distilled-ensemble-last",
        }
    }

    fn citations(&self) -> Vec<Citation> {
        vec![Citation::SINGLE_BASIN, Distillation::CITATION]
    }

    fn plan(&self, cx: &PlanContext) -> Result<Recipe, RecipeError> {
        if self.last == Some(0) {
            let (expected, found) = ("at least 1 epoch".to_owned(), "0".to_owned());
            return Err(RecipeError::Parameter { key: "distil_last", expected, found });
        }
        let mut recipe = Recipe::new();
        let trunk = Deep::trunk(&mut recipe, cx, self.split_epoch)?;
        for j in 1..=cx.members {
            let teachers = match self.teachers {
                Teachers::Own => j..=j,
                Teachers::First => 1..=1,
                Teachers::All => 1..=cx.members,
            };
            let teachers =
                teachers.map(|i| Deep::member(&mut recipe, cx, i)).collect::<Result<Vec<_>, _>>()?;
            let objective = self.distillation.towards(teachers)?;
            let member = self.student(&mut recipe, cx, (trunk, j), objective)?;
            recipe.member(member);
        }
        Ok(recipe)
    }
}
