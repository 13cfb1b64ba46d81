//! Perceptrons, plain and with a residual stream.

use super::at_least_one;
use crate::{PermutationSpec, SpecError};

impl PermutationSpec {
    /// A perceptron of dense layers `{name}.weight` `[out, in]` and `{name}.bias` `[out]` in the order of the
    /// names, with any elementwise activation between them. The units that a layer writes are permuted by
    /// `{name}.out`; those of the last layer keep their order.
    ///
    /// # Errors
    /// [`SpecError::Family`] without layers, [`SpecError::DuplicateParameter`] for a name given twice.
    pub fn mlp(layers: &[&str]) -> Result<Self, SpecError> {
        at_least_one("MLP", "layers", layers.len())?;
        let units = |layer: usize| (layer + 1 < layers.len()).then(|| format!("{}.out", layers[layer]));
        let mut spec = Self::builder();
        for (i, name) in layers.iter().enumerate() {
            let input = i.checked_sub(1).and_then(units);
            spec = spec.dense(name, input.as_deref(), units(i).as_deref());
        }
        spec.build()
    }

    /// A perceptron with a residual stream of d units: x = first(input); x ← x + down(σ(up(x))) for each
    /// pair of names (up, down); last(x). All are dense layers as in [`PermutationSpec::mlp`]. One permutation
    /// `stream` for all sums, one `{up}.out` per block.
    ///
    /// # Errors
    /// [`SpecError::DuplicateParameter`] for a name given twice.
    pub fn residual_mlp(first: &str, blocks: &[(&str, &str)], last: &str) -> Result<Self, SpecError> {
        let stream = Some("stream");
        let mut spec = Self::builder().dense(first, None, stream);
        for (up, down) in blocks {
            let hidden = format!("{up}.out");
            spec = spec.dense(up, stream, Some(&hidden)).dense(down, Some(&hidden), stream);
        }
        spec.dense(last, stream, None).build()
    }
}
