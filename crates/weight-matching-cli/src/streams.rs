//! What is said on standard output and standard error, as all of Basin's programs say it.

use crate::failure::Failure;

pub(crate) use basin_core::warn;

/// Prints a result; a reader who went away (a closed pipe) is not an error.
///
/// # Errors
/// [`Failure::Print`] when the stream takes no more.
pub(crate) fn say(text: &str) -> Result<(), Failure> {
    Ok(basin_core::say(text)?)
}
