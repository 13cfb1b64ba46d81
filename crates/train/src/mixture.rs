//! Convex combinations of networks, made on slices of their parameters.

use crate::EvaluateError;
use basin_core::{Extent, Params, Simplex, mix};
use basin_models::Network;
use rayon::prelude::*;

/// Room for the parameters of a combination, which stays from one to the next.
#[derive(Debug, Default)]
pub struct Mixture(Vec<Vec<f32>>);

impl Mixture {
    /// Σ λᵢ θᵢ, each parameter in PyTorch's order; the same bits for all backends.
    ///
    /// # Errors
    /// Where the networks are not of this layout, or λ has another number of weights.
    pub fn of(
        &mut self,
        network: &Network,
        networks: &[&Params],
        lambda: &Simplex,
    ) -> Result<&[Vec<f32>], EvaluateError> {
        let (weights, networks_given) = (lambda.weights().len(), networks.len());
        if weights != networks_given {
            return Err(EvaluateError::Weights { weights, networks: networks_given });
        }
        let slices = networks.iter().map(|p| network.slices(p)).collect::<Result<Vec<_>, _>>()?;
        self.0.resize_with(slices.first().map_or(0, Vec::len), Vec::new);
        self.0.par_iter_mut().enumerate().for_each(|(id, mixed)| {
            let arrays: Vec<&[f32]> = slices.iter().map(|network| network[id]).collect();
            mixed.resize(arrays.first().map_or(0, |a| a.len()), 0.0);
            mix(&arrays, lambda.weights(), mixed);
        });
        Ok(&self.0)
    }
}

/// Refuses images that are not of the network's extent.
pub(crate) fn fits(network: &Network, images: Extent) -> Result<(), EvaluateError> {
    match images == network.extent() {
        true => Ok(()),
        false => Err(EvaluateError::Extent { images, network: network.extent() }),
    }
}
