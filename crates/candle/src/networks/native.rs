//! The networks of `basin-models` as candle's modules.

use super::channels_last;
use crate::Featured;
use crate::graph::Tensors;
use basin_graph::{LastDense, Role};
use basin_models::{Init, Network, ParamSpec};
use candle_core::{Result, Tensor};
use candle_nn::init::Init as Hint;
use candle_nn::{ModuleT, VarBuilder};

/// Any network of `basin-models` (ResNet-LN, ViT) on a `VarBuilder`, with the names, shapes and logits that it has on its own
/// engine. In training, dropout wants seeds ([`crate::layers::with_seeds`]).
#[derive(Clone, Debug)]
pub struct Native {
    network: Network,
    params: Vec<Tensor>,
    roles: Vec<Role>,
}

impl Native {
    /// Takes the network's parameters from a `VarBuilder`. Fresh variables are drawn as candle's generator draws; those of
    /// `Network::init` follow from a seed.
    ///
    /// # Errors
    /// The `VarBuilder`'s; for a network of a module that module is the way.
    pub fn new(network: &Network, vb: &VarBuilder<'_>) -> Result<Self> {
        if network.program().is_some() {
            candle_core::bail!("this network is a module of candle's already; build that");
        }
        let get = |spec: &ParamSpec| vb.get_with_hints(&spec.shape[..], &spec.name, hint(spec));
        let params = network.layout().params.iter().map(get).collect::<Result<_>>()?;
        Ok(Self { network: network.clone(), params, roles: network.layout().roles() })
    }
}

/// What is nearest among candle's distributions: a normal one is not cut off.
fn hint(spec: &ParamSpec) -> Hint {
    let fan_in: usize = spec.shape[1..].iter().product();
    match spec.init {
        Init::Constant(value) => Hint::Const(f64::from(value)),
        Init::Normal => Hint::Randn { mean: 0.0, stdev: 1.0 },
        Init::Gaussian { mean, sd } => Hint::Randn { mean, stdev: sd },
        Init::Uniform { low, high } => Hint::Uniform { lo: low, up: high },
        Init::LecunNormal | Init::CentredLecunNormal => {
            Hint::Randn { mean: 0.0, stdev: (1.0 / fan_in as f64).sqrt() }
        }
    }
}

impl ModuleT for Native {
    fn forward_t(&self, images: &Tensor, train: bool) -> Result<Tensor> {
        let x = channels_last(images)?.contiguous()?;
        let y = self.network.forward(&mut Tensors::new(&self.params, &self.roles, train), &x)?;
        y.reshape((images.dim(0)?, self.network.classes()))
    }
}

impl Featured for Native {
    fn features(&self, images: &Tensor) -> Result<Tensor> {
        let mut graph = LastDense::new(Tensors::new(&self.params, &self.roles, false));
        self.network.forward(&mut graph, &channels_last(images)?.contiguous()?)?;
        match graph.input() {
            Some(features) => features.flatten_from(1),
            None => candle_core::bail!("a network without a dense layer"),
        }
    }
}
