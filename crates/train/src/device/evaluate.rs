//! Logits of a whole image set on the device.

use super::epoch::Resident;
use basin_core::{Logits, Params, Simplex, mix};
use basin_data::{ImageSet, Normalisation};
use basin_kernels::Dims;
use basin_kernels::gpu::{
    Activation, Block, GpuError, Inference, Placement, Pool, Precision, Queue, Weights, elementwise,
};
use basin_models::Network;
use rayon::prelude::*;
use std::rc::Rc;

/// Images of one forward pass.
const CHUNK: usize = 512;

/// As [`crate::Evaluator`], with the images in the device's memory. Memory is kept from one evaluation to the next.
#[derive(Debug)]
pub struct DeviceEvaluator<'a> {
    network: &'a Network,
    pool: Pool,
    data: Resident,
    images: usize,
    precision: Precision,
    weights: Option<Weights>,
    mixed: Vec<Vec<f32>>,
}

impl<'a> DeviceEvaluator<'a> {
    /// Puts images on the device.
    ///
    /// # Errors
    /// [`GpuError::Size`] when the images do not fit the network, and the queue's.
    pub fn new(
        queue: Rc<dyn Queue>,
        network: &'a Network,
        images: &ImageSet,
        normalisation: &Normalisation,
        precision: Precision,
    ) -> Result<Self, GpuError> {
        if images.size() != network.side() {
            let (expected, found) = (network.side().to_string(), images.size().to_string());
            return Err(GpuError::Size { what: "side of the images".into(), expected, found });
        }
        let pool = Pool::new(queue);
        let data = Resident::new(&pool, images, normalisation)?;
        let images = images.len();
        Ok(Self { network, pool, data, images, precision, weights: None, mixed: Vec::new() })
    }

    /// Logits `[n, classes]` without augmentation. Each row depends on its image alone.
    ///
    /// # Errors
    /// [`GpuError::Network`] when the parameters do not fit the network, and the queue's.
    pub fn logits(&mut self, params: &Params) -> Result<Logits, GpuError> {
        self.logits_between(&[params], &Simplex::vertex(1, 0))
    }

    /// As [`DeviceEvaluator::logits`], of the convex combination Σ λᵢ θᵢ, made on the host as
    /// [`crate::Evaluator::logits_between`] makes it.
    ///
    /// # Errors
    /// As [`DeviceEvaluator::logits`], or where λ has another number of weights.
    pub fn logits_between(&mut self, networks: &[&Params], lambda: &Simplex) -> Result<Logits, GpuError> {
        if networks.len() != lambda.weights().len() {
            let (expected, found) = (networks.len().to_string(), lambda.weights().len().to_string());
            return Err(GpuError::Size { what: "weights of networks".into(), expected, found });
        }
        let slices = networks.iter().map(|p| self.network.slices(p)).collect::<Result<Vec<_>, _>>()?;
        self.mixed.resize_with(slices.first().map_or(0, Vec::len), Vec::new);
        self.mixed.par_iter_mut().enumerate().for_each(|(id, mixed)| {
            let arrays: Vec<&[f32]> = slices.iter().map(|network| network[id]).collect();
            mixed.resize(arrays.first().map_or(0, |a| a.len()), 0.0);
            mix(&arrays, lambda.weights(), mixed);
        });
        let weights = match self.weights.take() {
            Some(weights) => {
                weights.write(&self.pool, &self.mixed)?;
                weights
            }
            None => {
                let specs = self.network.layout().params.iter().zip(&self.mixed);
                let placement =
                    Rc::new(Placement::new(specs.map(|(spec, values)| (spec.role, values.len())))?);
                Weights::new(&self.pool, placement, &self.mixed, self.precision)?
            }
        };
        let logits = self.forward(&weights);
        self.weights = Some(weights);
        logits
    }

    fn forward(&self, weights: &Weights) -> Result<Logits, GpuError> {
        let classes = self.network.classes();
        let all = self.pool.take(4 * self.images * classes)?;
        for first in (0..self.images).step_by(CHUNK) {
            self.chunk(weights, first, CHUNK.min(self.images - first), &all)?;
        }
        let mut bytes = vec![0; 4 * self.images * classes];
        self.pool.queue().read(all.span(), &mut bytes)?;
        let values = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        Logits::new(classes, values.collect()).map_err(|e| GpuError::Network { found: e.to_string() })
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
