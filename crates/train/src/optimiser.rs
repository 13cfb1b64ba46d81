//! What is done with a gradient, and the moments that it needs from step to step.

use crate::StateError;
use basin_core::{Params, TensorFile};
pub use basin_kernels::squared_length;
use basin_kernels::{Adam, Sgd};
use basin_models::{Network, ParamSpec};
use candle_core::Result;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// An update rule with its coefficients, apart from the learning rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// SGD with momentum and L2.
    Sgd {
        /// Momentum μ in `[0, 1)`.
        momentum: f64,
        /// L2 coefficient λ ≥ 0, on every parameter.
        l2: f64,
    },
    /// Adam, or AdamW where `weight_decay` is not 0.
    Adam {
        /// β₁ in `[0, 1)`.
        beta1: f64,
        /// β₂ in `[0, 1)`.
        beta2: f64,
        /// ε > 0.
        epsilon: f64,
        /// L2 coefficient λ ≥ 0, part of the gradient, on every parameter.
        l2: f64,
        /// Decoupled weight decay ≥ 0, on every parameter.
        weight_decay: f64,
    },
}

impl Rule {
    /// Moments per parameter.
    pub fn moments(&self) -> usize {
        match self {
            Self::Sgd { .. } => 1,
            Self::Adam { .. } => 2,
        }
    }

    /// Update number `update` (from 1) of one parameter. Returns whether all stayed finite.
    ///
    /// # Panics
    /// Where there are other moments than [`Rule::moments`] says.
    pub fn update(
        &self,
        rate: f64,
        update: u64,
        param: &mut [f32],
        moments: &mut [Vec<f32>],
        gradient: &[f32],
    ) -> bool {
        match (*self, moments) {
            (Self::Sgd { momentum, l2 }, [velocity]) => {
                Sgd { rate, momentum, l2 }.update(param, velocity, gradient)
            }
            (Self::Adam { beta1, beta2, epsilon, l2, weight_decay }, [first, second]) => {
                let adam = Adam { rate, beta1, beta2, epsilon, l2, weight_decay };
                adam.update(update, param, first, second, gradient)
            }
            _ => unreachable!("the stepper makes as many moments as the rule has"),
        }
    }
}

/// Values of one task.
const CHUNK: usize = 32 * 1024;

impl Rule {
    /// As [`Rule::update`], of one large parameter on all cores; the same bits.
    ///
    /// # Panics
    /// As [`Rule::update`], and when lengths disagree.
    pub fn update_on_all_cores(
        &self,
        rate: f64,
        update: u64,
        param: &mut [f32],
        moments: &mut [Vec<f32>],
        gradient: &[f32],
    ) -> bool {
        assert!(moments.iter().all(|moment| moment.len() == param.len()) && gradient.len() == param.len());
        let chunks = param.par_chunks_mut(CHUNK).zip(gradient.par_chunks(CHUNK));
        // Every chunk is updated, whatever another one came to.
        match (*self, moments) {
            (Self::Sgd { momentum, l2 }, [velocity]) => {
                let sgd = Sgd { rate, momentum, l2 };
                let chunks = chunks.zip(velocity.par_chunks_mut(CHUNK));
                let finite =
                    chunks.map(|((param, gradient), velocity)| sgd.update(param, velocity, gradient));
                finite.reduce(|| true, |a, b| a && b)
            }
            (Self::Adam { beta1, beta2, epsilon, l2, weight_decay }, [first, second]) => {
                let adam = Adam { rate, beta1, beta2, epsilon, l2, weight_decay };
                let chunks = chunks.zip(first.par_chunks_mut(CHUNK).zip(second.par_chunks_mut(CHUNK)));
                let finite = chunks.map(|((param, gradient), (first, second))| {
                    adam.update(update, param, first, second, gradient)
                });
                finite.reduce(|| true, |a, b| a && b)
            }
            _ => unreachable!("the stepper makes as many moments as the rule has"),
        }
    }
}

/// As [`squared_length`], on all cores: pieces of a fixed size, added in order.
pub fn squared_length_on_all_cores(gradient: &[f32]) -> f64 {
    match gradient.len() <= CHUNK {
        true => squared_length(gradient),
        false => gradient.par_chunks(CHUNK).map(squared_length).collect::<Vec<f64>>().iter().sum(),
    }
}

