//! Logits of a whole image set on the device.

use super::epoch::Resident;
use crate::mixture::{Mixture, fits};
use crate::{EvaluateError, Evaluator};
use basin_core::{Array, Logits, Params, Simplex};
use basin_data::{ImageSet, Normalisation};
use basin_gpu::{
    Activation, Block, GpuError, GpuLayers, Placement, Pool, Precision, Queue, Weights, elementwise,
};
use basin_graph::{Inference, LastDense};
use basin_kernels::Dims;
use basin_models::{Network, NetworkStatistics};
use std::rc::Rc;

/// Images of one forward pass.
const CHUNK: usize = 512;

/// The images lie in the device's memory, which is kept from one evaluation to the next.
#[derive(Debug)]
pub(super) struct GpuEvaluator<'a> {
    network: &'a Network,
    images: usize,
    pool: Pool,
    data: Resident,
    precision: Precision,
    weights: Option<Weights>,
    mixture: Mixture,
}

impl<'a> GpuEvaluator<'a> {
    /// Puts images on the device.
    pub(super) fn new(
        queue: Rc<dyn Queue>,
        precision: Precision,
        network: &'a Network,
        images: &ImageSet,
        normalisation: &Normalisation,
    ) -> Result<Self, EvaluateError> {
        fits(network, images.extent())?;
        let pool = Pool::new(queue);
        let data = Resident::new(&pool, images, normalisation)?;
        let (weights, mixture) = (None, Mixture::default());
        Ok(Self { network, images: images.len(), pool, data, precision, weights, mixture })
    }

    /// Parameters into the memory of those before.
    fn put(&mut self, params: &[impl AsRef<[f32]>]) -> Result<Weights, GpuError> {
        match self.weights.take() {
            Some(weights) => {
                weights.write(&self.pool, params)?;
                Ok(weights)
            }
            None => {
                let specs = self.network.layout().params.iter().zip(params);
                let placement =
                    Placement::new(specs.map(|(spec, values)| (spec.role, values.as_ref().len())))?;
                Weights::new(&self.pool, Rc::new(placement), params, self.precision)
            }
        }
    }

    fn forward(&self, weights: &Weights) -> Result<Logits, EvaluateError> {
        let (images, classes) = (self.images, self.network.classes());
        let all = self.pool.take(4 * images * classes)?;
        for first in (0..images).step_by(CHUNK) {
            self.chunk(weights, first, CHUNK.min(images - first), &all)?;
        }
        let mut bytes = vec![0; 4 * images * classes];
        self.pool.queue().read(all.span(), &mut bytes)?;
        let values = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        Ok(Logits::new(classes, values.collect())?)
    }

    /// Logits of some images into their place among all.
    fn chunk(&self, weights: &Weights, first: usize, count: usize, all: &Block) -> Result<(), GpuError> {
        let (storage, classes) = (self.precision.storage(), self.network.classes());
        let images = self.normalised(first, count)?;
        let mut inference = Inference::new(GpuLayers::new(&self.pool, weights));
        let logits = self.network.forward(&mut inference, &Rc::new(images))?;
        let part = all.span().part(4 * first * classes, 4 * count * classes)?;
        elementwise::widen(self.pool.queue(), storage, part, logits.block.span(), count * classes)
    }

    /// What goes into the last dense layer, added to the rows of images before.
    fn features_of(&self, weights: &Weights, first: usize, rows: &mut Vec<f32>) -> Result<(), GpuError> {
        let images = self.normalised(first, CHUNK.min(self.images - first))?;
        let mut graph = LastDense::new(Inference::new(GpuLayers::new(&self.pool, weights)));
        self.network.forward(&mut graph, &Rc::new(images))?;
        let Some(features) = graph.input() else { return Ok(()) };
        let values = features.dims.len();
        let wide = self.pool.take(4 * values)?;
        let queue = self.pool.queue();
        elementwise::widen(queue, self.precision.storage(), wide.span(), features.block.span(), values)?;
        let mut bytes = vec![0; 4 * values];
        queue.read(wide.span(), &mut bytes)?;
        rows.extend(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])));
        Ok(())
    }

    fn normalised(&self, first: usize, count: usize) -> Result<Activation, GpuError> {
        let (storage, side) = (self.precision.storage(), self.network.side());
        let dims = Dims::new(count, side, side, 3);
        let images = Activation { dims, block: self.pool.take(dims.len() * storage.bytes())? };
        self.data.set().plain(self.pool.queue(), first, count, storage, images.block.span())?;
        Ok(images)
    }

    /// All images, in parts.
    fn parts(&self) -> Result<Vec<Activation>, GpuError> {
        let part = |first| self.normalised(first, CHUNK.min(self.images - first));
        (0..self.images).step_by(CHUNK).map(part).collect()
    }
}

impl Evaluator for GpuEvaluator<'_> {
    fn logits_between(&mut self, networks: &[&Params], lambda: &Simplex) -> Result<Logits, EvaluateError> {
        let mut mixture = std::mem::take(&mut self.mixture);
        let weights = self.put(mixture.of(self.network, networks, lambda)?)?;
        self.mixture = mixture;
        let logits = self.forward(&weights);
        self.weights = Some(weights);
        logits
    }

    fn features(&mut self, params: &Params) -> Result<Option<Array>, EvaluateError> {
        let weights = self.put(&self.network.slices(params)?)?;
        let (mut rows, firsts) = (Vec::new(), (0..self.images).step_by(CHUNK));
        let done = firsts.into_iter().try_for_each(|first| self.features_of(&weights, first, &mut rows));
        self.weights = Some(weights);
        done?;
        let shape = vec![self.images, rows.len() / self.images.max(1)];
        Ok(Some(Array::new(shape, rows).map_err(candle_core::Error::wrap)?))
    }

    fn gradient(&mut self, _: &Params, _: &[usize]) -> Result<(f64, Params), EvaluateError> {
        Err(EvaluateError::NoGradient { backend: "cuda" })
    }

    fn statistics(&mut self, params: &Params) -> Result<NetworkStatistics, EvaluateError> {
        let weights = self.put(&self.network.slices(params)?)?;
        let layers = GpuLayers::new(&self.pool, &weights);
        let statistics = self.network.statistics_on(layers, self.parts()?);
        self.weights = Some(weights);
        Ok(statistics?)
    }

    fn repaired(
        &mut self,
        merged: &Params,
        endpoints: &[&NetworkStatistics],
        lambda: &Simplex,
    ) -> Result<Params, EvaluateError> {
        let weights = self.put(&self.network.slices(merged)?)?;
        let layers = GpuLayers::new(&self.pool, &weights);
        let repaired = self.network.repaired_on(layers, self.parts()?, merged, endpoints, lambda);
        self.weights = Some(weights);
        Ok(repaired?)
    }
}
