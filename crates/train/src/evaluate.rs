//! Logits of a whole image set, on all cores, without a graph.

use basin_core::{Logits, Params, Simplex, mix};
use basin_data::{ImageSet, Normalisation, fill_plain};
use basin_kernels::{Buffer, Weights};
use basin_models::{ModelError, Network};
use rayon::prelude::*;

/// Images per task: enough rows for the matrix products, few enough that activations stay in cache.
const CHUNK: usize = 16;

/// Evaluates parameters of one network on one image set. Packed weights and every thread's activations keep
/// their buffers from one evaluation to the next.
#[derive(Debug)]
pub struct Evaluator<'a> {
    network: &'a Network,
    images: &'a ImageSet,
    normalisation: &'a Normalisation,
    weights: Option<Weights>,
    mixed: Vec<Vec<f32>>,
}

impl<'a> Evaluator<'a> {
    /// An evaluator on images, with their normalisation.
    pub fn new(network: &'a Network, images: &'a ImageSet, normalisation: &'a Normalisation) -> Self {
        Self { network, images, normalisation, weights: None, mixed: Vec::new() }
    }

    /// Logits `[n, classes]` without augmentation. Each row depends on its image alone.
    ///
    /// # Errors
    /// [`ModelError`] when parameters or images do not fit the network.
    pub fn logits(&mut self, params: &Params) -> Result<Logits, ModelError> {
        self.logits_between(&[params], &Simplex::vertex(1, 0))
    }

    /// As [`Evaluator::logits`], of the convex combination Σ λᵢ θᵢ of several networks, made on parameter slices.
    ///
    /// # Errors
    /// [`ModelError`] when parameters or images do not fit the network, or λ has another number of weights.
    pub fn logits_between(&mut self, networks: &[&Params], lambda: &Simplex) -> Result<Logits, ModelError> {
        if networks.len() != lambda.weights().len() {
            let (weights, networks) = (lambda.weights().len(), networks.len());
            return Err(candle_core::Error::msg(format!("{weights} weights for {networks} networks")).into());
        }
        let slices = networks.iter().map(|p| self.network.slices(p)).collect::<Result<Vec<_>, _>>()?;
        self.mixed.resize_with(slices.first().map_or(0, Vec::len), Vec::new);
        self.mixed.par_iter_mut().enumerate().for_each(|(id, mixed)| {
            let arrays: Vec<&[f32]> = slices.iter().map(|network| network[id]).collect();
            mixed.resize(arrays.first().map_or(0, |a| a.len()), 0.0);
            mix(&arrays, lambda.weights(), mixed);
        });
        let weights = match &mut self.weights {
            Some(weights) => {
                weights.repack(&self.mixed)?;
                &*weights
            }
            None => {
                let roles = self.network.layout().roles();
                self.weights.insert(Weights::new(&self.mixed, &roles, false)?)
            }
        };
        let (images, classes) = (self.images, self.network.classes());
        if images.size() != self.network.side() {
            let (size, side) = (images.size(), self.network.side());
            return Err(
                candle_core::Error::msg(format!("images of side {size}, the network takes {side}")).into()
            );
        }
        let pixels = images.size() * images.size() * 3;
        let mut values = vec![0.0; images.len() * classes];
        values.par_chunks_mut(CHUNK * classes).enumerate().try_for_each(|(chunk, out)| {
            let range = chunk * CHUNK..images.len().min((chunk + 1) * CHUNK);
            let mut x = Buffer::stale(range.len() * pixels);
            fill_plain(images, range, self.normalisation, &mut x);
            out.copy_from_slice(self.network.logits_with(weights, &x)?.values());
            Ok::<(), ModelError>(())
        })?;
        Ok(Logits::new(classes, values)?)
    }
}
