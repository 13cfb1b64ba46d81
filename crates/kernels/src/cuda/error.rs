//! The bindings' errors in the words of [`GpuError`].

use crate::gpu::GpuError;
use crate::gpu::driver_codes::driver_error;
use candle_core::cuda_backend::CudaError;
use candle_core::cuda_backend::cudarc::cublas::result::CublasError;
use candle_core::cuda_backend::cudarc::cudnn::CudnnError;
use candle_core::cuda_backend::cudarc::driver::DriverError;
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
    GpuError::Library { library: "cuBLAS".into(), found: format!("{:?} while it was to {during}", error.0) }
}

/// A failure of cuDNN.
pub(super) fn dnn(error: CudnnError, during: &str) -> GpuError {
    GpuError::Library { library: "cuDNN".into(), found: format!("{:?} while it was to {during}", error.0) }
}

/// A failure of candle while it opened a device.
pub(super) fn candle(error: candle_core::Error, during: &str) -> GpuError {
    let mut innermost = &error;
    while let candle_core::Error::WithBacktrace { inner, .. } | candle_core::Error::Context { inner, .. } =
        innermost
    {
        innermost = inner;
    }
    let code = match innermost {
        candle_core::Error::Cuda(cause) => match cause.downcast_ref::<CudaError>() {
            Some(CudaError::Cuda(code)) => Some(*code),
            _ => None,
        },
        _ => None,
    };
    match code {
        Some(code) => driver(code, during),
        None => GpuError::Library {
            library: "candle".into(),
            found: format!("{innermost} while it was to {during}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::cuda_backend::cudarc::driver::sys::CUresult;

    #[test]
    fn a_driver_code_is_found_inside_candles_error() {
        let code = DriverError(CUresult::CUDA_ERROR_OUT_OF_MEMORY);
        let wrapped = candle_core::Error::Cuda(Box::new(CudaError::Cuda(code))).bt().context("opening");
        assert!(matches!(candle(wrapped, "open"), GpuError::OutOfMemory { .. }));
        let other = candle(candle_core::Error::msg("no curand"), "open");
        assert_eq!(
            other,
            GpuError::Library { library: "candle".into(), found: "no curand while it was to open".into() }
        );
    }

    #[test]
    fn a_code_keeps_its_name_without_a_driver_to_ask() {
        let said = driver(DriverError(CUresult::CUDA_ERROR_ILLEGAL_ADDRESS), "run conv").to_string();
        assert!(said.contains("CUDA_ERROR_ILLEGAL_ADDRESS (700)"), "{said}");
    }
}
