//! Multiply-adds of a forward pass, counted while it runs.

use std::cell::Cell;

thread_local! {
    static COUNT: Cell<Option<Count>> = const { Cell::new(None) };
}

/// What convolutions, dense layers and attention did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Multiply-adds.
    pub(crate) macs: u64,
    /// Weights that they were done with.
    pub(crate) weights: u64,
}

/// Counts what a pass does on this thread.
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

/// Adds to the count, where one runs.
pub(super) fn count(macs: usize, weights: usize) {
    if let Some(Count { macs: so_far, weights: seen }) = COUNT.get() {
        COUNT.set(Some(Count { macs: so_far + macs as u64, weights: seen + weights as u64 }));
    }
}
