//! The variables of a module, in the order of the layout: what its `VarBuilder` reads.

use crate::ModuleError;
use crate::ops::outline;
use basin_core::Params;
use basin_graph::Role;
use basin_models::{Init, Network, ParamSpec};
use candle_core::{DType, Device, Result, Shape, Tensor, Var};
use candle_nn::init::{Init as Hint, NormalOrUniform};
use candle_nn::var_builder::SimpleBackend;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Whether a name is one of a running statistic, as PyTorch and candle name them.
pub(crate) fn is_statistic(name: &str) -> bool {
    matches!(name.rsplit('.').next(), Some("running_mean" | "running_var"))
}

/// How the parameters are used: those that are not running statistics have no packed form.
pub(crate) fn role(name: &str) -> Role {
    if is_statistic(name) { Role::Statistic } else { Role::Plain }
}

/// Writes down what a module asks for.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    module: String,
    asked: Arc<Mutex<Vec<ParamSpec>>>,
}

impl Recorder {
    pub(crate) fn new(module: &str) -> Self {
        Self { module: module.to_owned(), asked: Arc::default() }
    }

    pub(crate) fn asked(&self) -> Vec<ParamSpec> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl SimpleBackend for Recorder {
    fn get(&self, shape: Shape, name: &str, hint: Hint, dtype: DType, _: &Device) -> Result<Tensor> {
        let module = || self.module.clone();
        if dtype != DType::F32 {
            let (name, found) = (name.to_owned(), dtype.as_str().to_owned());
            return Err(ModuleError::Type { module: module(), name, found }.into());
        }
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let dims = shape.dims().to_vec();
        match asked.iter().find(|param| param.name == name) {
            Some(param) if param.shape == dims => {}
            Some(param) => {
                let expected = param.shape.clone();
                return Err(ModuleError::Shape {
                    module: module(),
                    name: name.to_owned(),
                    expected,
                    found: dims,
                }
                .into());
            }
            None => {
                let init = initial(hint, &shape);
                asked.push(ParamSpec { name: name.to_owned(), shape: dims, role: role(name), init });
            }
        }
        outline(shape.dims())
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        Err(ModuleError::Unknown { module: self.module.clone(), name: name.to_owned() }.into())
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.asked().iter().any(|param| param.name == name)
    }
}

/// What a layer's hint draws from.
fn initial(hint: Hint, shape: &Shape) -> Init {
    match hint {
        Hint::Const(value) => Init::Constant(value as f32),
        Hint::Randn { mean, stdev } => Init::Gaussian { mean, sd: stdev },
        Hint::Uniform { lo, up } => Init::Uniform { low: lo, high: up },
        Hint::Kaiming { dist, fan, non_linearity } => {
            let sd = non_linearity.gain() / (fan.for_shape(shape) as f64).sqrt();
            match dist {
                NormalOrUniform::Normal => Init::Gaussian { mean: 0.0, sd },
                NormalOrUniform::Uniform => Init::Uniform { low: -sd * 3f64.sqrt(), high: sd * 3f64.sqrt() },
            }
        }
    }
}

/// Variables with a network's parameters as values. Copies share them.
#[derive(Clone, Debug)]
pub struct Variables {
    module: String,
    names: Arc<BTreeMap<String, usize>>,
    vars: Arc<Vec<Var>>,
    /// Whether modules see them as variables, so that a graph is built, or as values.
    graph: bool,
}

impl Variables {
    /// Variables on a device with a network's parameters, given in the order of its layout.
    ///
    /// # Errors
    /// When the device has no room.
    pub(crate) fn new(
        module: &str,
        network: &Network,
        values: &[impl AsRef<[f32]>],
        device: &Device,
    ) -> Result<Self> {
        let specs = &network.layout().params;
        let var =
            |(spec, values): (&ParamSpec, _)| Var::from_slice(AsRef::as_ref(values), &spec.shape[..], device);
        let vars = specs.iter().zip(values).map(var).collect::<Result<_>>()?;
        let names = specs.iter().enumerate().map(|(place, spec)| (spec.name.clone(), place)).collect();
        Ok(Self { module: module.to_owned(), names: Arc::new(names), vars: Arc::new(vars), graph: true })
    }

    /// In the order of the layout.
    pub fn vars(&self) -> &[Var] {
        &self.vars
    }

    /// The same variables for a module that is only evaluated: its forward pass builds no graph. Running statistics stay
    /// variables, since layers keep those that are none as copies.
    pub(crate) fn without_graph(&self) -> Self {
        Self { graph: false, ..self.clone() }
    }

    /// Those that an optimiser changes: all but running statistics.
    pub fn trained(&self, network: &Network) -> Vec<Var> {
        let pairs = self.vars.iter().zip(&network.layout().params);
        pairs.filter(|(_, spec)| spec.role != Role::Statistic).map(|(var, _)| var.clone()).collect()
    }

    /// Puts other values into the variables, in the order of the layout.
    pub(crate) fn set(&self, network: &Network, values: &[impl AsRef<[f32]>]) -> Result<()> {
        for ((var, spec), values) in self.vars.iter().zip(&network.layout().params).zip(values) {
            var.set(&Tensor::from_slice(values.as_ref(), &spec.shape[..], var.device())?)?;
        }
        Ok(())
    }

    /// Their values as parameters of the network.
    pub(crate) fn params(&self, network: &Network) -> Result<Params> {
        network.table(self.vars.iter().map(|var| values(var)).collect::<Result<Vec<_>>>()?)
    }
}

/// A variable's values.
pub(crate) fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1()
}

impl SimpleBackend for Variables {
    fn get(&self, shape: Shape, name: &str, _: Hint, dtype: DType, device: &Device) -> Result<Tensor> {
        let tensor = self.get_unchecked(name, dtype, device)?;
        match tensor.shape() == &shape {
            true => Ok(tensor),
            false => {
                let (module, name, found) = (self.module.clone(), name.to_owned(), shape.into_dims());
                Err(ModuleError::Shape { module, name, expected: tensor.dims().to_vec(), found }.into())
            }
        }
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        let place = self.names.get(name);
        let unknown = || ModuleError::Unknown { module: self.module.clone(), name: name.to_owned() };
        let var = &self.vars[*place.ok_or_else(unknown)?];
        Ok(if self.graph || is_statistic(name) { var.as_tensor().clone() } else { var.as_detached_tensor() })
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }
}
