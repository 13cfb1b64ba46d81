#![doc = include_str!("../README.md")]

pub mod attention;
pub mod batch_norm;
pub mod bias;
mod buffer;
pub mod conv;
pub mod dense;
pub mod dropout;
mod exp;
pub mod gelu;
pub mod head;
pub mod loss;
pub mod norm;
pub mod ops;
mod optim;
pub mod peak;
mod product;
pub mod reuse;
mod simd;
mod tensor;
pub mod tokens;

pub use buffer::{Activation, Buffer, Dims};
pub use optim::{Adam, Sgd, squared_length};
pub use simd::Isa;
pub use tensor::{Floats, floats, tensor};
