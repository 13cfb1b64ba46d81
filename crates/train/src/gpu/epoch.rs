//! The data set on the device, and the tables of an epoch.

use crate::{Optimiser, Recipe, Rule};
use basin_data::{ColourOp, ImageSet, Normalisation, Pick, batch_draws};
use basin_gpu::augment::{Batch, Colour, DataSet, Draw, Epoch};
use basin_gpu::optim::{Progress, Rates, Record, STATE_BYTES};
use basin_gpu::{Block, GpuError, Pool, Queue, Storage};
use rayon::prelude::*;
use std::rc::Rc;

/// Images with their labels and normalisation in the device's memory.
#[derive(Debug)]
pub(super) struct Resident {
    pixels: Block,
    labels: Block,
    normal: Block,
    images: usize,
    side: usize,
}

impl Resident {
    /// Colour images; the kernels know no others.
    pub(super) fn new(pool: &Pool, set: &ImageSet, normalisation: &Normalisation) -> Result<Self, GpuError> {
        if [set.channels(), normalisation.channels()] != [3, 3] {
            let found = format!("{}, normalised as {}", set.channels(), normalisation.channels());
            return Err(GpuError::Size {
                what: "channels of images on a GPU".into(),
                expected: "3".into(),
                found,
            });
        }
        let bytes = |values: &[u32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
        let normal: Vec<u8> =
            normalisation.of_bytes().iter().flatten().flat_map(|v| v.to_le_bytes()).collect();
        Ok(Self {
            pixels: pool.holding(set.images())?,
            labels: pool.holding(&bytes(set.labels()))?,
            normal: pool.holding(&normal)?,
            images: set.len(),
            side: set.size(),
        })
    }

    pub(super) fn set(&self) -> DataSet<'_> {
        DataSet {
            pixels: self.pixels.span(),
            labels: self.labels.span(),
            images: self.images,
            side: self.side,
            normal: self.normal.span(),
        }
    }
}

/// What changes from step to step, at addresses that stay. Room for one epoch.
#[derive(Debug)]
pub(super) struct Tables {
    order: Block,
    draws: Block,
    seeds: Option<Block>,
    pub(super) rates: Block,
    state: Block,
    records: Block,
    pub(super) steps: usize,
    batch: usize,
}

/// Order, augmentation draws and dropout seeds of one epoch, as the device reads them.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) epoch: u64,
    order: Vec<u8>,
    draws: Vec<u8>,
    seeds: Vec<u8>,
}

impl Tables {
    pub(super) fn new(pool: &Pool, steps: usize, batch: usize, dropout: bool) -> Result<Self, GpuError> {
        let all = steps * batch;
        Ok(Self {
            order: pool.take(4 * all)?,
            draws: pool.take(Draw::BYTES * all)?,
            seeds: dropout.then(|| pool.take(8 * all)).transpose()?,
            rates: pool.take(Rates::BYTES * steps)?,
            state: pool.take(STATE_BYTES)?,
            records: pool.zeroed(Record::BYTES * steps)?,
            steps,
            batch,
        })
    }

    /// Writes the tables of an epoch whose next step is number `within`, after `updates` updates.
    pub(super) fn begin(
        &self,
        pool: &Pool,
        recipe: &Recipe,
        prepared: &Prepared,
        within: usize,
        updates: u64,
    ) -> Result<(), GpuError> {
        let queue = pool.queue();
        queue.write(self.order.span(), &prepared.order)?;
        queue.write(self.draws.span(), &prepared.draws)?;
        if let Some(seeds) = &self.seeds {
            queue.write(seeds.span(), &prepared.seeds)?;
        }
        let steps = self.steps as u64;
        let rates = (0..steps).flat_map(|step| {
            let update = (updates + step + 1).saturating_sub(within as u64).max(1);
            let rate = recipe.schedule.rate(prepared.epoch * steps + step, steps);
            rates(&recipe.optimiser, rate, update).encode()
        });
        queue.write(self.rates.span(), &rates.collect::<Vec<u8>>())?;
        queue.write(self.state.span(), &each(&[within as u32, 0, 0, 0], |word| word.to_le_bytes()))
    }

    /// What the tables of an epoch need and nothing on the device decides: made while the device works on another.
    pub(super) fn prepare(&self, recipe: &Recipe, epoch: u64) -> Prepared {
        let set = &recipe.examples.images;
        let order = recipe.order.epoch(epoch, set.len());
        let order = &order[..self.steps * self.batch];
        let draws = order.par_chunks(self.batch).flat_map_iter(|picks| {
            let (augment, augmented) = (&recipe.examples.augment, recipe.augmentation_of(epoch));
            let draws = batch_draws(set.size(), picks, augment, &recipe.order.seeds, augmented);
            draws.flat_map(|draw| on_device(&draw).encode())
        });
        let seeds = match self.seeds {
            Some(_) => seeds_of(recipe, epoch, order),
            None => Vec::new(),
        };
        let images = order.iter().flat_map(|pick| pick.image.to_le_bytes());
        Prepared { epoch, draws: draws.collect(), seeds, order: images.collect() }
    }

