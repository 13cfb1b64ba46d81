//! A network: an ordered layout of parameters and a forward pass over any executor.

use crate::init::Init;
use crate::{ModelError, ResNet, Vit};
use basin_core::{Array, Extent, Logits, Params, SeedTree, expect_layout};
use basin_graph::{CpuLayers, Graph, Inference, LastDense, ParamId, Role, Weights};
use basin_kernels::{Activation, Buffer, Dims};
use candle_core::Result;
use std::any::Any;
use std::rc::Rc;
use std::sync::Arc;

/// One parameter: its name, PyTorch shape, use, and initial distribution.
#[derive(Clone, Debug, PartialEq)]
pub struct ParamSpec {
    /// Name, for example `blockgroups.0.blocks.1.conv2.weight`.
    pub name: String,
    /// Shape: convolution `[out, in, kh, kw]`, dense `[out, in]`, scale and shift `[channels]`.
    pub shape: Vec<usize>,
    /// How the kernels use it.
    pub role: Role,
    /// Distribution of its initial values.
    pub init: Init,
}

/// All parameters of a network, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    /// The parameters.
    pub params: Vec<ParamSpec>,
}

impl Layout {
    /// Adds a parameter; its place.
    pub fn push(&mut self, name: impl Into<String>, shape: Vec<usize>, role: Role, init: Init) -> ParamId {
        self.params.push(ParamSpec { name: name.into(), shape, role, init });
        ParamId(self.params.len() - 1)
    }

    /// Names and shapes, as [`expect_layout`] takes them.
    pub fn shapes(&self) -> Vec<(String, Vec<usize>)> {
        self.params.iter().map(|p| (p.name.clone(), p.shape.clone())).collect()
    }

    /// The kernels' view of each parameter.
    pub fn roles(&self) -> Vec<Role> {
        self.params.iter().map(|p| p.role).collect()
    }
}

/// The models there are; a new one adds its file and a line at each place below.
#[derive(Clone, Debug)]
enum Model {
    ResNet(ResNet),
    Vit(Vit),
    Foreign(Foreign),
}

/// A network that one backend alone can run: a module of candle's, say. Initialisation, files, combinations and plans need
/// its layout alone; running statistics are entries of the layout ([`Role::Statistic`]).
#[derive(Clone, Debug)]
pub struct Foreign {
    /// Parameters and running statistics.
    pub layout: Layout,
    /// Multiply-adds of one image's forward pass.
    pub macs: u64,
    /// Whether in training the images of a batch depend on each other.
    pub coupled: bool,
    /// What its backend makes the network from.
    pub program: Arc<dyn Any + Send + Sync>,
}

/// A network with its input size and number of classes.
#[derive(Clone, Debug)]
pub struct Network {
    model: Model,
    extent: Extent,
    classes: usize,
}

impl Network {
    /// A ResNet of `depth` layers with `base` channels in its first group, for images of this extent (a bare side: three
    /// colours).
    ///
    /// # Errors
    /// [`ModelError::Sizes`].
    pub fn resnet(
        depth: usize,
        base: usize,
        extent: impl Into<Extent>,
        classes: usize,
    ) -> std::result::Result<Self, ModelError> {
        let extent = extent.into();
        if depth < 8 || depth % 6 != 2 || base == 0 || extent.values() == 0 || classes == 0 {
            let sizes = format!("ResNet{depth} of {base} channels on {extent}, {classes} classes");
            return Err(ModelError::Sizes { sizes, expected: "a depth of 6n + 2 and sizes above 0" });
        }
        let net = ResNet::new(depth, base, extent.channels, classes);
        Ok(Self { model: Model::ResNet(net), extent, classes })
    }

    /// The same with other fresh parameters, if it is a ResNet.
    pub(crate) fn with_initialisation(mut self, residual_scale: f32, centred: bool) -> Self {
        if let Model::ResNet(net) = &mut self.model {
            net.set_initialisation(residual_scale, centred);
        }
        self
    }

    /// The same with residual branches that training drops, up to this probability.
    pub(crate) fn with_drop_path(mut self, largest: f32) -> Self {
        match &mut self.model {
            Model::ResNet(net) => net.set_drop_path(largest),
            Model::Vit(net) => net.set_drop_path(largest),
            Model::Foreign(_) => {}
        }
        self
    }

