//! The method trait and what a method may know when it plans.

use crate::{Recipe, RecipeError, Schedule, Starting, WarmupCosine, WarmupFrom};
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
    /// What the learning rate does where runs split.
    pub after_split: AfterSplit,
    /// The same of the source that networks are pre-trained on, where there is one; its number of members means nothing.
    pub source: Option<Box<PlanContext>>,
    /// The first rate of warm-ups; none where they rise from 0 before the first step.
    pub warmup_from: Option<f64>,
}

/// The learning rate of runs that split from a trunk, on which the paper is silent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AfterSplit {
    /// The trunk's schedule goes on (as in Frankle et al. 2020).
    Continue,
    /// Warm-up and cosine begin anew, over the epochs that are left.
    Restart {
        /// Highest rate.
        peak: f64,
        /// Share of the steps that warm up.
        warmup: f64,
    },
}

impl PlanContext {
    /// A context with the paper's schedule: warm-up over the first 10 % of T epochs, then cosine.
    pub fn new(members: usize, epochs: u64, peak: f64) -> Self {
        let schedule = WarmupCosine { peak, epochs, warmup: 0.1, floor: None };
        Self {
            members,
            epochs,
            schedule: Arc::new(schedule),
            after_split: AfterSplit::Continue,
            source: None,
            warmup_from: None,
        }
    }

    /// A schedule with this warm-up over so many epochs, begun at the rate that warm-ups begin at here.
    pub fn warmed(
        &self,
        schedule: impl Schedule + 'static,
        (peak, epochs, warmup): (f64, u64, f64),
    ) -> Arc<dyn Schedule> {
        let schedule = Arc::new(schedule);
        match self.warmup_from {
            Some(from) if warmup > 0.0 => Arc::new(WarmupFrom { from, peak, epochs, warmup, schedule }),
            _ => schedule,
        }
    }

    /// The schedule of a run that splits off after an epoch.
    pub fn schedule_after(&self, epoch: u64) -> Arc<dyn Schedule> {
        match self.after_split {
            AfterSplit::Continue => self.schedule.clone(),
            AfterSplit::Restart { peak, warmup } => {
                let epochs = self.epochs.saturating_sub(epoch);
                let schedule = WarmupCosine { peak, epochs, warmup, floor: None };
                let schedule = self.warmed(schedule, (peak, epochs, warmup));
                Arc::new(Starting { epoch, schedule })
            }
        }
    }
}

/// An ensemble method: a name, its sources, and a pure plan.
pub trait EnsembleMethod: Debug + Send + Sync {
    /// Short id, for example `distilled-deep`: lower case, digits and dashes.
    fn id(&self) -> &'static str;

    /// The works a report should cite when it shows this method.
    fn citations(&self) -> Vec<Citation>;

    /// How many members its ensemble has: M, unless the method says otherwise.
    fn members(&self, cx: &PlanContext) -> usize {
        cx.members
    }

    /// The recipe. Pure: equal contexts give equal recipes; no IO, no clock, no tensors.
    ///
    /// # Errors
    /// [`RecipeError`] when a parameter is out of its range, with the range.
    fn plan(&self, cx: &PlanContext) -> Result<Recipe, RecipeError>;
}
