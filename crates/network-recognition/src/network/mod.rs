//! Networks as small programs: which layers read and write which values.
//!
//! Everything that must hold of a network's units follows from how its layers are wired. A [`Program`] is that
//! wiring, a list of operations on named parameters that [`Wiring`] puts together layer by layer, and two
//! things are derived from it: the permutation spec ([`Program::spec`], by unification over the operations) and
//! a forward pass ([`Program::outputs`]), which [`check`] uses to see that permuted networks compute the same.
//!
//! Strides, paddings, poolings and the kind of activation are not in a file of weights, and none of them tells
//! one channel from another. The forward pass is therefore *some* network with the same symmetries: images of
//! 2×2 pixels, stride 1, one leaky activation everywhere. What a check verifies is that the permutations respect
//! the wiring; the wiring itself is what was recognised or told.
//!
//! ```
//! use basin_core::{Array, Params};
//! use network_recognition::network::{Norm, Wiring};
//! let zeros = |shape: &[usize]| Array::full(shape.to_vec(), 0.0);
//! let params: Params = [
//!     ("stem.weight", zeros(&[8, 3, 3, 3])),
//!     ("norm.weight", zeros(&[8])),
//!     ("norm.bias", zeros(&[8])),
//!     ("fc.weight", zeros(&[10, 8])),
//! ]
//! .map(|(name, array)| (name.to_owned(), array))
//! .into_iter()
//! .collect();
//! let mut net = Wiring::new(&params);
//! let image = net.input(3);
//! let x = net.conv("stem", image)?;
//! let x = net.norm("norm", x, Norm::Layer)?;
//! let x = net.activation(x);
//! let x = net.pool(x);
//! let classes = net.dense("fc", x)?;
//! let program = net.finish(&[classes])?;
//! let spec = program.spec()?;
//! assert_eq!(spec.axes("fc.weight"), Some(&[None, Some("stem.out".to_owned())][..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod check;
mod forward;
mod layout;
mod program;
mod signal;
mod symmetry;
mod wiring;

pub use check::{Checked, check};
pub use program::{Norm, Program, Value};
pub use wiring::{Wiring, WiringError};