    /// A Vision Transformer for images of this extent.
    ///
    /// # Errors
    /// [`ModelError::Sizes`].
    pub fn vit(
        config: crate::VitConfig,
        extent: impl Into<Extent>,
        classes: usize,
    ) -> std::result::Result<Self, ModelError> {
        let extent = extent.into();
        let sizes = [config.patch, config.dim, config.hidden, config.heads, extent.values(), classes];
        let some = sizes.iter().all(|s| *s > 0);
        if !some || !extent.side.is_multiple_of(config.patch) || !config.dim.is_multiple_of(config.heads) {
            let sizes = format!("{config:?} on {extent}, {classes} classes");
            let expected = "patches that divide the side, heads that divide the channels, sizes above 0";
            return Err(ModelError::Sizes { sizes, expected });
        }
        Ok(Self { model: Model::Vit(Vit::new(config, extent, classes)), extent, classes })
    }

    /// A network defined elsewhere, for images of this extent.
    ///
    /// # Errors
    /// [`ModelError::Sizes`].
    pub fn foreign(
        foreign: Foreign,
        extent: impl Into<Extent>,
        classes: usize,
    ) -> std::result::Result<Self, ModelError> {
        let extent = extent.into();
        if foreign.layout.params.is_empty() || extent.values() == 0 || classes == 0 {
            let sizes =
                format!("{} parameters, images of {extent}, {classes} classes", foreign.layout.params.len());
            return Err(ModelError::Sizes { sizes, expected: "parameters and sizes above 0" });
        }
        Ok(Self { model: Model::Foreign(foreign), extent, classes })
    }

    /// What the backend of a network defined elsewhere makes it from.
    pub fn program(&self) -> Option<&(dyn Any + Send + Sync)> {
        match &self.model {
            Model::Foreign(net) => Some(&*net.program),
            _ => None,
        }
    }

    /// Whether in training the images of a batch depend on each other, as with statistics over the batch: then a batch
    /// cannot be cut.
    pub fn coupled(&self) -> bool {
        matches!(&self.model, Model::Foreign(Foreign { coupled: true, .. }))
    }

    /// The parameters' names, shapes and roles.
    pub fn layout(&self) -> &Layout {
        match &self.model {
            Model::ResNet(net) => net.layout(),
            Model::Vit(net) => net.layout(),
            Model::Foreign(net) => &net.layout,
        }
    }

    /// Side of the square input images, in pixels.
    pub fn side(&self) -> usize {
        self.extent.side
    }

    /// Side and channels of the input images.
    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Multiply-adds of one image's forward pass (convolutions, dense layers, attention). A training step does
    /// three times as many.
    pub fn macs(&self) -> u64 {
        match &self.model {
            Model::ResNet(net) => net.macs(self.extent.side),
            Model::Vit(net) => net.macs(),
            Model::Foreign(net) => net.macs,
        }
    }

    /// Fresh parameters: each array from the stream of its own name, so that adding a layer changes no other.
    pub fn init(&self, seed: &SeedTree) -> Params {
        let array = |p: &ParamSpec| {
            let data = p.init.sample(&p.shape, &mut seed.child(&p.name).rng());
            (p.name.clone(), Array::new(p.shape.clone(), data).expect("sample fills the shape"))
        };
        self.layout().params.iter().map(array).collect()
    }

    /// Puts parameters into this network's order and checks them.
    ///
    /// # Errors
    /// [`ModelError::Tensors`] lists everything missing, unexpected or misshaped.
    pub fn check(&self, params: &Params) -> std::result::Result<Params, ModelError> {
        Ok(expect_layout(params, &self.layout().shapes())?)
    }

    /// The parameters packed for the kernels. `training` also packs for the reverse pass.
    ///
    /// # Errors
    /// When the parameters do not have this network's layout (see [`Network::check`]).
    pub fn weights(&self, params: &Params, training: bool) -> Result<Weights> {
        Weights::new(&self.slices(params)?, &self.layout().roles(), training)
    }

