//! Layers on the operations of [`crate::ops`], built from a `VarBuilder` with PyTorch's names, for images in NHWC order.

mod batch_norm;
mod conv;
mod dense;
mod dropout;
mod norm;
mod xavier;

pub use batch_norm::BatchNorm;
pub use conv::Conv;
pub use dense::Dense;
pub(crate) use dropout::next_masks;
pub use dropout::{DropPath, Dropout, NoSeeds, with_seeds, without_dropout};
pub use norm::{Norm, NormLayer};
pub use xavier::xavier;
