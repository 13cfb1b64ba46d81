//! Ensembles whose members see a part of the training images each.

use crate::{Deep, Division, MatchWeights};
use basin_core::{Citation, DataRef};
use basin_ensemble::{
    AtStart, EnsembleMethod, NodeId, Objective, PlanContext, Recipe, RecipeError, Trajectory,
};
use std::sync::Arc;
use weight_matching::PermutationSpec;

/// M runs of T epochs, member i on part i of the training images ("Linear Mode Connectivity under Data Shifts for Deep
/// Ensembles of Image Classifiers", 2511.04514: two halves that differ by a shift). An epoch is a pass over a part, so that a
/// member costs 1/M of one that sees everything.
#[derive(Clone, Debug)]
pub struct Shifted {
    /// The parts.
    pub division: Division,
    /// Whether all parts are met in one order, by class (`basin_data::SharedNoise`), or in orders of their own.
    pub noise: Noise,
    /// Where members begin, and what becomes of them.
    pub start: Start,
}

/// The SGD noise of members that train on parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noise {
    /// One sample for all members.
    Fixed,
    /// Everybody's own.
    Independent,
}

/// Where members that train on parts begin.
#[derive(Clone, Debug)]
pub enum Start {
    /// All from one initialisation: the paper's.
    Together,
    /// Each from its own: ensembles that are not connected, to compare with.
    Apart,
    /// From the state of deep member 1, which sees all images, after epoch t; the schedule goes on as for constrained
    /// ensembles.
    Trunk {
        /// t in 1..T.
        split_epoch: u64,
    },
    /// As `Together`, and every other member is moved to the first by weight matching: is the shift a permutation?
    Matched {
        /// Which axes move together, and the name of that.
        spec: Box<PermutationSpec>,
        /// Name of the spec: part of the digest.
        spec_name: String,
    },
}

impl Shifted {
    /// The paper.
    pub const CITATION: Citation = Citation::DATA_SHIFTS;

    fn members(&self, recipe: &mut Recipe, cx: &PlanContext) -> Result<Vec<NodeId>, RecipeError> {
        let parts = self.division.parts(cx.members)?;
        let trunk = match self.start {
            Start::Trunk { split_epoch } => Some((Deep::trunk(recipe, cx, split_epoch)?, split_epoch)),
            _ => None,
        };
        let mut members = Vec::new();
        for (i, data) in (1..).zip(&parts) {
            let (from, start_epoch) = trunk.unwrap_or_else(|| {
                let who = if matches!(self.start, Start::Apart) { i } else { 1 };
                (recipe.init(format!("member/{who}/init")), 0)
            });
            let trajectory = self.trajectory(cx, i, data, &parts, (from, start_epoch));
            members.push(recipe.train(trajectory, cx.epochs)?);
        }
        Ok(members)
    }

    fn trajectory(
        &self,
        cx: &PlanContext,
        i: usize,
        data: &DataRef,
        parts: &[DataRef],
        (from, start_epoch): (NodeId, u64),
    ) -> Trajectory {
        // Matching takes what is trained together.
        let method = if matches!(self.start, Start::Matched { .. }) { "shifted" } else { self.id() };
        Trajectory {
            name: format!("{method}-{i}"),
            method: method.to_owned(),
            from,
            start_epoch,
            order: match self.noise {
                Noise::Fixed => "parts/order".to_owned(),
                Noise::Independent => format!("parts/{i}/order"),
            },
            schedule: if start_epoch == 0 { cx.schedule.clone() } else { cx.schedule_after(start_epoch) },
            objective: Objective::CrossEntropy,
            data: data.clone(),
            sides: match self.noise {
                Noise::Fixed => parts.to_vec(),
                Noise::Independent => Vec::new(),
            },
            moments: AtStart::Continue,
        }
    }
}

impl EnsembleMethod for Shifted {
    fn id(&self) -> &'static str {
        match self.start {
            Start::Together => "shifted",
            Start::Apart => "shifted-apart",
            Start::Trunk { .. } => "shifted-constrained",
            Start::Matched { .. } => "shifted-matched",
        }
    }

    fn citations(&self) -> Vec<Citation> {
        let mut all = vec![Self::CITATION];
        if matches!(self.start, Start::Matched { .. }) {
            all.push(weight_matching::CITATION);
        }
        all
    }

    fn plan(&self, cx: &PlanContext) -> Result<Recipe, RecipeError> {
        let mut recipe = Recipe::new();
        let members = self.members(&mut recipe, cx)?;
        recipe.member(members[0]);
        for (i, &member) in (2..).zip(&members[1..]) {
            let member = match &self.start {
                Start::Matched { spec, spec_name } => {
                    let (spec, spec_name) = ((**spec).clone(), spec_name.clone());
                    let (operation, inputs) = (MatchWeights { spec, spec_name }, vec![members[0], member]);
                    let (name, seed) = (format!("shifted-matched-{i}"), format!("permuted/{i}"));
                    recipe.transform(name, Arc::new(operation), inputs, seed)
                }
                _ => member,
            };
            recipe.member(member);
        }
        Ok(recipe)
    }
}
