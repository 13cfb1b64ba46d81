//! The step loop of one segment on the device.

use super::DeviceStepper;
use crate::segment::{close_epoch, extent};
use crate::{Outcome, Recipe, Segment, SegmentObserver, TrainError, TrainState};
use basin_kernels::gpu::{GpuError, Precision, Queue};
use basin_models::Network;
use std::rc::Rc;

/// As [`crate::run`], on a device. Steps are put into its queue ahead of their work, so the observer hears of a step
/// when it is queued; a step that failed is found when an epoch ends or a checkpoint is due. The final state is a
/// pure function of recipe, starting state, end, precision and kind of device; interruptions leave no trace.
///
/// # Errors
/// [`TrainError`].
pub fn run(
    queue: Rc<dyn Queue>,
    precision: Precision,
    network: &Network,
    recipe: &Recipe,
    segment: Segment,
    observer: &mut dyn SegmentObserver,
) -> Result<Outcome, TrainError> {
    let (per_epoch, end) = extent(network, recipe, &segment)?;
    let mut state = segment.state;
    let (params, moments) = (&state.params, &state.moments);
    let mut stepper = DeviceStepper::new(queue, network, recipe, params, moments, precision)?;
    while state.step < end {
        let epoch = state.step / per_epoch;
        let last = end.min((epoch + 1) * per_epoch);
        stepper.begin(epoch, (state.step % per_epoch) as usize)?;
        for queued in state.step + 1..=last {
            stepper.step()?;
            let stop = observer.step(queued) && queued < end;
            if queued == last && last < end {
                stepper.prepare(epoch + 1);
            }
            let keep_now = (stop || observer.checkpoint_due()) && queued < end;
            if keep_now || queued == last {
                absorb(&mut state, &mut stepper, recipe, per_epoch, queued, observer)?;
            }
            if keep_now {
                keep(&mut state, &stepper, observer)?;
            }
            if stop {
                return Ok(Outcome::Interrupted);
            }
        }
    }
    (state.params, state.moments) = stepper.tables()?;
    Ok(Outcome::Finished(state))
}

/// Takes the sums of all queued steps into the state, up to step `end` of the trajectory.
fn absorb(
    state: &mut TrainState,
    stepper: &mut DeviceStepper<'_>,
    recipe: &Recipe,
    per_epoch: u64,
    end: u64,
    observer: &mut dyn SegmentObserver,
) -> Result<(), TrainError> {
    for sum in stepper.sums()? {
        let (step, epoch) = (state.step, state.step / per_epoch);
        let rate = recipe.schedule.rate(step, per_epoch);
        if !(sum.finite && sum.usable) {
            // As on the processor: a refused step left the state before it whole.
            if sum.usable {
                keep(state, stepper, observer)?;
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
    if state.step != end {
        let found = format!("step {} of {end} did not run", state.step);
        return Err(GpuError::Lost { during: "train".into(), found }.into());
    }
    Ok(())
}

fn keep(
    state: &mut TrainState,
    stepper: &DeviceStepper<'_>,
    observer: &mut dyn SegmentObserver,
) -> Result<(), TrainError> {
    (state.params, state.moments) = stepper.tables()?;
    observer.checkpoint(state).map_err(|source| TrainError::Checkpoint { step: state.step, source })
}
