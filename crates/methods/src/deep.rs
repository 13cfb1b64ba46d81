//! Deep ensembles: independent runs from independent initialisations.

use basin_core::{Citation, DataRef};
use basin_ensemble::{
    AtStart, EnsembleMethod, NodeId, Objective, PlanContext, Recipe, RecipeError, Trajectory,
};

/// M runs of T epochs, each with its own initialisation and batch order (Lakshminarayanan et al. 2017; the
/// paper's §2). The reference for accuracy, with strongly negative connectivity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deep;

impl Deep {
    /// Source of the method.
    pub const CITATION: Citation = Citation {
        key: "lakshminarayanan2017ensembles",
        authors: "Lakshminarayanan, Balaji and Pritzel, Alexander and Blundell, Charles",
        title: "Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles",
        year: 2017,
        locator: "1612.01474",
    };

    /// Adds deep member `i` (from 1) after T epochs; the other methods take teachers and trunks from here.
    pub(crate) fn member(recipe: &mut Recipe, cx: &PlanContext, i: usize) -> Result<NodeId, RecipeError> {
        Self::called("deep", recipe, cx, i)
    }

    /// As [`Deep::member`], under the name of what it is there for: the same work.
    pub(crate) fn called(
        method: &str,
        recipe: &mut Recipe,
        cx: &PlanContext,
        i: usize,
    ) -> Result<NodeId, RecipeError> {
        let from = recipe.init(format!("member/{i}/init"));
        let trajectory = Trajectory {
            name: format!("{method}-{i}"),
            method: method.to_owned(),
            from,
            start_epoch: 0,
            order: format!("member/{i}/order"),
            schedule: cx.schedule.clone(),
            objective: Objective::CrossEntropy,
            data: DataRef::train(),
            sides: Vec::new(),
            moments: AtStart::Continue,
        };
        recipe.train(trajectory, cx.epochs)
    }

    /// The state of deep member 1 after epoch t: the stability point from which a single basin is explored.
    pub(crate) fn trunk(
        recipe: &mut Recipe,
        cx: &PlanContext,
        split_epoch: u64,
    ) -> Result<NodeId, RecipeError> {
        if !(1..cx.epochs).contains(&split_epoch) {
            return Err(RecipeError::Parameter {
                key: "ensemble.split_epoch",
                expected: format!("1 ≤ t < T = {} epochs", cx.epochs),
                found: split_epoch.to_string(),
            });
        }
        let member = Self::member(recipe, cx, 1)?;
        recipe.snapshot(member, split_epoch)
    }
}

impl EnsembleMethod for Deep {
    fn id(&self) -> &'static str {
        "deep"
    }

    fn citations(&self) -> Vec<Citation> {
        vec![Self::CITATION]
    }

    fn plan(&self, cx: &PlanContext) -> Result<Recipe, RecipeError> {
        let mut recipe = Recipe::new();
        for i in 1..=cx.members {
            let member = Self::member(&mut recipe, cx, i)?;
            recipe.member(member);
        }
        Ok(recipe)
    }
}
