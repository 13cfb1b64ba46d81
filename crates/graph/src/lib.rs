#![doc = include_str!("../README.md")]

mod autograd;
mod cpu;
mod graph;
mod inference;
mod last_dense;
mod layers;
mod operation;
mod tape;
mod tapped;
mod weights;

pub use autograd::{Autograd, patches, prepended};
pub use cpu::{Accumulators, CpuLayers, Saved};
pub use graph::Graph;
pub use inference::Inference;
pub use last_dense::LastDense;
pub use layers::{Layers, Mode, Step};
pub use operation::{Dense, Nonlinearity, Norm, Operation};
pub use tape::{Inputs, Tape, VarId};
pub use tapped::{Parts, Site, Tapped};
pub use weights::{ParamId, Role, Weights};
