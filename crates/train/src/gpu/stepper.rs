//! One network in training on the device.

use super::epoch::{Prepared, Resident, Tables};
use super::step::Step;
use super::teaching::{OwnLoss, Taught};
use crate::{Moments, Recipe, StepSum};
use basin_core::Params;
use basin_gpu::{Captured, Flat, GpuError, Gradients, Placement, Pool, Precision, Queue, Weights};
use basin_models::Network;
use std::rc::Rc;

/// Parameters, moments, gradients and the data set in the device's memory.
///
/// [`Stepper::begin`] writes an epoch's tables; [`Stepper::step`] puts a step into the queue and
/// returns; [`Stepper::sums`] waits for those that were put there.
pub(super) struct Stepper<'a> {
    step: Step<'a>,
    gradients: Gradients,
    /// An epoch to begin later.
    prepared: Option<Prepared>,
    /// The step as captured work, in two halves where the host has to say something between them; none before the
    /// second step.
    captured: Vec<Captured>,
    warm: bool,
    /// Updates before the epoch's tables, steps of the epoch read, and put into the queue.
    updates: u64,
    read: usize,
    queued: usize,
}

impl<'a> Stepper<'a> {
    /// Puts data set, parameters, moments and teachers on the device.
    ///
    /// # Errors
    /// Those of sizes and memory.
    pub(super) fn new(
        queue: Rc<dyn Queue>,
        network: &'a Network,
        recipe: &'a Recipe,
        params: &Params,
        moments: &Moments,
        precision: Precision,
    ) -> Result<Self, GpuError> {
        let pool = Pool::new(queue);
        let slices = network.slices(params)?;
        let specs = &network.layout().params;
        let sizes = specs.iter().zip(&slices).map(|(spec, values)| (spec.role, values.len()));
        let placement = Rc::new(Placement::new(sizes)?);
        let count = recipe.optimiser.rule.moments();
        let before: Vec<Vec<Vec<f32>>> = match moments.tables.len() {
            0 => vec![slices.iter().map(|p| vec![0.0; p.len()]).collect(); count],
            n if n == count => {
                let table = |t| Ok(network.slices(t)?.into_iter().map(<[f32]>::to_vec).collect());
                moments.tables.iter().map(table).collect::<Result<_, GpuError>>()?
            }
            found => {
                let what = "moments of a parameter".to_owned();
                return Err(GpuError::Size { what, expected: count.to_string(), found: found.to_string() });
            }
        };
        let moment = |table: &Vec<Vec<f32>>| Flat::new(&pool, placement.clone(), table);
        let (n, dropout) = (recipe.batch, network.drops());
        let taught = Taught::new(&pool, network, &recipe.teaching, n, &placement, precision)?;
        let examples = &recipe.examples;
        let tables = Tables::new(&pool, examples.images.len() / n.max(1), n, dropout)?;
        // No step before the first epoch has begun.
        let (read, queued) = (tables.steps, tables.steps);
        let step = Step {
            network,
            recipe,
            data: Resident::new(&pool, &examples.images, &examples.normalisation)?,
            labels: pool.take(4 * n)?,
            seeds: dropout.then(|| pool.take(8 * n)).transpose()?,
            weights: Weights::new(&pool, placement.clone(), &slices, precision)?,
            moments: before.iter().map(moment).collect::<Result<_, _>>()?,
            own_loss: OwnLoss::new(&pool, &recipe.teaching, n, network.classes())?,
            taught,
            tables,
            pool,
        };
        let gradients = Gradients::new(&step.pool, placement)?;
        let (captured, updates) = (Vec::new(), moments.updates);
        Ok(Self { step, gradients, prepared: None, captured, warm: false, updates, read, queued })
    }

