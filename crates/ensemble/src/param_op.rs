//! Operations from parameters to parameters: permute, average, interpolate.

use basin_core::{DataRef, Params, SeedTree};
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

    /// Whether the result is a network to which no input's running statistics belong, such as a mean: the engine measures them
    /// again where a network has any (BatchNorm).
    fn new_statistics(&self) -> bool {
        false
    }

    /// Images on which the operation asks how accurate networks are that it could make, if it does.
    fn judged_on(&self) -> Option<DataRef> {
        None
    }

    /// The result of an operation that asks: `judge` gives the accuracy of a network, in 0..1, on the images of
    /// [`ParamOp::judged_on`], with running statistics of its own where [`ParamOp::new_statistics`] says so.
    ///
    /// # Errors
    /// As [`ParamOp::apply`]; what `judge` says.
    fn apply_judged(
        &self,
        inputs: &[&Params],
        seed: &SeedTree,
        judge: &mut dyn FnMut(&Params) -> Result<f64, ParamOpError>,
    ) -> Result<Params, ParamOpError> {
        let _ = judge;
        self.apply(inputs, seed)
    }

    /// What a drawn result must reach to be taken, if anything: the engine draws again, at a seed of the try's own, until it does.
    fn acceptance(&self) -> Option<Acceptance> {
        None
    }
}

/// When a drawn network is taken. What is measured is its accuracy on training images, without augmentation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Acceptance {
    /// The first so many training images, at least 1.
    pub images: usize,
    /// The least share of the accuracy of input 0 that it must have, in (0, 1].
    pub share: f64,
    /// Draws at most, at least 1. Where none is taken, the most accurate of them is the result, the earliest of equals.
    pub tries: u64,
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
