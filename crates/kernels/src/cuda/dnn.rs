//! Convolutions by cuDNN, NHWC, with what was chosen for a convolution kept for the next call.
//!
//! Three things do not fit cuDNN's convolutions and are put right with scratch memory. It pads both sides alike: where
//! SAME padding does not, images are copied into larger ones with zeros behind. Its bf16 weight gradients are
//! bf16: they are widened to f32 afterwards, so they are rounded once, after f32 sums. And where it has no algorithm
//! that is deterministic and keeps to the precision, the project's own kernels run.

use super::CudaQueue;
use super::algorithm::{Algorithm, Choice, choose};
use super::descriptors::{Descriptors, Extent};
use super::error::dnn;
use super::strided_copy::{Copy, Images};
use crate::gpu::sources::ELEMENTWISE;
use crate::gpu::{
    Arg, Convolution, GpuError, Kernel, Launch, Operands, Pass, Queue, Span, Storage, convolution,
};
use candle_core::cuda_backend::cudarc::cudnn::{result, sys};
use candle_core::cuda_backend::cudarc::driver::CudaStream;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_void;
use std::rc::Rc;
use std::sync::Arc;

/// A handle of cuDNN on one stream, and its plans.
pub(super) struct Dnn {
    plans: RefCell<HashMap<Convolution, Rc<Plan>>>,
    handle: Handle,
    stream: Arc<CudaStream>,
}

/// How a convolution is carried out.
enum Plan {
    /// By cuDNN.
    Library { descriptors: Descriptors, choice: Choice, parts: Parts },
    /// By the project's kernels.
    Own,
}

impl Dnn {
    pub(super) fn new(stream: Arc<CudaStream>) -> Result<Self, GpuError> {
        let said = |error| dnn(error, "start");
        let handle = Handle(result::create_handle().map_err(said)?);
        // SAFETY: handle and stream are alive; the stream stays so as long as `Self`.
        unsafe { result::set_stream(handle.0, stream.cu_stream().cast()) }.map_err(said)?;
        Ok(Self { plans: RefCell::default(), handle, stream })
    }

    /// Bytes of scratch memory of a convolution.
    pub(super) fn scratch(&self, convolution: &Convolution) -> Result<usize, GpuError> {
        Ok(match &*self.plan(convolution)? {
            Plan::Library { parts, .. } => parts.total(),
            Plan::Own => convolution::scratch(convolution),
        })
    }

    /// Whether cuDNN carries a convolution out.
    pub(super) fn has(&self, convolution: &Convolution) -> Result<bool, GpuError> {
        Ok(matches!(&*self.plan(convolution)?, Plan::Library { .. }))
    }

    fn plan(&self, convolution: &Convolution) -> Result<Rc<Plan>, GpuError> {
        if let Some(plan) = self.plans.borrow().get(convolution) {
            return Ok(plan.clone());
        }
        let descriptors = Descriptors::new(convolution)?;
        let plan = match choose(self.handle.0, convolution, &descriptors)? {
            Some(choice) => {
                descriptors.set_math(choice.math).map_err(|error| dnn(error, "take an arithmetic"))?;
                let parts = Parts::of(convolution, choice.scratch);
                Plan::Library { descriptors, choice, parts }
            }
            None => Plan::Own,
        };
        let plan = Rc::new(plan);
        self.plans.borrow_mut().insert(*convolution, plan.clone());
        Ok(plan)
    }

    /// Runs a convolution whose operands were checked.
    pub(super) fn convolve(
        &self,
        queue: &CudaQueue,
        convolution: &Convolution,
        operands: Operands<'_>,
        scratch: Span<'_>,
    ) -> Result<(), GpuError> {
        match &*self.plan(convolution)? {
            Plan::Own => convolution::launch(queue, convolution, operands, scratch),
            Plan::Library { descriptors, choice, parts } => {
                let scratch = parts.cut(convolution, scratch)?;
                self.run(queue, convolution, operands, descriptors, choice, &scratch)
            }
        }
    }

