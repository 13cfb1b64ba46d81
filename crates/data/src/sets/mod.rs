//! The built-in data sets, a file for each family: facts, files, archive. [`crate::Dataset::BUILT_IN`] lists them.

mod cifar;
mod eurosat;
mod mnist;
mod svhn;
mod synthetic;
mod tiny_imagenet;

#[cfg(test)]
pub(crate) use cifar::FORMAT_100 as CIFAR100_FORMAT;
pub use cifar::{CIFAR10, CIFAR100};
pub use eurosat::EUROSAT;
pub use mnist::{FASHION_MNIST, MNIST};
pub use svhn::SVHN;
pub use synthetic::{SYNTHETIC, SYNTHETIC_100};
pub use tiny_imagenet::TINY_IMAGENET;

/// The most bytes of a text file that comes along in an archive (the longest, words.txt, has 2.6 MB).
const TEXT: u64 = 8 << 20;
