//! One training step by candle's autograd, on a whole batch.

use crate::evaluator::logits_of;
use crate::layers::with_seeds;
use crate::module::{Module, input};
use crate::ops::{Gradients, recorded};
use crate::variables::values;
use crate::{ModuleError, Variables};
use basin_core::Params;
use basin_kernels::ops::edit;
use basin_kernels::{Role, reuse};
use basin_models::{Network, ParamSpec};
use basin_train::{
    Batch, Moments, Optimiser, StepSum, Teacher, Teaching, learn, squared_length_on_all_cores,
};
use candle_core::backprop::GradStore;
use candle_core::{Device, Result, Tensor, Var};
use candle_nn::ModuleT;
use std::fmt;
use std::sync::Arc;

/// A module in training, with its optimiser's moments.
pub struct Stepper<'a> {
    network: &'a Network,
    optimiser: Optimiser,
    device: Device,
    module: Module,
    built: Box<dyn ModuleT>,
    variables: Variables,
    /// Each on variables of its own.
    teachers: Vec<(Arc<Teacher>, Box<dyn ModuleT>)>,
    /// `[parameter][moment]`.
    moments: Vec<Vec<Vec<f32>>>,
    updates: u64,
    /// Whether the reverse pass is that of a tape of ours: where all that works on variables is ours.
    taped: bool,
}

impl fmt::Debug for Stepper<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stepper")
            .field("module", &self.module)
            .field("updates", &self.updates)
            .finish_non_exhaustive()
    }
}

impl<'a> Stepper<'a> {
    /// Takes parameters and moments of a network, and the teachers that its steps will ask.
    ///
    /// # Errors
    /// When they do not have the network's layout; [`ModuleError::NotRepeatable`].
    pub fn new(
        network: &'a Network,
        params: &Params,
        moments: &Moments,
        optimiser: Optimiser,
        teachers: &[Arc<Teacher>],
        device: &Device,
    ) -> Result<Self> {
        let module = Module::of(network)?;
        let variables = Variables::new(module.name(), network, &network.slices(params)?, device)?;
        let built = module.on(&variables, device)?;
        let teacher = |teacher: &Arc<Teacher>| {
            let variables = Variables::new(module.name(), network, teacher.params(), device)?;
            Ok((Arc::clone(teacher), module.on(&variables.without_graph(), device)?))
        };
        let teachers = teachers.iter().map(teacher).collect::<Result<_>>()?;
        let by_parameter = moments.by_parameter(network, optimiser.rule.moments())?;
        let (updates, moments, device) = (moments.updates, by_parameter, device.clone());
        let taped = false;
        let mut stepper =
            Self { network, optimiser, device, module, built, variables, teachers, moments, updates, taped };
        stepper.taped = stepper.check_repeatable()?;
        Ok(stepper)
    }

    /// Parameters and moments as plain arrays.
    ///
    /// # Errors
    /// The device's.
    pub fn tables(&self) -> Result<(Params, Moments)> {
        let params = self.variables.params(self.network)?;
        let count = self.optimiser.rule.moments();
        Ok((params, Moments::of(self.network, &self.moments, count, self.updates)?))
    }
}

/// Images of the trial that tells whether passes can be repeated.
const TRIAL: usize = 4;

impl Drop for Stepper<'_> {
    fn drop(&mut self) {
        reuse::release();
    }
}

