//! The method trait and what a method may know when it plans.

use crate::{Recipe, RecipeError, Schedule, WarmupCosine};
use basin_core::Citation;
use std::fmt::Debug;
use std::sync::Arc;

/// The facts of a plan that all methods share.
#[derive(Clone, Debug)]
pub struct PlanContext {
    /// Number of members M, at least 2.
    pub members: usize,
    /// Epochs T of one member.
    pub epochs: u64,
    /// The schedule of an ordinary run of T epochs.
    pub schedule: Arc<dyn Schedule>,
}

impl PlanContext {
    /// A context with the paper's schedule: warm-up over the first 10 % of T epochs, then cosine.
    pub fn new(members: usize, epochs: u64, peak: f64) -> Self {
        let schedule = WarmupCosine { peak, epochs, warmup: 0.1, floor: None };
        Self { members, epochs, schedule: Arc::new(schedule) }
    }
}

/// An ensemble method: a name, its sources, and a pure plan.
pub trait EnsembleMethod: Debug + Send + Sync {
    /// Short id, for example `distilled-deep`: lower case, digits and dashes.
    fn id(&self) -> &'static str;

    /// The works a report should cite when it shows this method.
    fn citations(&self) -> Vec<Citation>;

    /// The recipe. Pure: equal contexts give equal recipes; no IO, no clock, no tensors.
    ///
    /// # Errors
    /// [`RecipeError`] when a parameter is out of its range, with the range.
    fn plan(&self, cx: &PlanContext) -> Result<Recipe, RecipeError>;
}
