//! On which devices operations have kernels: those of CUDA where the build has them, beside the CPU.

#[cfg(feature = "cuda")]
pub(super) use super::cuda::{Kept, Launched, forward, in_place as whole_on_cuda, reverse, run, sum};
#[cfg(not(feature = "cuda"))]
pub(super) use without::{Kept, Launched, reverse, run, sum};

use candle_core::{Device, Result, Tensor};

/// The devices that have kernels, for people.
pub(super) const NAMES: &str = if cfg!(feature = "cuda") { "the CPU or a CUDA device" } else { "the CPU" };

/// Whether operations have kernels there.
pub(super) fn has_kernels(device: &Device) -> bool {
    device.is_cpu() || cfg!(feature = "cuda") && device.is_cuda()
}

/// A tensor as one piece of memory that the device's kernels can read.
pub(super) fn whole(tensor: &Tensor) -> Result<Tensor> {
    #[cfg(feature = "cuda")]
    if tensor.device().is_cuda() {
        return whole_on_cuda(tensor);
    }
    tensor.contiguous()
}

/// What stands in for kernels in a build without any: tensors elsewhere than on the CPU are refused before they come here.
#[cfg(not(feature = "cuda"))]
mod without {
    use super::super::OpError;
    use candle_core::{Result, Tensor};

    pub(in crate::ops) trait Launched<const N: usize> {}

    impl<K, const N: usize> Launched<N> for K {}

    /// What an operation keeps on a device: nothing.
    #[derive(Debug, Default)]
    pub(in crate::ops) struct Kept {}

    fn refused<R>(operation: &'static str, tensor: &Tensor) -> Result<R> {
        let device = format!("{:?}", tensor.device().location());
        Err(OpError::Device { operation, device, expected: super::NAMES }.into())
    }

    pub(in crate::ops) fn run<const N: usize, K>(_: &K, inputs: [&Tensor; N]) -> Result<Tensor> {
        refused("a forward pass", inputs[0])
    }

    pub(in crate::ops) fn reverse<const N: usize, K>(
        _: &K,
        _: [&Tensor; N],
        y: &Tensor,
        _: &Tensor,
    ) -> Result<[Option<Tensor>; N]> {
        refused("a reverse pass", y)
    }

    pub(in crate::ops) fn sum(a: &Tensor, _: &Tensor) -> Result<Tensor> {
        refused("a sum of gradients", a)
    }
}
