#![doc = include_str!("../README.md")]

mod autograd;
pub mod conv;
mod graph;
pub mod head;
mod inference;
pub mod loss;
pub mod norm;
pub mod ops;
mod sgd;
mod simd;
mod tape;
mod tensor;

pub use autograd::Autograd;
pub use graph::{Graph, Norm, ParamId, Role, Weights};
pub use inference::Inference;
pub use sgd::Sgd;
pub use simd::Isa;
pub use tape::{Accumulators, Tape, VarId};
pub use tensor::{Floats, floats, tensor};
