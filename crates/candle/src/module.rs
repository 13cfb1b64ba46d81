//! A module of candle's as a network of Basin's: its layout, read by building it once.

use crate::variables::{Recorder, is_statistic};
use crate::{ModuleError, Variables};
use basin_kernels::Role;
use basin_models::{Foreign, Layout, Network};
use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{ModuleT, VarBuilder};
use std::fmt;
use std::sync::Arc;

/// What builds a module for so many classes.
pub type Build = dyn Fn(VarBuilder<'_>, usize) -> Result<Box<dyn ModuleT>> + Send + Sync;

/// A network that candle runs. Images come as `[n, 3, side, side]`, normalised; logits go as `[n, classes]`.
#[derive(Clone)]
pub struct Module {
    name: String,
    build: Arc<Build>,
    classes: usize,
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module")
            .field("name", &self.name)
            .field("classes", &self.classes)
            .finish_non_exhaustive()
    }
}

impl Module {
    /// A module under a name for messages, from the function that builds it: the same variables each time.
    pub fn new(
        name: impl Into<String>,
        build: impl Fn(VarBuilder<'_>, usize) -> Result<Box<dyn ModuleT>> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), build: Arc::new(build), classes: 0 }
    }

    /// The name for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The network for square images of `side` pixels. Its parameters are the variables in the order in which the module asks
    /// for them, with the initial values that it asks for. What it costs is not known beforehand: 0 multiply-adds.
    ///
    /// # Errors
    /// [`ModuleError`], as an error of candle's, and those of the function that builds.
    pub fn network(&self, side: usize, classes: usize) -> Result<Network> {
        let recorder = Recorder::new(&self.name);
        let vb = VarBuilder::from_backend(Box::new(recorder.clone()), DType::F32, Device::Cpu);
        (self.build)(vb, classes)?;
        let params = recorder.asked();
        if params.is_empty() {
            return Err(ModuleError::Empty { module: self.name.clone() }.into());
        }
        let coupled = params.iter().any(|param| param.role == Role::Statistic);
        let program = Arc::new(Self { classes, ..self.clone() });
        let foreign = Foreign { layout: Layout { params }, macs: 0, coupled, program };
        Network::foreign(foreign, side, classes).map_err(candle_core::Error::wrap)
    }

    /// The module that a network was made from.
    ///
    /// # Errors
    /// [`ModuleError::Foreign`].
    pub(crate) fn of(network: &Network) -> Result<&Self> {
        let module = network.program().and_then(|program| program.downcast_ref());
        module.ok_or_else(|| ModuleError::Foreign.into())
    }

    /// The module on variables.
    pub(crate) fn on(&self, variables: &Variables, device: &Device) -> Result<Box<dyn ModuleT>> {
        let vb = VarBuilder::from_backend(Box::new(variables.clone()), DType::F32, device.clone());
        (self.build)(vb, self.classes)
    }

    /// Logits of images `[n, 3, side, side]`, checked.
    pub(crate) fn logits(&self, module: &dyn ModuleT, x: &Tensor, train: bool) -> Result<Tensor> {
        let (images, classes) = (x.dim(0)?, self.classes);
        let logits = module.forward_t(x, train)?;
        match logits.dims() == [images, classes] {
            true => Ok(logits),
            false => {
                let (module, found) = (self.name.clone(), logits.dims().to_vec());
                Err(ModuleError::Output { module, images, classes, found }.into())
            }
        }
    }

    /// Refuses batches whose statistics say nothing.
    pub(crate) fn check_batch(&self, network: &Network, images: usize) -> Result<()> {
        match network.coupled() && images < 2 {
            true => Err(ModuleError::Batch { module: self.name.clone(), images }.into()),
            false => Ok(()),
        }
    }
}

/// Normalised images `[n, side, side, 3]` as candle's layers take them, `[n, 3, side, side]`.
pub(crate) fn input(pixels: &[f32], side: usize, device: &Device) -> Result<Tensor> {
    let images = pixels.len() / (side * side * 3);
    Tensor::from_slice(pixels, (images, side, side, 3), device)?.permute((0, 3, 1, 2))?.contiguous()
}

/// How the parameters are used: those that are no running statistics have no packed form.
pub(crate) fn role(name: &str) -> Role {
    if is_statistic(name) { Role::Statistic } else { Role::Plain }
}
