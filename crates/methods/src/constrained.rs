//! Constrained ensembles: runs that split from one trunk.

use crate::Deep;
use basin_core::{Citation, DataRef};
use basin_ensemble::{
    AtStart, EnsembleMethod, NodeId, Objective, PlanContext, Recipe, RecipeError, Trajectory,
};

/// M runs of T − t epochs with different batch orders, all from the state of member 1 after epoch t, the
/// schedule and the momentum continuing (the paper's §3, after Frankle et al. 2020). Larger t: more
/// connected, less diverse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constrained {
    /// t in 1..T.
    pub split_epoch: u64,
}

impl Constrained {
    /// Source of the stability point.
    pub const CITATION: Citation = Citation {
        key: "frankle2020linear",
        authors: "Frankle, Jonathan and Dziugaite, Gintare Karolina and Roy, Daniel M. and Carbin, Michael",
        title: "Linear Mode Connectivity and the Lottery Ticket Hypothesis",
        year: 2020,
        locator: "1912.05671",
    };

    /// Branch `j` (from 1) of the trunk with an objective; distilled ensembles differ in nothing else.
    pub(crate) fn branch(
        recipe: &mut Recipe,
        cx: &PlanContext,
        trunk: (NodeId, u64),
        j: usize,
        name: &str,
        objective: Objective,
    ) -> Result<NodeId, RecipeError> {
        recipe.train(Self::trajectory(cx, trunk, j, name, objective), cx.epochs)
    }

    /// The course of branch `j` from a state after some epoch, at the split or later.
    pub(crate) fn trajectory(
        cx: &PlanContext,
        (from, start_epoch): (NodeId, u64),
        j: usize,
        name: &str,
        objective: Objective,
    ) -> Trajectory {
        Trajectory {
            name: format!("{name}-{j}"),
            method: name.to_owned(),
            from,
            start_epoch,
            order: format!("branch/{j}/order"),
            schedule: cx.schedule_after(start_epoch),
            objective,
            data: DataRef::train(),
            sides: Vec::new(),
            moments: AtStart::Continue,
        }
    }
}

impl EnsembleMethod for Constrained {
    fn id(&self) -> &'static str {
        "constrained"
    }

    fn citations(&self) -> Vec<Citation> {
        vec![Citation::SINGLE_BASIN, Self::CITATION]
    }

    fn plan(&self, cx: &PlanContext) -> Result<Recipe, RecipeError> {
        let mut recipe = Recipe::new();
        let trunk = Deep::trunk(&mut recipe, cx, self.split_epoch)?;
        for j in 1..=cx.members {
            let at = (trunk, self.split_epoch);
            let member = Self::branch(&mut recipe, cx, at, j, "constrained", Objective::CrossEntropy)?;
            recipe.member(member);
        }
        Ok(recipe)
    }
}
