//! Spectrum of an operator that is known by its products only, such as the Hessian of a loss: trace and largest eigenvalues.
//!
//! Both methods are states that the caller drives: ask for a direction, multiply it, hand the product back. What is
//! between two products is a few lists of numbers, so that a long measurement can stop after any product and go on
//! later, to the same bits. [`hutchinson_trace`] and [`lanczos`] drive them where nothing needs to be kept.

mod error;
mod hutchinson;
mod lanczos;

pub use error::{ProductError, SpectrumError};
pub use hutchinson::{CITATION, Hutchinson, Trace, hutchinson_trace};
pub use lanczos::{CITATION as LANCZOS_CITATION, Lanczos, LanczosState, Ritz, lanczos};

/// Checks a product: as long as the direction, all finite.
fn check(product: &[f64], dimension: usize, index: usize) -> Result<(), SpectrumError> {
    if product.len() != dimension {
        return Err(SpectrumError::Length { index, found: product.len(), expected: dimension });
    }
    match product.iter().all(|x| x.is_finite()) {
        true => Ok(()),
        false => Err(SpectrumError::NotFinite { index }),
    }
}
