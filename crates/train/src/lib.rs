#![doc = include_str!("../README.md")]

mod backend;
mod batch;
mod chosen;
mod cpu;
mod error;
pub mod gpu;
mod mixture;
mod optimiser;
mod recipe;
mod segment;
mod sequence;
mod softening;
mod speed;
mod state;
mod teach;

pub use backend::{Backend, Evaluator, StepSum, Trainer, Trial};
pub use batch::{Batch, Batches, OwnedBatch};
pub use chosen::plain_batch;
pub use cpu::{Cpu, Stepper};
pub use error::{EvaluateError, TrainError};
pub use gpu::Gpu;
pub use mixture::Mixture;
pub use optimiser::{Moments, Optimiser, Rule, squared_length, squared_length_on_all_cores};
pub use recipe::{Examples, Recipe};
pub use segment::{Outcome, Segment, SegmentObserver, extent, run};
pub use sequence::Sequence;
pub use softening::{check_device, check_targets};
pub use speed::{Steps, seconds_per_image, timed_steps};
pub use state::{EpochRow, StateError, TrainState};
pub use teach::{Ask, KeptTargets, Teacher, Teaching, learn};
