//! All parameters of a network on the device: one flat array, and sums of gradients beside it.

use super::columns::{Gathered, Sums};
use super::{Block, GpuError, Pool, Precision, Span, Storage, elementwise};
use basin_graph::{ParamId, Role};
use basin_kernels::conv::ConvShape;
use rayon::prelude::*;
use std::rc::Rc;

/// Values from which a parameter may begin: whole lines of memory in both storages.
const ALIGNED: usize = 64;

/// Where each parameter lies in the flat arrays, and in which order its values are there: convolutions `[cout, kh,
/// kw, cin]`, all others as PyTorch has them.
#[derive(Clone, Debug)]
pub struct Placement {
    /// Role, first value, number of values.
    entries: Vec<(Role, usize, usize)>,
    values: usize,
    /// Of them those of parameters; running statistics stand behind.
    trained: usize,
}

impl Placement {
    /// Places parameters by their roles and numbers of values.
    ///
    /// # Errors
    /// [`GpuError::Size`] when a convolution has not as many values as its shape.
    pub fn new(params: impl IntoIterator<Item = (Role, usize)>) -> Result<Self, GpuError> {
        let mut values = 0;
        let params: Vec<(Role, usize)> = params.into_iter().collect();
        let mut entries: Vec<_> = params.iter().map(|(role, len)| (*role, 0, *len)).collect();
        let mut place = |statistics: bool| {
            for (role, first, len) in &mut entries {
                if let Role::Conv { shape, .. } = role
                    && shape.weights() != *len
                {
                    return Err(GpuError::size(format!("weights of {shape:?}"), shape.weights(), *len));
                }
                if statistics == (*role == Role::Statistic) {
                    *first = values;
                    values += len.next_multiple_of(ALIGNED);
                }
            }
            Ok(values)
        };
        let trained = place(false)?;
        let values = place(true)?;
        Ok(Self { entries, values, trained })
    }

    /// Values that an optimiser changes: the first ones.
    pub fn trained(&self) -> usize {
        self.trained
    }

    /// Values of a flat array, with the gaps between parameters.
    pub fn values(&self) -> usize {
        self.values
    }

    /// A flat array of parameters (or moments) in PyTorch's order; gaps are zero.
    ///
    /// # Errors
    /// [`GpuError::Size`] when a parameter has another number of values.
    pub fn pack<P: AsRef<[f32]>>(&self, params: &[P]) -> Result<Vec<f32>, GpuError> {
        if params.len() != self.entries.len() {
            return Err(GpuError::size("parameters", self.entries.len(), params.len()));
        }
        let mut flat = vec![0.0; self.values];
        for (id, ((role, first, len), param)) in self.entries.iter().zip(params).enumerate() {
            let param = param.as_ref();
            if param.len() != *len {
                return Err(GpuError::size(format!("parameter {id}"), len, param.len()));
            }
            let to = &mut flat[*first..][..*len];
            match role {
                Role::Plain | Role::Statistic => to.copy_from_slice(param),
                Role::Conv { shape, .. } => each_output(*shape, to, param, |to, from, here, there| {
                    to[here] = from[there];
                }),
            }
        }
        Ok(flat)
    }

    /// The parameters of a flat array, each in PyTorch's order.
    ///
    /// # Panics
    /// When the array has another length than [`Placement::values`].
    pub fn unpack(&self, flat: &[f32]) -> Vec<Vec<f32>> {
        assert_eq!(flat.len(), self.values);
        let param = |(role, first, len): &(Role, usize, usize)| {
            let from = &flat[*first..][..*len];
            match role {
                Role::Plain | Role::Statistic => from.to_vec(),
                Role::Conv { shape, .. } => {
                    let mut out = vec![0.0; *len];
                    each_output(*shape, &mut out, from, |to, from, here, there| to[there] = from[here]);
                    out
                }
            }
        };
        self.entries.iter().map(param).collect()
    }

    fn part<'m>(&self, flat: Span<'m>, id: ParamId, storage: Storage) -> Result<Span<'m>, GpuError> {
        let (_, first, len) = self.entry(id)?;
        flat.part(first * storage.bytes(), len * storage.bytes())
    }

    fn entry(&self, id: ParamId) -> Result<(Role, usize, usize), GpuError> {
        let entry = self.entries.get(id.0).copied();
        entry.ok_or_else(|| GpuError::size("a parameter's number", self.entries.len(), id.0))
    }
}

