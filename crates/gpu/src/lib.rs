#![doc = include_str!("../README.md")]

pub mod arrays;
pub mod attention;
pub mod augment;
pub mod batch_norm;
pub mod check;
pub mod columns;
pub mod convolution;
pub mod corner;
pub mod dense;
pub mod driver_codes;
pub mod elementwise;
#[cfg(feature = "emulator")]
pub mod emulator;
mod error;
mod forward;
pub mod head;
mod launches;
mod layers;
pub mod loss;
mod memory;
pub mod nonlinearity;
pub mod norm;
pub mod optim;
mod programs;
mod queue;
mod recorder;
mod reverse;
pub mod sources;
pub mod tokens;
mod weights;
pub mod windows;

pub use convolution::{Convolution, Operands, Pass};
pub use error::GpuError;
pub use layers::{Activation, GpuLayers, Saved};
pub use memory::{Block, Captured, Memory, Pool, Span};
pub use programs::{NoStore, ProgramStore, compiled};
pub use queue::{Arg, Kernel, Launch, Precision, Queue, Replay, Storage};
pub use recorder::{Event, Recorder};
pub use weights::{Flat, Gradients, Placement, Weights};
