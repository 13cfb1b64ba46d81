//! One network in training on the device.

use super::epoch::{Resident, Tables};
use crate::{Moments, Optimiser, Recipe, Rule, StepSum, Teaching};
use basin_core::{Array, Params};
use basin_kernels::Dims;
use basin_kernels::gpu::loss::{Loss, Teacher, Together};
use basin_kernels::gpu::{
    Activation, Block, Captured, Flat, GpuError, Gradients, Inference, Placement, Pool, Precision, Queue,
    Tape, Weights, augment, elementwise, optim,
};
use basin_models::Network;
use std::rc::Rc;

/// As [`crate::Stepper`], with parameters, moments, gradients and the data set in the device's memory.
///
/// [`DeviceStepper::begin`] writes an epoch's tables; [`DeviceStepper::step`] puts a step into the queue and
/// returns; [`DeviceStepper::sums`] waits for those that were put there.
pub struct DeviceStepper<'a> {
    network: &'a Network,
    recipe: &'a Recipe,
    /// The stepper's own: captured work uses memory that lies free in it between two steps.
    pool: Pool,
    data: Resident,
    tables: Tables,
    labels: Block,
    seeds: Option<Block>,
    weights: Weights,
    moments: Vec<Flat>,
    gradients: Gradients,
    taught: Option<Taught>,
    /// The step as captured work; none before the second.
    captured: Option<Captured>,
    warm: bool,
    /// Updates before the epoch's tables, steps of the epoch read, and put into the queue.
    updates: u64,
    read: usize,
    queued: usize,
}

/// Teachers on the device.
struct Taught {
    teachers: Vec<Weights>,
    /// Their logits, or those of their mean, f32.
    logits: Block,
    label_weight: f32,
    temperature: f32,
}

impl std::fmt::Debug for DeviceStepper<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceStepper").field("device", &self.pool.queue().device()).finish()
    }
}

impl<'a> DeviceStepper<'a> {
    /// Puts data set, parameters, moments and teachers on the device.
    ///
    /// # Errors
    /// [`GpuError::Unsupported`] for a loss that is given as code of the processor, and those of sizes and memory.
    pub fn new(
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
        let (n, dropout) = (recipe.batch, network.dropout() > 0.0);
        let taught = Taught::new(&pool, network, recipe, &placement, precision)?;
        let examples = &recipe.examples;
        let tables = Tables::new(&pool, examples.images.len() / n.max(1), n, dropout)?;
        Ok(Self {
            network,
            recipe,
            data: Resident::new(&pool, &examples.images, &examples.normalisation)?,
            labels: pool.take(4 * n)?,
            seeds: dropout.then(|| pool.take(8 * n)).transpose()?,
            weights: Weights::new(&pool, placement.clone(), &slices, precision)?,
            moments: before.iter().map(moment).collect::<Result<_, _>>()?,
            gradients: Gradients::new(&pool, placement)?,
            taught,
            captured: None,
            warm: false,
            updates: moments.updates,
            // No step before the first epoch has begun.
            read: tables.steps,
            queued: tables.steps,
            tables,
            pool,
        })
    }

    /// Writes the tables of an epoch, of which `within` steps are done.
    ///
    /// # Errors
    /// The queue's.
    pub fn begin(&mut self, epoch: u64, within: usize) -> Result<(), GpuError> {
        if within > self.tables.steps {
            return Err(beyond(self.tables.steps, within));
        }
        self.tables.begin(&self.pool, self.recipe, epoch, within, self.updates)?;
        (self.read, self.queued) = (within, within);
        Ok(())
    }

    /// Puts the next step of the epoch into the queue. The second step is captured; it and all later ones are
    /// replays.
    ///
    /// # Errors
    /// [`GpuError::Size`] where no epoch has begun or it has no further step, and the queue's.
    pub fn step(&mut self) -> Result<(), GpuError> {
        if self.queued >= self.tables.steps {
            return Err(beyond(self.tables.steps, self.queued + 1));
        }
        if !self.warm {
            self.launch()?;
            self.warm = true;
        } else {
            let graph = match self.captured.take() {
                Some(graph) => graph,
                None => self.pool.clone().capture(&mut || self.launch())?,
            };
            self.captured.insert(graph).replay()?;
        }
        self.queued += 1;
        Ok(())
    }

