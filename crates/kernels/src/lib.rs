//! placeholder docs

pub mod conv;
mod graph;
pub mod head;
mod inference;
pub mod loss;
pub mod norm;
mod sgd;
mod simd;
mod tape;
mod tensor;

pub use graph::{Graph, Norm, ParamId, Role, Weights};
pub use inference::Inference;
pub use sgd::Sgd;
pub use simd::Isa;
pub use tape::{Accumulators, Tape, VarId};
pub use tensor::{Floats, floats, tensor};
