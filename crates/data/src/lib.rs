#![doc = include_str!("../README.md")]

mod archive;
mod augment;
mod batch;
mod cifar;
mod dataset;
mod error;
mod folder;
mod image_set;
mod normalisation;
mod order;
mod source;
mod synthetic;
mod tiny_imagenet;

pub use augment::{AugmentConfig, ColourDraw, ColourOp, Draw, GeometryDraw, Jitter, Warp, augment};
pub use basin_core::Split;
pub use batch::{batch_draws, fill_batch, fill_plain};
pub use dataset::DatasetId;
pub use error::DataError;
pub use image_set::ImageSet;
pub use normalisation::Normalisation;
pub use order::batch_order;
pub use source::Source;
