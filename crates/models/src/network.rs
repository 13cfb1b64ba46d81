//! A network: an ordered layout of parameters and a forward pass over any executor.

use crate::init::Init;
use crate::{ModelError, ResNet};
use basin_core::{Array, Logits, Params, SeedTree, expect_layout};
use basin_kernels::{Graph, Inference, Role, Weights, floats, tensor};
use candle_core::{Result, Tensor};

/// One parameter: its name, PyTorch shape, use, and initial distribution.
#[derive(Clone, Debug, PartialEq)]
pub struct ParamSpec {
    /// Name, for example `blockgroups.0.blocks.1.conv2.weight`.
    pub name: String,
    /// Shape: convolution `[out, in, kh, kw]`, dense `[out, in]`, scale and shift `[channels]`.
    pub shape: Vec<usize>,
    /// How the kernels use it.
    pub role: Role,
    pub(crate) init: Init,
}

/// All parameters of a network, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    /// The parameters.
    pub params: Vec<ParamSpec>,
}

impl Layout {
    /// Names and shapes, as [`expect_layout`] takes them.
    pub fn shapes(&self) -> Vec<(String, Vec<usize>)> {
        self.params.iter().map(|p| (p.name.clone(), p.shape.clone())).collect()
    }

    /// The kernels' view of each parameter.
    pub fn roles(&self) -> Vec<Role> {
        self.params.iter().map(|p| p.role).collect()
    }
}

/// A network with its input size and number of classes.
#[derive(Clone, Debug)]
pub struct Network {
    model: ResNet,
    side: usize,
    classes: usize,
}

impl Network {
    pub(crate) fn new(model: ResNet, side: usize, classes: usize) -> Self {
        Self { model, side, classes }
    }

    /// The parameters' names, shapes and roles.
    pub fn layout(&self) -> &Layout {
        self.model.layout()
    }

    /// Side of the square input images, in pixels.
    pub fn side(&self) -> usize {
        self.side
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Multiply-adds of one image's forward pass (convolutions and the dense layer). A training step does three
    /// times as many.
    pub fn macs(&self) -> u64 {
        self.model.macs(self.side)
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

    /// The parameters as tensors, packed for the kernels. `training` also packs for the reverse pass.
    ///
    /// # Errors
    /// When the parameters do not have this network's layout (see [`Network::check`]).
    pub fn weights(&self, params: &Params, training: bool) -> Result<Weights> {
        let tensors = self.layout().params.iter().map(|p| match params.get(&p.name) {
            Some(array) => tensor(array.data().to_vec(), array.shape()),
            None => candle_core::bail!("parameter {} is missing", p.name),
        });
        Weights::new(tensors.collect::<Result<_>>()?, &self.layout().roles(), training)
    }

    /// Logits `[n, classes]` of normalised images `[n, side, side, 3]`, on any executor.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward<G: Graph>(&self, graph: &mut G, x: &G::Value) -> Result<G::Value> {
        self.model.forward(graph, x)
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
        let out = self.forward(&mut Inference::new(weights), &self.input(images)?)?;
        let values = floats(&out)?.to_vec();
        Ok(Logits::new(self.classes, values)?)
    }

    /// A batch of normalised NHWC images as a tensor.
    ///
    /// # Errors
    /// When the number of values is not a whole number of images.
    pub fn input(&self, images: &[f32]) -> Result<Tensor> {
        let one = self.side * self.side * 3;
        if !images.len().is_multiple_of(one) {
            candle_core::bail!("{} values are not images of {}×{}×3", images.len(), self.side, self.side);
        }
        tensor(images.to_vec(), &[images.len() / one, self.side, self.side, 3])
    }
}
