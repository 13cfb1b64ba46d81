//! Subspaces around solutions: what can be had around one run, to set beside what independent runs have.

mod averaged;
mod components;
mod dropout;
mod gaussian;
mod mean;
mod pca;
mod pca_random;
mod random;
mod swag;
mod weights;

pub(crate) use mean::mean_of;
pub(crate) use weights::{Networks, refusal};

pub use averaged::{Average, Averaged};
pub use dropout::{DropWeights, SubspaceDropout};
pub use gaussian::{DiagonalGaussian, SubspaceGaussian};
pub use pca::{LowRankGaussian, SubspacePca};
pub use pca_random::SubspacePcaRandom;
pub use random::{RandomDirection, SubspaceRandom};
pub use swag::{Swag, SwagGaussian};

use crate::Deep;
use basin_core::SeedTree;
use basin_ensemble::{NodeId, ParamOp, PlanContext, Recipe, RecipeError};
use std::sync::Arc;

/// An ensemble of subspaces: for each of some deep runs its own final network, the same node as the member of `deep`, and
/// samples around it. The first member is the reference.
///
/// All subspaces have the same size, so that the mean over all members is the mean over subspaces of their means: what is
/// averaged first inside and then across, as in Fort et al. 2019, is one flat ensemble here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subspaces {
    /// Deep runs, at least 1.
    pub runs: usize,
    /// Samples around each, at least 1.
    pub samples: usize,
}

impl Subspaces {
    /// Members of the ensemble.
    pub fn members(self) -> usize {
        self.runs.saturating_mul(self.samples.saturating_add(1))
    }

    /// The recipe whose samples are made by `operation` of `inputs`.
    fn plan(
        self,
        cx: &PlanContext,
        method: &str,
        operation: &Arc<dyn ParamOp>,
        mut inputs: impl FnMut(&mut Recipe, NodeId, usize) -> Result<Vec<NodeId>, RecipeError>,
    ) -> Result<Recipe, RecipeError> {
        at_least_one("subspace.runs", self.runs)?;
        at_least_one("subspace.samples", self.samples)?;
        let mut recipe = Recipe::new();
        for run in 1..=self.runs {
            let solution = Deep::member(&mut recipe, cx, run)?;
            recipe.member(solution);
            let inputs = inputs(&mut recipe, solution, run)?;
            for sample in 1..=self.samples {
                let node = draw(&mut recipe, method, operation, inputs.clone(), run, sample);
                recipe.member(node);
            }
        }
        Ok(recipe)
    }
}

/// A sample: what it is called and where it has its randomness from depend on its place alone, so that more samples or runs
/// leave those that there are as they are.
fn draw(
    recipe: &mut Recipe,
    method: &str,
    operation: &Arc<dyn ParamOp>,
    inputs: Vec<NodeId>,
    run: usize,
    sample: usize,
) -> NodeId {
    let (name, seed) = (format!("{method}-{run}-{sample}"), format!("{method}/{run}/{sample}"));
    recipe.transform(name, operation.clone(), inputs, seed)
}

/// The states of a run after its last `last` epochs, in order; the last of them is the run's own node.
fn tail(recipe: &mut Recipe, cx: &PlanContext, run: NodeId, last: u64) -> Result<Vec<NodeId>, RecipeError> {
    if !(2..cx.epochs).contains(&last) {
        return Err(RecipeError::Parameter {
            key: "subspace.last",
            expected: format!("2 ≤ K < T = {} epochs", cx.epochs),
            found: last.to_string(),
        });
    }
    let earlier = (cx.epochs - last + 1..cx.epochs).map(|epoch| recipe.snapshot(run, epoch));
    let mut states = earlier.collect::<Result<Vec<_>, _>>()?;
    states.push(run);
    Ok(states)
}

/// How far samples lie from the middle of a Gaussian.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Factor of the deviations, above 0.
    pub scale: f64,
    /// Whether every sample has a share of it of its own, uniform in 0..1: samples at all distances.
    pub varied: bool,
}

impl Spread {
    fn check(self, key: &'static str) -> Result<(), RecipeError> {
        positive(key, self.scale)
    }

    fn id(self) -> String {
        format!("scale {:?}{}", self.scale, if self.varied { ", varied" } else { "" })
    }

    fn draw(self, seed: &SeedTree) -> f64 {
        if self.varied { share_of(self.scale, seed) } else { self.scale }
    }
}

/// A uniform share of a scale.
fn share_of(scale: f64, seed: &SeedTree) -> f64 {
    scale * seed.child("scale").rng().uniform()
}

fn positive(key: &'static str, value: f64) -> Result<(), RecipeError> {
    match value.is_finite() && value > 0.0 {
        true => Ok(()),
        false => Err(RecipeError::Parameter {
            key,
            expected: "a finite number above 0".into(),
            found: value.to_string(),
        }),
    }
}

fn at_least_one(key: &'static str, value: usize) -> Result<(), RecipeError> {
    match value {
        0 => Err(RecipeError::Parameter { key, expected: "at least 1".into(), found: "0".into() }),
        _ => Ok(()),
    }
}

/// Directions of a low-rank Gaussian from so many networks, `of_what` they are.
fn check_rank(rank: usize, networks: usize, of_what: &str) -> Result<(), RecipeError> {
    match (1..networks).contains(&rank) {
        true => Ok(()),
        false => Err(RecipeError::Parameter {
            key: "subspace.rank",
            expected: format!("1 ≤ rank < {of_what} = {networks}"),
            found: rank.to_string(),
        }),
    }
}
