//! Kernel sources to PTX, with NVIDIA's run-time compiler. Needs no device.

use super::error::compiler_error;
use crate::gpu::sources::Source;
use crate::gpu::{GpuError, ProgramStore, compiled};
use candle_core::cuda_backend::cudarc::nvrtc;
use std::ffi::{CStr, CString, c_char, c_int};

/// Besides the architecture: fused multiply-adds, as the processor's kernels use them; nothing else is relaxed, so
/// division and roots are rounded correctly.
const OPTIONS: [&str; 2] = ["--std=c++17", "--fmad=true"];

/// The compiler's version.
///
/// # Errors
/// [`GpuError::Library`].
pub fn compiler_version() -> Result<(u32, u32), GpuError> {
    let (mut major, mut minor) = (0, 0);
    // SAFETY: both pointers lead to integers of this frame.
    let result = unsafe { nvrtc::sys::nvrtcVersion(&mut major, &mut minor) };
    result.result().map_err(|error| compiler_error(error, "its version"))?;
    Ok((major as u32, minor as u32))
}

/// The virtual architecture to compile for: that of the device, or the newest older one that the compiler knows,
/// whose code newer devices run as well.
///
/// # Errors
/// [`GpuError::Library`] when the compiler answers nothing or knows only newer ones.
pub fn target(capability: (u32, u32)) -> Result<String, GpuError> {
    let mut count = 0;
    // SAFETY: the pointer leads to an integer of this frame.
    let result = unsafe { nvrtc::sys::nvrtcGetNumSupportedArchs(&mut count) };
    result.result().map_err(|error| compiler_error(error, "its architectures"))?;
    let mut known: Vec<c_int> = vec![0; count.max(0) as usize];
    // SAFETY: the array has as many places as the compiler just said it fills.
    let result = unsafe { nvrtc::sys::nvrtcGetSupportedArchs(known.as_mut_ptr()) };
    result.result().map_err(|error| compiler_error(error, "its architectures"))?;
    nearest(&known, capability).map(|best| format!("compute_{best}")).ok_or_else(|| GpuError::Library {
        library: "the run-time compiler".into(),
        found: format!(
            "knows architectures {known:?}, none up to the device's {}.{}",
            capability.0, capability.1
        ),
    })
}

/// The newest of `known` (ten times major plus minor) that a device runs.
fn nearest(known: &[c_int], capability: (u32, u32)) -> Option<c_int> {
    let own = (10 * capability.0 + capability.1) as c_int;
    known.iter().copied().filter(|known| *known <= own).max()
}

/// The PTX of a source for a target such as `compute_90`: the kept one, or compiled and then kept.
///
/// # Errors
/// [`GpuError::Compile`] with the compiler's words, [`GpuError::Library`].
pub fn ptx(source: Source, target: &str, store: &dyn ProgramStore) -> Result<String, GpuError> {
    let (major, minor) = compiler_version()?;
    let compiler = format!("NVRTC {major}.{minor} {}", OPTIONS.join(" "));
    compiled(store, source, target, &compiler, |program| compile(source, program, target))
}

fn compile(source: Source, program: &str, target: &str) -> Result<String, GpuError> {
    let failed = |log: String| GpuError::Compile {
        source_name: format!("{}.cu", source.name),
        target: target.to_owned(),
        log,
    };
    let text = |what: &str| CString::new(what).map_err(|_| failed("a zero byte in the text".into()));
    let (program, name) = (text(program)?, text(&format!("{}.cu", source.name))?);
    let made = nvrtc::result::create_program(&program, Some(&name));
    let handle = Program(made.map_err(|error| compiler_error(error, "a program"))?);
    let mut options = OPTIONS.map(str::to_owned).to_vec();
    options.push(format!("--gpu-architecture={target}"));
    // SAFETY: the program is alive until `handle` is dropped, here and below.
    if unsafe { nvrtc::result::compile_program(handle.0, &options) }.is_err() {
        // SAFETY: as above.
        let log = unsafe { nvrtc::result::get_program_log(handle.0) };
        return Err(failed(log.map(|log| words(&log)).unwrap_or_default()));
    }
    // SAFETY: as above.
    let ptx = unsafe { nvrtc::result::get_ptx(handle.0) };
    ptx.map(|ptx| words(&ptx)).map_err(|error| compiler_error(error, "its output"))
}

/// C's text as Rust's.
fn words(text: &[c_char]) -> String {
    let bytes: Vec<u8> = text.iter().map(|&byte| byte as u8).collect();
    match CStr::from_bytes_until_nul(&bytes) {
        Ok(text) => text.to_string_lossy().into_owned(),
        Err(_) => String::from_utf8_lossy(&bytes).into_owned(),
    }
}

/// Frees the program when dropped.
struct Program(nvrtc::sys::nvrtcProgram);

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: made by `create_program`, destroyed here alone. A failure leaks a few bytes.
        let _ = unsafe { nvrtc::result::destroy_program(self.0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_gets_its_own_architecture_or_the_newest_older_one() {
        let known = [75, 80, 86, 90, 100, 120];
        assert_eq!(nearest(&known, (9, 0)), Some(90));
        assert_eq!(nearest(&known, (8, 9)), Some(86));
        assert_eq!(nearest(&known, (13, 0)), Some(120));
        assert_eq!(nearest(&known, (7, 0)), None);
    }

    #[test]
    fn text_ends_at_its_zero() {
        assert_eq!(words(&[104, 105, 0, 0]), "hi");
        assert_eq!(words(&[104, 105]), "hi");
    }
}
