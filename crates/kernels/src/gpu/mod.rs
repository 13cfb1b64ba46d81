//! Training and evaluation on a graphics processor, apart from how the processor is reached.
//!
//! Nothing here knows a driver: kernels are text ([`sources`]), launched with addresses and scalars through the
//! trait [`Queue`]. Activations are NHWC, of [`Storage`] `f32` or `bf16`; parameters, statistics, losses and all
//! sums are f32 or f64. Convolution weights are `[cout, kh, kw, cin]` on the device. Every reduction has a fixed
//! order, so the same call gives the same bits.

pub mod convolution;
#[cfg(any(test, feature = "cuda"))]
pub(crate) mod driver_codes;
mod error;
mod memory;
mod programs;
mod queue;
mod recorder;
pub mod sources;

pub use convolution::{Convolution, Operands, Pass};
pub use error::GpuError;
pub use memory::{Memory, Span};
pub use programs::{NoStore, ProgramStore, compiled};
pub use queue::{Arg, Kernel, Launch, Precision, Queue, Replay, Storage};
pub use recorder::{Event, Recorder};
