//! Networks, permutations and activations in files: safetensors in and out, PyTorch's `.pt` in, nothing executed.
//!
//! What a file holds is never trusted: sizes are checked against the bytes that are there before anything is
//! reserved, names from a file never reach the file system, and a pickle is read by a machine that builds plain
//! values, calls nothing, and keeps what it does not know as opaque values, which are refused where a tensor
//! depends on them. Memory stays within a small multiple of the file's size.
//!
//! ```no_run
//! use weight_matching::files::Checkpoint;
//! use weight_matching::{MatchingOptions, PermutationSpec, SeedTree, apply, weight_matching};
//!
//! let [a, b] = ["a.pt", "b.safetensors"].map(|file| Checkpoint::read(file.as_ref()));
//! let (a, b) = (a?, b?);
//! let spec = PermutationSpec::resnet(20)?;
//! let matching = weight_matching(&spec, &a.params, &b.params, &MatchingOptions::new(SeedTree::root(0)))?;
//! let aligned = apply(&spec, &b.params, &matching.permutations)?;
//! std::fs::write("aligned.safetensors", Checkpoint::encode(&aligned, &b.kept)?)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod activations;
mod archive;
mod checkpoint;
mod element;
mod formats;
mod index_vectors;
mod known;
mod names;
mod pickle;
mod pickle_machine;
mod pickle_value;
mod problem;
mod reading;
mod safetensors;
mod state_dict;
mod strays;
mod tensor;
mod torch;

pub use activations::{
    ActivationMisfit, Activations, activation_misfits, decode_activations, read_activations,
};
pub use checkpoint::{Checkpoint, FileOrder};
pub use element::Element;
pub use index_vectors::{decode_permutations, encode_permutations, read_permutations};
pub use problem::{FileError, Problem};
pub use tensor::Tensor;
