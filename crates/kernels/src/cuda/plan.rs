//! How a convolution is carried out: by the first of cuDNN's algorithms that carries it out when tried, else by the
//! project's own kernels. Why cuDNN refuses one it tells itself, with `CUDNN_LOGLEVEL_DBG=2 CUDNN_LOGDEST_DBG=stderr`.

use super::algorithm::{Algorithm, Candidate, candidates};
use super::descriptors::Descriptors;
use super::dnn::{Addresses, execute};
use super::error::{dnn, driver};
use super::scratch::Parts;
use crate::gpu::{Convolution, GpuError, convolution};
use candle_core::cuda_backend::cudarc::cudnn::{result, sys};
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaStream, DevicePtr};
use std::sync::Arc;

/// Most scratch memory that an algorithm may want.
const MOST_SCRATCH: usize = 1 << 30;

/// How a convolution is carried out.
pub(super) enum Plan {
    /// By cuDNN.
    Library { descriptors: Descriptors, algorithm: Algorithm, parts: Parts },
    /// By the project's kernels.
    Own,
}

impl Plan {
    /// Chooses, and tries the choice out. The choice depends on what cuDNN answers, not on how long it takes. Waits for
    /// the stream, which must not be captured.
    pub(super) fn new(
        handle: sys::cudnnHandle_t,
        stream: &Arc<CudaStream>,
        convolution: &Convolution,
    ) -> Result<Self, GpuError> {
        let said = |error, what: &str| dnn(error, &format!("{what} {convolution:?}"));
        let Some(descriptors) =
            unless_refused(Descriptors::new(convolution)).map_err(|error| said(error, "describe"))?
        else {
            return Ok(Self::Own);
        };
        let Convolution { pass, precision, .. } = *convolution;
        let (candidates, asked) = candidates(handle, pass, precision, &descriptors);
        unless_refused(asked).map_err(|error| said(error, "name algorithms for"))?;
        for Candidate { algorithm, math } in candidates {
            let work = descriptors.set_math(math).and_then(|()| scratch_of(handle, algorithm, &descriptors));
            let work = unless_refused(work).map_err(|error| said(error, "tell its scratch memory for"))?;
            let Some(work) = work.filter(|work| *work <= MOST_SCRATCH) else { continue };
            let trial = Trial { handle, stream, convolution, descriptors: &descriptors, algorithm, work };
            if trial.succeeds()? {
                return Ok(Self::Library { descriptors, algorithm, parts: Parts::of(convolution, work) });
            }
        }
        Ok(Self::Own)
    }

    /// Bytes of scratch memory.
    pub(super) fn scratch(&self, convolution: &Convolution) -> usize {
        match self {
            Self::Library { parts, .. } => parts.total(),
            Self::Own => convolution::scratch(convolution),
        }
    }

    /// Who carries it out, for people.
    pub(super) fn computed_by(&self) -> &'static str {
        match self {
            Self::Library { algorithm, .. } => algorithm.name(),
            Self::Own => "own kernels",
        }
    }
}

/// What cuDNN gave; nothing where it refuses the convolution, which is an answer: parameters that it does not take,
/// sizes, types or layouts that it has no algorithm for, one that it cannot compile or start. Other failures say nothing
/// of the convolution.
fn unless_refused<T>(answer: Result<T, result::CudnnError>) -> Result<Option<T>, result::CudnnError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        // Between them lie those of memory that is lacking.
        Err(error) => match error.0 as u32 {
            2000..=4002 | 4005..=4999 => Ok(None),
            _ => Err(error),
        },
    }
}

/// Bytes of scratch memory that an algorithm wants, with the arithmetic that the descriptors have.
fn scratch_of(
    handle: sys::cudnnHandle_t,
    algorithm: Algorithm,
    d: &Descriptors,
) -> Result<usize, result::CudnnError> {
    // SAFETY: handle and descriptors are alive.
    unsafe {
        match algorithm {
            Algorithm::Forward(a) => result::get_convolution_forward_workspace_size(
                handle, d.input, d.weights, d.geometry, d.output, a,
            ),
            Algorithm::InputGradient(a) => result::get_convolution_backward_data_workspace_size(
                handle, d.weights, d.output, d.geometry, d.input, a,
            ),
            Algorithm::WeightGradient(a) => result::get_convolution_backward_filter_workspace_size(
                handle, d.input, d.output, d.geometry, d.weights, a,
            ),
        }
    }
}

