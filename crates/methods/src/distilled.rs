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

    pub(crate) fn towards(
        self,
        teachers: Vec<NodeId>,
        replay: Option<u64>,
    ) -> Result<Objective, RecipeError> {
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
        if replay == Some(0) {
            return refuse("replay_epochs", "at least 1", 0.0);
        }
        Ok(Objective::Distillation { teachers, label_weight, temperature, replay })
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

/// How the distillation of a student is cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortcut {
    /// Not at all: the paper's.
    None,
    /// Labels from t on, and distillation in that many last epochs, 1 to T − t.
    Last(u64),
    /// All augmentation repeats after that many epochs, at least 1, so that teachers run on each image that often only.
    Replay(u64),
}

/// One student per deep member j, started from the state of member 1 after epoch t and trained for T − t
/// epochs towards member j with Eq. 1 (the paper's §4). Batch orders are those of the constrained ensemble,
/// so β = 1 gives its members bit for bit.
///
/// Other [`Teachers`], or a [`Shortcut`], ask how much of the paper's procedure is needed (its open question on cost).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distilled {
    /// t in 1..T.
    pub split_epoch: u64,
    /// β and τ.
    pub distillation: Distillation,
    /// Who teaches.
    pub teachers: Teachers,
    /// What is left out.
    pub shortcut: Shortcut,
}

impl Distilled {
    /// Source of kept teacher logits.
    pub const REPLAY_CITATION: Citation = Citation {
        key: "shen2022fast",
        authors: "Shen, Zhiqiang and Xing, Eric",
        title: "A Fast Knowledge Distillation Framework for Visual Recognition",
        year: 2022,
        locator: "2112.01528",
    };

    /// The paper's.
    pub fn new(split_epoch: u64, distillation: Distillation) -> Self {
        Self { split_epoch, distillation, teachers: Teachers::Own, shortcut: Shortcut::None }
    }

    fn student(
        &self,
        recipe: &mut Recipe,
        cx: &PlanContext,
        (trunk, j): (NodeId, usize),
        objective: Objective,
    ) -> Result<NodeId, RecipeError> {
        let start = match self.shortcut {
            Shortcut::Last(last) => cx.epochs - last,
            Shortcut::None | Shortcut::Replay(_) => self.split_epoch,
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
        match (self.teachers, self.shortcut) {
            (Teachers::Own, Shortcut::None) => "distilled",
            (Teachers::Own, Shortcut::Last(_)) => "distilled-last",
            (Teachers::Own, Shortcut::Replay(_)) => "distilled-replayed",
            (Teachers::First, Shortcut::None) => "distilled-one-teacher",
            (Teachers::First, Shortcut::Last(_)) => "distilled-one-teacher-last",
            (Teachers::First, Shortcut::Replay(_)) => "distilled-one-teacher-replayed",
            (Teachers::All, Shortcut::None) => "distilled-ensemble",
            (Teachers::All, Shortcut::Last(_)) => "distilled-ensemble-last",
            (Teachers::All, Shortcut::Replay(_)) => "distilled-ensemble-replayed",
        }
    }

    fn citations(&self) -> Vec<Citation> {
        let mut citations = vec![Citation::SINGLE_BASIN, Distillation::CITATION];
        if let Shortcut::Replay(_) = self.shortcut {
            citations.push(Self::REPLAY_CITATION);
        }
        citations
    }

    fn plan(&self, cx: &PlanContext) -> Result<Recipe, RecipeError> {
        let mut recipe = Recipe::new();
        let trunk = Deep::trunk(&mut recipe, cx, self.split_epoch)?;
        let after_split = cx.epochs - self.split_epoch;
        let replay = match self.shortcut {
            Shortcut::Last(last) if !(1..=after_split).contains(&last) => {
                let expected = format!("1 to {after_split}, the epochs after the split");
                return Err(RecipeError::Parameter {
                    key: "ensemble.distil_last",
                    expected,
                    found: last.to_string(),
                });
            }
            // What repeats after the end does not repeat.
            Shortcut::Replay(epochs) => Some(epochs).filter(|epochs| *epochs < cx.epochs),
            Shortcut::None | Shortcut::Last(_) => None,
        };
        for j in 1..=cx.members {
            let teachers = match self.teachers {
                Teachers::Own => j..=j,
                Teachers::First => 1..=1,
                Teachers::All => 1..=cx.members,
            };
            let teachers =
                teachers.map(|i| Deep::member(&mut recipe, cx, i)).collect::<Result<Vec<_>, _>>()?;
            let objective = self.distillation.towards(teachers, replay)?;
            let member = self.student(&mut recipe, cx, (trunk, j), objective)?;
            recipe.member(member);
        }
        Ok(recipe)
    }
}
