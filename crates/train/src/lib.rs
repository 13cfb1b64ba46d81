#![doc = include_str!("../README.md")]

mod backend;
mod cpu;
mod error;
pub mod gpu;
mod mixture;
mod optimiser;
mod recipe;
mod segment;
mod speed;
mod state;
mod teach;

pub use backend::{Backend, Evaluator, StepSum, Trainer, Trial};
pub use cpu::{Batch, Cpu, Stepper};
pub use error::{EvaluateError, TrainError};
pub use gpu::Gpu;
pub use optimiser::{Moments, Optimiser, Rule};
pub use recipe::{Examples, Recipe};
pub use segment::{Outcome, Segment, SegmentObserver, run};
pub use speed::{Steps, seconds_per_image, timed_steps};
pub use state::{EpochRow, StateError, TrainState};
pub use teach::{KeptTargets, Teacher, Teaching};