/// An update rule and what happens to the gradient before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Optimiser {
    /// The rule.
    pub rule: Rule,
    /// Longest gradient, in Euclidean norm over all parameters; longer ones are scaled down to it.
    pub clip_norm: Option<f64>,
}

impl Optimiser {
    /// SGD without clipping.
    pub fn sgd(momentum: f64, l2: f64) -> Self {
        Self { rule: Rule::Sgd { momentum, l2 }, clip_norm: None }
    }

    /// What gradients of this length over all parameters are multiplied by before the update; nothing where they are not
    /// too long.
    pub fn shrink(&self, norm: f64) -> Option<f32> {
        self.clip_norm.filter(|longest| norm > *longest).map(|longest| (longest / norm) as f32)
    }

    /// Adam with PyTorch's coefficients, without clipping.
    pub fn adam() -> Self {
        let rule = Rule::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, l2: 0.0, weight_decay: 0.0 };
        Self { rule, clip_norm: None }
    }
}

/// The moments of an optimiser between two steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moments {
    /// One table per moment in the parameters' layout, zero for running statistics; none at all stands for zeros.
    pub tables: Vec<Params>,
    /// Updates since the moments were zero.
    pub updates: u64,
}

impl Moments {
    /// From `[parameter][moment]`, `count` of them each, in a network's order.
    ///
    /// # Errors
    /// When an array does not have its parameter's size.
    pub fn of(network: &Network, arrays: &[Vec<Vec<f32>>], count: usize, updates: u64) -> Result<Self> {
        let table = |moment: usize| network.table(arrays.iter().map(|moments| moments[moment].clone()));
        Ok(Self { tables: (0..count).map(table).collect::<Result<_>>()?, updates })
    }

    /// As `[parameter][moment]`, `count` of them each, in a network's order; zeros where there are none yet.
    ///
    /// # Errors
    /// When there are others, or they do not have the network's layout.
    pub fn by_parameter(&self, network: &Network, count: usize) -> Result<Vec<Vec<Vec<f32>>>> {
        let tables = self.tables.iter().map(|table| network.slices(table)).collect::<Result<Vec<_>>>()?;
        if !tables.is_empty() && tables.len() != count {
            candle_core::bail!("{} moments per parameter, the optimiser has {count}", tables.len());
        }
        let of = |(place, spec): (usize, &ParamSpec)| match tables.is_empty() {
            true => vec![vec![0.0; spec.shape.iter().product()]; count],
            false => tables.iter().map(|table| table[place].to_vec()).collect(),
        };
        Ok(network.layout().params.iter().enumerate().map(of).collect())
    }

    /// Safetensors bytes: `moment0/…`, `moment1/…`, the number of updates in the header.
    pub fn encode(&self) -> Vec<u8> {
        let mut params = Params::new();
        self.store(&mut params);
        TensorFile { params, metadata: self.header() }.encode()
    }

    /// Reads what [`Moments::encode`] wrote.
    ///
    /// # Errors
    /// [`StateError`] for foreign or damaged bytes, or another network's moments.
    pub fn decode(bytes: &[u8], layout: &[(String, Vec<usize>)]) -> std::result::Result<Self, StateError> {
        Self::load(&TensorFile::decode(bytes)?, layout)
    }

    pub(crate) fn header(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            ("moments".into(), self.tables.len().to_string()),
            ("updates".into(), self.updates.to_string()),
        ])
    }

    pub(crate) fn store(&self, params: &mut Params) {
        for (i, table) in self.tables.iter().enumerate() {
            table.iter().for_each(|(name, array)| params.insert(format!("moment{i}/{name}"), array.clone()));
        }
    }

    pub(crate) fn load(
        file: &TensorFile,
        layout: &[(String, Vec<usize>)],
    ) -> std::result::Result<Self, StateError> {
        let updates = crate::state::number(file, "updates")?;
        let tables = (0..crate::state::number(file, "moments")?)
            .map(|i| crate::state::table(file, &format!("moment{i}"), layout))
            .collect::<std::result::Result<_, _>>()?;
        Ok(Self { tables, updates })
    }
}
