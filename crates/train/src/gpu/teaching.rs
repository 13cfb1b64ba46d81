//! What a network on the device is taught by: teachers there, and losses that are code of the host.

use super::epoch::Tables;
use crate::Teaching;
use basin_ensemble::LogitObjective;
use basin_gpu::loss::Together;
use basin_gpu::optim::Record;
use basin_gpu::{
    Activation, Block, GpuError, GpuLayers, Placement, Pool, Precision, Queue, Storage, Weights, elementwise,
};
use basin_graph::Inference;
use basin_models::Network;
use std::rc::Rc;
use std::sync::Arc;

/// Teachers on the device.
pub(super) struct Taught {
    teachers: Vec<Weights>,
    /// Their logits `[batch, classes]`, or those of their mean, f32.
    pub(super) logits: Block,
    temperature: f32,
}

impl Taught {
    /// Puts the teachers there, if there are any. Kept targets are what they would say again: here they say it again.
    pub(super) fn new(
        pool: &Pool,
        network: &Network,
        teaching: &Teaching,
        batch: usize,
        placement: &Rc<Placement>,
        precision: Precision,
    ) -> Result<Option<Self>, GpuError> {
        let temperature = match teaching {
            Teaching::Teachers { temperature, .. } => *temperature as f32,
            _ => 1.0,
        };
        let teachers: Vec<Weights> = teaching
            .teachers()
            .iter()
            .map(|teacher| Weights::new(pool, placement.clone(), teacher.params(), precision))
            .collect::<Result<_, _>>()?;
        if teachers.is_empty() {
            return Ok(None);
        }
        let logits = pool.take(4 * batch * network.classes())?;
        Ok(Some(Self { teachers, logits, temperature }))
    }

    /// The teachers' logits on a batch.
    pub(super) fn launch(
        &self,
        pool: &Pool,
        network: &Network,
        images: &Rc<Activation>,
    ) -> Result<(), GpuError> {
        let (queue, rows, classes) = (pool.queue(), images.dims.images, network.classes());
        let to = self.logits.span();
        for (i, weights) in self.teachers.iter().enumerate() {
            let storage = weights.precision().storage();
            let logits = network.forward(&mut Inference::new(GpuLayers::new(pool, weights)), images)?;
            if self.teachers.len() == 1 {
                return elementwise::widen(queue, storage, to, logits.block.span(), rows * classes);
            }
            let together = Together { storage, rows, classes, temperature: self.temperature, to };
            together.add(queue, logits.block.span(), i == 0)?;
            if i + 1 == self.teachers.len() {
                together.finish(queue, self.teachers.len())?;
            }
        }
        Ok(())
    }
}

/// A loss of a method's own: its logits come to the host and the gradient goes back, step by step.
pub(super) struct OwnLoss {
    objective: Arc<dyn LogitObjective>,
    rows: usize,
    classes: usize,
    /// `[batch, classes]` each, f32.
    logits: Block,
    gradient: Block,
}

impl OwnLoss {
    /// Room for a batch, where the loss is such a one.
    pub(super) fn new(
        pool: &Pool,
        teaching: &Teaching,
        rows: usize,
        classes: usize,
    ) -> Result<Option<Self>, GpuError> {
        let Teaching::Custom { objective, .. } = teaching else { return Ok(None) };
        let room = || pool.take(4 * rows * classes);
        Ok(Some(Self { objective: objective.clone(), rows, classes, logits: room()?, gradient: room()? }))
    }

    /// Lays the logits of a forward pass out for the host.
    pub(super) fn offer(
        &self,
        queue: &dyn Queue,
        storage: Storage,
        logits: &Activation,
    ) -> Result<(), GpuError> {
        let values = self.rows * self.classes;
        elementwise::widen(queue, storage, self.logits.span(), logits.block.span(), values)
    }

    /// Takes the gradient that the host wrote.
    pub(super) fn accept(
        &self,
        queue: &dyn Queue,
        storage: Storage,
        gradient: &Block,
    ) -> Result<(), GpuError> {
        let (to, from, values) = (gradient.span(), self.gradient.span(), self.rows * self.classes);
        match storage {
            Storage::F32 => elementwise::widen(queue, storage, to, from, values),
            Storage::Bf16 => elementwise::narrow(queue, to, from, values),
        }
    }

    /// Waits for the logits of step number `step` of the epoch and writes their gradient, and the loss into the step's
    /// record, where that of the labels stood.
    pub(super) fn judge(
        &self,
        queue: &dyn Queue,
        labels: &Block,
        taught: Option<&Taught>,
        tables: &Tables,
        step: usize,
    ) -> Result<(), GpuError> {
        let words = |block: &Block, count: usize| -> Result<Vec<u32>, GpuError> {
            let mut bytes = vec![0; 4 * count];
            queue.read(block.span(), &mut bytes)?;
            Ok(bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect())
        };
        let values = self.rows * self.classes;
        let floats = |block: &Block| -> Result<Vec<f32>, GpuError> {
            Ok(words(block, values)?.into_iter().map(f32::from_bits).collect())
        };
        let (logits, labels) = (floats(&self.logits)?, words(labels, self.rows)?);
        let taught = taught.map(|taught| floats(&taught.logits)).transpose()?;
        let mut gradient = vec![0.0; values];
        let loss = self.objective.loss(&logits, &labels, taught.as_deref(), &mut gradient);
        let scale = 1.0 / self.rows as f32;
        let bytes: Vec<u8> = gradient.iter().flat_map(|g| (g * scale).to_le_bytes()).collect();
        queue.write(self.gradient.span(), &bytes)?;
        let record = tables.progress().records.part(step * Record::BYTES, 8)?;
        queue.write(record, &loss.to_le_bytes())
    }
}
