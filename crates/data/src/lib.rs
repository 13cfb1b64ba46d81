#![doc = include_str!("../README.md")]

mod archive;
mod augment;
mod batch;
mod cifar;
mod dataset;
mod error;
mod eurosat;
mod folder;
mod idx;
mod image_file;
mod image_set;
mod mat;
mod mnist;
mod normalisation;
mod order;
mod partition;
mod photograph;
mod sets;
mod shared_noise;
mod sized;
mod source;
mod svhn;
mod synthetic;
mod task;
mod tiny_imagenet;

pub use augment::{AugmentConfig, ColourDraw, ColourOp, Draw, GeometryDraw, Jitter, Warp, augment};
pub use basin_core::{Archive, Extent, FileRule, Packing, Published, Split};
pub use batch::{batch_draws, fill_batch, fill_plain, mix_batch};
pub use dataset::{Dataset, Load};
pub use error::DataError;
pub use image_set::ImageSet;
pub use normalisation::Normalisation;
pub use order::{Order, Pick, Sampling, batch_order};
pub use partition::{chosen, part_len};
pub use photograph::Photograph;
pub use sets::{
    CIFAR10, CIFAR100, EUROSAT, FASHION_MNIST, MNIST, SVHN, SYNTHETIC, SYNTHETIC_100, TINY_IMAGENET,
};
pub use shared_noise::SharedNoise;
pub use source::Source;
