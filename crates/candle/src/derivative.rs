//! Gradients of a whole batch's loss in a module's variables: by our tape, or by candle's autograd.

use crate::layers::with_seeds;
use crate::module::{Module, input};
use crate::ops::{Flow, Gradients, recorded};
use crate::variables::values;
use crate::{ModuleError, Variables};
use basin_core::Params;
use basin_graph::Role;
use basin_kernels::loss::LossSum;
use basin_kernels::reuse;
use basin_models::{Network, ParamSpec};
use candle_core::backprop::GradStore;
use candle_core::{Device, Result, Tensor, Var};
use candle_nn::ModuleT;

/// A module on variables of its own, in training.
pub(crate) struct Derivative<'a> {
    network: &'a Network,
    device: Device,
    module: Module,
    built: Box<dyn ModuleT>,
    variables: Variables,
    /// Whether the reverse pass is that of a tape of ours: where all that works on variables is ours.
    taped: bool,
}

/// In the layout's order; none for running statistics.
type ByParameter = Vec<Option<Vec<f32>>>;

/// Images of the trial that tells whether passes can be repeated.
const TRIAL: usize = 4;

impl Drop for Derivative<'_> {
    fn drop(&mut self) {
        reuse::release();
    }
}

impl<'a> Derivative<'a> {
    /// # Errors
    /// When the parameters do not have the network's layout; [`ModuleError::NotRepeatable`].
    pub(crate) fn new(network: &'a Network, params: &Params, device: &Device) -> Result<Self> {
        let module = Module::of(network)?;
        let variables = Variables::new(module.name(), network, &network.slices(params)?, device)?;
        let built = module.on(&variables, device)?;
        let mut made = Self { network, device: device.clone(), module, built, variables, taped: false };
        made.taped = made.check_repeatable()?;
        Ok(made)
    }

    pub(crate) fn module(&self) -> &Module {
        &self.module
    }

    pub(crate) fn variables(&self) -> &Variables {
        &self.variables
    }

    pub(crate) fn taped(&self) -> bool {
        self.taped
    }

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
            let logits = recorded(|| with_seeds(&seeds, || self.logits(&x)));
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

    /// Logits of images `[n, channels, side, side]` as in training.
    pub(crate) fn logits(&self, x: &Tensor) -> Result<Tensor> {
        self.module.logits(&*self.built, x, true)
    }

    /// What `taught` makes of the logits that `pass` has of a batch, and the gradients of its loss. Moves running statistics.
    ///
    /// # Errors
    /// [`ModuleError`], as an error of candle's, and candle's own.
    pub(crate) fn of(
        &self,
        images: &[f32],
        pass: impl FnOnce(&Tensor) -> Result<Tensor>,
        taught: impl FnOnce(&[f32]) -> Result<LossSum>,
    ) -> Result<(LossSum, ByParameter)> {
        let x = input(images, self.network.extent(), &self.device)?;
        let (logits, tape) = match self.taped {
            true => recorded(|| pass(&x)).map(|(logits, tape)| (logits, Some(tape)))?,
            false => (pass(&x)?, None),
        };
        let mut sum = taught(&values(&logits)?)?;
        let gradient = std::mem::take(&mut sum.gradient);
        // The loss's own gradient is known, and carried back through the module.
        let gradients = match tape {
            Some(tape) => self.in_order(tape.backward(&logits, gradient)?)?,
            None => {
                let gradient = Tensor::from_vec(gradient, logits.shape(), &self.device)?;
                self.gradients(&(&logits * &gradient)?.sum_all()?.backward()?)?
            }
        };
        Ok((sum, gradients))
    }

    /// The running statistics, with their places.
    pub(crate) fn statistics(&self) -> Result<Vec<(usize, Tensor)>> {
        let specs = self.network.layout().params.iter().enumerate();
        let statistics = specs.filter(|(_, spec)| spec.role == Role::Statistic);
        statistics.map(|(place, _)| Ok((place, self.variables.vars()[place].as_tensor().copy()?))).collect()
    }

    pub(crate) fn restore(&self, statistics: &[(usize, Tensor)]) -> Result<()> {
        statistics.iter().try_for_each(|(place, kept)| self.variables.vars()[*place].set(kept))
    }

    /// Those of candle's graph.
    fn gradients(&self, store: &GradStore) -> Result<ByParameter> {
        self.of_parameters(|var| store.get(var).map(values).transpose())
    }

    /// Those of a tape.
    fn in_order(&self, mut gradients: Gradients) -> Result<ByParameter> {
        self.of_parameters(|var| gradients.take(var).map(Flow::into_host).transpose())
    }

    fn of_parameters(
        &self,
        mut gradient: impl FnMut(&Var) -> Result<Option<Vec<f32>>>,
    ) -> Result<ByParameter> {
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
}