/// Copies between `[cout, cin, kh, kw]` and `[cout, kh, kw, cin]`, output channels in parallel: `copy` is given an output
/// channel's values on both sides, and every place in them in the second order and in the first.
fn each_output(
    s: ConvShape,
    to: &mut [f32],
    from: &[f32],
    copy: impl Fn(&mut [f32], &[f32], usize, usize) + Sync,
) {
    // At least one: a chunk cannot be empty, an array can.
    let (taps, values) = (s.kernel * s.kernel, (s.kernel * s.kernel * s.cin).max(1));
    to.par_chunks_exact_mut(values).zip(from.par_chunks_exact(values)).for_each(|(to, from)| {
        for tap in 0..taps {
            for channel in 0..s.cin {
                copy(to, from, tap * s.cin + channel, channel * taps + tap);
            }
        }
    });
}

/// A dense or convolutional weight for a product.
#[derive(Clone, Copy, Debug)]
pub(super) struct Product<'m> {
    pub(super) shape: ConvShape,
    pub(super) weights: Span<'m>,
    pub(super) input_gradient: bool,
}

/// The parameters of one network on the device, in f32 and, where products want it, in bf16.
#[derive(Debug)]
pub struct Weights {
    placement: Rc<Placement>,
    precision: Precision,
    flat: Block,
    copy: Option<Block>,
}

impl Weights {
    /// Puts parameters, each in PyTorch's order, on the device.
    ///
    /// # Errors
    /// [`GpuError::Size`] and the queue's.
    pub fn new<P: AsRef<[f32]>>(
        pool: &Pool,
        placement: Rc<Placement>,
        params: &[P],
        precision: Precision,
    ) -> Result<Self, GpuError> {
        let flat = pool.take(4 * placement.values())?;
        let copy = match precision.storage() {
            Storage::F32 => None,
            Storage::Bf16 => Some(pool.take(2 * placement.values())?),
        };
        let weights = Self { placement, precision, flat, copy };
        weights.write(pool, params)?;
        Ok(weights)
    }

    /// Takes new values into the memory of the old ones.
    ///
    /// # Errors
    /// [`GpuError::Size`] and the queue's.
    pub fn write<P: AsRef<[f32]>>(&self, pool: &Pool, params: &[P]) -> Result<(), GpuError> {
        write(pool, self.flat.span(), &self.placement.pack(params)?)?;
        match &self.copy {
            Some(copy) => {
                elementwise::narrow(pool.queue(), copy.span(), self.flat.span(), self.placement.values())
            }
            None => Ok(()),
        }
    }

    /// The parameters, each in PyTorch's order.
    ///
    /// # Errors
    /// The queue's.
    pub fn read(&self, pool: &Pool) -> Result<Vec<Vec<f32>>, GpuError> {
        Ok(self.placement.unpack(&read(pool, self.flat.span(), self.placement.values())?))
    }

    /// Where parameters lie.
    pub fn placement(&self) -> &Rc<Placement> {
        &self.placement
    }

    /// Storage and arithmetic of the network.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// All values in f32.
    pub fn flat(&self) -> Span<'_> {
        self.flat.span()
    }

    /// All values in bf16, where products read them so.
    pub fn copy(&self) -> Option<Span<'_>> {
        self.copy.as_ref().map(Block::span)
    }

    /// A parameter as it is, f32.
    pub(super) fn plain(&self, id: ParamId) -> Result<Span<'_>, GpuError> {
        self.placement.part(self.flat.span(), id, Storage::F32)
    }

    /// A weight for products, in the precision's storage.
    pub(super) fn product(&self, id: ParamId) -> Result<Product<'_>, GpuError> {
        let Role::Conv { shape, input_gradient } = self.placement.entry(id)?.0 else {
            return Err(GpuError::size(format!("parameter {}", id.0), "a weight of products", "another"));
        };
        let (flat, storage) = match &self.copy {
            Some(copy) => (copy.span(), Storage::Bf16),
            None => (self.flat.span(), Storage::F32),
        };
        Ok(Product { shape, weights: self.placement.part(flat, id, storage)?, input_gradient })
    }
}

