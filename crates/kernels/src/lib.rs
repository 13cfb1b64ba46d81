#![doc = include_str!("../README.md")]

pub mod attention;
mod autograd;
pub mod bias;
mod buffer;
pub mod conv;
mod cpu;
#[cfg(feature = "cuda")]
pub mod cuda;
pub mod dropout;
mod exp;
pub mod gelu;
pub mod gpu;
mod graph;
pub mod head;
mod inference;
mod layers;
pub mod loss;
pub mod norm;
mod operation;
pub mod ops;
mod optim;
pub mod peak;
mod product;
mod simd;
mod tape;
mod tapped;
mod tensor;
pub mod tokens;
mod weights;

pub use autograd::Autograd;
pub use buffer::{Activation, Buffer, Dims};
pub use cpu::{Accumulators, CpuLayers, Saved};
pub use graph::Graph;
pub use inference::Inference;
pub use layers::{Layers, Mode, Step};
pub use operation::{Dense, Nonlinearity, Norm, Operation};
pub use optim::{Adam, Sgd};
pub use simd::Isa;
pub use tape::{Inputs, Tape, VarId};
pub use tapped::{Parts, Site, Tapped};
pub use tensor::{Floats, floats, tensor};
pub use weights::{ParamId, Role, Weights};
