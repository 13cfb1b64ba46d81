//! What can be wrong with a file, one variant per thing the user can do about it.

use crate::PermutationError;
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
    /// A directory, a pipe or a device.
    #[error("is no regular file; give a safetensors or PyTorch file")]
    NotAFile,
    /// More bytes than are read at once.
    #[error("has {found} bytes, expected at most {limit}; keep only the network's parameters in it")]
    TooLarge {
        /// Size of the file.
        found: u64,
        /// The limit.
        limit: u64,
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
    #[error("is not a whole safetensors file: {reason}; copy or save it again")]
    Safetensors {
        /// What the decoder found.
        reason: String,
    },
    /// A zip archive that is broken or none of PyTorch's.
    #[error("is not a PyTorch archive: {reason}; save it again with torch.save(model.state_dict(), …)")]
    Archive {
        /// What was found, and where.
        reason: String,
    },
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
    /// A pickle asks for code by a name that is not allowed. Nothing was executed.
    #[error(
        "its pickle calls {module}.{name}, which is no part of a state dict; nothing was executed; \
         if you trust its origin, load it in Python and save model.state_dict() alone"
    )]
    Forbidden {
        /// The Python module.
        module: String,
        /// The name in it.
        name: String,
    },
    /// A tensor's shape, strides, offset or bytes do not fit together.
    #[error("tensor {name} {reason}")]
    Tensor {
        /// The tensor.
        name: String,
        /// What is wrong, to be read after the name.
        reason: String,
    },
    /// An element type that is neither converted nor carried through.
    #[error("tensor {name} has type {found}, expected f32, f64, f16, bf16, an integer or bool")]
    Element {
        /// The tensor.
        name: String,
        /// Its type.
        found: String,
    },
    /// A file without tensors.
    #[error("holds no tensors: {found}; give a state dict, alone or under the key state_dict or model")]
    NoTensors {
        /// What it holds instead.
        found: String,
    },
    /// A tensor of a permutation file is no vector of indices.
    #[error(
        "tensor {name} is {found}, expected a vector of i64, u64, i32 or u32; \
         give a file that --permutations wrote"
    )]
    NotIndices {
        /// The tensor.
        name: String,
        /// Type and shape.
        found: String,
    },
    /// A tensor of a file of activations holds no floating-point numbers.
    #[error("tensor {name} is {found}, expected f32, f64, f16 or bf16; save the activations as floats")]
    NotFloats {
        /// The tensor.
        name: String,
        /// Type and shape.
        found: String,
    },
    /// An entry of a permutation file is negative.
    #[error("permutation {name}: entry {index} is {value}, expected an index from 0")]
    Negative {
        /// The permutation.
        name: String,
        /// Position of the entry.
        index: usize,
        /// The entry.
        value: i64,
    },
    /// A vector of a permutation file is no bijection.
    #[error("permutation {name}: {source}")]
    Permutation {
        /// The permutation.
        name: String,
        /// The first entry that is wrong.
        source: PermutationError,
    },
}