    fn run(
        &self,
        queue: &CudaQueue,
        convolution: &Convolution,
        operands: Operands<'_>,
        descriptors: &Descriptors,
        choice: &Choice,
        scratch: &Cut<'_>,
    ) -> Result<(), GpuError> {
        let padded = scratch.image.bytes() > 0;
        let gradient = convolution.pass == Pass::InputGradient;
        // A gradient that is written needs nothing of what was there.
        if padded && (!gradient || convolution.add) {
            queue.zero(scratch.image)?;
            self.copy_image(convolution, operands.input, scratch.image, true)?;
        }
        let input = if padded { scratch.image } else { operands.input };
        let narrow = scratch.weights.bytes() > 0;
        let weights = if narrow { scratch.weights } else { operands.weights };
        let keep = convolution.add && !narrow;
        let (alpha, beta) = (1.0f32, if keep { 1.0f32 } else { 0.0 });
        let (alpha, beta) = ((&raw const alpha).cast::<c_void>(), (&raw const beta).cast::<c_void>());
        let at = |span: Span<'_>| span.address() as *mut c_void;
        let (x, w, y, work) = (at(input), at(weights), at(operands.output), at(scratch.work));
        let (d, bytes) = (descriptors, scratch.work.bytes());
        // SAFETY: the arrays are as large as the descriptors say, which `Convolution::check` and `Parts` have seen to;
        // descriptors and handle are alive.
        let done = unsafe {
            match choice.algorithm {
                Algorithm::Forward(a) => result::convolution_forward(
                    self.handle.0,
                    alpha,
                    d.input,
                    x,
                    d.weights,
                    w,
                    d.geometry,
                    a,
                    work,
                    bytes,
                    beta,
                    d.output,
                    y,
                ),
                Algorithm::InputGradient(a) => result::convolution_backward_data(
                    self.handle.0,
                    alpha,
                    d.weights,
                    w,
                    d.output,
                    y,
                    d.geometry,
                    a,
                    work,
                    bytes,
                    beta,
                    d.input,
                    x,
                ),
                Algorithm::WeightGradient(a) => result::convolution_backward_filter(
                    self.handle.0,
                    alpha,
                    d.input,
                    x,
                    d.output,
                    y,
                    d.geometry,
                    a,
                    work,
                    bytes,
                    beta,
                    d.weights,
                    w,
                ),
            }
        };
        done.map_err(|error| dnn(error, &format!("run {convolution:?} by {choice:?}")))?;
        if padded && gradient {
            self.copy_image(convolution, operands.input, scratch.image, false)?;
        }
        if narrow {
            widen(queue, convolution, operands.weights, scratch)?;
        }
        Ok(())
    }

    /// Copies images into the larger ones in scratch memory, or back.
    fn copy_image(
        &self,
        convolution: &Convolution,
        image: Span<'_>,
        larger: Span<'_>,
        into: bool,
    ) -> Result<(), GpuError> {
        let pixel = convolution.shape.cin * convolution.precision.storage().bytes();
        let [rows, columns] = Extent::of(convolution).side;
        let small =
            Images { address: image.address(), rows: convolution.height, row: convolution.width * pixel };
        let large = Images { address: larger.address(), rows, row: columns * pixel };
        let (from, to) = if into { (small, large) } else { (large, small) };
        // SAFETY: the spans are alive and as large as the images.
        unsafe { Copy { from, to, images: convolution.images }.enqueue(&self.stream) }
    }
}

/// Turns bf16 weight gradients into f32, and adds them to what is there where asked for.
fn widen(
    queue: &CudaQueue,
    convolution: &Convolution,
    to: Span<'_>,
    scratch: &Cut<'_>,
) -> Result<(), GpuError> {
    const THREADS: u32 = 256;
    let n = convolution.shape.weights() as u32;
    let launch = Launch { grid: [n.div_ceil(THREADS), 1, 1], threads: THREADS };
    let widened = if convolution.add { scratch.sum } else { to };
    let kernel = |entry| Kernel { source: ELEMENTWISE, entry };
    let args = [Arg::Memory(widened), Arg::Memory(scratch.weights), Arg::U32(n)];
    // SAFETY: the kernel's parameters, and both arrays hold n values of their kind.
    unsafe { queue.launch(kernel("convert_bf16_to_f32"), launch, &args)? };
    if !convolution.add {
        return Ok(());
    }
    // SAFETY: as above.
    unsafe { queue.launch(kernel("add_f32"), launch, &[Arg::Memory(to), Arg::Memory(widened), Arg::U32(n)]) }
}

