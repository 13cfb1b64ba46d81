//! Parameter gradients under construction.

use crate::weights::{ParamId, Weights};
use basin_kernels::Buffer;
use candle_core::Result;

/// Sums of parameter gradients: convolutions and dense layers in packed order, everything else in PyTorch's.
#[derive(Clone, Debug)]
pub struct Accumulators {
    arrays: Vec<Vec<f32>>,
    /// Whether an array holds a sum yet; the first gradient of a large array is written, not added to zeros.
    written: Vec<bool>,
}

impl Accumulators {
    /// Empty sums for every parameter.
    pub fn new(weights: &Weights) -> Self {
        let len = |id: usize| match weights.packed(id) {
            Some(packed) => packed.gradient_len(),
            None => weights.plain(ParamId(id)).len(),
        };
        let arrays: Vec<_> = (0..weights.len()).map(|id| vec![0.0; len(id)]).collect();
        Self { written: vec![false; arrays.len()], arrays }
    }

    /// Forgets all sums.
    pub fn clear(&mut self) {
        self.written.fill(false);
    }

    /// A parameter's sum and whether to add to it; if not, all of it must be written.
    pub(crate) fn open(&mut self, id: ParamId) -> (&mut [f32], bool) {
        (&mut self.arrays[id.0], std::mem::replace(&mut self.written[id.0], true))
    }

    /// The sums of two different small parameters, zeroed where they are new.
    pub(crate) fn pair(&mut self, a: ParamId, b: ParamId) -> Result<(&mut [f32], &mut [f32])> {
        for id in [a.0, b.0] {
            if !std::mem::replace(&mut self.written[id], true) {
                self.arrays[id].fill(0.0);
            }
        }
        match self.arrays.get_disjoint_mut([a.0, b.0]) {
            Ok([first, second]) => Ok((first, second)),
            Err(_) => candle_core::bail!("one layer's two parameters are both parameter {}", a.0),
        }
    }

    /// One parameter's gradient in PyTorch's shape, flattened: the sum of the shards' in their order.
    ///
    /// # Panics
    /// When `out` has not the parameter's length.
    pub fn reduce(weights: &Weights, id: usize, shards: &[Self], out: &mut [f32]) {
        let mut sums = shards.iter().filter(|shard| shard.written[id]).map(|shard| &shard.arrays[id]);
        let Some(first) = sums.next() else { return out.fill(0.0) };
        let mut sum = Buffer::copied(first);
        sums.for_each(|other| sum.iter_mut().zip(other).for_each(|(a, b)| *a += b));
        match weights.packed(id) {
            Some(packed) => packed.unpack_gradient(&sum, out),
            None => out.copy_from_slice(&sum),
        }
    }

    /// All gradients in PyTorch's shapes, flattened, in the order of the parameters.
    pub fn unpack(&self, weights: &Weights) -> Vec<Vec<f32>> {
        let array = |id: usize| {
            let len = match weights.packed(id) {
                Some(packed) => packed.shape().weights(),
                None => weights.plain(ParamId(id)).len(),
            };
            let mut out = vec![0.0; len];
            Self::reduce(weights, id, std::slice::from_ref(self), &mut out);
            out
        };
        (0..weights.len()).map(array).collect()
    }
}