impl Stepper<'_> {
    /// Refuses modules that draw from a generator of their own; tells whether a tape can walk this one back. A module that
    /// fails is told of at its first step.
    fn check_repeatable(&self) -> Result<bool> {
        let extent = self.network.extent();
        // Values without much pattern, so that hardly any unit is idle.
        let pixels = (0..TRIAL * extent.values()).map(|i| (i * 7919 % 2003) as f32 / 1001.0 - 1.0);
        let x = input(&pixels.collect::<Vec<f32>>(), extent, &self.device)?;
        let kept = self.statistics()?;
        let pass = || -> Option<(Vec<u32>, bool)> {
            let seeds: Vec<u64> = (0..TRIAL as u64).collect();
            let logits = recorded(|| with_seeds(&seeds, || self.module.logits(&*self.built, &x, true)));
            self.restore(&kept).ok()?;
            let (logits, tape) = logits.ok()?;
            let bits = values(&logits).ok()?.into_iter().map(f32::to_bits).collect();
            Some((bits, !tape.mixed()))
        };
        match (pass(), pass()) {
            (Some((once, _)), Some((again, _))) if once != again => {
                Err(ModuleError::NotRepeatable { module: self.module.name().to_owned() }.into())
            }
            (first, _) => Ok(first.is_some_and(|(_, ours)| ours)),
        }
    }

    /// One update at a learning rate, on the whole batch at once.
    ///
    /// # Errors
    /// [`ModuleError`], as an error of candle's, and candle's own. Parameters and running statistics are as before then.
    pub fn step(&mut self, batch: Batch<'_>, teaching: &Teaching, rate: f64) -> Result<StepSum> {
        // A forward pass in training moves the running statistics; a step that is refused must not.
        let statistics = self.statistics()?;
        let done = match self.taped {
            true => reuse::keeping(|| self.update(batch, teaching, rate)),
            false => self.update(batch, teaching, rate),
        };
        if !done.as_ref().is_ok_and(|sum| sum.finite) {
            self.restore(&statistics)?;
        }
        done
    }

    fn update(&mut self, batch: Batch<'_>, teaching: &Teaching, rate: f64) -> Result<StepSum> {
        let (n, classes) = (batch.labels.len(), self.network.classes());
        let x = input(batch.images, self.network.extent(), &self.device)?;
        let pass = || with_seeds(batch.dropout_seeds, || self.module.logits(&*self.built, &x, true));
        let (logits, tape) = match self.taped {
            true => recorded(pass).map(|(logits, tape)| (logits, Some(tape)))?,
            false => (pass()?, None),
        };
        let known = |teacher: &Teacher| {
            self.teachers.iter().find(|(known, _)| std::ptr::eq(Arc::as_ptr(known), teacher))
        };
        let ask = |teacher: &Teacher, images: &[f32]| match known(teacher) {
            Some((_, built)) => {
                logits_of(&self.module, &**built, images, self.network.extent(), &self.device)
            }
            None => candle_core::bail!("a teacher that the stepper was not made with"),
        };
        let host = values(&logits)?;
        let sum = learn(teaching, classes, &host, batch, 1.0 / n as f32, &ask)?;
        // The loss's own gradient is known, and carried back through the module.
        let mut gradients = match tape {
            Some(tape) => self.in_order(tape.backward(&logits, sum.gradient)?)?,
            None => {
                let gradient = Tensor::from_vec(sum.gradient, (n, classes), &self.device)?;
                self.gradients(&(&logits * &gradient)?.sum_all()?.backward()?)?
            }
        };
        let lengths = gradients.iter().flatten().map(|gradient| squared_length_on_all_cores(gradient));
        let squares: f64 = lengths.sum();
        let finite = sum.loss.is_finite() && squares.is_finite();
        let usable = !finite || self.apply(&mut gradients, rate, squares.sqrt())?;
        gradients.into_iter().flatten().for_each(reuse::give_back);
        Ok(StepSum { loss: sum.loss, correct: sum.correct as u64, finite, usable })
    }

    /// The running statistics, with their places.
    fn statistics(&self) -> Result<Vec<(usize, Tensor)>> {
        let specs = self.network.layout().params.iter().enumerate();
        let statistics = specs.filter(|(_, spec)| spec.role == Role::Statistic);
        statistics.map(|(place, _)| Ok((place, self.variables.vars()[place].as_tensor().copy()?))).collect()
    }

    fn restore(&self, statistics: &[(usize, Tensor)]) -> Result<()> {
        statistics.iter().try_for_each(|(place, kept)| self.variables.vars()[*place].set(kept))
    }

    /// Those of candle's graph in the layout's order, none for running statistics.
    fn gradients(&self, store: &GradStore) -> Result<Vec<Option<Vec<f32>>>> {
        self.of_parameters(|var| store.get(var).map(values).transpose())
    }

    /// Those of a tape.
    fn in_order(&self, mut gradients: Gradients) -> Result<Vec<Option<Vec<f32>>>> {
        self.of_parameters(|var| Ok(gradients.take(var)))
    }

    fn of_parameters(
        &self,
        mut gradient: impl FnMut(&Var) -> Result<Option<Vec<f32>>>,
    ) -> Result<Vec<Option<Vec<f32>>>> {
        let one = |(spec, var): (&ParamSpec, &Var)| match (spec.role, gradient(var)?) {
            (Role::Statistic, _) => Ok(None),
            (_, Some(gradient)) => Ok(Some(gradient)),
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
        let (rule, shrink, mut usable) = (self.optimiser.rule, self.optimiser.shrink(norm), true);
        for ((var, moments), gradient) in self.variables.vars().iter().zip(&mut self.moments).zip(gradients) {
            let Some(gradient) = gradient else { continue };
            if let Some(shrink) = shrink {
                gradient.iter_mut().for_each(|g| *g *= shrink);
            }
            usable &= with_values(var, |param| {
                rule.update_on_all_cores(rate, self.updates, param, moments, gradient)
            })?;
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
