//! How fast a backend trains, from a few steps whose result is thrown away.

use crate::{Backend, Recipe, Segment, TrainError, TrainState, Trial};
use basin_core::SeedTree;
use basin_models::Network;
use std::time::{Duration, Instant};

/// Epochs that no measurement comes to the end of.
const EPOCHS: u64 = 1 << 32;

/// Seconds per training image of a recipe, batches and all. Takes a few steps: seconds on the CPU, less on a device.
///
/// # Errors
/// [`TrainError`] of the backend.
pub fn seconds_per_image(
    backend: &dyn Backend,
    network: &Network,
    recipe: &Recipe,
) -> Result<f64, TrainError> {
    let Trial { batch, warm, steps } = backend.trial(recipe.batch);
    let recipe = Recipe { batch, ..recipe.clone() };
    let mut passed = Duration::ZERO;
    timed_steps::<TrainError>(backend, network, &recipe, &mut |run| {
        run(warm)?;
        passed = run(steps)?;
        Ok(())
    })?;
    Ok(passed.as_secs_f64() / (steps * batch as u64) as f64)
}

/// Runs so many steps, waits for them, and says how long that took.
pub type Steps<'a, E> = dyn FnMut(u64) -> Result<Duration, E> + 'a;

/// Sets up a training from fresh parameters and hands `body` what runs steps of it.
///
/// # Errors
/// [`TrainError`] of the backend, and those of `body`.
pub fn timed_steps<E: From<TrainError>>(
    backend: &dyn Backend,
    network: &Network,
    recipe: &Recipe,
    body: &mut dyn FnMut(&mut Steps<'_, E>) -> Result<(), E>,
) -> Result<(), E> {
    let state = TrainState::new(network.init(&SeedTree::root(0)), 0);
    let mut trainer = backend.trainer(network, recipe, &Segment { state, end_epoch: EPOCHS })?;
    body(&mut |steps| {
        let start = Instant::now();
        for _ in 0..steps {
            trainer.step()?;
        }
        trainer.wait()?;
        Ok(start.elapsed())
    })
}
