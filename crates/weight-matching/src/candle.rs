//! To and from the tensors of [candle](https://docs.rs/candle-core), for networks that live there.

use basin_core::{Array, Params, ParamsError};
use candle_core::{DType, Device, Error, Tensor};
use std::collections::BTreeMap;
use thiserror::Error;

/// Why tensors cannot be converted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TensorError {
    /// Two tensors of one name.
    #[error("tensor {name} is given twice, expected each name once")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// candle refuses: an element type without conversion, a device that fails or is out of memory.
    #[error("tensor {name} of {element:?} {shape:?} cannot be converted: {source}")]
    Candle {
        /// The tensor.
        name: String,
        /// Its element type.
        element: DType,
        /// Its shape.
        shape: Vec<usize>,
        /// What candle says.
        source: Box<Error>,
    },
    /// candle hands out another number of values than the shape says.
    #[error("tensor {name}: {source}")]
    Values {
        /// The tensor.
        name: String,
        /// What does not fit.
        source: ParamsError,
    },
}

/// The values of named tensors as `f32`, sorted by name: hash maps such as a `VarMap`'s have no order to keep.
///
/// Tensors may be on any device and of any layout; shapes stay as they are, `[out, in, kh, kw]` and `[out, in]`
/// in candle as in PyTorch. Other element types are converted, rounding to nearest. One copy of all values in
/// host memory; no gradient flows through it.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use std::collections::HashMap;
/// use weight_matching::candle::{params_from_tensors, tensors_from_params};
/// use weight_matching::{MatchingOptions, PermutationSpec, SeedTree, apply, weight_matching};
///
/// // What two variable maps hold: `varmap.data().lock()` has names and variables, which deref to tensors.
/// let of = |w1: [f32; 3], w2: [f32; 3]| -> candle_core::Result<HashMap<String, Tensor>> {
///     let zeros = |n: usize| Tensor::zeros(n, candle_core::DType::F32, &Device::Cpu);
///     Ok(HashMap::from([
///         ("fc1.weight".to_owned(), Tensor::new(&w1, &Device::Cpu)?.reshape((3, 1))?),
///         ("fc1.bias".to_owned(), zeros(3)?),
///         ("fc2.weight".to_owned(), Tensor::new(&w2, &Device::Cpu)?.reshape((1, 3))?),
///         ("fc2.bias".to_owned(), zeros(1)?),
///     ]))
/// };
/// let (a, b) = (of([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])?, of([3.0, 1.0, 2.0], [6.0, 4.0, 5.0])?);
/// let (a, b) = (params_from_tensors(&a)?, params_from_tensors(&b)?);
/// let spec = PermutationSpec::mlp(&["fc1", "fc2"])?;
/// let matching = weight_matching(&spec, &a, &b, &MatchingOptions::new(SeedTree::root(0)))?;
/// let aligned = apply(&spec, &b, &matching.permutations)?;
/// // For each name: `varmap.set_one(name, tensor)`.
/// let tensors = tensors_from_params(&aligned, &Device::Cpu)?;
/// assert_eq!(tensors["fc1.weight"].to_vec2::<f32>()?, [[1.0], [2.0], [3.0]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`TensorError::Duplicate`] for a name given twice, [`TensorError::Candle`] for element types that candle does
/// not convert and devices that fail.
pub fn params_from_tensors<'t, N: Into<String>>(
    tensors: impl IntoIterator<Item = (N, &'t Tensor)>,
) -> Result<Params, TensorError> {
    let mut arrays: BTreeMap<String, Array> = BTreeMap::new();
    for (name, tensor) in tensors {
        let name = name.into();
        if arrays.contains_key(&name) {
            return Err(TensorError::Duplicate { name });
        }
        let values = values(tensor).map_err(|source| {
            let (name, shape) = (name.clone(), tensor.dims().to_vec());
            TensorError::Candle { name, element: tensor.dtype(), shape, source: Box::new(source) }
        })?;
        let array = Array::new(tensor.dims().to_vec(), values);
        let array = array.map_err(|source| TensorError::Values { name: name.clone(), source })?;
        arrays.insert(name, array);
    }
    Ok(arrays.into_iter().collect())
}

/// Row-major values. Detached: nothing is recorded for a backward pass.
fn values(tensor: &Tensor) -> candle_core::Result<Vec<f32>> {
    tensor.detach().to_device(&Device::Cpu)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
}

/// The arrays as tensors of `f32` on a device, by name.
///
/// # Errors
/// [`TensorError::Candle`] when the device fails or is out of memory.
pub fn tensors_from_params(
    params: &Params,
    device: &Device,
) -> Result<BTreeMap<String, Tensor>, TensorError> {
    let tensor = |(name, array): (&str, &Array)| {
        let tensor = Tensor::from_slice(array.data(), array.shape(), device);
        let tensor = tensor.map_err(|source| TensorError::Candle {
            name: name.to_owned(),
            element: DType::F32,
            shape: array.shape().to_vec(),
            source: Box::new(source),
        })?;
        Ok((name.to_owned(), tensor))
    };
    params.iter().map(tensor).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new variant does not compile here until it has a line in the test.
    fn place(error: &TensorError) -> usize {
        match error {
            TensorError::Duplicate { .. } => 0,
            TensorError::Candle { .. } => 1,
            TensorError::Values { .. } => 2,
        }
    }

    #[test]
    fn every_error_says_what_where_and_what_to_do() {
        let told = [
            (TensorError::Duplicate { name: "w".into() }, "tensor w is given twice, expected each name once"),
            (
                TensorError::Candle {
                    name: "w".into(),
                    element: DType::U8,
                    shape: vec![2],
                    source: Box::new(Error::Msg("no such type".into())),
                },
                "tensor w of U8 [2] cannot be converted: no such type",
            ),
            (
                TensorError::Values {
                    name: "w".into(),
                    source: ParamsError::Count { weights: 3, networks: 2 },
                },
                "tensor w: 3 weights for 2 networks, expected one for each",
            ),
        ];
        let mut seen = [false; 3];
        for (error, text) in &told {
            assert_eq!(error.to_string(), *text);
            seen[place(error)] = true;
        }
        assert_eq!(seen, [true; 3], "every variant is told");
    }
}
