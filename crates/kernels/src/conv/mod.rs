//! Convolution on NHWC images: forward, input gradient and weight gradient as implicit matrix products.
//!
//! An image is copied once into a buffer with a zero border. Then, for one output pixel and one kernel
//! row, the `kw · cin` inputs under the kernel are contiguous in memory, and the product with packed
//! weights needs no im2col buffer. Weights are packed once per step ([`PackedConv`]) and shared by all
//! threads; every function here works on a few images on the calling thread.

mod geometry;
mod image;
mod pack;
mod passes;
mod tile;

pub use geometry::ConvShape;
pub use pack::PackedConv;
pub use passes::{forward, input_gradient, weight_gradient};
