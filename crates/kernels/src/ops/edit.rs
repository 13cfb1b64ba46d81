//! Changing a candle tensor's values in place.

use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Tensor, bail};
use std::cell::RefCell;

/// Hands the values of a contiguous `f32` tensor on the CPU to a function that may change them: how an optimiser
/// of this crate updates a `Var`.
///
/// # Errors
/// When the tensor is not a contiguous `f32` tensor on the CPU.
pub fn edit<R>(tensor: &Tensor, change: impl FnOnce(&mut [f32]) -> R) -> Result<R> {
    let op = Edit { change: RefCell::new(Some(change)), result: RefCell::new(None) };
    tensor.inplace_op1(&op)?;
    match op.result.into_inner() {
        Some(result) => Ok(result),
        None => bail!("the tensor's device ran no in-place operation"),
    }
}

struct Edit<F, R> {
    change: RefCell<Option<F>>,
    result: RefCell<Option<R>>,
}

impl<R, F: FnOnce(&mut [f32]) -> R> InplaceOp1 for Edit<F, R> {
    fn name(&self) -> &'static str {
        "basin-edit"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let (CpuStorage::F32(values), Some((start, end))) = (storage, layout.contiguous_offsets()) else {
            bail!("basin-edit works on contiguous f32 tensors");
        };
        let change = self.change.borrow_mut().take();
        *self.result.borrow_mut() = change.map(|change| change(&mut values[start..end]));
        Ok(())
    }
}
