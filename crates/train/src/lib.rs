#![doc = include_str!("../README.md")]

mod evaluate;
mod segment;
mod state;
mod step;

pub use evaluate::{Evaluator, logits};
pub use segment::{Outcome, Recipe, Segment, SegmentObserver, TrainError, run};
pub use state::{EpochRow, StateError, TrainState};
pub use step::{Examples, Optimiser, StepSum, Stepper, Teaching};