/// An algorithm on memory of its own, before anybody relies on it.
struct Trial<'a> {
    handle: sys::cudnnHandle_t,
    stream: &'a Arc<CudaStream>,
    convolution: &'a Convolution,
    descriptors: &'a Descriptors,
    algorithm: Algorithm,
    work: usize,
}

impl Trial<'_> {
    /// Whether cuDNN carries the convolution out. Where memory for the trial is lacking, it is taken to.
    fn succeeds(&self) -> Result<bool, GpuError> {
        let Convolution { shape, precision, .. } = *self.convolution;
        let storage = precision.storage().bytes();
        let [input, weights, output] = [
            self.convolution.input_rows() * shape.cin,
            shape.weights(),
            self.descriptors.extent.output.iter().product::<usize>() * self.convolution.images * shape.cout,
        ]
        .map(|values| self.memory(values * storage));
        let (input, weights, output, work) = match (input?, weights?, output?, self.memory(self.work)?) {
            (Some(input), Some(weights), Some(output), Some(work)) => (input, weights, output, work),
            _ => return Ok(true),
        };
        let at = |slice: &CudaSlice<u8>| slice.device_ptr(self.stream).0;
        let addresses =
            Addresses { input: at(&input), weights: at(&weights), output: at(&output), work: at(&work) };
        let (keep, size) = (Parts::of(self.convolution, self.work).adds(self.convolution), self.work);
        // SAFETY: the four arrays are as large as the descriptors and the algorithm want.
        let done = unsafe { execute(self.handle, self.descriptors, self.algorithm, addresses, size, keep) };
        let done = unless_refused(done).map_err(|error| {
            dnn(error, &format!("try {} on {:?}", self.algorithm.name(), self.convolution))
        })?;
        // Where it failed on the device, this tells.
        let waited = self.stream.synchronize();
        waited.map_err(|error| driver(error, &format!("try a convolution by {}", self.algorithm.name())))?;
        Ok(done.is_some())
    }

    /// Memory with zeros, none where it is lacking.
    fn memory(&self, bytes: usize) -> Result<Option<CudaSlice<u8>>, GpuError> {
        match self.stream.alloc_zeros::<u8>(bytes.max(1)) {
            Ok(slice) => Ok(Some(slice)),
            Err(error) => match driver(error, "allocate for a trial") {
                GpuError::OutOfMemory { .. } => Ok(None),
                other => Err(other),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use result::CudnnError;
    use sys::cudnnStatus_t::*;

    #[test]
    fn a_refusal_is_an_answer_and_a_fault_is_none() {
        for refused in [
            CUDNN_STATUS_BAD_PARAM,
            CUDNN_STATUS_NOT_SUPPORTED,
            CUDNN_STATUS_NOT_SUPPORTED_LAYOUT,
            CUDNN_STATUS_INTERNAL_ERROR_COMPILATION_FAILED,
            CUDNN_STATUS_INTERNAL_ERROR_BAD_LAUNCH_PARAM,
        ] {
            assert_eq!(unless_refused::<()>(Err(CudnnError(refused))), Ok(None), "{refused:?}");
        }
        for fault in [
            CUDNN_STATUS_NOT_INITIALIZED,
            CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED,
            CUDNN_STATUS_EXECUTION_FAILED,
            CUDNN_STATUS_EXECUTION_FAILED_CUDA_DRIVER,
        ] {
            assert_eq!(unless_refused::<()>(Err(CudnnError(fault))), Err(CudnnError(fault)));
        }
        assert_eq!(unless_refused(Ok(1)), Ok(Some(1)));
    }
}
