//! Convolutions by cuDNN, NHWC, with what was chosen for a convolution kept for the next call.
//!
//! Three things do not fit cuDNN's convolutions and are put right with scratch memory. It pads both sides alike: where
//! SAME padding does not, its output has a row and a column more, before ours, which are cut off, or in the gradients
//! zero. Its bf16 weight gradients are bf16: they are widened to f32 afterwards, so they are rounded once, after f32
//! sums. And where it has no algorithm that is deterministic and keeps to the precision, the project's own kernels run.

use super::CudaQueue;
use super::descriptors::Descriptors;
use super::error::dnn;
use super::execute::{Addresses, execute};
use super::plan::Plan;
use super::scratch::Cut;
use super::turn::Turn;
use basin_gpu::corner::Corner;
use basin_gpu::{Convolution, GpuError, Operands, Pass, Span, Storage, convolution, elementwise};
use candle_core::cuda_backend::cudarc::cudnn::{result, sys};
use candle_core::cuda_backend::cudarc::driver::CudaStream;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

/// A handle of cuDNN on one stream, and its plans.
pub(super) struct Dnn {
    plans: RefCell<HashMap<Convolution, Rc<Plan>>>,
    handle: Handle,
    stream: Arc<CudaStream>,
}

impl Dnn {
    pub(super) fn new(stream: Arc<CudaStream>) -> Result<Self, GpuError> {
        let said = |error| dnn(error, "start");
        let handle = Handle(result::create_handle().map_err(said)?);
        // SAFETY: handle and stream are alive; the stream stays so as long as `Self`.
        unsafe { result::set_stream(handle.0, stream.cu_stream().cast()) }.map_err(said)?;
        Ok(Self { plans: RefCell::default(), handle, stream })
    }

    /// The plan of a convolution, if it was made.
    pub(super) fn made(&self, convolution: &Convolution) -> Option<Rc<Plan>> {
        self.plans.borrow().get(convolution).cloned()
    }

    /// Makes and keeps the plan of a convolution. Waits for the stream, which must not be captured.
    pub(super) fn make(&self, convolution: &Convolution) -> Result<Rc<Plan>, GpuError> {
        let _turn = Turn::wait();
        let plan = Rc::new(Plan::new(self.handle.0, &self.stream, convolution)?);
        self.plans.borrow_mut().insert(*convolution, plan.clone());
        Ok(plan)
    }

    /// Runs a convolution whose operands were checked.
    pub(super) fn convolve(
        &self,
        queue: &CudaQueue,
        plan: &Plan,
        convolution: &Convolution,
        operands: Operands<'_>,
        scratch: Span<'_>,
    ) -> Result<(), GpuError> {
        let Plan::Library { descriptors, algorithm, parts } = plan else {
            return convolution::launch(queue, convolution, operands, scratch);
        };
        let scratch = parts.cut(convolution, scratch)?;
        let larger = scratch.output.bytes() > 0;
        let forward = convolution.pass == Pass::Forward;
        if larger && !forward {
            corner(convolution, descriptors).fill(queue, scratch.output, operands.output)?;
        }
        let narrow = scratch.weights.bytes() > 0;
        let addresses = Addresses {
            input: operands.input.address(),
            weights: if narrow { scratch.weights } else { operands.weights }.address(),
            output: if larger { scratch.output } else { operands.output }.address(),
            work: scratch.work.address(),
        };
        let (work, add) = (scratch.work.bytes(), parts.adds(convolution));
        // SAFETY: the arrays are as large as the descriptors say, which `Convolution::check` and `Parts` have seen to.
        let done = unsafe { execute(self.handle.0, descriptors, *algorithm, addresses, work, add) };
        done.map_err(|error| dnn(error, &format!("run {} on {convolution:?}", algorithm.name())))?;
        if larger && forward {
            corner(convolution, descriptors).take(queue, operands.output, scratch.output)?;
        }
        if narrow {
            widen(queue, convolution, operands.weights, &scratch)?;
        }
        Ok(())
    }
}

/// The outputs among the larger ones that cuDNN sees.
fn corner(convolution: &Convolution, descriptors: &Descriptors) -> Corner {
    let Convolution { shape, precision, images, .. } = *convolution;
    Corner {
        storage: precision.storage(),
        images,
        size: convolution.output(),
        channels: shape.cout,
        added: descriptors.extent.added,
    }
}

/// Turns bf16 weight gradients into f32, and adds them to what is there where asked for.
fn widen(
    queue: &CudaQueue,
    convolution: &Convolution,
    to: Span<'_>,
    scratch: &Cut<'_>,
) -> Result<(), GpuError> {
    let n = convolution.shape.weights();
    let widened = if convolution.add { scratch.sum } else { to };
    elementwise::widen(queue, Storage::Bf16, widened, scratch.weights, n)?;
    match convolution.add {
        true => elementwise::add(queue, Storage::F32, to, widened, n),
        false => Ok(()),
    }
}

/// Destroyed when dropped.
struct Handle(sys::cudnnHandle_t);

impl Drop for Handle {
    fn drop(&mut self) {
        // Waits for the whole device.
        let _turn = Turn::wait();
        // SAFETY: made by `Dnn::new`, destroyed here alone. After a fault of the device it fails, and leaks.
        let _ = unsafe { result::destroy_handle(self.0) };
    }
}
