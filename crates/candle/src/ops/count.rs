//! Multiply-adds of a forward pass, counted without computing it: the weights may be of any size, and none is looked at.

use candle_core::{DType, Device, Result, Tensor};
use std::cell::Cell;

thread_local! {
    static COUNT: Cell<Option<Count>> = const { Cell::new(None) };
}

/// What convolutions, dense layers and attention would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Multiply-adds.
    pub(crate) macs: u64,
    /// Weights that they were done with.
    pub(crate) weights: u64,
}

/// Counts what a pass on this thread would do.
pub(crate) fn counted<R>(pass: impl FnOnce() -> R) -> (R, Count) {
    /// Ends the count, whatever happens.
    struct End(Option<Count>);
    impl Drop for End {
        fn drop(&mut self) {
            COUNT.set(self.0);
        }
    }
    let _end = End(COUNT.replace(Some(Count::default())));
    let result = pass();
    (result, COUNT.get().unwrap_or_default())
}

/// Where a count runs: adds to it, and gives a result of these sizes, all zero and of one number in memory.
pub(super) fn count(macs: u64, weights: usize, result: &[usize]) -> Option<Result<Tensor>> {
    let Count { macs: so_far, weights: seen } = COUNT.get()?;
    COUNT.set(Some(Count { macs: so_far + macs, weights: seen + weights as u64 }));
    Some(outline(result))
}

/// Zeros of these sizes that take the memory of one.
pub(crate) fn outline(dims: &[usize]) -> Result<Tensor> {
    Tensor::zeros(1, DType::F32, &Device::Cpu)?.broadcast_as(dims)
}
