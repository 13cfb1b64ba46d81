//! Reading candle tensors as slices and making tensors from buffers, without copies.

use candle_core::{CpuStorage, Device, Error, Result, Storage, StorageRef, Tensor};
use std::ops::{Deref, Range};

/// The `f32` values of a contiguous CPU tensor.
#[derive(Debug)]
pub struct Floats<'a> {
    storage: StorageRef<'a>,
    range: Range<usize>,
}

/// Borrows the values of a tensor.
///
/// # Errors
/// When the tensor is not contiguous, not `f32` or not on the CPU.
pub fn floats(tensor: &Tensor) -> Result<Floats<'_>> {
    let (storage, layout) = tensor.storage_and_layout();
    let Some((start, end)) = layout.contiguous_offsets() else {
        return Err(Error::RequiresContiguous { op: "floats" });
    };
    match &*storage {
        Storage::Cpu(CpuStorage::F32(_)) => Ok(Floats { storage, range: start..end }),
        Storage::Cpu(_) => candle_core::bail!("expected f32 values, found {:?}", tensor.dtype()),
        _ => candle_core::bail!("expected a tensor on the CPU, found {:?}", tensor.device()),
    }
}

impl Deref for Floats<'_> {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        match &*self.storage {
            Storage::Cpu(CpuStorage::F32(values)) => &values[self.range.clone()],
            _ => &[],
        }
    }
}

/// A CPU tensor that owns the buffer.
///
/// # Errors
/// When the buffer does not fill the shape.
pub fn tensor(values: Vec<f32>, shape: &[usize]) -> Result<Tensor> {
    Tensor::from_vec(values, shape, &Device::Cpu)
}

/// The contiguous `f32` slice of a custom op's argument.
pub(crate) fn slice<'a>(storage: &'a CpuStorage, layout: &candle_core::Layout) -> Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((start, end))) => Ok(&values[start..end]),
        (CpuStorage::F32(_), None) => Err(Error::RequiresContiguous { op: "basin-kernels" }),
        _ => candle_core::bail!("basin-kernels works on f32 tensors"),
    }
}
