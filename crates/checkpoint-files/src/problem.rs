//! What can be wrong with a file, one variant per thing the user can do about it.

use crate::names::{listed, shown};
use permutation_spec::PermutationError;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// A file that cannot be used, and why.
#[derive(Debug, Error)]
#[error("{}: {problem}", path.display())]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: Problem,
}

impl FileError {
    /// For `map_err`: the problem together with its file.
    pub(crate) fn of(path: &Path) -> impl Fn(Problem) -> Self {
        let path = path.to_owned();
        move |problem| Self { path: path.clone(), problem }
    }
}

/// Why bytes are not a network, a family of permutations or activations.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Problem {
    /// The operating system refused to read.
    #[error("cannot be read: {0}; check the name and its permissions")]
    Io(#[from] io::Error),
    /// A folder.
    #[error("is a folder, expected a file: {hint}")]
    Folder {
        /// What is in it, and what to give instead.
        hint: String,
    },
    /// A pipe or a device.
    #[error("is {found}, expected a regular file; save what comes out of it as a file first")]
    NotAFile {
        /// What it is.
        found: &'static str,
    },
    /// A file without content.
    #[error("is empty, 0 bytes: saving, copying or downloading it did not finish; get it again")]
    Empty,
    /// A file with holes where data should be.
    #[error(
        "has {found} bytes, of which only {there} are on the disk: a download that did not finish, or a file \
        that was only set aside; get it again"
    )]
    Sparse {
        /// Size of the file.
        found: u64,
        /// Bytes that take room on the disk.
        there: u64,
    },
    /// More bytes than are read at once.
    #[error("has {found} bytes, expected at most {limit}; keep only the network's parameters in it")]
    TooLarge {
        /// Size of the file.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// A format that is known, but is not one of networks, or not one of those that are read.
    #[error("is {what}, expected safetensors or a PyTorch file; {advice}")]
    OtherFormat {
        /// What it is.
        what: String,
        /// What to do.
        advice: &'static str,
    },
    /// None of the known formats.
    #[error(
        "is neither safetensors nor a PyTorch file (it begins with {start:02x?}); \
         save the state dict with safetensors or torch.save"
    )]
    Unknown {
        /// The first bytes.
        start: Vec<u8>,
    },
    /// Safetensors that is broken or truncated.
    #[error("is not a whole safetensors file: {reason}; copy, download or save it again")]
    Safetensors {
        /// What the decoder found.
        reason: String,
    },
    /// A file that ends too early.
    #[error("is not the whole of {what}: {reason}; copy or download it again")]
    Truncated {
        /// What it is.
        what: &'static str,
        /// Where it ends.
        reason: String,
    },
    /// A zip archive that is broken or none of PyTorch's.
    #[error("is not a PyTorch archive: {reason}; save it again with torch.save(model.state_dict(), …)")]
    Archive {
        /// What was found, and where.
        reason: String,
    },
    /// A TorchScript program.
    #[error(
        "is a TorchScript program, not a state dict; load it with torch.jit.load and save \
         module.state_dict() with torch.save"
    )]
    TorchScript,
    /// A pickle that is broken or holds what no state dict holds.
    #[error(
        "byte {at} of its pickle: {reason}; save it again with torch.save(model.state_dict(), …) \
         or as safetensors"
    )]
    Pickle {
        /// Position in the pickle.
        at: usize,
        /// What was found.
        reason: String,
    },
    /// A pickle asks for a function that runs commands or code. Nothing was executed.
    #[error(
        "its pickle calls {}.{}, which runs commands or code and is not part of a state dict; nothing was executed; \
         do not load this file in Python unless you know why it does",
        shown(module),
        shown(name)
    )]
    Forbidden {
        /// The Python module.
        module: String,
        /// The name in it.
        name: String,
    },
    /// A whole network was pickled, not its state dict.
    #[error(
        "holds a whole module ({}{}) instead of its state dict; load it in Python where its class is known, \
         and save model.state_dict() with torch.save",
        shown(class),
        under(at)
    )]
    Module {
        /// Its class.
        class: String,
        /// The key under which it stands; empty when it is the whole file.
        at: String,
    },
    /// A tensor is made by a function that is not known here. Nothing was executed.
    #[error(
        "tensor {} is rebuilt by {}, which is not known here; nothing was executed; \
         load the file in Python and save the tensors as plain ones",
        shown(name),
        shown(class)
    )]
    Rebuilt {
        /// The tensor.
        name: String,
        /// Module and name of the function or class.
        class: String,
    },
    /// A tensor's shape, strides, offset or bytes do not fit together.
    #[error("tensor {} {reason}", shown(name))]
    Tensor {
        /// The tensor.
        name: String,
        /// What is wrong, to be read after the name.
        reason: String,
    },
    /// An element type that is neither converted nor carried through.
    #[error(
        "tensor {} has type {}, expected f32, f64, f16, bf16, an integer or bool; convert it and save the file again",
        shown(name),
        shown(found)
    )]
    Element {
        /// The tensor.
        name: String,
        /// Its type.
        found: String,
    },
    /// Weights of a type that is read and not understood as weights.
    #[error("tensor {} is {found}: {what}; expected f32, f64, f16 or bf16; {advice}", shown(name))]
    NotWeights {
        /// The tensor.
        name: String,
        /// Its type.
        found: &'static str,
        /// What that is.
        what: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// A file without tensors.
    #[error("holds no tensors: {found}; give a state dict, alone or under a key")]
    NoTensors {
        /// What it holds instead.
        found: String,
    },
    /// More than one network, none under a usual key.
    #[error("holds {} networks: {}; choose one by its key (--key NAME)", found.len(), listed(found, 8))]
    Several {
        /// Their keys, with the number of tensors of each.
        found: Vec<String>,
    },
    /// The key that was asked for is not there.
    #[error("holds nothing under the key {}; keys: {}", shown(key), listed(found, 16))]
    NoKey {
        /// What was asked for.
        key: String,
        /// The keys that are there.
        found: Vec<String>,
    },
    /// A tensor of a permutation file is not a vector of indices.
    #[error(
        "tensor {} is {found}, expected a vector of i64, u64, i32 or u32; \
         give a file that --permutations wrote",
        shown(name)
    )]
    NotIndices {
        /// The tensor.
        name: String,
        /// Type and shape.
        found: String,
    },
    /// A tensor of a file of activations holds no floating-point numbers.
    #[error(
        "tensor {} is {found}, expected f32, f64, f16 or bf16; save the activations as floats",
        shown(name)
    )]
    NotFloats {
        /// The tensor.
        name: String,
        /// Type and shape.
        found: String,
    },
    /// An entry of a permutation file is negative.
    #[error("permutation {}: entry {index} is {value}, expected an index of at least 0", shown(name))]
    Negative {
        /// The permutation.
        name: String,
        /// Position of the entry.
        index: usize,
        /// The entry.
        value: i64,
    },
    /// A vector of a permutation file is not a bijection.
    #[error("permutation {}: {source}", shown(name))]
    Permutation {
        /// The permutation.
        name: String,
        /// The first entry that is wrong.
        source: PermutationError,
    },
}

fn under(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!(" under {}", shown(key)) }
}

#[cfg(test)]
mod tests;
