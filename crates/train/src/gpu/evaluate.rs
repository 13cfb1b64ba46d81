//! Logits of a whole image set on the device.

use super::epoch::Resident;
use crate::mixture::{Mixture, fits};
use crate::{Backend, Cpu, EvaluateError, Evaluator};
use basin_core::{Logits, Params, Simplex};
use basin_data::{ImageSet, Normalisation};
use basin_kernels::Dims;
use basin_kernels::gpu::{
    Activation, Block, GpuError, Inference, Placement, Pool, Precision, Queue, Weights, elementwise,
};
use basin_models::{Network, NetworkStatistics};
use std::rc::Rc;

/// Images of one forward pass.
const CHUNK: usize = 512;

/// The images lie in the device's memory, which is kept from one evaluation to the next.
#[derive(Debug)]
pub(super) struct GpuEvaluator<'a> {
    network: &'a Network,
    images: &'a ImageSet,
    normalisation: &'a Normalisation,
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
        images: &'a ImageSet,
        normalisation: &'a Normalisation,
    ) -> Result<Self, EvaluateError> {
        fits(network, images.size())?;
        let pool = Pool::new(queue);
        let data = Resident::new(&pool, images, normalisation)?;
        let (weights, mixture) = (None, Mixture::default());
        Ok(Self { network, images, normalisation, pool, data, precision, weights, mixture })
    }

    fn forward(&self, weights: &Weights) -> Result<Logits, EvaluateError> {
        let (images, classes) = (self.images.len(), self.network.classes());
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
        let (storage, side, classes) =
            (self.precision.storage(), self.network.side(), self.network.classes());
        let (dims, queue) = (Dims::new(count, side, side, 3), self.pool.queue());
        let images = Activation { dims, block: self.pool.take(dims.len() * storage.bytes())? };
        self.data.set().plain(queue, first, count, storage, images.block.span())?;
        let mut inference = Inference::new(&self.pool, weights);
        let logits = self.network.forward(&mut inference, &Rc::new(images))?;
        let part = all.span().part(4 * first * classes, 4 * count * classes)?;
        elementwise::widen(queue, storage, part, logits.block.span(), count * classes)
    }
}

impl Evaluator for GpuEvaluator<'_> {
    fn logits_between(&mut self, networks: &[&Params], lambda: &Simplex) -> Result<Logits, EvaluateError> {
        let mixed = self.mixture.of(self.network, networks, lambda)?;
        let weights = match self.weights.take() {
            Some(weights) => {
                weights.write(&self.pool, mixed)?;
                weights
            }
            None => {
                let specs = self.network.layout().params.iter().zip(mixed);
                let placement =
                    Rc::new(Placement::new(specs.map(|(spec, values)| (spec.role, values.len())))?);
                Weights::new(&self.pool, placement, mixed, self.precision)?
            }
        };
        let logits = self.forward(&weights);
        self.weights = Some(weights);
        logits
    }

    /// On the CPU.
    fn statistics(&mut self, params: &Params) -> Result<NetworkStatistics, EvaluateError> {
        Cpu.evaluator(self.network, self.images, self.normalisation)?.statistics(params)
    }

    /// On the CPU.
    fn repaired(
        &mut self,
        merged: &Params,
        endpoints: &[&NetworkStatistics],
        lambda: &Simplex,
    ) -> Result<Params, EvaluateError> {
        let mut evaluator = Cpu.evaluator(self.network, self.images, self.normalisation)?;
        evaluator.repaired(merged, endpoints, lambda)
    }
}
