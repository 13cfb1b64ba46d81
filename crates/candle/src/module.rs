//! A module of candle's as a network of Basin's: its layout, read by building it once.

use crate::networks::Native;
use crate::ops::counted;
use crate::variables::Recorder;
use crate::{ModuleError, Variables};
use basin_core::{Extent, Params};
use basin_graph::Role;
use basin_models::{Foreign, Layout, Network, ParamSpec};
use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{ModuleT, VarBuilder};
use std::fmt;
use std::sync::Arc;

/// What builds a module for so many classes.
pub type Build = dyn Fn(VarBuilder<'_>, usize) -> Result<Box<dyn ModuleT>> + Send + Sync;

/// A module that shows what its last dense layer classifies by.
pub trait Featured: ModuleT {
    /// What goes into the last dense layer for images `[n, channels, side, side]`, `[n, d]`, in evaluation.
    ///
    /// # Errors
    /// As the forward pass.
    fn features(&self, images: &Tensor) -> Result<Tensor>;
}

/// What builds such a module.
type BuildFeatured = dyn Fn(VarBuilder<'_>, usize) -> Result<Box<dyn Featured>> + Send + Sync;

/// A network that candle runs. Images come as `[n, channels, side, side]`, normalised; logits go as `[n, classes]`.
#[derive(Clone)]
pub struct Module {
    name: String,
    build: Arc<Build>,
    featured: Option<Arc<BuildFeatured>>,
    classes: usize,
    counted: bool,
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
        Self { name: name.into(), build: Arc::new(build), featured: None, classes: 0, counted: false }
    }

    /// As [`Module::new`], of a module whose features measurements may look at.
    pub fn featured<M: Featured + 'static>(
        name: impl Into<String>,
        build: impl Fn(VarBuilder<'_>, usize) -> Result<M> + Send + Sync + 'static,
    ) -> Self {
        let build = Arc::new(build);
        let again = build.clone();
        let featured: Arc<BuildFeatured> = Arc::new(move |vb, classes| Ok(Box::new(again(vb, classes)?)));
        let plain = Self::new(name, move |vb, classes| build(vb, classes).map(boxed));
        Self { featured: Some(featured), ..plain }
    }

    /// With its multiply-adds known: for a module whose weights are all used by operations of [`crate::ops`], which count
    /// without computing, so that a price costs nothing. That of another module is unknown, 0.
    #[must_use]
    pub fn counted(self) -> Self {
        Self { counted: true, ..self }
    }

    /// The name for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The network for images of this extent (a bare side: of colour images). Its parameters are the variables in the order in which the module asks
    /// for them, with the initial values that it asks for; while it is asked, they are zeros that take no memory.
    ///
    /// # Errors
    /// [`ModuleError`], as an error of candle's, and those of the function that builds.
    pub fn network(&self, extent: impl Into<Extent>, classes: usize) -> Result<Network> {
        let extent = extent.into();
        let recorder = Recorder::new(&self.name);
        let vb = VarBuilder::from_backend(Box::new(recorder.clone()), DType::F32, Device::Cpu);
        let module = (self.build)(vb, classes)?;
        let params = recorder.asked();
        if params.is_empty() {
            return Err(ModuleError::Empty { module: self.name.clone() }.into());
        }
        let coupled = params.iter().any(|param| param.role == Role::Statistic);
        let program = Arc::new(Self { classes, ..self.clone() });
        let macs = if self.counted { macs(&*module, &params, extent) } else { 0 };
        let foreign = Foreign { layout: Layout { params }, macs, coupled, program };
        Network::foreign(foreign, extent, classes).map_err(candle_core::Error::wrap)
    }

    /// The module that a network was made from; one of `basin-models` is a [`Native`].
    ///
    /// # Errors
    /// [`ModuleError::Foreign`].
    pub(crate) fn of(network: &Network) -> Result<Self> {
        match network.program() {
            Some(program) => Ok(program.downcast_ref::<Self>().ok_or(ModuleError::Foreign)?.clone()),
            None => {
                let (native, classes) = (network.clone(), network.classes());
                let build = move |vb: VarBuilder<'_>, _| Native::new(&native, &vb);
                Ok(Self { classes, ..Self::featured("of basin-models", build) })
            }
        }
    }

    /// The module on variables of its own that hold a network's parameters.
    ///
    /// # Errors
    /// When the parameters are not the network's, and those of the function that builds.
    pub fn build(
        &self,
        network: &Network,
        params: &Params,
        device: &Device,
    ) -> Result<(Box<dyn ModuleT>, Variables)> {
        let params = network.check(params).map_err(candle_core::Error::wrap)?;
        let variables = Variables::new(&self.name, network, &network.slices(&params)?, device)?;
        let vb = VarBuilder::from_backend(Box::new(variables.clone()), DType::F32, device.clone());
        Ok(((self.build)(vb, network.classes())?, variables))
    }

    /// The module on variables.
    pub(crate) fn on(&self, variables: &Variables, device: &Device) -> Result<Box<dyn ModuleT>> {
        let vb = VarBuilder::from_backend(Box::new(variables.clone()), DType::F32, device.clone());
        (self.build)(vb, self.classes)
    }

    /// The module that shows its features, on variables; none for a module that does not.
    pub(crate) fn featured_on(
        &self,
        variables: &Variables,
        device: &Device,
    ) -> Result<Option<Box<dyn Featured>>> {
        let vb = VarBuilder::from_backend(Box::new(variables.clone()), DType::F32, device.clone());
        self.featured.as_ref().map(|build| build(vb, self.classes)).transpose()
    }

    /// Features of images `[n, channels, side, side]`, checked.
    pub(crate) fn features(&self, module: &dyn Featured, x: &Tensor) -> Result<Tensor> {
        let (images, features) = (x.dim(0)?, module.features(x)?);
        match features.dims() {
            [rows, _] if *rows == images => Ok(features),
            found => {
                let (module, found) = (self.name.clone(), found.to_vec());
                Err(ModuleError::Features { module, images, found }.into())
            }
        }
    }

    /// Logits of images `[n, channels, side, side]`, checked.
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

/// A network of `basin-models` under candle's operations instead of its own engine: the same layout, fresh parameters and
/// logits up to rounding. One that candle runs already comes back as it is.
///
/// # Errors
/// [`ModuleError::Foreign`] for a network that something else runs.
pub fn run_by_candle(network: &Network) -> Result<Network> {
    let program = Arc::new(Module::of(network)?);
    if network.program().is_some() {
        return Ok(network.clone());
    }
    let foreign = Foreign { layout: network.layout().clone(), macs: network.macs(), coupled: false, program };
    Network::foreign(foreign, network.extent(), network.classes()).map_err(candle_core::Error::wrap)
}

fn boxed(module: impl ModuleT + 'static) -> Box<dyn ModuleT> {
    Box::new(module)
}

/// Multiply-adds of one image's forward pass, 0 where they are not known.
fn macs(module: &dyn ModuleT, params: &[ParamSpec], Extent { side, channels }: Extent) -> u64 {
    let image = (1, channels, side, side);
    let pass = || module.forward_t(&Tensor::zeros(image, DType::F32, &Device::Cpu)?, false);
    let (passed, count) = counted(pass);
    let matrices = params.iter().filter(|param| param.shape.len() > 1);
    let weights: usize = matrices.map(|param| param.shape.iter().product::<usize>()).sum();
    if passed.is_ok() && count.weights == weights as u64 { count.macs } else { 0 }
}

/// Normalised images `[n, side, side, channels]` as candle's layers take them, `[n, channels, side, side]`. On a device they stay in
/// memory as they were: our operations take them so, and candle's convolution takes any strides.
pub(crate) fn input(pixels: &[f32], extent: Extent, device: &Device) -> Result<Tensor> {
    let (images, Extent { side, channels }) = (pixels.len() / extent.values(), extent);
    let view = Tensor::from_slice(pixels, (images, side, side, channels), device)?.permute((0, 3, 1, 2))?;
    if device.is_cpu() { view.contiguous() } else { Ok(view) }
}
