//! The step loop of one segment of a trajectory, from a state to a step, on any backend.

use crate::{Backend, EpochRow, Recipe, StepSum, TrainError, TrainState, Trainer};
use basin_gpu::GpuError;
use basin_models::Network;

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
    /// After every step, when it is begun: global steps by then, and whether to stop here.
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

/// Trains until the end of the segment or until the observer stops it. The final state is a pure function of
/// recipe, starting state, end and kind of backend; interruptions and threads leave no trace.
///
/// Backends that work ahead are waited for when an epoch ends or a checkpoint is due: that is when a step that failed is
/// found there.
///
/// # Errors
/// [`TrainError`].
pub fn run(
    backend: &dyn Backend,
    network: &Network,
    recipe: &Recipe,
    segment: Segment,
    observer: &mut dyn SegmentObserver,
) -> Result<Outcome, TrainError> {
    let (per_epoch, end) = extent(network, recipe, &segment)?;
    let mut trainer = backend.trainer(network, recipe, &segment)?;
    let mut state = segment.state;
    for begun in state.step + 1..=end {
        let told = trainer.step()?;
        absorb(&mut state, told, &*trainer, recipe, observer)?;
        let stop = observer.step(begun) && begun < end;
        let keep_now = (stop || observer.checkpoint_due()) && begun < end;
        if keep_now || begun.is_multiple_of(per_epoch) {
            let told = trainer.wait()?;
            absorb(&mut state, told, &*trainer, recipe, observer)?;
            if state.step != begun {
                let found = format!("step {} of {begun} did not run", state.step);
                return Err(GpuError::Lost { during: "train".into(), found }.into());
            }
        }
        if keep_now {
            keep(&mut state, &*trainer, observer)?;
        }
        if stop {
            return Ok(Outcome::Interrupted);
        }
    }
    (state.params, state.moments) = trainer.tables()?;
    Ok(Outcome::Finished(state))
}

/// Steps of an epoch, and the segment's last; refuses what cannot be trained.
///
/// # Errors
/// [`TrainError::Batch`], [`TrainError::Extent`], [`TrainError::Beyond`], [`TrainError::OwnLoss`], [`TrainError::Replayed`].
pub fn extent(network: &Network, recipe: &Recipe, segment: &Segment) -> Result<(u64, u64), TrainError> {
    let (images, batch) = (recipe.examples.images.len(), recipe.batch);
    if batch == 0 || batch > images {
        return Err(TrainError::Batch { batch, images });
    }
    recipe.check_targets()?;
    let extent = recipe.examples.images.extent();
    if extent != network.extent() {
        return Err(TrainError::Extent { images: extent, network: network.extent() });
    }
    let per_epoch = (images / batch) as u64;
    let (step, end) = (segment.state.step, segment.end_epoch.saturating_mul(per_epoch));
    if step > end {
        return Err(TrainError::Beyond { step, end });
    }
    Ok((per_epoch, end))
}

/// Refuses networks whose batches cannot be cut.
pub(crate) fn apart(network: &Network, backend: &dyn Backend) -> Result<(), TrainError> {
    match network.coupled() {
        true => Err(TrainError::Coupled { backend: backend.name() }),
        false => Ok(()),
    }
}

/// Takes what became of the next steps into the state.
fn absorb(
    state: &mut TrainState,
    told: Vec<StepSum>,
    trainer: &dyn Trainer,
    recipe: &Recipe,
    observer: &mut dyn SegmentObserver,
) -> Result<(), TrainError> {
    let per_epoch = (recipe.examples.images.len() / recipe.batch) as u64;
    for sum in told {
        let (step, epoch) = (state.step, state.step / per_epoch);
        let rate = recipe.schedule.rate(step, per_epoch);
        if !(sum.finite && sum.usable) {
            // A step that was refused left the state before it whole; one that overflowed did not, and the
            // last checkpoint is the last good state.
            if sum.usable {
                keep(state, trainer, observer)?;
            }
            return Err(TrainError::NonFinite { step, epoch, rate });
        }
        state.step += 1;
        state.loss_sum += sum.loss;
        state.correct += sum.correct;
        if state.step.is_multiple_of(per_epoch) {
            close_epoch(state, epoch, per_epoch * recipe.batch as u64, rate);
        }
    }
    Ok(())
}

/// Turns the sums of a finished epoch, in which so many images were seen, into its row.
fn close_epoch(state: &mut TrainState, epoch: u64, seen: u64, learning_rate: f64) {
    let seen = seen as f64;
    let (loss, accuracy) = (state.loss_sum / seen, state.correct as f64 / seen);
    state.rows.push(EpochRow { epoch: epoch + 1, step: state.step, learning_rate, loss, accuracy });
    (state.loss_sum, state.correct) = (0.0, 0);
}

fn keep(
    state: &mut TrainState,
    trainer: &dyn Trainer,
    observer: &mut dyn SegmentObserver,
) -> Result<(), TrainError> {
    (state.params, state.moments) = trainer.tables()?;
    observer.checkpoint(state).map_err(|source| TrainError::Checkpoint { step: state.step, source })
}
