//! The steps of a segment by candle's autograd, each on a whole batch.

use crate::evaluator::logits_of;
use crate::module::{Module, input};
use crate::variables::values;
use crate::{ModuleError, Variables};
use basin_core::Params;
use basin_kernels::Role;
use basin_kernels::ops::edit;
use basin_models::Network;
use basin_train::{
    Batch, Batches, Moments, Recipe, Segment, StepSum, Teacher, TrainError, Trainer, learn, squared_length,
};
use candle_core::backprop::GradStore;
use candle_core::{Device, Result, Tensor, Var};
use candle_nn::ModuleT;
use std::sync::Arc;

pub(crate) struct CandleTrainer<'a> {
    network: &'a Network,
    recipe: &'a Recipe,
    device: Device,
    module: &'a Module,
    built: Box<dyn ModuleT>,
    variables: Variables,
    /// The recipe's teachers, each on variables of its own.
    teachers: Vec<(&'a Teacher, Box<dyn ModuleT>)>,
    /// `[parameter][moment]`.
    moments: Vec<Vec<Vec<f32>>>,
    updates: u64,
    batches: Batches,
    per_epoch: u64,
    step: u64,
    end: u64,
}

impl<'a> CandleTrainer<'a> {
    pub(crate) fn new(
        network: &'a Network,
        recipe: &'a Recipe,
        segment: &Segment,
        device: &Device,
    ) -> std::result::Result<Self, TrainError> {
        let (per_epoch, end) = basin_train::extent(network, recipe, segment)?;
        let (module, state) = (Module::of(network)?, &segment.state);
        module.check_batch(network, recipe.batch)?;
        let variables = Variables::new(module.name(), network, &network.slices(&state.params)?, device)?;
        let built = module.on(&variables, device)?;
        let teacher = |teacher: &'a Arc<Teacher>| {
            let variables = Variables::new(module.name(), network, teacher.params(), device)?;
            Ok((&**teacher, module.on(&variables, device)?))
        };
        let teachers = recipe.teaching.teachers().iter().map(teacher).collect::<Result<_>>()?;
        let batches = Batches::new(recipe, state.step..end, false);
        let moments = state.moments.by_parameter(network, recipe.optimiser.rule.moments())?;
        let (updates, step, device) = (state.moments.updates, state.step, device.clone());
        Ok(Self {
            network,
            recipe,
            device,
            module,
            built,
            variables,
            teachers,
            moments,
            updates,
            batches,
            per_epoch,
            step,
            end,
        })
    }

    /// One update at a learning rate.
    fn update(&mut self, batch: Batch<'_>, rate: f64) -> Result<StepSum> {
        let (n, classes) = (batch.labels.len(), self.network.classes());
        let x = input(batch.images, self.network.side(), &self.device)?;
        // A forward pass in training moves the running statistics; a step that is refused must not.
        let statistics = self.statistics()?;
        let logits = self.module.logits(&*self.built, &x, true)?;
        let ask = |teacher: &Teacher, images: &[f32]| match self
            .teachers
            .iter()
            .find(|(known, _)| std::ptr::eq(*known, teacher))
        {
            Some((_, built)) => logits_of(self.module, &**built, images, self.network.side(), &self.device),
            None => candle_core::bail!("a teacher that the recipe does not have"),
        };
        let host = values(&logits)?;
        let sum = learn(&self.recipe.teaching, classes, &host, batch, 1.0 / n as f32, &ask)?;
        // The loss's own gradient is known; candle carries it back through the module.
        let gradient = Tensor::from_slice(&sum.gradient, (n, classes), &self.device)?;
        let store = (&logits * &gradient)?.sum_all()?.backward()?;
        let mut gradients = self.gradients(&store)?;
        let squares: f64 = gradients.iter().flatten().map(|gradient| squared_length(gradient)).sum();
        let finite = sum.loss.is_finite() && squares.is_finite();
        let usable = match finite {
            true => self.apply(&mut gradients, rate, squares.sqrt())?,
            false => {
                statistics.iter().try_for_each(|(place, kept)| self.variables.vars()[*place].set(kept))?;
                true
            }
        };
        Ok(StepSum { loss: sum.loss, correct: sum.correct as u64, finite, usable })
    }

    /// The running statistics, with their places.
    fn statistics(&self) -> Result<Vec<(usize, Tensor)>> {
        let specs = self.network.layout().params.iter().enumerate();
        let statistics = specs.filter(|(_, spec)| spec.role == Role::Statistic);
        statistics.map(|(place, _)| Ok((place, self.variables.vars()[place].as_tensor().copy()?))).collect()
    }

    /// The gradients in the layout's order, none for running statistics.
    fn gradients(&self, store: &GradStore) -> Result<Vec<Option<Vec<f32>>>> {
        let one = |(spec, var): (&basin_models::ParamSpec, &Var)| match (spec.role, store.get(var)) {
            (Role::Statistic, _) => Ok(None),
            (_, Some(gradient)) => values(gradient).map(Some),
            (_, None) => {
                let (module, name) = (self.module.name().to_owned(), spec.name.clone());
                Err(ModuleError::NoGradient { module, name }.into())
            }
        };
        self.network.layout().params.iter().zip(self.variables.vars()).map(one).collect()
    }

    /// Clips and applies gradients of length `norm`; returns whether all stayed finite.
    fn apply(&mut self, gradients: &mut [Option<Vec<f32>>], rate: f64, norm: f64) -> Result<bool> {
        self.updates += 1;
        let (rule, shrink, mut usable) =
            (self.recipe.optimiser.rule, self.recipe.optimiser.shrink(norm), true);
        for ((var, moments), gradient) in self.variables.vars().iter().zip(&mut self.moments).zip(gradients) {
            let Some(gradient) = gradient else { continue };
            if let Some(shrink) = shrink {
                gradient.iter_mut().for_each(|g| *g *= shrink);
            }
            usable &= with_values(var, |param| rule.update(rate, self.updates, param, moments, gradient))?;
        }
        Ok(usable)
    }
}

/// Hands a variable's values to a function that changes them: in place on a CPU, by way of the host elsewhere.
fn with_values<R>(var: &Var, change: impl FnOnce(&mut [f32]) -> R) -> Result<R> {
    if var.device().is_cpu() {
        return edit(var, change);
    }
    let mut host = values(var)?;
    let result = change(&mut host);
    var.set(&Tensor::from_slice(&host, var.shape(), var.device())?)?;
    Ok(result)
}

impl Trainer for CandleTrainer<'_> {
    fn step(&mut self) -> std::result::Result<Vec<StepSum>, TrainError> {
        let (step, end) = (self.step, self.end);
        if step >= end {
            return Err(TrainError::Beyond { step: step + 1, end });
        }
        let Some(batch) = self.batches.next() else {
            let cause = self.batches.end().unwrap_or_default();
            return Err(TrainError::Assembly { step, cause });
        };
        let rate = self.recipe.schedule.rate(step, self.per_epoch);
        let sum = self.update(batch.batch(), rate)?;
        self.batches.give_back(batch);
        self.step += 1;
        Ok(vec![sum])
    }

    fn wait(&mut self) -> std::result::Result<Vec<StepSum>, TrainError> {
        Ok(Vec::new())
    }

    fn tables(&self) -> std::result::Result<(Params, Moments), TrainError> {
        let params = self.variables.params(self.network)?;
        let count = self.recipe.optimiser.rule.moments();
        Ok((params, Moments::of(self.network, &self.moments, count, self.updates)?))
    }
}
