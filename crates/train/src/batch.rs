//! Batches of augmented images, assembled ahead of the step that uses them.

use crate::{Examples, Recipe};
use basin_data::{Pick, fill_batch, mix_batch};
use basin_kernels::loss::Labels;
use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Batches that wait for their step, besides the one in assembly.
const AHEAD: usize = 2;

/// What one step learns from.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// Normalised images `[n, side, side, channels]`.
    pub images: &'a [f32],
    /// Their labels.
    pub labels: &'a [u32],
    /// Of images that were mixed, the label of the other one of each, and the weight in `[0, 1]` of their own.
    pub mixed: Option<(&'a [u32], f32)>,
    /// Share in `[0, 1)` of all classes alike in the targets (label smoothing).
    pub smoothing: f32,
    /// A seed of the dropout masks per image; empty for a network without dropout.
    pub dropout_seeds: &'a [u64],
    /// Where kept targets of each image stand; empty unless the augmentation repeats.
    pub slots: &'a [usize],
}

impl<'a> Batch<'a> {
    /// Images and labels as they are, for a network without dropout.
    pub fn new(images: &'a [f32], labels: &'a [u32]) -> Self {
        Self { images, labels, mixed: None, smoothing: 0.0, dropout_seeds: &[], slots: &[] }
    }

    /// What the labels come to as targets.
    pub fn targets(&self) -> Labels<'a> {
        Labels { first: self.labels, mixed: self.mixed, smoothing: self.smoothing }
    }

    /// Some of its images, with all that belongs to them; `each` values an image.
    pub(crate) fn part(&self, range: Range<usize>, each: usize) -> Self {
        let mixed = self.mixed.map(|(others, weight)| (&others[range.clone()], weight));
        Self {
            images: &self.images[range.start * each..range.end * each],
            labels: &self.labels[range.clone()],
            mixed,
            smoothing: self.smoothing,
            dropout_seeds: self.dropout_seeds.get(range.clone()).unwrap_or_default(),
            slots: self.slots.get(range).unwrap_or_default(),
        }
    }
}

/// A batch with its values; buffers go round between assembly and steps.
#[derive(Debug, Default)]
pub struct OwnedBatch {
    images: Vec<f32>,
    labels: Vec<u32>,
    /// Where `weight` is something.
    others: Vec<u32>,
    weight: Option<f32>,
    smoothing: f32,
    dropout_seeds: Vec<u64>,
    slots: Vec<usize>,
}

impl OwnedBatch {
    /// The batch, borrowed.
    pub fn batch(&self) -> Batch<'_> {
        let Self { images, labels, others, weight, smoothing, dropout_seeds, slots } = self;
        let mixed = weight.map(|weight| (&others[..], weight));
        Batch { images, labels, mixed, smoothing: *smoothing, dropout_seeds, slots }
    }
}

/// Batches in the order of their steps, assembled on a thread of its own, a few ahead, and the way back for used ones.
/// What a batch holds is a function of its step alone.
#[derive(Debug)]
pub struct Batches {
    /// None once the supply has ended.
    ready: Option<Receiver<OwnedBatch>>,
    used: SyncSender<OwnedBatch>,
    thread: Option<JoinHandle<()>>,
}

impl Batches {
    /// Begins with the batches of some steps.
    pub fn new(recipe: &Recipe, steps: Range<u64>, dropout: bool) -> Self {
        let (send, ready) = sync_channel::<OwnedBatch>(AHEAD);
        let (used, back) = sync_channel::<OwnedBatch>(AHEAD + 2);
        let recipe = recipe.clone();
        let thread = std::thread::spawn(move || assemble(&recipe, steps, dropout, &send, &back));
        Self { ready: Some(ready), used, thread: Some(thread) }
    }

    /// The next batch.
    pub fn next(&self) -> Option<OwnedBatch> {
        self.ready.as_ref()?.recv().ok()
    }

    /// Gives the buffers of a used batch back.
    pub fn give_back(&self, batch: OwnedBatch) {
        // The thread may have ended with its work; then the buffers are simply freed.
        let _ = self.used.try_send(batch);
    }

    /// Waits for the thread's end; the message of its panic, if that is how it ended.
    pub fn end(&mut self) -> Option<String> {
        // It ends with its work, or when nobody takes it any more.
        self.ready = None;
        let panic = self.thread.take()?.join().err()?;
        let text = panic.downcast_ref::<String>().cloned();
        Some(text.or(panic.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_default())
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        self.end();
    }
}

fn assemble(
    recipe: &Recipe,
    steps: Range<u64>,
    dropout: bool,
    send: &SyncSender<OwnedBatch>,
    back: &Receiver<OwnedBatch>,
) {
    let Examples { images, augment, normalisation } = &recipe.examples;
    let per_epoch = (images.len() / recipe.batch) as u64;
    let mut order: Option<(u64, Vec<Pick>)> = None;
    for step in steps {
        let (epoch, within) = (step / per_epoch, (step % per_epoch) as usize);
        if order.as_ref().is_none_or(|(e, _)| *e != epoch) {
            order = Some((epoch, recipe.order.epoch(epoch, images.len())));
        }
        let Some((_, order)) = &order else { return };
        let picks = &order[within * recipe.batch..][..recipe.batch];
        let mut batch = back.try_recv().unwrap_or_default();
        batch.images.resize(picks.len() * images.extent().values(), 0.0);
        let repetition = recipe.augmentation_of(epoch);
        let (stream, out) = (&recipe.order.seeds, &mut batch.images);
        fill_batch(images, picks, augment, stream, repetition, normalisation, out);
        batch.slots.clear();
        if recipe.replay.is_some() {
            let first = repetition as usize * images.len();
            batch.slots.extend(picks.iter().map(|pick| first + pick.image as usize));
        }
        batch.labels.clear();
        batch.labels.extend(picks.iter().map(|pick| images.labels()[pick.image as usize]));
        let (place, extent) = ((epoch, within as u64), images.extent());
        let (pixels, others) = (&mut batch.images, &mut batch.others);
        batch.weight = mix_batch(augment, stream, place, extent, pixels, &batch.labels, others);
        batch.smoothing = recipe.label_smoothing as f32;
        batch.dropout_seeds.clear();
        if dropout {
            batch.dropout_seeds.extend(picks.iter().map(|pick| recipe.dropout_seed(epoch, pick.draw)));
        }
        if send.send(batch).is_err() {
            return;
        }
    }
}
