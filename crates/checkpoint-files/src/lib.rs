#![doc = include_str!("../README.md")]

mod activations;
mod archive;
mod checkpoint;
mod element;
mod formats;
mod index_vectors;
mod known;
mod layout;
mod names;
mod pickle;
mod pickle_machine;
mod pickle_value;
mod problem;
mod reading;
mod safetensors;
mod source;
mod state_dict;
mod strays;
mod tensor;
mod torch;

pub use activations::{
    ActivationMisfit, Activations, activation_misfits, decode_activations, read_activations,
};
pub use checkpoint::{Checkpoint, Encoding, FileOrder};
pub use element::Element;
pub use index_vectors::{decode_permutations, encode_permutations, read_permutations};
pub use problem::{FileError, Problem};
pub use tensor::Tensor;
