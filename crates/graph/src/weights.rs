//! The parameters of one network in the form the kernels read them in.

use basin_kernels::Isa;
use basin_kernels::conv::{ConvShape, PackedConv};
use candle_core::Result;
use rayon::prelude::*;

/// A parameter's place in its network's ordered list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ParamId(pub usize);

/// What a parameter is used for, as far as the kernels must know before the first forward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Weights `[out, in, kh, kw]` of a convolution, or `[out, in]` of a dense layer (a kernel of one pixel).
    Conv {
        /// Its sizes.
        shape: ConvShape,
        /// Whether the gradient flows on to its input (false for the first layer).
        input_gradient: bool,
    },
    /// Anything used as it is.
    Plain,
    /// A running statistic: kept with the parameters, changed by the forward pass of training, never by an optimiser.
    Statistic,
}

/// The parameters of one network for one step: convolutions packed, everything else as it is.
#[derive(Clone, Debug)]
pub struct Weights {
    roles: Vec<Role>,
    plain: Vec<Vec<f32>>,
    packed: Vec<Option<PackedConv>>,
    isa: Isa,
}

impl Weights {
    /// Packs parameters, flattened from PyTorch's shapes; `training` also packs what input gradients need.
    ///
    /// # Errors
    /// When the parameters do not fit the roles.
    pub fn new<P: AsRef<[f32]> + Sync>(params: &[P], roles: &[Role], training: bool) -> Result<Self> {
        Self::for_isa(params, roles, training, Isa::detect())
    }

    /// As [`Weights::new`], for a given instruction set (tests compare them).
    ///
    /// # Errors
    /// As [`Weights::new`].
    pub fn for_isa<P: AsRef<[f32]> + Sync>(
        params: &[P],
        roles: &[Role],
        training: bool,
        isa: Isa,
    ) -> Result<Self> {
        let packed = roles.iter().map(|role| match *role {
            Role::Conv { shape, input_gradient } => {
                Some(PackedConv::empty(shape, training && input_gradient, isa))
            }
            Role::Plain | Role::Statistic => None,
        });
        let mut weights = Self {
            roles: roles.to_vec(),
            plain: vec![Vec::new(); roles.len()],
            packed: packed.collect(),
            isa,
        };
        weights.repack(params)?;
        Ok(weights)
    }

    /// Takes new values into the buffers of the old ones, on all cores.
    ///
    /// # Errors
    /// When the parameters do not fit the roles.
    pub fn repack<P: AsRef<[f32]> + Sync>(&mut self, params: &[P]) -> Result<()> {
        if params.len() != self.roles.len() {
            candle_core::bail!("{} parameters for {} roles", params.len(), self.roles.len());
        }
        let slots = self.plain.par_iter_mut().zip(&mut self.packed).zip(params);
        slots.enumerate().try_for_each(|(id, ((plain, packed), param))| {
            let values = param.as_ref();
            match packed {
                Some(conv) if values.len() == conv.shape().weights() => conv.pack(values),
                Some(conv) => {
                    candle_core::bail!("parameter {id} has {} values for {:?}", values.len(), conv.shape())
                }
                None => {
                    plain.clear();
                    plain.extend_from_slice(values);
                }
            }
            Ok(())
        })
    }

    /// Number of parameters.
    pub fn len(&self) -> usize {
        self.roles.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.roles.is_empty()
    }

    pub(crate) fn conv(&self, id: ParamId) -> Result<&PackedConv> {
        match &self.packed[id.0] {
            Some(packed) => Ok(packed),
            None => candle_core::bail!("parameter {} is not a convolution", id.0),
        }
    }

    pub(crate) fn plain(&self, id: ParamId) -> &[f32] {
        &self.plain[id.0]
    }

    pub(crate) fn packed(&self, id: usize) -> Option<&PackedConv> {
        self.packed[id].as_ref()
    }

    pub(crate) fn isa(&self) -> Isa {
        self.isa
    }
}
