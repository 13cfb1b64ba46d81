//! Kernels on slices as operations of candle's graph.

use super::OpError;
use basin_kernels::{floats, tensor};
use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, DType, Device, Layout, Result, Shape, Tensor,
};

/// One tensor's values and shape.
#[derive(Clone, Copy, Debug)]
pub(super) struct Values<'a> {
    pub(super) data: &'a [f32],
    pub(super) dims: &'a [usize],
}

/// An operation of `N` tensors, forward and back.
pub(super) trait Kernel<const N: usize>: Send + Sync + 'static {
    const NAME: &'static str;

    /// The result and its shape.
    fn forward(&self, inputs: [Values<'_>; N]) -> Result<(Vec<f32>, Vec<usize>)>;

    /// Gradients of the inputs, from the gradient `dy` of the result `y`; of those that are not wanted, none need be made.
    fn backward(
        &self,
        inputs: [Values<'_>; N],
        wanted: [bool; N],
        y: &[f32],
        dy: &[f32],
    ) -> Result<[Option<Vec<f32>>; N]>;
}

/// Refuses tensors that the kernels cannot take.
pub(super) fn check<const N: usize>(operation: &'static str, tensors: [&Tensor; N]) -> Result<()> {
    for tensor in tensors {
        if !matches!(tensor.device(), Device::Cpu) {
            let device = format!("{:?}", tensor.device().location());
            return Err(OpError::Device { operation, device }.into());
        }
        if tensor.dtype() != DType::F32 {
            let found = tensor.dtype().as_str().to_owned();
            return Err(OpError::Type { operation, found }.into());
        }
    }
    Ok(())
}

/// Refuses tensors that the kernels cannot take, and puts the others into one piece of memory each.
pub(super) fn ready<const N: usize>(operation: &'static str, tensors: [&Tensor; N]) -> Result<[Tensor; N]> {
    check(operation, tensors)?;
    let whole: Vec<Tensor> = tensors.iter().map(|tensor| tensor.contiguous()).collect::<Result<_>>()?;
    whole.try_into().map_err(|_| candle_core::Error::Msg("as many tensors as were given".into()))
}

/// A kernel in candle's graph.
pub(super) struct Op<K>(pub(super) K);

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
    let dy = dy.contiguous()?;
    let read = inputs.iter().map(|input| floats(input)).collect::<Result<Vec<_>>>()?;
    let values = std::array::from_fn(|i| Values { data: &read[i], dims: inputs[i].dims() });
    let wanted = inputs.map(Tensor::track_op);
    let gradients = kernel.backward(values, wanted, &floats(y)?, &floats(&dy)?)?;
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
