//! Logits of a whole image set, on all cores, without a graph.

use super::gradient::Gradient;
use crate::chosen::check_chosen;
use crate::mixture::{Mixture, fits};
use crate::{EvaluateError, Evaluator};
use basin_core::{Array, Logits, Params, Simplex};
use basin_data::{ImageSet, Normalisation, fill_plain};
use basin_graph::Weights;
use basin_kernels::Buffer;
use basin_models::{Network, NetworkStatistics};
use rayon::prelude::*;

/// Images per task: enough rows for the matrix products, few enough that activations stay in cache.
const CHUNK: usize = 16;

/// Packed weights and every thread's activations keep their buffers from one evaluation to the next.
#[derive(Debug)]
pub(super) struct CpuEvaluator<'a> {
    network: &'a Network,
    images: ImageSet,
    normalisation: Normalisation,
    weights: Option<Weights>,
    mixture: Mixture,
    /// All images normalised, once they are asked for.
    pixels: Option<Vec<f32>>,
    gradient: Option<Gradient>,
}

impl<'a> CpuEvaluator<'a> {
    pub(super) fn new(
        network: &'a Network,
        images: &ImageSet,
        normalisation: &Normalisation,
    ) -> Result<Self, EvaluateError> {
        fits(network, images.extent())?;
        let (images, normalisation) = (images.clone(), *normalisation);
        let (weights, mixture, pixels, gradient) = (None, Mixture::default(), None, None);
        Ok(Self { network, images, normalisation, weights, mixture, pixels, gradient })
    }

    /// Packs the weights of a combination into the memory of those before.
    fn pack(&mut self, networks: &[&Params], lambda: &Simplex) -> Result<&Weights, EvaluateError> {
        let mixed = self.mixture.of(self.network, networks, lambda)?;
        let weights = match self.weights.take() {
            Some(mut weights) => {
                weights.repack(mixed)?;
                weights
            }
            None => Weights::new(mixed, &self.network.layout().roles(), false)?,
        };
        Ok(self.weights.insert(weights))
    }

    fn pixels(&mut self) -> &[f32] {
        self.pixels.get_or_insert_with(|| {
            let n = self.images.len();
            let mut pixels = vec![0.0; n * self.images.extent().values()];
            fill_plain(&self.images, 0..n, &self.normalisation, &mut pixels);
            pixels
        })
    }
}

impl Evaluator for CpuEvaluator<'_> {
    fn logits_between(&mut self, networks: &[&Params], lambda: &Simplex) -> Result<Logits, EvaluateError> {
        let (network, images, normalisation) = (self.network, self.images.clone(), self.normalisation);
        let weights = self.pack(networks, lambda)?;
        let (classes, pixels) = (network.classes(), images.extent().values());
        let mut values = vec![0.0; images.len() * classes];
        values.par_chunks_mut(CHUNK * classes).enumerate().try_for_each(|(chunk, out)| {
            let range = chunk * CHUNK..images.len().min((chunk + 1) * CHUNK);
            let mut x = Buffer::stale(range.len() * pixels);
            fill_plain(&images, range, &normalisation, &mut x);
            out.copy_from_slice(network.logits_with(weights, &x)?.values());
            Ok::<(), EvaluateError>(())
        })?;
        Ok(Logits::new(classes, values)?)
    }

    fn features(&mut self, params: &Params) -> Result<Option<Array>, EvaluateError> {
        let (network, images, normalisation) = (self.network, self.images.clone(), self.normalisation);
        let weights = self.pack(&[params], &Simplex::vertex(1, 0))?;
        let pixels = images.extent().values();
        let chunk = |chunk: usize| {
            let range = chunk * CHUNK..images.len().min((chunk + 1) * CHUNK);
            let mut x = Buffer::stale(range.len() * pixels);
            fill_plain(&images, range, &normalisation, &mut x);
            Ok::<_, EvaluateError>(network.features_with(weights, &x)?)
        };
        let chunks = (0..images.len().div_ceil(CHUNK)).into_par_iter().map(chunk);
        let chunks = chunks.collect::<Result<Vec<Array>, EvaluateError>>()?;
        Ok(Some(joined(&chunks)?))
    }

    /// A list of up to 1024 images is summed like the batch of a training step.
    fn gradient(&mut self, params: &Params, images: &[usize]) -> Result<(f64, Params), EvaluateError> {
        let (network, from) = (self.network, (&self.images, &self.normalisation));
        check_chosen(from.0, images, network.classes())?;
        let gradient = match &mut self.gradient {
            Some(gradient) => gradient,
            none => none.insert(Gradient::new(network, params)?),
        };
        gradient.of(network, params, from, images)
    }

    fn statistics(&mut self, params: &Params) -> Result<NetworkStatistics, EvaluateError> {
        let network = self.network;
        Ok(network.statistics(params, self.pixels())?)
    }

    fn repaired(
        &mut self,
        merged: &Params,
        endpoints: &[&NetworkStatistics],
        lambda: &Simplex,
    ) -> Result<Params, EvaluateError> {
        let network = self.network;
        Ok(network.repaired(merged, endpoints, lambda, self.pixels())?)
    }
}

/// Rows of several matrices as those of one.
fn joined(parts: &[Array]) -> Result<Array, EvaluateError> {
    let width = parts.first().map_or(0, |part| part.shape()[1]);
    let values: Vec<f32> = parts.iter().flat_map(Array::data).copied().collect();
    let rows = parts.iter().map(|part| part.shape()[0]).sum();
    Array::new(vec![rows, width], values).map_err(|error| candle_core::Error::wrap(error).into())
}
