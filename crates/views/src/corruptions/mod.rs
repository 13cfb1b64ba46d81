//! The corruptions of CIFAR-10-C as pure functions of (image, severity, seed).
//!
//! Hendrycks and Dietterich, *Benchmarking Neural Network Robustness to Common Corruptions and Perturbations* (arXiv
//! 1903.12261), with the constants of its CIFAR version, which are not those of ImageNet-C, in one table. All nineteen types of
//! that set. `frost` lays photographs over the image that are not ours to ship: it is there for whoever has a folder of some
//! ([`Frost`]); `frost-like` has a plasma in their place and another name, so that nobody takes it for it.
//!
//! Images are bytes; work is done on x / 255 in f64, and fractions are cut off at the end, not rounded. The random state
//! of the published arrays is not known: their statistics are met, not their bits ([`official`] reads them). Where an
//! operation of a library is part of the definition, what is met to the byte and what is not stands at the function. The
//! constants are for 32 × 32 pixels and are taken, in pixels, for any side.

pub(crate) mod blur;
mod colour;
pub(crate) mod digital;
mod elastic;
mod filter;
pub(crate) mod frost;
mod jpeg;
mod motion;
mod noise;
mod npy;
mod official;
mod plasma;
mod spatter;
mod table;
mod weather;
mod zoom;

pub use frost::Frost;
pub use official::official;
pub(crate) use table::TABLE;
pub use table::{EXTRA, MAIN, main_kinds};
