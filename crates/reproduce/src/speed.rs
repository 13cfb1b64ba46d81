//! How fast a case trains here, from a few steps whose result is thrown away.

use crate::device::OnDevice;
use crate::{Experiment, Study};
use anyhow::Result;
use basin_core::{DataRef, SeedTree};
use basin_train::device::DeviceStepper;
use basin_train::{Batch, Examples, Moments, Recipe, Stepper, Teaching};
use std::time::Instant;

/// Images per core of a measured step, and most of them: as many as keep every core of a real step busy. One step warms up
/// and one is measured: enough to tell hours from days.
const IMAGES_PER_CORE: usize = 8;
const MOST_IMAGES: usize = 64;
/// Their learning rate.
const RATE: f64 = 1e-6;
/// Steps on a device: the first two are run and captured, the rest is measured.
const WARM: u64 = 2;
const STEPS: u64 = 22;

/// Seconds per training image of each case, where it would be trained; cases that train alike are measured once.
pub(crate) fn seconds_per_image(study: &Study, device: Option<&OnDevice>) -> Result<Vec<f64>> {
    let mut measured: Vec<(String, f64)> = Vec::new();
    let mut speed = |case: &Experiment| -> Result<f64> {
        let setting = case.setting(0);
        if let Some((_, speed)) = measured.iter().find(|(known, _)| *known == setting) {
            return Ok(*speed);
        }
        let speed = match device {
            Some(device) => on_device(case, device)?,
            None => on_processor(case)?,
        };
        measured.push((setting, speed));
        Ok(speed)
    };
    study.cases.iter().map(&mut speed).collect()
}

/// Measures a few real steps on the first training images.
fn on_processor(experiment: &Experiment) -> Result<f64> {
    let images = (IMAGES_PER_CORE * rayon::current_num_threads()).min(MOST_IMAGES);
    let (network, batch) = (&experiment.network, experiment.batch().min(images));
    let params = network.init(&basin_core::SeedTree::root(0));
    let mut stepper = Stepper::new(network, &params, &Moments::default(), experiment.optimiser())?;
    let train = &experiment.train;
    let mut images = vec![0.0; batch * train.size() * train.size() * 3];
    basin_data::fill_plain(train, 0..batch, &experiment.normalisation, &mut images);
    let dropout_seeds = if network.dropout() > 0.0 { vec![0; batch] } else { Vec::new() };
    let examples = Batch {
        images: &images,
        labels: &train.labels()[..batch],
        dropout_seeds: &dropout_seeds,
        slots: &[],
    };
    let mut step = || stepper.step(examples, &Teaching::Labels, RATE);
    step()?;
    let start = Instant::now();
    step()?;
    Ok(start.elapsed().as_secs_f64() / batch as f64)
}

/// Measures the first steps of an epoch, batches and all.
fn on_device(experiment: &Experiment, device: &OnDevice) -> Result<f64> {
    let Experiment { network, train, augment, normalisation, .. } = experiment;
    let recipe = Recipe {
        examples: Examples { images: train.clone(), augment: *augment, normalisation: *normalisation },
        batch: experiment.batch(),
        optimiser: experiment.optimiser(),
        schedule: experiment.plan_context().schedule_after(0),
        order: SeedTree::root(0),
        teaching: Teaching::Labels,
        replay: None,
    };
    let (queue, moments) = (device.queue.clone(), Moments::default());
    let params = network.init(&SeedTree::root(0));
    let mut stepper = DeviceStepper::new(queue, network, &recipe, &params, &moments, device.precision)?;
    stepper.begin(0, 0)?;
    let steps = experiment.steps_per_epoch(&DataRef::train()).min(STEPS);
    let warm = WARM.min(steps.saturating_sub(1));
    for _ in 0..warm {
        stepper.step()?;
    }
    stepper.sums()?;
    let start = Instant::now();
    for _ in warm..steps {
        stepper.step()?;
    }
    stepper.sums()?;
    let images = (steps - warm).max(1) as f64 * experiment.batch() as f64;
    Ok(start.elapsed().as_secs_f64() / images)
}
