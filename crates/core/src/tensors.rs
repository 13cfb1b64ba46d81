//! Parameters as safetensors bytes: the field's open format, with every problem of a file named.

use crate::{Array, Params};
use safetensors::tensor::{Dtype, Metadata, SafeTensors, TensorView};
use std::collections::{BTreeMap, HashMap};
use thiserror::Error;

/// Named arrays together with the string metadata of the file's header.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TensorFile {
    /// The arrays, sorted by name after decoding.
    pub params: Params,
    /// Header metadata, for example the step of a checkpoint.
    pub metadata: BTreeMap<String, String>,
}

/// Why bytes are not a usable safetensors file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TensorFileError {
    /// Not safetensors, or truncated.
    #[error("not a whole safetensors file: {reason}")]
    Format {
        /// What the decoder found.
        reason: String,
    },
    /// A tensor is not `f32`.
    #[error("tensor {name} has type {found}, expected F32")]
    Dtype {
        /// The tensor.
        name: String,
        /// Its type.
        found: String,
    },
    /// Missing, unexpected or misshaped tensors: all of them, one per line.
    #[error("the tensors do not fit the network:\n{}", .problems.join("\n"))]
    Layout {
        /// One line per tensor.
        problems: Vec<String>,
    },
    /// A tensor holds NaN or an infinity.
    #[error(
        "tensor {name} holds a value that is not finite in f32, expected finite numbers; take a checkpoint from \
         before the network diverged"
    )]
    NonFinite {
        /// The tensor.
        name: String,
    },
}

impl TensorFile {
    /// Encodes to safetensors; the same content gives the same bytes.
    ///
    /// # Panics
    /// Never for arrays made by [`Array::new`], whose shape and data agree.
    pub fn encode(&self) -> Vec<u8> {
        let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = self
            .params
            .iter()
            .map(|(name, array)| {
                let data = array.data().iter().flat_map(|x| x.to_le_bytes()).collect();
                (name.to_owned(), array.shape().to_vec(), data)
            })
            .collect();
        let views = bytes.iter().map(|(name, shape, data)| {
            let view = TensorView::new(Dtype::F32, shape.clone(), data).expect("shape and data agree");
            (name.clone(), view)
        });
        // The encoder writes a hash map of metadata in its own order; one joined entry keeps bytes stable.
        let joined: String = self.metadata.iter().map(|(k, v)| format!("{k}={v}\n")).collect();
        let metadata = HashMap::from([("basin".to_owned(), joined)]);
        safetensors::serialize(views, Some(metadata)).expect("arrays are well formed")
    }

    /// Decodes safetensors bytes; arrays come back sorted by name.
    ///
    /// # Errors
    /// [`TensorFileError::Format`] for broken bytes, [`TensorFileError::Dtype`] for other element types.
    pub fn decode(bytes: &[u8]) -> Result<Self, TensorFileError> {
        let format = |e: safetensors::SafeTensorError| TensorFileError::Format { reason: e.to_string() };
        let (_, header): (usize, Metadata) = SafeTensors::read_metadata(bytes).map_err(format)?;
        let file = SafeTensors::deserialize(bytes).map_err(format)?;
        let mut names = file.names();
        names.sort_unstable();
        let mut params = Params::new();
        for name in names {
            let view = file.tensor(name).map_err(format)?;
            if view.dtype() != Dtype::F32 {
                let found = format!("{:?}", view.dtype());
                return Err(TensorFileError::Dtype { name: name.to_owned(), found });
            }
            let data = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
            let array = Array::new(view.shape().to_vec(), data.collect())
                .map_err(|e| TensorFileError::Format { reason: e.to_string() })?;
            params.insert(name, array);
        }
        let joined = header.metadata().as_ref().and_then(|m| m.get("basin")).cloned().unwrap_or_default();
        let metadata = joined.lines().filter_map(|line| line.split_once('='));
        Ok(Self { params, metadata: metadata.map(|(k, v)| (k.to_owned(), v.to_owned())).collect() })
    }
}