/// Bytes of the parts of a convolution's scratch memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Parts {
    /// Images with room for the padding behind.
    image: usize,
    /// bf16 weight gradients.
    weights: usize,
    /// The same in f32, to be added.
    sum: usize,
    /// cuDNN's own.
    work: usize,
}

/// The parts of a span.
struct Cut<'m> {
    image: Span<'m>,
    weights: Span<'m>,
    sum: Span<'m>,
    work: Span<'m>,
}

impl Parts {
    fn of(convolution: &Convolution, work: usize) -> Self {
        let (shape, storage) = (convolution.shape, convolution.precision.storage());
        let extent = Extent::of(convolution);
        let pixels = convolution.images * extent.side[0] * extent.side[1];
        let narrow = convolution.pass == Pass::WeightGradient && storage == Storage::Bf16;
        Self {
            image: if extent.added == [0, 0] { 0 } else { pixels * shape.cin * storage.bytes() },
            weights: if narrow { shape.weights() * storage.bytes() } else { 0 },
            sum: if narrow && convolution.add { shape.weights() * 4 } else { 0 },
            work,
        }
    }

    /// Where each part begins, and where the last ends, on the alignment of allocations.
    fn places(&self) -> [usize; 5] {
        const ALIGNMENT: usize = 256;
        let mut places = [0; 5];
        for (i, part) in [self.image, self.weights, self.sum, self.work].into_iter().enumerate() {
            places[i + 1] = places[i] + part.next_multiple_of(ALIGNMENT);
        }
        places
    }

    fn total(&self) -> usize {
        self.places()[4]
    }

    fn cut<'m>(&self, convolution: &Convolution, scratch: Span<'m>) -> Result<Cut<'m>, GpuError> {
        let part = |place: usize, bytes: usize| {
            scratch.part(self.places()[place], bytes).map_err(|_| {
                GpuError::size(format!("scratch of {convolution:?}"), self.total(), scratch.bytes())
            })
        };
        Ok(Cut {
            image: part(0, self.image)?,
            weights: part(1, self.weights)?,
            sum: part(2, self.sum)?,
            work: part(3, self.work)?,
        })
    }
}

/// Destroyed when dropped.
struct Handle(sys::cudnnHandle_t);

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: made by `Dnn::new`, destroyed here alone.
        let _ = unsafe { result::destroy_handle(self.0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conv::ConvShape;
    use crate::gpu::{Memory, Precision};

    #[test]
    fn scratch_has_room_for_what_a_pass_needs_and_no_more() {
        let shape = ConvShape { cin: 8, cout: 16, kernel: 3, stride: 2 };
        let of = |stride, pass, precision, add| {
            let shape = ConvShape { stride, ..shape };
            Convolution { shape, images: 4, height: 32, width: 32, pass, precision, add }
        };
        let plain = Parts::of(&of(1, Pass::Forward, Precision::Bf16, false), 100);
        assert_eq!(plain, Parts { image: 0, weights: 0, sum: 0, work: 100 });
        assert_eq!(plain.total(), 256);
        let strided = of(2, Pass::WeightGradient, Precision::Bf16, true);
        let parts = Parts::of(&strided, 10);
        assert_eq!((parts.image, parts.weights, parts.sum), (4 * 33 * 33 * 8 * 2, 1152 * 2, 1152 * 4));
        let memory = Memory::new(256, parts.total(), Box::new(()));
        let cut = parts.cut(&strided, memory.span()).unwrap();
        let ends = [cut.image, cut.weights, cut.sum, cut.work]
            .map(|s| (s.address(), s.address() + s.bytes() as u64));
        assert!(ends.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{ends:?}");
        assert!(ends.iter().all(|(first, _)| first % 256 == 0), "{ends:?}");
        assert!(parts.cut(&strided, memory.span().part(0, parts.total() - 256).unwrap()).is_err());
        let full = Parts::of(&of(2, Pass::WeightGradient, Precision::F32, true), 0);
        assert_eq!((full.weights, full.sum), (0, 0));
    }
}