    /// What became of the steps since the last call; waits for them. After one that failed there are no more.
    ///
    /// # Errors
    /// The queue's.
    pub fn sums(&mut self) -> Result<Vec<StepSum>, GpuError> {
        let records = self.tables.records(&self.pool, self.read, self.queued)?;
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
    pub fn tables(&self) -> Result<(Params, Moments), GpuError> {
        let table = |arrays: Vec<Vec<f32>>| {
            let entries = self.network.layout().shapes().into_iter().zip(arrays);
            let entry = |((name, shape), values)| {
                let array = Array::new(shape, values).map_err(candle_core::Error::wrap)?;
                Ok((name, array))
            };
            entries.map(entry).collect::<Result<Params, GpuError>>()
        };
        let params = table(self.weights.read(&self.pool)?)?;
        let moments = self.moments.iter().map(|m| table(m.read(&self.pool)?));
        Ok((params, Moments { tables: moments.collect::<Result<_, _>>()?, updates: self.updates }))
    }

    /// The launches of one step.
    fn launch(&mut self) -> Result<(), GpuError> {
        let (pool, network, n) = (&self.pool, self.network, self.recipe.batch);
        let (storage, classes) = (self.weights.precision().storage(), network.classes());
        let dims = Dims::new(n, network.side(), network.side(), 3);
        let images = Rc::new(Activation { dims, block: pool.take(dims.len() * storage.bytes())? });
        let seeds = self.seeds.as_ref().map(Block::span);
        let (labels, at) = (self.labels.span(), images.block.span());
        let to = augment::Batch { images: at, storage, labels, seeds };
        self.data.set().batch(pool.queue(), self.tables.epoch(), to, self.tables.progress())?;
        if let Some(taught) = &self.taught {
            taught.launch(pool, network, &images)?;
        }
        let Ok(images) = Rc::try_unwrap(images) else {
            return Err(GpuError::Network { found: "a teacher kept its images".into() });
        };
        let mut tape = Tape::new(pool, &self.weights, seeds);
        let input = tape.input(images);
        let output = network.forward(&mut tape, &input)?;
        let gradient = pool.take(n * classes * storage.bytes())?;
        let teacher = self.taught.as_ref().map(|taught| Teacher {
            logits: taught.logits.span(),
            label_weight: taught.label_weight,
            temperature: taught.temperature,
        });
        let loss = Loss { storage, rows: n, classes, labels, scale: 1.0 / n as f32, teacher };
        loss.run(pool, tape.value(output)?.block.span(), gradient.span(), self.tables.progress())?;
        self.gradients.clear();
        tape.backward(output, gradient, &mut self.gradients)?;
        let moments: Vec<_> = self.moments.iter().map(Flat::span).collect();
        let arrays = optim::Arrays {
            n: self.weights.placement().values(),
            params: self.weights.flat(),
            gradient: self.gradients.span(),
            moments: &moments,
            copy: self.weights.copy(),
            rates: self.tables.rates.span(),
        };
        optim::update(pool, arrays, rule(&self.recipe.optimiser), self.tables.progress())
    }
}

fn beyond(steps: usize, found: usize) -> GpuError {
    let what = "a step of an epoch".to_owned();
    GpuError::Size { what, expected: format!("1..={steps}"), found: found.to_string() }
}

/// The rule's coefficients as the device takes them.
fn rule(optimiser: &Optimiser) -> optim::Rule {
    match optimiser.rule {
        Rule::Sgd { momentum, l2 } => optim::Rule::Sgd { momentum: momentum as f32, l2: l2 as f32 },
        Rule::Adam { beta1, beta2, epsilon, l2, .. } => optim::Rule::Adam {
            betas: [beta1 as f32, beta2 as f32],
            rests: [(1.0 - beta1) as f32, (1.0 - beta2) as f32],
            epsilon: epsilon as f32,
            l2: l2 as f32,
        },
    }
}

impl Taught {
    fn new(
        pool: &Pool,
        network: &Network,
        recipe: &Recipe,
        placement: &Rc<Placement>,
        precision: Precision,
    ) -> Result<Option<Self>, GpuError> {
        let (teachers, label_weight, temperature) = match &recipe.teaching {
            Teaching::Labels => return Ok(None),
            // Kept targets are what the teachers would say again: on the device they say it again.
            Teaching::Teachers { teachers, label_weight, temperature, .. } => {
                (teachers, label_weight, temperature)
            }
            Teaching::Custom { objective, .. } => {
                return Err(GpuError::Unsupported { what: format!("the loss {:?}", objective.id()) });
            }
        };
        let teacher = |teacher: &std::sync::Arc<crate::Teacher>| {
            Weights::new(pool, placement.clone(), teacher.params(), precision)
        };
        Ok(Some(Self {
            teachers: teachers.iter().map(teacher).collect::<Result<_, _>>()?,
            logits: pool.take(4 * recipe.batch * network.classes())?,
            label_weight: *label_weight as f32,
            temperature: *temperature as f32,
        }))
    }

    /// The teachers' logits on a batch.
    fn launch(&self, pool: &Pool, network: &Network, images: &Rc<Activation>) -> Result<(), GpuError> {
        let (queue, rows, classes) = (pool.queue(), images.dims.images, network.classes());
        let to = self.logits.span();
        for (i, weights) in self.teachers.iter().enumerate() {
            let storage = weights.precision().storage();
            let logits = network.forward(&mut Inference::new(pool, weights), images)?;
            if self.teachers.len() == 1 {
                return elementwise::widen(queue, storage, to, logits.block.span(), rows * classes);
            }
            let together = Together { storage, rows, classes, temperature: self.temperature, to };
            together.add(queue, logits.block.span(), i == 0)?;
            if i + 1 == self.teachers.len() {
                together.finish(queue, self.teachers.len())?;
            }
        }
        Ok(())
    }
}
