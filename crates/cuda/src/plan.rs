//! How a convolution is carried out: by the first of cuDNN's algorithms that carries it out when tried, else by the
//! project's own kernels. Why cuDNN refuses one it tells itself, with `CUDNN_LOGLEVEL_DBG=2 CUDNN_LOGDEST_DBG=stderr`.

use super::algorithm::{Algorithm, Candidate, candidates};
use super::descriptors::Descriptors;
use super::error::{dnn, driver};
use super::execute::{Addresses, execute};
use super::scratch::Parts;
use basin_gpu::{Convolution, GpuError, convolution};
use candle_core::cuda_backend::cudarc::cudnn::{result, sys};
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaStream, DevicePtr};
use std::sync::Arc;

/// Most scratch memory that an algorithm may want: every convolution of a network keeps its own, and so does every network
/// that is trained beside it.
const MOST_SCRATCH: usize = 256 << 20;

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
        let mut refusals = Refusals::default();
        let made = refusals.unless_refused(Descriptors::new(convolution));
        let Some(descriptors) = made.map_err(|error| said(error, "describe"))? else {
            return Ok(Self::Own);
        };
        let Convolution { pass, precision, .. } = *convolution;
        let (candidates, asked) = candidates(handle, pass, precision, &descriptors);
        refusals.unless_refused(asked).map_err(|error| said(error, "name algorithms for"))?;
        for Candidate { algorithm, math } in candidates {
            let work = descriptors.set_math(math).and_then(|()| scratch_of(handle, algorithm, &descriptors));
            let work =
                refusals.unless_refused(work).map_err(|error| said(error, "tell its scratch memory for"))?;
            let Some(work) = work.filter(|work| *work <= MOST_SCRATCH) else { continue };
            let trial = Trial { handle, stream, convolution, descriptors: &descriptors, algorithm, work };
            if trial.succeeds(&mut refusals)? {
                return Ok(Self::Library { descriptors, algorithm, parts: Parts::of(convolution, work) });
            }
        }
        // Our kernels would only hide it, and be measured for cuDNN's.
        refusals.broken.map_or(Ok(Self::Own), |error| Err(said(error, "carry out")))
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

/// Refusals of a convolution.
#[derive(Debug, Default)]
struct Refusals {
    /// The first that came of a part of the library that is missing, or of another version than the rest.
    broken: Option<result::CudnnError>,
}

impl Refusals {
    /// What cuDNN gave; nothing where it refuses the convolution, which is an answer: parameters that it does not take,
    /// sizes, types or layouts that it has no algorithm for, one that it cannot compile or start. Other failures say
    /// nothing of the convolution.
    fn unless_refused<T>(
        &mut self,
        answer: Result<T, result::CudnnError>,
    ) -> Result<Option<T>, result::CudnnError> {
        let error = match answer {
            Ok(value) => return Ok(Some(value)),
            Err(error) => error,
        };
        // Between the last two lie those of memory that is lacking.
        match error.0 as u32 {
            // Driver, CUDA runtime, what an algorithm presupposes, a part of the library.
            3005 | 3006 | 3008 | 3009 => self.broken = self.broken.or(Some(error)),
            2000..=4002 | 4005..=4999 => {}
            _ => return Err(error),
        }
        Ok(None)
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
    fn succeeds(&self, refusals: &mut Refusals) -> Result<bool, GpuError> {
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
        let done = refusals.unless_refused(done).map_err(|error| {
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
            let mut refusals = Refusals::default();
            assert_eq!(refusals.unless_refused::<()>(Err(CudnnError(refused))), Ok(None), "{refused:?}");
            assert_eq!(refusals.broken, None);
        }
        for fault in [
            CUDNN_STATUS_NOT_INITIALIZED,
            CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED,
            CUDNN_STATUS_EXECUTION_FAILED,
            CUDNN_STATUS_EXECUTION_FAILED_CUDA_DRIVER,
        ] {
            assert_eq!(
                Refusals::default().unless_refused::<()>(Err(CudnnError(fault))),
                Err(CudnnError(fault))
            );
        }
        assert_eq!(Refusals::default().unless_refused(Ok(1)), Ok(Some(1)));
    }

    #[test]
    fn a_broken_library_is_remembered() {
        let mut refusals = Refusals::default();
        for status in [CUDNN_STATUS_NOT_SUPPORTED, CUDNN_STATUS_NOT_SUPPORTED_SUBLIBRARY_UNAVAILABLE] {
            assert_eq!(refusals.unless_refused::<()>(Err(CudnnError(status))), Ok(None));
        }
        assert_eq!(refusals.broken, Some(CudnnError(CUDNN_STATUS_NOT_SUPPORTED_SUBLIBRARY_UNAVAILABLE)));
    }
}
