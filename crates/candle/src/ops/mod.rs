//! Differentiable operations on tensors in NHWC order, by the kernels of `basin-kernels`.
//!
//! Tensors are `f32` on the CPU, or, in a build with the feature `cuda`, on a CUDA device, where they are operands of the kernels
//! of `basin-gpu` as they lie in memory; others are refused with [`OpError`], which names the operation and the device, and
//! nothing is computed elsewhere in silence. Weights have PyTorch's shapes. Tensors that are not one contiguous piece of memory are
//! copied into one first, gradients flow through the copy. Every operation has a backward pass of its own: no gradient is
//! cut, save where a function says so. Results do not depend on the number of threads.

mod activation;
mod attention;
mod batch_norm;
mod conv;
mod count;
#[cfg(feature = "cuda")]
mod cuda;
mod dense;
mod device;
mod dropout;
mod error;
mod kernel;
mod layer_norm;
mod loss;
mod order;
mod pool;
mod tape;

pub use activation::{add_bias, add_relu, gelu, relu};
pub use attention::attention;
pub use basin_kernels::conv::Padding;
pub use batch_norm::{BatchStatistics, Fusion, batch_norm, batch_norm_with};
pub use conv::conv2d;
pub(crate) use count::{counted, outline};
pub use dense::dense;
pub use dropout::{drop_path, dropout};
pub use error::OpError;
pub(crate) use kernel::on_the_cpu;
pub use layer_norm::layer_norm;
pub use loss::{cross_entropy, distillation};
pub(crate) use order::flattened;
pub(crate) use pool::mean_pixel;
pub use pool::{Window, avg_pool2d, max_pool2d, mean_pool};
pub(crate) use tape::{Flow, Gradients, recorded};
