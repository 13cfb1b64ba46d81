//! Weights of networks, apart from running statistics, which no sampler moves.

use basin_core::{Array, Params};
use basin_ensemble::{ParamOp, ParamOpError};

/// Whether a name is none of a running statistic, as PyTorch and candle name them.
fn is_weight(name: &str) -> bool {
    !matches!(name.rsplit('.').next(), Some("running_mean" | "running_var" | "num_batches_tracked"))
}

/// Number of scalars that are weights.
pub(super) fn count(params: &Params) -> usize {
    params.iter().filter(|(name, _)| is_weight(name)).map(|(_, array)| array.data().len()).sum()
}

/// Networks of one layout, at least one.
pub(crate) struct Networks<'a>(Vec<&'a Params>);

impl<'a> Networks<'a> {
    /// The inputs of an operation.
    ///
    /// # Errors
    /// [`ParamOpError`] where there are none or their layouts differ.
    pub(crate) fn of(operation: &dyn ParamOp, inputs: &[&'a Params]) -> Result<Self, ParamOpError> {
        let first = *inputs.first().ok_or_else(|| refusal(operation, "no networks, expected some".into()))?;
        for other in &inputs[1..] {
            first.check_same_layout(other).map_err(|error| refusal(operation, error.to_string()))?;
        }
        Ok(Self(inputs.to_vec()))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Values of each array of weights, network by network, in the order of the last one's parameters.
    pub(super) fn arrays(&self) -> impl Iterator<Item = Vec<&'a [f32]>> + '_ {
        self.last().iter().filter(|(name, _)| is_weight(name)).map(|(name, _)| self.slices(name))
    }

    /// A network whose weights are made array by array of those of all networks, and whose running statistics are those of the
    /// last one.
    pub(crate) fn made(&self, mut weights: impl FnMut(&[&[f32]]) -> Vec<f32>) -> Params {
        self.last().map(|name, values| match is_weight(name) {
            true => weights(&self.slices(name)),
            false => values.to_vec(),
        })
    }

    fn slices(&self, name: &str) -> Vec<&'a [f32]> {
        // Layouts were compared: every network has it.
        self.0.iter().filter_map(|network| network.get(name)).map(Array::data).collect()
    }

    fn last(&self) -> &'a Params {
        self.0[self.0.len() - 1]
    }
}

/// One network alone.
///
/// # Errors
/// [`ParamOpError`] where there is another number of them.
pub(super) fn one<'a>(operation: &dyn ParamOp, inputs: &[&'a Params]) -> Result<&'a Params, ParamOpError> {
    match inputs {
        [one] => Ok(one),
        _ => Err(refusal(operation, not_one(inputs.len()))),
    }
}

/// As [`one`] would say, of a number of networks.
pub(super) fn check_one(operation: &dyn ParamOp, networks: usize) -> Result<(), ParamOpError> {
    if networks == 1 { Ok(()) } else { Err(refusal(operation, not_one(networks))) }
}

/// Whether there are at least two networks.
pub(super) fn check_several(operation: &dyn ParamOp, networks: usize) -> Result<(), ParamOpError> {
    match networks {
        0 | 1 => Err(refusal(operation, format!("{networks} networks, expected at least 2"))),
        _ => Ok(()),
    }
}

pub(crate) fn refusal(operation: &dyn ParamOp, reason: String) -> ParamOpError {
    ParamOpError { operation: operation.id(), reason }
}

fn not_one(networks: usize) -> String {
    format!("{networks} networks, expected the one to sample around")
}