    /// The parameters' values in this network's order.
    ///
    /// # Errors
    /// When a parameter is missing or has another size.
    pub fn slices<'p>(&self, params: &'p Params) -> Result<Vec<&'p [f32]>> {
        let slice = |p: &ParamSpec| match params.get(&p.name) {
            Some(array) if array.shape() == p.shape => Ok(array.data()),
            Some(array) => {
                candle_core::bail!("parameter {}: shape {:?}, expected {:?}", p.name, array.shape(), p.shape)
            }
            None => candle_core::bail!("parameter {} is missing", p.name),
        };
        self.layout().params.iter().map(slice).collect()
    }

    /// Values of every parameter in this network's order, as a table: the way back from [`Network::slices`].
    ///
    /// # Errors
    /// When an array does not have its parameter's size.
    pub fn table(&self, arrays: impl IntoIterator<Item = Vec<f32>>) -> Result<Params> {
        let entry = |(spec, values): (&ParamSpec, Vec<f32>)| {
            let array = Array::new(spec.shape.clone(), values).map_err(candle_core::Error::wrap)?;
            Ok((spec.name.clone(), array))
        };
        self.layout().params.iter().zip(arrays).map(entry).collect()
    }

    /// Images that train together on one core: enough rows for the matrix products, few enough that activations
    /// stay near the second-level cache (measured).
    pub fn images_together(&self) -> usize {
        match &self.model {
            Model::ResNet(net) if net.base() >= 48 => 16,
            Model::ResNet(_) => 8,
            Model::Vit(_) => 4,
            Model::Foreign(_) => 8,
        }
    }

    /// Whether training drops anything, so that tapes need seeds: values, or residual branches of images.
    pub fn drops(&self) -> bool {
        let values = matches!(&self.model, Model::Vit(net) if net.dropout() > 0.0);
        values || self.drop_path() > 0.0
    }

    /// Probability with which training drops the last residual branch of an image.
    pub fn drop_path(&self) -> f32 {
        match &self.model {
            Model::ResNet(net) => net.drop_path(),
            Model::Vit(net) => net.drop_path(),
            Model::Foreign(_) => 0.0,
        }
    }

    /// Logits `[n, 1, 1, classes]` of normalised images `[n, side, side, channels]`, on any executor.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward<G: Graph>(&self, graph: &mut G, x: &G::Value) -> Result<G::Value> {
        match &self.model {
            Model::ResNet(net) => net.forward(graph, x),
            Model::Vit(net) => net.forward(graph, x),
            Model::Foreign(_) => candle_core::bail!("this network is run by its own backend alone"),
        }
    }

    /// Logits of normalised NHWC images, on the calling thread without a graph.
    ///
    /// # Errors
    /// When the number of values is not a whole number of images.
    pub fn logits(&self, params: &Params, images: &[f32]) -> std::result::Result<Logits, ModelError> {
        self.logits_with(&self.weights(params, false)?, images)
    }

    /// As [`Network::logits`], with weights packed before (to use them for many batches).
    ///
    /// # Errors
    /// As [`Network::logits`].
    pub fn logits_with(&self, weights: &Weights, images: &[f32]) -> std::result::Result<Logits, ModelError> {
        let out =
            self.forward(&mut Inference::new(CpuLayers::new(weights)), &Rc::new(self.input(images)?))?;
        Ok(Logits::new(self.classes, out.data.to_vec())?)
    }

    /// What goes into the last dense layer for normalised NHWC images, `[n, d]`, on the calling thread without a graph.
    ///
    /// # Errors
    /// As [`Network::logits`].
    pub fn features_with(&self, weights: &Weights, images: &[f32]) -> std::result::Result<Array, ModelError> {
        let mut graph = LastDense::new(Inference::new(CpuLayers::new(weights)));
        self.forward(&mut graph, &Rc::new(self.input(images)?))?;
        let none = || candle_core::Error::msg("a network without a dense layer");
        let features = graph.input().ok_or_else(none)?;
        let Dims { images, height, width, channels } = features.dims;
        let shape = vec![images, height * width * channels];
        Ok(Array::new(shape, features.data.to_vec()).map_err(candle_core::Error::wrap)?)
    }

    /// A batch of normalised NHWC images, in a buffer of the calling thread.
    ///
    /// # Errors
    /// When the number of values is not a whole number of images.
    pub fn input(&self, images: &[f32]) -> Result<Activation> {
        let Extent { side, channels } = self.extent;
        let one = self.extent.values();
        if !images.len().is_multiple_of(one) {
            candle_core::bail!("{} values are not images of {}", images.len(), self.extent);
        }
        let dims = Dims::new(images.len() / one, side, side, channels);
        Activation::new(dims, Buffer::copied(images))
    }
}