/// Puts decoded parameters into a network's own order and checks them against its shapes: nothing
/// missing, nothing unexpected, nothing misshaped, all values finite.
///
/// # Errors
/// [`TensorFileError::Layout`] lists every tensor that does not fit, [`TensorFileError::NonFinite`] names
/// the first bad value.
pub fn expect_layout(found: &Params, expected: &[(String, Vec<usize>)]) -> Result<Params, TensorFileError> {
    let mut problems = Vec::new();
    let mut params = Params::new();
    for (name, shape) in expected {
        match found.get(name) {
            None => problems.push(format!("  missing {name} {shape:?}")),
            Some(array) if array.shape() != shape => {
                problems.push(format!("  {name} is {:?}, expected {shape:?}", array.shape()));
            }
            Some(array) => params.insert(name.clone(), array.clone()),
        }
    }
    let known = |name: &str| expected.iter().any(|(n, _)| n == name);
    problems.extend(
        found.iter().filter(|(n, _)| !known(n)).map(|(n, a)| format!("  unexpected {n} {:?}", a.shape())),
    );
    if !problems.is_empty() {
        return Err(TensorFileError::Layout { problems });
    }
    match params.first_non_finite() {
        Some(name) => Err(TensorFileError::NonFinite { name: name.to_owned() }),
        None => Ok(params),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> TensorFile {
        let mut params = Params::new();
        params.insert("a", Array::new(vec![2], vec![1.0, -2.5]).unwrap());
        params.insert("b", Array::new(vec![1, 2], vec![0.0, 4.0]).unwrap());
        TensorFile {
            params,
            metadata: BTreeMap::from([("step".into(), "12".into()), ("x".into(), "y=z".into())]),
        }
    }

    #[test]
    fn what_is_written_is_read_back_and_bytes_are_stable() {
        let bytes = file().encode();
        assert_eq!(bytes, file().encode());
        assert_eq!(TensorFile::decode(&bytes).unwrap(), file());
    }

    #[test]
    fn every_truncation_is_refused() {
        let bytes = file().encode();
        for end in 0..bytes.len() {
            assert!(TensorFile::decode(&bytes[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn all_problems_are_listed_at_once() {
        let expected = [("a".to_owned(), vec![3]), ("c".to_owned(), vec![1])];
        let TensorFileError::Layout { problems } = expect_layout(&file().params, &expected).unwrap_err()
        else {
            panic!("expected a layout error");
        };
        assert_eq!(problems, ["  a is [2], expected [3]", "  missing c [1]", "  unexpected b [1, 2]"]);
    }

    /// A new variant does not compile here until it has a line in the test.
    fn place(error: &TensorFileError) -> usize {
        match error {
            TensorFileError::Format { .. } => 0,
            TensorFileError::Dtype { .. } => 1,
            TensorFileError::Layout { .. } => 2,
            TensorFileError::NonFinite { .. } => 3,
        }
    }

    #[test]
    fn every_error_says_what_where_and_what_to_do() {
        let told = [
            (
                TensorFileError::Format { reason: "the header ends early".into() },
                "not a whole safetensors file: the header ends early",
            ),
            (
                TensorFileError::Dtype { name: "a".into(), found: "I64".into() },
                "tensor a has type I64, expected F32",
            ),
            (
                TensorFileError::Layout { problems: vec!["missing a".into(), "unexpected b".into()] },
                "the tensors do not fit the network:\nmissing a\nunexpected b",
            ),
            (
                TensorFileError::NonFinite { name: "a".into() },
                "tensor a holds a value that is not finite in f32, expected finite numbers; take a checkpoint from before the network diverged",
            ),
        ];
        let mut seen = [false; 4];
        for (error, text) in &told {
            assert_eq!(error.to_string(), *text);
            seen[place(error)] = true;
        }
        assert_eq!(seen, [true; 4], "every variant is told");
    }
}
