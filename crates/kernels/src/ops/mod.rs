//! The kernels as candle operations with their own backward, for use in any candle program.
//!
//! Tensors are NHWC, contiguous, `f32`, on the CPU; weights have PyTorch's shapes. Gradients are plain tensors
//! without a graph of their own, so nothing is pinned in memory.

mod channel_norm;
mod conv2d;
mod edit;
mod losses;

pub use channel_norm::{ChannelNorm, NormGradients, channel_norm, channel_norm_add};
pub use conv2d::{Convolution, Shaped, conv2d};
pub use edit::edit;
pub use losses::{cross_entropy, distillation};
