#![doc = include_str!("../README.md")]

mod batch;
pub mod device;
mod evaluate;
mod optimiser;
mod segment;
mod state;
mod step;
mod teach;

pub use batch::{Batch, Examples};
pub use evaluate::Evaluator;
pub use optimiser::{Moments, Optimiser, Rule};
pub use segment::{Outcome, Recipe, Segment, SegmentObserver, TrainError, run};
pub use state::{EpochRow, StateError, TrainState};
pub use step::{StepSum, Stepper};
pub use teach::{KeptTargets, Teacher, Teaching};
