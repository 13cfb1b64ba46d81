//! Logits of a whole image set, on all cores, without a graph.

use basin_core::{Logits, Params};
use basin_data::{ImageSet, Normalisation, fill_plain};
use basin_kernels::Weights;
use basin_models::{ModelError, Network};
use rayon::prelude::*;

/// Images per task: enough to amortise reading the weights, few enough to stay in cache.
const CHUNK: usize = 16;

/// Evaluates parameters of one network on one image set.
#[derive(Clone, Copy, Debug)]
pub struct Evaluator<'a> {
    /// The network.
    pub network: &'a Network,
    /// The images.
    pub images: &'a ImageSet,
    /// Their normalisation.
    pub normalisation: &'a Normalisation,
}

impl Evaluator<'_> {
    /// Logits `[n, classes]` without augmentation. Each row depends on its image alone.
    ///
    /// # Errors
    /// [`ModelError`] when parameters or images do not fit the network.
    pub fn logits(&self, params: &Params) -> Result<Logits, ModelError> {
        logits(self.network, &self.network.weights(params, false)?, self.images, self.normalisation)
    }
}

/// As [`Evaluator::logits`], with packed weights.
///
/// # Errors
/// As [`Evaluator::logits`].
pub fn logits(
    network: &Network,
    weights: &Weights,
    images: &ImageSet,
    normalisation: &Normalisation,
) -> Result<Logits, ModelError> {
    let pixels = images.size() * images.size() * 3;
    let chunks: Vec<Logits> = (0..images.len().div_ceil(CHUNK))
        .into_par_iter()
        .map(|chunk| {
            let range = chunk * CHUNK..images.len().min((chunk + 1) * CHUNK);
            let mut x = vec![0.0; range.len() * pixels];
            fill_plain(images, range, normalisation, &mut x);
            network.logits_with(weights, &x)
        })
        .collect::<Result<_, _>>()?;
    let values = chunks.iter().flat_map(|c| c.values().iter().copied()).collect();
    Ok(Logits::new(network.classes(), values)?)
}