    pub(super) fn epoch(&self) -> Epoch<'_> {
        Epoch {
            order: self.order.span(),
            draws: self.draws.span(),
            seeds: self.seeds.as_ref().map(Block::span),
            batch: self.batch,
        }
    }

    pub(super) fn progress(&self) -> Progress<'_> {
        Progress { state: self.state.span(), records: self.records.span(), steps: self.steps }
    }

    /// Records of the steps from number `first` to before `end`; waits for them.
    pub(super) fn records(&self, pool: &Pool, first: usize, end: usize) -> Result<Vec<Record>, GpuError> {
        let mut bytes = vec![0; (end - first) * Record::BYTES];
        let part = self.records.span().part(first * Record::BYTES, bytes.len())?;
        pool.queue().read(part, &mut bytes)?;
        Ok(bytes.chunks_exact(Record::BYTES).map(Record::decode).collect())
    }
}

/// The batches of a recipe as a device makes them, read back: to look at what is trained on.
#[derive(Debug)]
pub struct Feed<'a> {
    recipe: &'a Recipe,
    pool: Pool,
    data: Resident,
    tables: Tables,
}

impl<'a> Feed<'a> {
    /// Puts the data set on a device.
    ///
    /// # Errors
    /// The queue's.
    pub fn new(queue: Rc<dyn Queue>, recipe: &'a Recipe) -> Result<Self, GpuError> {
        let (pool, examples) = (Pool::new(queue), &recipe.examples);
        let data = Resident::new(&pool, &examples.images, &examples.normalisation)?;
        let tables = Tables::new(&pool, data.images / recipe.batch.max(1), recipe.batch, false)?;
        Ok(Self { recipe, data, tables, pool })
    }

    /// Normalised images `[batch, side, side, 3]` and labels of one step.
    ///
    /// # Errors
    /// The queue's.
    pub fn batch(&mut self, epoch: u64, within: usize) -> Result<(Vec<f32>, Vec<u32>), GpuError> {
        let (pool, n) = (&self.pool, self.recipe.batch);
        let prepared = self.tables.prepare(self.recipe, epoch);
        self.tables.begin(pool, self.recipe, &prepared, within, 0)?;
        let values = n * self.data.side * self.data.side * 3;
        let (images, labels) = (pool.take(4 * values)?, pool.take(4 * n)?);
        let to = Batch { images: images.span(), storage: Storage::F32, labels: labels.span(), seeds: None };
        self.data.set().batch(pool.queue(), self.tables.epoch(), to, self.tables.progress())?;
        let mut bytes = (vec![0; 4 * values], vec![0; 4 * n]);
        pool.queue().read(images.span(), &mut bytes.0)?;
        pool.queue().read(labels.span(), &mut bytes.1)?;
        let word = |b: &[u8]| u32::from_le_bytes([b[0], b[1], b[2], b[3]]);
        let pixels = bytes.0.chunks_exact(4).map(|b| f32::from_bits(word(b)));
        Ok((pixels.collect(), bytes.1.chunks_exact(4).map(word).collect()))
    }
}

fn each<T: Copy, const N: usize>(values: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|value| bytes(*value)).collect()
}

fn seeds_of(recipe: &Recipe, epoch: u64, picks: &[Pick]) -> Vec<u8> {
    picks.par_iter().flat_map_iter(|pick| recipe.dropout_seed(epoch, pick.draw).to_le_bytes()).collect()
}

/// The numbers of update number `update`, counted from 1, as [`basin_kernels::Adam`] rounds them.
fn rates(optimiser: &Optimiser, rate: f64, update: u64) -> Rates {
    let clip = optimiser.clip_norm;
    match optimiser.rule {
        Rule::Sgd { .. } => Rates { rate: rate as f32, clip, ..Rates::default() },
        Rule::Adam { beta1, beta2, weight_decay, .. } => {
            let corrected = |beta: f64| 1.0 - beta.powf(update as f64);
            Rates {
                rate: (rate / corrected(beta1)) as f32,
                root: corrected(beta2).sqrt() as f32,
                keep: (1.0 - rate * weight_decay) as f32,
                clip,
            }
        }
    }
}

fn on_device(draw: &basin_data::Draw) -> Draw {
    let basin_data::GeometryDraw { shift, flip, warp } = draw.geometry;
    let colour = |op: &ColourOp| match *op {
        ColourOp::Brightness(factor) => Colour::Brightness(factor),
        ColourOp::Contrast(factor) => Colour::Contrast(factor),
        ColourOp::Saturation(factor) => Colour::Saturation(factor),
        ColourOp::Hue(turns) => Colour::Hue(turns),
    };
    let warp = warp.map(|(zoom, [row, column], angle)| {
        let (sine, cosine) = angle.sin_cos();
        [zoom, row, column, cosine, sine]
    });
    let colours = draw.colours.0.each_ref().map(|op| op.as_ref().map(colour));
    // A shift is at most the image's side.
    Draw { shift: shift.map(|s| s as i32), flip, warp, colours }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adams_numbers_are_those_of_its_own_update() {
        let rule = Rule::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, l2: 0.0, weight_decay: 0.1 };
        let first = rates(&Optimiser { rule, clip_norm: Some(2.0) }, 0.01, 1);
        assert_eq!((first.rate, first.keep, first.clip), (0.1, 0.999, Some(2.0)));
        assert!((first.root - 0.001f32.sqrt()).abs() < 1e-7);
    }
}
