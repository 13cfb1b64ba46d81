//! Kernels on slices as operations of candle's graph.

use super::device::{self, Launched};
use super::order::stacked;
use super::{OpError, tape};
use basin_kernels::{floats, reuse, tensor};
#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, DType, Layout, Result, Shape, Tensor};
use std::borrow::Cow;

/// One tensor's values and shape.
#[derive(Clone, Copy, Debug)]
pub(super) struct Values<'a> {
    pub(super) data: &'a [f32],
    pub(super) dims: &'a [usize],
}

/// An operation of `N` tensors, forward and back, on the CPU, and in a build with CUDA on such a device ([`Launched`]).
pub(super) trait Kernel<const N: usize>: Launched<N> + Send + Sync + 'static {
    const NAME: &'static str;

    /// The result and its shape.
    fn forward(&self, inputs: [Values<'_>; N]) -> Result<(Vec<f32>, Vec<usize>)>;

    /// Gradients of the inputs, from the gradient `dy` of the result `y`; of those that are not wanted, none need be made. What is
    /// not passed on of `dy` is [`spent`].
    fn backward(
        &self,
        inputs: [Values<'_>; N],
        wanted: [bool; N],
        y: &[f32],
        dy: Cow<'_, [f32]>,
    ) -> Result<[Option<Vec<f32>>; N]>;
}

/// Gives a gradient that nobody needs any more back to those to come.
pub(super) fn spent(gradient: Cow<'_, [f32]>) {
    if let Cow::Owned(values) = gradient {
        reuse::give_back(values);
    }
}

/// Refuses tensors that the kernels cannot take.
pub(super) fn check<const N: usize>(operation: &'static str, tensors: [&Tensor; N]) -> Result<()> {
    for tensor in tensors {
        if !device::has_kernels(tensor.device()) {
            let device = format!("{:?}", tensor.device().location());
            return Err(OpError::Device { operation, device, expected: device::NAMES }.into());
        }
        if !tensor.device().same_device(tensors[0].device()) {
            let [lhs, rhs] = [tensors[0], tensor].map(|tensor| tensor.device().location());
            return Err(candle_core::Error::DeviceMismatchBinaryOp { lhs, rhs, op: operation }.bt());
        }
        if tensor.dtype() != DType::F32 {
            let found = tensor.dtype().as_str().to_owned();
            return Err(OpError::Type { operation, found }.into());
        }
    }
    Ok(())
}

/// Refuses tensors elsewhere: for what has no kernel on a device.
pub(crate) fn on_the_cpu(operation: &'static str, tensor: &Tensor) -> Result<()> {
    match tensor.device().is_cpu() {
        true => Ok(()),
        false => {
            let device = format!("{:?}", tensor.device().location());
            Err(OpError::Device { operation, device, expected: "the CPU" }.into())
        }
    }
}

/// Refuses tensors that the kernels cannot take, and puts the others into one piece of memory each.
pub(super) fn ready<const N: usize>(operation: &'static str, tensors: [&Tensor; N]) -> Result<[Tensor; N]> {
    check(operation, tensors)?;
    let whole: Vec<Tensor> = tensors.iter().map(|tensor| device::whole(tensor)).collect::<Result<_>>()?;
    whole.try_into().map_err(|_| candle_core::Error::Msg("as many tensors as were given".into()))
}

/// The result of a kernel: in the tape that records on this thread, else in candle's graph.
pub(super) fn apply<const N: usize, K: Kernel<N>>(kernel: K, inputs: [&Tensor; N]) -> Result<Tensor>
where
    Op<K>: InGraph<N>,
{
    match inputs.iter().any(|input| input.track_op()) && tape::records() {
        true => tape::record(kernel, inputs),
        false => Op(kernel).apply(inputs),
    }
}

/// The result of a kernel and its sizes.
pub(super) fn run<const N: usize, K: Kernel<N>>(
    kernel: &K,
    inputs: [&Tensor; N],
) -> Result<(Vec<f32>, Vec<usize>)> {
    let read = inputs.iter().map(|input| floats(input)).collect::<Result<Vec<_>>>()?;
    kernel.forward(std::array::from_fn(|i| Values { data: &read[i], dims: inputs[i].dims() }))
}

/// Gradients of the inputs that want one.
pub(super) fn reverse<const N: usize, K: Kernel<N>>(
    kernel: &K,
    inputs: [&Tensor; N],
    y: &Tensor,
    dy: Cow<'_, [f32]>,
) -> Result<[Option<Vec<f32>>; N]> {
    let read = inputs.iter().map(|input| floats(input)).collect::<Result<Vec<_>>>()?;
    let values = std::array::from_fn(|i| Values { data: &read[i], dims: inputs[i].dims() });
    kernel.backward(values, inputs.map(Tensor::track_op), &floats(y)?, dy)
}

/// A kernel in candle's graph.
pub(super) struct Op<K>(pub(super) K);

/// How a kernel of so many tensors is put there.
pub(super) trait InGraph<const N: usize> {
    fn apply(self, inputs: [&Tensor; N]) -> Result<Tensor>;
}

impl<K: Kernel<1>> InGraph<1> for Op<K> {
    fn apply(self, [x]: [&Tensor; 1]) -> Result<Tensor> {
        x.apply_op1(self)
    }
}

impl<K: Kernel<2>> InGraph<2> for Op<K> {
    fn apply(self, [a, b]: [&Tensor; 2]) -> Result<Tensor> {
        a.apply_op2(b, self)
    }
}

impl<K: Kernel<3>> InGraph<3> for Op<K> {
    fn apply(self, [a, b, c]: [&Tensor; 3]) -> Result<Tensor> {
        a.apply_op3(b, c, self)
    }
}

/// An operation of candle's has at most three arguments: the second and the third, of one shape, go as one.
impl<K: Kernel<4>> InGraph<4> for Op<K> {
    fn apply(self, [a, b, c, d]: [&Tensor; 4]) -> Result<Tensor> {
        a.apply_op3(&stacked(b, c)?, d, Op(Paired(self.0)))
    }
}

/// A kernel of four tensors with the second and the third stacked.
pub(super) struct Paired<K>(pub(super) K);

impl<K: Kernel<4>> Kernel<3> for Paired<K> {
    const NAME: &'static str = K::NAME;

    fn forward(&self, [a, pair, d]: [Values<'_>; 3]) -> Result<(Vec<f32>, Vec<usize>)> {
        let [b, c] = halves(pair);
        self.0.forward([a, b, c, d])
    }

    fn backward(
        &self,
        [a, pair, d]: [Values<'_>; 3],
        [wants_a, wants_pair, wants_d]: [bool; 3],
        y: &[f32],
        dy: Cow<'_, [f32]>,
    ) -> Result<[Option<Vec<f32>>; 3]> {
        let [b, c] = halves(pair);
        let wanted = [wants_a, wants_pair, wants_pair, wants_d];
        let [da, db, dc, dd] = self.0.backward([a, b, c, d], wanted, y, dy)?;
        Ok([da, db.zip(dc).map(|(db, dc)| [db, dc].concat()), dd])
    }
}

fn halves(pair: Values<'_>) -> [Values<'_>; 2] {
    let (first, second) = pair.data.split_at(pair.data.len() / 2);
    [first, second].map(|data| Values { data, dims: &pair.dims[1..] })
}

fn values<'a>(storage: &'a CpuStorage, layout: &'a Layout) -> Result<Values<'a>> {
    let all = storage.as_slice::<f32>()?;
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(Values { data: &all[start..end], dims: layout.dims() }),
        None => Err(candle_core::Error::RequiresContiguous { op: "basin-candle" }),
    }
}

fn forward<const N: usize, K: Kernel<N>>(
    kernel: &K,
    inputs: [(&CpuStorage, &Layout); N],
) -> Result<(CpuStorage, Shape)> {
    let read = inputs.iter().map(|(storage, layout)| values(storage, layout)).collect::<Result<Vec<_>>>()?;
    let (y, dims) = kernel.forward(std::array::from_fn(|i| read[i]))?;
    Ok((CpuStorage::F32(y), Shape::from_dims(&dims)))
}

fn backward<const N: usize, K: Kernel<N>>(
    kernel: &K,
    inputs: [&Tensor; N],
    y: &Tensor,
    dy: &Tensor,
) -> Result<[Option<Tensor>; N]> {
    if !dy.device().is_cpu() {
        return device::reverse(kernel, inputs, y, dy);
    }
    let dy = dy.contiguous()?;
    let gradients = reverse(kernel, inputs, y, Cow::Borrowed(&floats(&dy)?))?;
    let mut all = [const { None }; N];
    for (i, gradient) in gradients.into_iter().enumerate() {
        all[i] = gradient.map(|gradient| tensor(gradient, inputs[i].dims())).transpose()?;
    }
    Ok(all)
}

impl<K: Kernel<1>> CustomOp1 for Op<K> {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        forward(&self.0, [(x, layout)])
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        device::forward(&self.0, [(x, layout)])
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let [dx] = backward(&self.0, [x], y, dy)?;
        Ok(dx)
    }
}

impl<K: Kernel<2>> CustomOp2 for Op<K> {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        a_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        forward(&self.0, [(a, a_layout), (b, b_layout)])
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        a: &CudaStorage,
        a_layout: &Layout,
        b: &CudaStorage,
        b_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        device::forward(&self.0, [(a, a_layout), (b, b_layout)])
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let [da, db] = backward(&self.0, [a, b], y, dy)?;
        Ok((da, db))
    }
}

impl<K: Kernel<3>> CustomOp3 for Op<K> {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        a_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
        c: &CpuStorage,
        c_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        forward(&self.0, [(a, a_layout), (b, b_layout), (c, c_layout)])
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        a: &CudaStorage,
        a_layout: &Layout,
        b: &CudaStorage,
        b_layout: &Layout,
        c: &CudaStorage,
        c_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        device::forward(&self.0, [(a, a_layout), (b, b_layout), (c, c_layout)])
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        c: &Tensor,
        y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [da, db, dc] = backward(&self.0, [a, b, c], y, dy)?;
        Ok((da, db, dc))
    }
}
