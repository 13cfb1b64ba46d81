//! One training step, on a whole batch: its gradient, and the update.

use crate::Variables;
use crate::derivative::Derivative;
use crate::evaluator::logits_of;
use crate::layers::with_seeds;
use crate::module::Module;
use crate::variables::values;
use basin_core::Params;
use basin_kernels::ops::edit;
use basin_kernels::reuse;
use basin_models::Network;
use basin_train::{
    Batch, Moments, Optimiser, StepSum, Teacher, Teaching, learn, squared_length_on_all_cores,
};
use candle_core::{Device, Result, Tensor, Var};
use candle_nn::ModuleT;
use std::fmt;
use std::sync::Arc;

/// A module in training, with its optimiser's moments.
pub struct Stepper<'a> {
    network: &'a Network,
    optimiser: Optimiser,
    device: Device,
    derivative: Derivative<'a>,
    /// Each on variables of its own.
    teachers: Vec<(Arc<Teacher>, Box<dyn ModuleT>)>,
    /// `[parameter][moment]`.
    moments: Vec<Vec<Vec<f32>>>,
    updates: u64,
}

impl fmt::Debug for Stepper<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stepper")
            .field("module", self.derivative.module())
            .field("updates", &self.updates)
            .finish_non_exhaustive()
    }
}

impl<'a> Stepper<'a> {
    /// Takes parameters and moments of a network, and the teachers that its steps will ask.
    ///
    /// # Errors
    /// When they do not have the network's layout; [`crate::ModuleError::NotRepeatable`].
    pub fn new(
        network: &'a Network,
        params: &Params,
        moments: &Moments,
        optimiser: Optimiser,
        teachers: &[Arc<Teacher>],
        device: &Device,
    ) -> Result<Self> {
        let module = Module::of(network)?;
        let teacher = |teacher: &Arc<Teacher>| {
            let variables = Variables::new(module.name(), network, teacher.params(), device)?;
            Ok((Arc::clone(teacher), module.on(&variables.without_graph(), device)?))
        };
        let teachers = teachers.iter().map(teacher).collect::<Result<_>>()?;
        let by_parameter = moments.by_parameter(network, optimiser.rule.moments())?;
        let (updates, moments, device) = (moments.updates, by_parameter, device.clone());
        let derivative = Derivative::new(network, params, &device)?;
        Ok(Self { network, optimiser, device, derivative, teachers, moments, updates })
    }

    /// Parameters and moments as plain arrays.
    ///
    /// # Errors
    /// The device's.
    pub fn tables(&self) -> Result<(Params, Moments)> {
        let params = self.derivative.variables().params(self.network)?;
        let count = self.optimiser.rule.moments();
        Ok((params, Moments::of(self.network, &self.moments, count, self.updates)?))
    }

    /// One update at a learning rate, on the whole batch at once.
    ///
    /// # Errors
    /// [`crate::ModuleError`], as an error of candle's, and candle's own. Parameters and running statistics are as before then.
    pub fn step(&mut self, batch: Batch<'_>, teaching: &Teaching, rate: f64) -> Result<StepSum> {
        // A forward pass in training moves the running statistics; a step that is refused must not.
        let statistics = self.derivative.statistics()?;
        let done = match self.derivative.taped() {
            true => reuse::keeping(|| self.update(batch, teaching, rate)),
            false => self.update(batch, teaching, rate),
        };
        if !done.as_ref().is_ok_and(|sum| sum.finite) {
            self.derivative.restore(&statistics)?;
        }
        done
    }

    fn update(&mut self, batch: Batch<'_>, teaching: &Teaching, rate: f64) -> Result<StepSum> {
        let (n, classes) = (batch.labels.len(), self.network.classes());
        let (module, extent) = (self.derivative.module(), self.network.extent());
        let known = |teacher: &Teacher| {
            self.teachers.iter().find(|(known, _)| std::ptr::eq(Arc::as_ptr(known), teacher))
        };
        let ask = |teacher: &Teacher, images: &[f32]| match known(teacher) {
            Some((_, built)) => logits_of(module, &**built, images, extent, &self.device),
            None => candle_core::bail!("a teacher that the stepper was not made with"),
        };
        let taught = |logits: &[f32]| learn(teaching, classes, logits, batch, 1.0 / n as f32, &ask);
        let pass = |x: &Tensor| with_seeds(batch.dropout_seeds, || self.derivative.logits(x));
        let (sum, mut gradients) = self.derivative.of(batch.images, pass, taught)?;
        let lengths = gradients.iter().flatten().map(|gradient| squared_length_on_all_cores(gradient));
        let squares: f64 = lengths.sum();
        let finite = sum.loss.is_finite() && squares.is_finite();
        let usable = !finite || self.apply(&mut gradients, rate, squares.sqrt())?;
        gradients.into_iter().flatten().for_each(reuse::give_back);
        Ok(StepSum { loss: sum.loss, correct: sum.correct as u64, finite, usable })
    }

    /// Clips and applies gradients of length `norm`; returns whether all stayed finite.
    fn apply(&mut self, gradients: &mut [Option<Vec<f32>>], rate: f64, norm: f64) -> Result<bool> {
        self.updates += 1;
        let (rule, shrink, mut usable) = (self.optimiser.rule, self.optimiser.shrink(norm), true);
        for ((var, moments), gradient) in
            self.derivative.variables().vars().iter().zip(&mut self.moments).zip(gradients)
        {
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
