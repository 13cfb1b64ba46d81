//! The built-in data sets, one file each: facts, files, archive. [`crate::Dataset::BUILT_IN`] lists them.

mod cifar10;
mod cifar100;
mod synthetic;
mod tiny_imagenet;

pub use cifar10::CIFAR10;
pub use cifar100::CIFAR100;
#[cfg(test)]
pub(crate) use cifar100::FORMAT as CIFAR100_FORMAT;
pub use synthetic::{SYNTHETIC, SYNTHETIC_100};
pub use tiny_imagenet::TINY_IMAGENET;

/// The most bytes of a text file that comes along in an archive (the longest, words.txt, has 2.6 MB).
const TEXT: u64 = 8 << 20;