    /// Writes the tables of an epoch, of which `within` steps are done.
    ///
    /// # Errors
    /// The queue's.
    pub(super) fn begin(&mut self, epoch: u64, within: usize) -> Result<(), GpuError> {
        if within > self.step.tables.steps {
            return Err(beyond(self.step.tables.steps, within));
        }
        let prepared = match self.prepared.take() {
            Some(prepared) if prepared.epoch == epoch => prepared,
            _ => self.step.tables.prepare(self.step.recipe, epoch),
        };
        self.step.tables.begin(&self.step.pool, self.step.recipe, &prepared, within, self.updates)?;
        (self.read, self.queued) = (within, within);
        Ok(())
    }

    /// Makes an epoch's tables ready on the host, for [`Stepper::begin`]; worth its while as long as the device
    /// works on steps that are in its queue.
    pub(super) fn prepare(&mut self, epoch: u64) {
        self.prepared = Some(self.step.tables.prepare(self.step.recipe, epoch));
    }

    /// Puts the next step of the epoch into the queue. The second step is captured; it and all later ones are
    /// replays.
    ///
    /// # Errors
    /// [`GpuError::Size`] where no epoch has begun or it has no further step, and the queue's.
    pub(super) fn step(&mut self) -> Result<(), GpuError> {
        if self.queued >= self.step.tables.steps {
            return Err(beyond(self.step.tables.steps, self.queued + 1));
        }
        if !self.warm {
            let forward = self.step.forward()?;
            self.step.judge(self.queued)?;
            self.step.reverse(forward, &mut self.gradients)?;
            self.warm = true;
        } else {
            if self.captured.is_empty() {
                self.captured = self.capture()?;
            }
            for (half, captured) in self.captured.iter().enumerate() {
                if half == 1 {
                    self.step.judge(self.queued)?;
                }
                captured.replay()?;
            }
        }
        self.queued += 1;
        Ok(())
    }

    fn capture(&mut self) -> Result<Vec<Captured>, GpuError> {
        let Self { step, gradients, .. } = self;
        if step.own_loss.is_none() {
            let whole = step.pool.capture(&mut || step.reverse(step.forward()?, gradients))?;
            return Ok(vec![whole]);
        }
        let mut between = None;
        let first = step.pool.capture(&mut || {
            between = Some(step.forward()?);
            Ok(())
        })?;
        let second = step.pool.capture(&mut || match between.take() {
            Some(forward) => step.reverse(forward, gradients),
            None => Err(GpuError::Captured { what: "a reverse pass without its forward pass".into() }),
        })?;
        Ok(vec![first, second])
    }

    /// What became of the steps since the last call; waits for them. After one that failed there are no more.
    ///
    /// # Errors
    /// The queue's.
    pub(super) fn sums(&mut self) -> Result<Vec<StepSum>, GpuError> {
        if self.read == self.queued {
            return Ok(Vec::new());
        }
        let records = self.step.tables.records(&self.step.pool, self.read, self.queued)?;
        self.read = self.queued;
        let sums: Vec<StepSum> = records
            .iter()
            .take_while(|record| record.done)
            .map(|record| StepSum {
                loss: record.loss,
                correct: u64::from(record.correct),
                finite: !record.refused,
                usable: !record.overflowed,
            })
            .collect();
        self.updates += sums.iter().filter(|sum| sum.finite).count() as u64;
        Ok(sums)
    }

    /// Parameters and moments as plain arrays; waits for all steps.
    ///
    /// # Errors
    /// The queue's.
    pub(super) fn tables(&self) -> Result<(Params, Moments), GpuError> {
        let table = |arrays| self.step.network.table(arrays).map_err(GpuError::from);
        let params = table(self.step.weights.read(&self.step.pool)?)?;
        let moments = self.step.moments.iter().map(|m| table(m.read(&self.step.pool)?));
        Ok((params, Moments { tables: moments.collect::<Result<_, _>>()?, updates: self.updates }))
    }
}

fn beyond(steps: usize, found: usize) -> GpuError {
    let what = "a step of an epoch".to_owned();
    GpuError::Size { what, expected: format!("1..={steps}"), found: found.to_string() }
}