/// Writes values of f32.
pub(super) fn write(pool: &Pool, to: Span<'_>, values: &[f32]) -> Result<(), GpuError> {
    let mut bytes = vec![0; 4 * values.len()];
    bytes.as_chunks_mut::<4>().0.iter_mut().zip(values).for_each(|(to, value)| *to = value.to_le_bytes());
    pool.queue().write(to, &bytes)
}

/// Reads `n` values of f32.
pub(super) fn read(pool: &Pool, from: Span<'_>, n: usize) -> Result<Vec<f32>, GpuError> {
    let mut bytes = vec![0; 4 * n];
    pool.queue().read(from.part(0, 4 * n)?, &mut bytes)?;
    Ok(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
}

/// A flat array beside the parameters: moments.
#[derive(Debug)]
pub struct Flat {
    placement: Rc<Placement>,
    block: Block,
}

impl Flat {
    /// Puts arrays, each in PyTorch's order of its parameter, on the device.
    ///
    /// # Errors
    /// [`GpuError::Size`] and the queue's.
    pub fn new<P: AsRef<[f32]>>(
        pool: &Pool,
        placement: Rc<Placement>,
        params: &[P],
    ) -> Result<Self, GpuError> {
        let block = pool.take(4 * placement.values())?;
        write(pool, block.span(), &placement.pack(params)?)?;
        Ok(Self { placement, block })
    }

    /// The arrays, each in PyTorch's order.
    ///
    /// # Errors
    /// The queue's.
    pub fn read(&self, pool: &Pool) -> Result<Vec<Vec<f32>>, GpuError> {
        Ok(self.placement.unpack(&read(pool, self.block.span(), self.placement.values())?))
    }

    /// All values.
    pub fn span(&self) -> Span<'_> {
        self.block.span()
    }
}

/// Sums of the parameters' gradients, f32. The first gradient of a parameter is written, later ones are added.
#[derive(Debug)]
pub struct Gradients {
    placement: Rc<Placement>,
    sums: Block,
    written: Vec<bool>,
    /// Sums of columns that go to `sums`.
    gathered: Gathered,
}

impl Gradients {
    /// Sums of zero; the gaps stay so.
    ///
    /// # Errors
    /// The queue's.
    pub fn new(pool: &Pool, placement: Rc<Placement>) -> Result<Self, GpuError> {
        let sums = pool.zeroed(4 * placement.values())?;
        let written = vec![false; placement.entries.len()];
        Ok(Self { written, placement, sums, gathered: Gathered::default() })
    }

    /// Forgets all sums; a parameter without a gradient keeps its old one.
    pub fn clear(&mut self) {
        self.written.fill(false);
        self.gathered.clear();
    }

    /// All sums.
    pub fn span(&self) -> Span<'_> {
        self.sums.span()
    }

    /// The sums, each in PyTorch's order.
    ///
    /// # Errors
    /// The queue's.
    pub fn read(&self, pool: &Pool) -> Result<Vec<Vec<f32>>, GpuError> {
        Ok(self.placement.unpack(&read(pool, self.sums.span(), self.placement.values())?))
    }

    /// Sums what waits to be summed.
    pub(super) fn finish(&mut self, pool: &Pool) -> Result<(), GpuError> {
        self.gathered.finish(pool)
    }

    /// A parameter's place, whether its next gradient is added, and where sums of columns may wait.
    pub(super) fn open(&mut self, id: ParamId) -> Result<(Sums<'_>, &mut Gathered), GpuError> {
        let to = self.placement.part(self.sums.span(), id, Storage::F32)?;
        let add = std::mem::replace(&mut self.written[id.0], true);
        Ok((Sums { to, add }, &mut self.gathered))
    }

    /// The places of two parameters of one layer, which get their gradients together.
    pub(super) fn pair(
        &mut self,
        a: ParamId,
        b: ParamId,
    ) -> Result<([Sums<'_>; 2], &mut Gathered), GpuError> {
        let places = [a, b].map(|id| self.placement.part(self.sums.span(), id, Storage::F32));
        let added = [a, b].map(|id| std::mem::replace(&mut self.written[id.0], true));
        let [first, second] = places;
        let sums = [Sums { to: first?, add: added[0] }, Sums { to: second?, add: added[1] }];
        Ok((sums, &mut self.gathered))
    }
}
