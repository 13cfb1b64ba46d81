//! The bindings' errors in the words of [`GpuError`].

use basin_gpu::GpuError;
use basin_gpu::driver_codes::driver_error;
use candle_core::cuda_backend::CudaError;
use candle_core::cuda_backend::cudarc::cublas::result::CublasError;
use candle_core::cuda_backend::cudarc::cudnn::CudnnError;
use candle_core::cuda_backend::cudarc::driver::{CudaStream, DriverError};
use candle_core::cuda_backend::cudarc::nvrtc::result::NvrtcError;

/// A failure of the driver while it was to do something, told as an infinitive.
pub(super) fn driver(error: DriverError, during: &str) -> GpuError {
    driver_error(error.0 as u32, &format!("{:?}", error.0), during)
}

/// A failure of the run-time compiler outside a source's own mistakes.
pub(super) fn compiler_error(error: NvrtcError, what: &str) -> GpuError {
    let found = format!("{:?} when asked for {what}", error.0);
    GpuError::Library { library: "the run-time compiler (libnvrtc)".into(), found }
}

/// A failure of cuBLAS.
pub(super) fn blas(error: CublasError, during: &str) -> GpuError {
    library("cuBLAS", &format!("{:?} ({})", error.0, error.0 as u32), during)
}

/// A failure of candle's device.
pub(super) fn of_candle(error: &candle_core::Error, during: &str) -> GpuError {
    match error {
        candle_core::Error::WithBacktrace { inner, .. } => of_candle(inner, during),
        candle_core::Error::Cuda(cause) => match cause.downcast_ref() {
            Some(CudaError::Cuda(error) | CudaError::Load { cuda: error, .. }) => driver(*error, during),
            Some(CudaError::Cublas(error)) => blas(*error, during),
            Some(CudaError::Curand(error)) => {
                library("cuRAND", &format!("{:?} ({})", error.0, error.0 as u32), during)
            }
            _ => library("candle", &cause.to_string(), during),
        },
        other => library("candle", &other.to_string(), during),
    }
}

/// A failure of cuDNN.
pub(super) fn dnn(error: CudnnError, during: &str) -> GpuError {
    library("cuDNN", &format!("{:?} ({})", error.0, error.0 as u32), during)
}

fn library(name: &str, status: &str, during: &str) -> GpuError {
    // Memory of the device: cuDNN has a status of its own for the host's.
    match status.contains("ALLOC") && !status.contains("HOST") {
        true => GpuError::OutOfMemory {
            wanted: 0,
            found: format!("{name} answers {status} while it was to {during}"),
        },
        false => {
            GpuError::Library { library: name.into(), found: format!("{status} while it was to {during}") }
        }
    }
}

/// What is behind a library's failure. Libraries name no reason: after a fault of the device all they say is that
/// something failed, while the driver tells the fault at every call from then on. Waits for the stream, which must
/// not be captured.
pub(super) fn reason(error: GpuError, stream: &CudaStream) -> GpuError {
    let GpuError::Library { library, found } = &error else { return error };
    match stream.synchronize() {
        Ok(()) => error,
        Err(fault) => match driver(fault, &format!("wait, after {library} answered {found}")) {
            // Of the stream's state alone: says nothing of the library's reason.
            GpuError::Launch { .. } | GpuError::Captured { .. } => error,
            told => told,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::cuda_backend::cudarc::driver::sys::CUresult;

    #[test]
    fn memory_that_a_library_lacks_is_memory_that_is_lacking() {
        use candle_core::cuda_backend::cudarc::{cublas, cudnn};
        let full = blas(CublasError(cublas::sys::cublasStatus_t::CUBLAS_STATUS_ALLOC_FAILED), "multiply");
        assert!(matches!(&full, GpuError::OutOfMemory { found, .. } if found.contains("cuBLAS")), "{full}");
        let status = cudnn::sys::cudnnStatus_t::CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED;
        assert!(matches!(dnn(CudnnError(status), "start"), GpuError::OutOfMemory { .. }));
        let status = cudnn::sys::cudnnStatus_t::CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
        assert!(matches!(dnn(CudnnError(status), "start"), GpuError::Library { .. }));
    }

    #[test]
    fn an_error_of_candles_device_keeps_what_is_behind_it() {
        use candle_core::cuda_backend::cudarc::curand::{result::CurandError, sys::curandStatus_t};
        let lost = DriverError(CUresult::CUDA_ERROR_ILLEGAL_ADDRESS);
        let told = of_candle(&candle_core::Error::from(CudaError::from(lost)), "open it");
        assert_eq!(told, driver(lost, "open it"));
        let random = CurandError(curandStatus_t::CURAND_STATUS_INITIALIZATION_FAILED);
        let told = of_candle(&candle_core::Error::from(CudaError::from(random)), "open it");
        assert!(
            matches!(&told, GpuError::Library { library, found } if library == "cuRAND" && found.contains("(203)")),
            "{told}"
        );
        let told = of_candle(&candle_core::Error::Msg("something else".into()), "open it");
        assert!(matches!(&told, GpuError::Library { library, .. } if library == "candle"), "{told}");
    }

    #[test]
    fn a_code_keeps_its_name_without_a_driver_to_ask() {
        let said = driver(DriverError(CUresult::CUDA_ERROR_ILLEGAL_ADDRESS), "run conv").to_string();
        assert!(said.contains("CUDA_ERROR_ILLEGAL_ADDRESS (700)"), "{said}");
    }
}
