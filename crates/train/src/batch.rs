//! Batches of augmented images, assembled ahead of the step that uses them.

use crate::Recipe;
use basin_core::SeedTree;
use basin_data::{AugmentConfig, ImageSet, Normalisation, batch_order, fill_batch};
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::ScopedJoinHandle;

/// Batches that wait for their step, besides the one in assembly.
const AHEAD: usize = 2;

/// Where training examples come from and how they are altered.
#[derive(Clone, Debug)]
pub struct Examples {
    /// The training images.
    pub images: Arc<ImageSet>,
    /// Augmentation.
    pub augment: AugmentConfig,
    /// Normalisation of the augmented pixels.
    pub normalisation: Normalisation,
}

/// What one step learns from.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// Normalised images `[n, side, side, 3]`.
    pub images: &'a [f32],
    /// Their labels.
    pub labels: &'a [u32],
    /// A seed of the dropout masks per image; empty for a network without dropout.
    pub dropout_seeds: &'a [u64],
    /// Where kept targets of each image stand; empty unless the augmentation repeats.
    pub slots: &'a [usize],
}

impl<'a> Batch<'a> {
    /// Images and labels for a network without dropout.
    pub fn new(images: &'a [f32], labels: &'a [u32]) -> Self {
        Self { images, labels, dropout_seeds: &[], slots: &[] }
    }
}

/// Owned values of a batch; buffers go round between assembly and steps.
#[derive(Debug, Default)]
pub(crate) struct Assembled {
    images: Vec<f32>,
    labels: Vec<u32>,
    dropout_seeds: Vec<u64>,
    slots: Vec<usize>,
}

impl Assembled {
    pub(crate) fn batch(&self) -> Batch<'_> {
        let Self { images, labels, dropout_seeds, slots } = self;
        Batch { images, labels, dropout_seeds, slots }
    }
}

/// Batches in the order of their steps, and the way back for used ones.
pub(crate) struct Supply<'scope> {
    ready: Receiver<Assembled>,
    used: SyncSender<Assembled>,
    thread: ScopedJoinHandle<'scope, ()>,
}

impl Supply<'_> {
    /// The next batch.
    pub(crate) fn next(&self) -> Option<Assembled> {
        self.ready.recv().ok()
    }

    /// Gives the buffers of a used batch back.
    pub(crate) fn give_back(&self, batch: Assembled) {
        // The thread may have ended with its work; then the buffers are simply freed.
        let _ = self.used.try_send(batch);
    }

    /// Waits for the thread's end; the message of its panic, if that is how it ended.
    pub(crate) fn end(self) -> Option<String> {
        let Self { ready, used, thread } = self;
        drop((ready, used));
        let panic = thread.join().err()?;
        let text = panic.downcast_ref::<String>().cloned();
        Some(text.or(panic.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_default())
    }
}

/// Assembles the batches of some steps on a thread of its own, a few ahead. What a batch holds is a function of
/// its step alone; the thread ends with its work or when the supply is dropped.
pub(crate) fn supply<'scope>(
    scope: &'scope std::thread::Scope<'scope, '_>,
    recipe: &'scope Recipe,
    steps: Range<u64>,
    dropout: bool,
) -> Supply<'scope> {
    let (send, ready) = sync_channel::<Assembled>(AHEAD);
    let (used, back) = sync_channel::<Assembled>(AHEAD + 2);
    let thread = scope.spawn(move || {
        let Examples { images, augment, normalisation } = &recipe.examples;
        let per_epoch = (images.len() / recipe.batch) as u64;
        let mut order: Option<(u64, Vec<u32>)> = None;
        for step in steps {
            let (epoch, within) = (step / per_epoch, (step % per_epoch) as usize);
            if order.as_ref().is_none_or(|(e, _)| *e != epoch) {
                order = Some((epoch, batch_order(&recipe.order, epoch, images.len())));
            }
            let Some((_, order)) = &order else { return };
            let indices = &order[within * recipe.batch..][..recipe.batch];
            let mut batch = back.try_recv().unwrap_or_default();
            batch.images.resize(indices.len() * images.size() * images.size() * 3, 0.0);
            let repetition = recipe.replay.map_or(epoch, |epochs| epoch % epochs.max(1));
            fill_batch(images, indices, augment, &recipe.order, repetition, normalisation, &mut batch.images);
            batch.slots.clear();
            if recipe.replay.is_some() {
                let first = repetition as usize * images.len();
                batch.slots.extend(indices.iter().map(|&i| first + i as usize));
            }
            batch.labels.clear();
            batch.labels.extend(indices.iter().map(|&i| images.labels()[i as usize]));
            batch.dropout_seeds.clear();
            if dropout {
                batch.dropout_seeds.extend(indices.iter().map(|&i| dropout_seed(&recipe.order, epoch, i)));
            }
            if send.send(batch).is_err() {
                return;
            }
        }
    });
    Supply { ready, used, thread }
}

/// The seed of an image's dropout masks in an epoch.
pub(crate) fn dropout_seed(order: &SeedTree, epoch: u64, image: u32) -> u64 {
    let mut rng = order.child("dropout").index(epoch).index(u64::from(image)).rng();
    u64::from(rng.next_u32()) << 32 | u64::from(rng.next_u32())
}
