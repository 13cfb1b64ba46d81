#![doc = include_str!("../README.md")]

mod archive;
mod augment;
mod batch;
mod cifar;
mod dataset;
mod error;
mod image_set;
mod normalisation;
mod order;
mod source;
mod synthetic;
mod tiny_imagenet;

pub use augment::{AugmentConfig, Jitter, augment};
pub use batch::{fill_batch, fill_plain};
pub use dataset::{DatasetId, Split};
pub use error::DataError;
pub use image_set::ImageSet;
pub use normalisation::Normalisation;
pub use order::batch_order;
pub use source::Source;
