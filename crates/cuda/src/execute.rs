//! One call of cuDNN: a convolution with everything chosen.

use super::algorithm::Algorithm;
use super::descriptors::Descriptors;
use candle_core::cuda_backend::cudarc::cudnn::{result, sys};
use std::ffi::c_void;

/// Device addresses of a convolution's arrays and of cuDNN's scratch memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addresses {
    pub(super) input: u64,
    pub(super) weights: u64,
    pub(super) output: u64,
    pub(super) work: u64,
}

/// Puts an algorithm into the handle's stream; `work` are the bytes of its scratch memory, `add` tells whether it adds
/// to what is there. May be captured.
///
/// # Safety
/// Handle and descriptors are alive, and the arrays, freed in the stream's order, are as large as the descriptors say.
pub(super) unsafe fn execute(
    handle: sys::cudnnHandle_t,
    d: &Descriptors,
    algorithm: Algorithm,
    at: Addresses,
    work: usize,
    add: bool,
) -> Result<(), result::CudnnError> {
    let (alpha, beta) = (1.0f32, if add { 1.0f32 } else { 0.0 });
    let (alpha, beta) = ((&raw const alpha).cast::<c_void>(), (&raw const beta).cast::<c_void>());
    let (x, w, y) = (at.input as *mut c_void, at.weights as *mut c_void, at.output as *mut c_void);
    let to = at.work as *mut c_void;
    // SAFETY: the caller vouches for all; the factors are read before the call returns.
    unsafe {
        match algorithm {
            Algorithm::Forward(a) => result::convolution_forward(
                handle, alpha, d.input, x, d.weights, w, d.geometry, a, to, work, beta, d.output, y,
            ),
            Algorithm::InputGradient(a) => result::convolution_backward_data(
                handle, alpha, d.weights, w, d.output, y, d.geometry, a, to, work, beta, d.input, x,
            ),
            Algorithm::WeightGradient(a) => result::convolution_backward_filter(
                handle, alpha, d.input, x, d.output, y, d.geometry, a, to, work, beta, d.weights, w,
            ),
        }
    }
}
