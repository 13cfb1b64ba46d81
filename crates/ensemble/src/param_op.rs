//! Operations from parameters to parameters: permute, average, interpolate.

use basin_core::{Params, SeedTree};
use std::fmt::Debug;
use thiserror::Error;

/// Why an operation could not be carried out.
#[derive(Debug, Error)]
#[error("{operation}: {reason}")]
pub struct ParamOpError {
    /// The operation's id.
    pub operation: String,
    /// What went wrong, with names, expected and found.
    pub reason: String,
}

/// A pure function on the parameters of one or more networks.
pub trait ParamOp: Debug + Send + Sync {
    /// Everything that determines the result besides inputs and seed, as text, with a version number.
    fn id(&self) -> String;

    /// The result. `seed` is the place in the seed tree that the recipe gives this node.
    ///
    /// # Errors
    /// [`ParamOpError`] when the inputs do not fit the operation.
    fn apply(&self, inputs: &[&Params], seed: &SeedTree) -> Result<Params, ParamOpError>;

    /// Whether so many networks of this layout would be taken, as far as shapes tell; values of `layout` mean nothing. Asked
    /// when a run is planned, so that nothing is refused after training what [`ParamOp::apply`] needs.
    ///
    /// # Errors
    /// [`ParamOpError`] as [`ParamOp::apply`] would say.
    fn check(&self, networks: usize, layout: &Params) -> Result<(), ParamOpError> {
        let _ = (networks, layout);
        Ok(())
    }

    /// The input whose function the result must compute, if the operation promises one: the engine checks it
    /// on a probe batch every time.
    fn preserves(&self) -> Option<usize> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_operation() {
        let error = ParamOpError { operation: "permute/1".into(), reason: "1 network, expected 2".into() };
        assert_eq!(error.to_string(), "permute/1: 1 network, expected 2");
    }
}
