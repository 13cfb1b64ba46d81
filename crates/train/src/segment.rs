//! The step loop of one segment of a trajectory, from a state to a step.

use crate::batch::supply;
use crate::{EpochRow, Examples, Optimiser, Stepper, Teaching, TrainState};
use basin_core::SeedTree;
use basin_ensemble::Schedule;
use basin_kernels::gpu::GpuError;
use basin_models::Network;
use std::sync::Arc;
use thiserror::Error;

/// What stays the same along a trajectory.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Images, augmentation, normalisation.
    pub examples: Examples,
    /// Images per step; the rest of an epoch that does not fill a batch is left out.
    pub batch: usize,
    /// Update rule and clipping.
    pub optimiser: Optimiser,
    /// Learning rate by global step.
    pub schedule: Arc<dyn Schedule>,
    /// Place of batch order and augmentation in the seed tree.
    pub order: SeedTree,
    /// Labels or teacher.
    pub teaching: Teaching,
    /// Epochs after which the augmentation of every image repeats, at least 1; None: never.
    pub replay: Option<u64>,
}

/// A stretch of a trajectory.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Where to begin or go on.
    pub state: TrainState,
    /// Epoch of the schedule after which to end.
    pub end_epoch: u64,
}

/// What the loop reports and asks.
pub trait SegmentObserver {
    /// After every step: global steps done, and whether to stop here.
    fn step(&mut self, step: u64) -> bool;

    /// Whether a checkpoint is due (asked after every step; must not influence results).
    fn checkpoint_due(&mut self) -> bool;

    /// Keeps a state.
    ///
    /// # Errors
    /// When it cannot be kept; training stops.
    fn checkpoint(&mut self, state: &TrainState) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;
}

/// How a segment ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// At its last epoch.
    Finished(TrainState),
    /// Stopped by the observer; the state was handed to [`SegmentObserver::checkpoint`].
    Interrupted,
}

/// Why a segment failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The batch is larger than the training set.
    #[error("batch of {batch} images from a training set of {images}, expected 1 ≤ batch ≤ {images}")]
    Batch {
        /// Images per step.
        batch: usize,
        /// Images there are.
        images: usize,
    },
    /// The state lies beyond the segment's end.
    #[error("the state is at step {step}, the segment ends at step {end}")]
    Beyond {
        /// Steps done.
        step: u64,
        /// Steps at the end.
        end: u64,
    },
    /// Loss, gradient or update became NaN or infinite. A state from before it is kept if it is good;
    /// after an update that overflowed, the newest checkpoint is.
    #[error(
        "loss, gradient or update is not finite at step {step} (epoch {epoch}, learning rate {rate}). Lower the peak \
         learning rate, lengthen the warm-up or clip the gradient; checkpoints from before are good"
    )]
    NonFinite {
        /// The step that failed.
        step: u64,
        /// Its epoch.
        epoch: u64,
        /// Its learning rate.
        rate: f64,
    },
    /// The thread that assembles batches died.
    #[error("no batch for step {step}, the thread that assembles them ended early: {cause}")]
    Assembly {
        /// Steps done.
        step: u64,
        /// What it said.
        cause: String,
    },
    /// The images do not fit the network.
    #[error("training images of side {images}, the network takes {network}")]
    Side {
        /// Side of the images.
        images: usize,
        /// Side the network was built for.
        network: usize,
    },
    /// A checkpoint could not be kept.
    #[error("checkpoint at step {step}")]
    Checkpoint {
        /// Steps done.
        step: u64,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The device failed; what it held is lost, and the newest checkpoint is the last good state.
    #[error(transparent)]
    Device(#[from] GpuError),
    /// A kernel refused its arguments.
    #[error(transparent)]
    Kernel(#[from] candle_core::Error),
}

/// Trains until the end of the segment or until the observer stops it. The final state is a pure function of
/// recipe, starting state and end; interruptions and threads leave no trace.
///
/// # Errors
/// [`TrainError`].
pub fn run(
    network: &Network,
    recipe: &Recipe,
    segment: Segment,
    observer: &mut dyn SegmentObserver,
) -> Result<Outcome, TrainError> {
    let (per_epoch, end) = extent(network, recipe, &segment)?;
    let mut state = segment.state;
    let mut stepper = Stepper::new(network, &state.params, &state.moments, recipe.optimiser)?;
    std::thread::scope(|scope| {
        let supply = supply(scope, recipe, state.step..end, network.dropout() > 0.0);
        while state.step < end {
            let epoch = state.step / per_epoch;
            let rate = recipe.schedule.rate(state.step, per_epoch);
            let Some(assembled) = supply.next() else {
                let cause = supply.end().unwrap_or_default();
                return Err(TrainError::Assembly { step: state.step, cause });
            };
            let sum = stepper.step(assembled.batch(), &recipe.teaching, rate)?;
            supply.give_back(assembled);
            if !(sum.finite && sum.usable) {
                // A step that was refused left the state before it whole; one that overflowed did not, and the
                // last checkpoint is the last good state.
                if sum.usable {
                    keep(&mut state, &stepper, observer)?;
                }
                return Err(TrainError::NonFinite { step: state.step, epoch, rate });
            }
            state.step += 1;
            state.loss_sum += sum.loss;
            state.correct += sum.correct;
            if state.step.is_multiple_of(per_epoch) {
                close_epoch(&mut state, epoch, per_epoch * recipe.batch as u64, rate);
            }
            let stop = observer.step(state.step) && state.step < end;
            if stop || (observer.checkpoint_due() && state.step < end) {
                keep(&mut state, &stepper, observer)?;
            }
            if stop {
                return Ok(Outcome::Interrupted);
            }
        }
        (state.params, state.moments) = stepper.tables()?;
        Ok(Outcome::Finished(state))
    })
}

/// Steps of an epoch, and the segment's last; refuses what cannot be trained.
pub(crate) fn extent(
    network: &Network,
    recipe: &Recipe,
    segment: &Segment,
) -> Result<(u64, u64), TrainError> {
    let (images, batch) = (recipe.examples.images.len(), recipe.batch);
    if batch == 0 || batch > images {
        return Err(TrainError::Batch { batch, images });
    }
    let side = recipe.examples.images.size();
    if side != network.side() {
        return Err(TrainError::Side { images: side, network: network.side() });
    }
    let per_epoch = (images / batch) as u64;
    let (step, end) = (segment.state.step, segment.end_epoch * per_epoch);
    if step > end {
        return Err(TrainError::Beyond { step, end });
    }
    Ok((per_epoch, end))
}

/// Turns the sums of a finished epoch, in which so many images were seen, into its row.
pub(crate) fn close_epoch(state: &mut TrainState, epoch: u64, seen: u64, learning_rate: f64) {
    let seen = seen as f64;
    let (loss, accuracy) = (state.loss_sum / seen, state.correct as f64 / seen);
    state.rows.push(EpochRow { epoch: epoch + 1, step: state.step, learning_rate, loss, accuracy });
    (state.loss_sum, state.correct) = (0.0, 0);
}

fn keep(
    state: &mut TrainState,
    stepper: &Stepper<'_>,
    observer: &mut dyn SegmentObserver,
) -> Result<(), TrainError> {
    (state.params, state.moments) = stepper.tables()?;
    observer.checkpoint(state).map_err(|source| TrainError::Checkpoint { step: state.step, source })
}
