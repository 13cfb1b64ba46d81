//! How fast a case trains here, from a few steps whose result is thrown away.

use crate::device::{self, OnDevice};
use crate::{Case, Study};
use anyhow::Result;
use basin_core::{DataRef, SeedTree};
use basin_train::{Backend, Examples, Recipe, Teaching};

/// Seconds per training image of each case, where it would be trained; cases that train alike are measured once.
pub(crate) fn seconds_per_image(study: &Study, device: Option<&OnDevice>) -> Result<Vec<f64>> {
    let mut measured: Vec<(String, f64)> = Vec::new();
    let mut speed = |case: &Case| -> Result<f64> {
        let setting = case.setting(0);
        if let Some((_, speed)) = measured.iter().find(|(known, _)| *known == setting) {
            return Ok(*speed);
        }
        let speed = measured_on(case, &*device::backend(&case.network, device)?)?;
        measured.push((setting, speed));
        Ok(speed)
    };
    study.cases.iter().map(&mut speed).collect()
}

fn measured_on(case: &Case, backend: &dyn Backend) -> Result<f64> {
    let Case { network, train, augment, .. } = case;
    let normalisation = case.normalisation(&DataRef::train())?;
    let recipe = Recipe {
        examples: Examples { images: train.clone(), augment: *augment, normalisation },
        batch: case.batch(),
        optimiser: case.optimiser(),
        schedule: case.plan_context().schedule_after(0),
        order: SeedTree::root(0).into(),
        teaching: Teaching::Labels,
        label_smoothing: 0.0,
        replay: None,
    };
    Ok(basin_train::seconds_per_image(backend, network, &recipe)?)
}
