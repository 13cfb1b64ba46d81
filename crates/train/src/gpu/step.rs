//! The launches of one training step: batch, teachers, forward, loss, reverse, update.

use super::epoch::{Resident, Tables};
use super::teaching::{OwnLoss, Taught};
use crate::{Optimiser, Recipe, Rule, Teaching};
use basin_gpu::loss::{Loss, Teacher};
use basin_gpu::{
    Activation, Block, Flat, GpuError, GpuLayers, Gradients, Pool, Storage, Weights, augment, optim,
};
use basin_graph::{Tape, VarId};
use basin_kernels::Dims;
use basin_models::Network;
use std::rc::Rc;

/// What a step's launches refer to. Nothing of it moves from step to step, so that they can be captured.
pub(super) struct Step<'a> {
    pub(super) network: &'a Network,
    pub(super) recipe: &'a Recipe,
    /// Its own: captured work uses memory that lies free in it between two steps.
    pub(super) pool: Pool,
    pub(super) data: Resident,
    pub(super) tables: Tables,
    pub(super) labels: Block,
    /// Of the batch's dropout masks.
    pub(super) seeds: Option<Block>,
    pub(super) weights: Weights,
    pub(super) moments: Vec<Flat>,
    pub(super) taught: Option<Taught>,
    pub(super) own_loss: Option<OwnLoss>,
}

/// A step whose forward pass is in the queue.
pub(super) struct Forward<'s> {
    tape: Tape<GpuLayers<'s>>,
    output: VarId,
    /// Of the logits, in their storage.
    gradient: Block,
}

impl Step<'_> {
    /// Batch, teachers' logits, forward pass, loss.
    pub(super) fn forward(&self) -> Result<Forward<'_>, GpuError> {
        let (pool, network, n) = (&self.pool, self.network, self.recipe.batch);
        let (storage, classes) = (self.storage(), network.classes());
        let dims = Dims::new(n, network.side(), network.side(), 3);
        let images = Rc::new(Activation { dims, block: pool.take(dims.len() * storage.bytes())? });
        let seeds = self.seeds.as_ref().map(Block::span);
        let (labels, at) = (self.labels.span(), images.block.span());
        let to = augment::Batch { images: at, storage, labels, seeds };
        self.data.set().batch(pool.queue(), self.tables.epoch(), to, self.tables.progress())?;
        if let Some(taught) = &self.taught {
            taught.launch(pool, network, &images)?;
        }
        let Ok(images) = Rc::try_unwrap(images) else {
            return Err(GpuError::Network { found: "a teacher kept its images".into() });
        };
        let mut tape = Tape::new(GpuLayers::with_dropout(pool, &self.weights, seeds));
        let input = tape.input(images);
        let output = network.forward(&mut tape, &input)?;
        let gradient = pool.take(n * classes * storage.bytes())?;
        let teacher = match (&self.recipe.teaching, &self.taught) {
            (Teaching::Teachers { label_weight, temperature, .. }, Some(taught)) => Some(Teacher {
                logits: taught.logits.span(),
                label_weight: *label_weight as f32,
                temperature: *temperature as f32,
            }),
            _ => None,
        };
        let loss = Loss { storage, rows: n, classes, labels, scale: 1.0 / n as f32, teacher };
        let logits = tape.value(output)?;
        loss.run(pool, logits.block.span(), gradient.span(), self.tables.progress())?;
        if let Some(own) = &self.own_loss {
            own.offer(pool.queue(), storage, logits)?;
        }
        Ok(Forward { tape, output, gradient })
    }

    /// What the host has to say about step number `step` of the epoch between its two halves, if anything.
    pub(super) fn judge(&self, step: usize) -> Result<(), GpuError> {
        match &self.own_loss {
            Some(own) => own.judge(self.pool.queue(), &self.labels, self.taught.as_ref(), &self.tables, step),
            None => Ok(()),
        }
    }

    /// Reverse pass and update.
    pub(super) fn reverse(&self, forward: Forward<'_>, gradients: &mut Gradients) -> Result<(), GpuError> {
        let Forward { tape, output, gradient } = forward;
        if let Some(own) = &self.own_loss {
            own.accept(self.pool.queue(), self.storage(), &gradient)?;
        }
        gradients.clear();
        tape.backward(output, gradient, gradients)?;
        let moments: Vec<_> = self.moments.iter().map(Flat::span).collect();
        let arrays = optim::Arrays {
            n: self.weights.placement().trained(),
            params: self.weights.flat(),
            gradient: gradients.span(),
            moments: &moments,
            copy: self.weights.copy(),
            rates: self.tables.rates.span(),
        };
        optim::update(&self.pool, arrays, rule(&self.recipe.optimiser), self.tables.progress())
    }

    fn storage(&self) -> Storage {
        self.weights.precision().storage()
    }
}

/// The rule's coefficients as the device takes them.
fn rule(optimiser: &Optimiser) -> optim::Rule {
    match optimiser.rule {
        Rule::Sgd { momentum, l2 } => optim::Rule::Sgd { momentum: momentum as f32, l2: l2 as f32 },
        Rule::Adam { beta1, beta2, epsilon, l2, .. } => optim::Rule::Adam {
            betas: [beta1 as f32, beta2 as f32],
            rests: [(1.0 - beta1) as f32, (1.0 - beta2) as f32],
            epsilon: epsilon as f32,
            l2: l2 as f32,
        },
    }
}
