//! The queues of a thread, one for each of candle's devices: what operations on tensors launch on.

use super::queue::CudaQueue;
use basin_gpu::{GpuError, NoStore};
use candle_core::CudaDevice;
use candle_core::backend::BackendDevice;
use std::cell::RefCell;
use std::rc::Rc;

thread_local! {
    static QUEUES: RefCell<Vec<Rc<CudaQueue>>> = const { RefCell::new(Vec::new()) };
}

impl CudaQueue {
    /// This thread's queue on a device of candle's, opened at the first call; it lasts until the thread ends or calls
    /// [`CudaQueue::release`]. Its kernels are compiled once in a process; a queue that keeps them from run to run is made with
    /// [`CudaQueue::on`] and [`CudaQueue::share`]d.
    ///
    /// # Errors
    /// Those of [`CudaQueue::on`].
    pub fn of(device: &CudaDevice) -> Result<Rc<Self>, GpuError> {
        let known = QUEUES
            .with_borrow(|queues| queues.iter().find(|queue| queue.candle().same_device(device)).cloned());
        match known {
            Some(queue) => Ok(queue),
            None => Ok(Rc::new(Self::on(device, Box::new(NoStore))?).share()),
        }
    }

    /// Makes it what [`CudaQueue::of`] finds on this thread.
    #[must_use]
    pub fn share(self: Rc<Self>) -> Rc<Self> {
        let before = QUEUES.with_borrow_mut(|queues| {
            let at = queues.iter().position(|queue| queue.candle().same_device(self.candle()));
            let before = at.map(|at| queues.swap_remove(at));
            queues.push(self.clone());
            before
        });
        drop(before);
        self
    }

    /// Lets go of this thread's queues, and with them of memory and handles that nobody else has.
    pub fn release() {
        drop(QUEUES.take());
    }
}
