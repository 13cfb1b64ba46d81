//! Kernel sources to machine code, with NVIDIA's run-time compiler. Needs no device.
//!
//! The compiler makes code for the device's own architecture, which a driver of the same major version takes whatever
//! its minor one is. Only for an architecture that the compiler does not know is there PTX, which the driver compiles
//! on; a driver older than the compiler refuses it.

use super::error::compiler_error;
use basin_gpu::sources::Source;
use basin_gpu::{GpuError, ProgramStore, compiled};
use candle_core::cuda_backend::cudarc::nvrtc;
use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char, c_int};
use std::sync::{Arc, Mutex, PoisonError};

/// Besides the architecture: fused multiply-adds, as the CPU's kernels use them; nothing else is relaxed, so
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

/// What to compile for: the device's architecture (`sm_90`), or an older one of its generation, whose machine code it
/// runs; else the newest older virtual one (`compute_90`), whose PTX the driver compiles on.
///
/// # Errors
/// [`GpuError::Library`] when the compiler answers nothing, [`GpuError::NoLibrary`] when it knows only newer ones.
pub fn target(capability: (u32, u32)) -> Result<String, GpuError> {
    let mut count = 0;
    // SAFETY: the pointer leads to an integer of this frame.
    let result = unsafe { nvrtc::sys::nvrtcGetNumSupportedArchs(&mut count) };
    result.result().map_err(|error| compiler_error(error, "its architectures"))?;
    let mut known: Vec<c_int> = vec![0; count.max(0) as usize];
    // SAFETY: the array has as many places as the compiler just said it fills.
    let result = unsafe { nvrtc::sys::nvrtcGetSupportedArchs(known.as_mut_ptr()) };
    result.result().map_err(|error| compiler_error(error, "its architectures"))?;
    nearest(&known, capability).ok_or_else(|| GpuError::NoLibrary {
        library: "the run-time compiler".into(),
        found: format!(
            "knows architectures {known:?}, none up to the device's {}.{}",
            capability.0, capability.1
        ),
    })
}

/// The newest of `known` (ten times major plus minor) that a device runs, as the compiler calls it.
fn nearest(known: &[c_int], capability: (u32, u32)) -> Option<String> {
    let own = (10 * capability.0 + capability.1) as c_int;
    let best = known.iter().copied().filter(|known| *known <= own).max()?;
    Some(match best / 10 == own / 10 {
        true => format!("sm_{best}"),
        false => format!("compute_{best}"),
    })
}

/// A source compiled for a target: machine code for one such as `sm_90`, PTX, with a zero byte behind it, for one such
/// as `compute_90`. It comes from this process, where another queue asked for it before, or from `store`, or is
/// compiled and then kept.
///
/// # Errors
/// [`GpuError::Compile`] with the compiler's words, [`GpuError::Library`].
pub fn program(source: Source, target: &str, store: &dyn ProgramStore) -> Result<Arc<[u8]>, GpuError> {
    type Key = (Source, String);
    static COMPILED: Mutex<Option<HashMap<Key, Arc<[u8]>>>> = Mutex::new(None);
    // Held while compiling: of threads that start together one compiles, the others wait for what it makes.
    let mut compiled_before = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    let compiled_before = compiled_before.get_or_insert_default();
    let key = (source, target.to_owned());
    if let Some(program) = compiled_before.get(&key) {
        return Ok(program.clone());
    }
    let (major, minor) = compiler_version()?;
    let compiler = format!("NVRTC {major}.{minor} {}", OPTIONS.join(" "));
    let made = compiled(store, source, target, &compiler, |program| compile(source, program, target))?;
    Ok(compiled_before.entry(key).or_insert(made.into()).clone())
}

fn compile(source: Source, program: &str, target: &str) -> Result<Vec<u8>, GpuError> {
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
    let output = if target.starts_with("sm_") { handle.machine_code() } else { handle.ptx() };
    output.map_err(|error| compiler_error(error, "its output"))
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

impl Program {
    fn machine_code(&self) -> Result<Vec<u8>, nvrtc::result::NvrtcError> {
        let mut size = 0;
        // SAFETY: the program is alive; the pointer leads to a number of this frame.
        unsafe { nvrtc::sys::nvrtcGetCUBINSize(self.0, &mut size) }.result()?;
        let mut code = vec![0; size];
        // SAFETY: the program is alive; the array has as many bytes as the compiler just said it fills.
        unsafe { nvrtc::sys::nvrtcGetCUBIN(self.0, code.as_mut_ptr().cast()) }.result()?;
        Ok(code)
    }

    fn ptx(&self) -> Result<Vec<u8>, nvrtc::result::NvrtcError> {
        // SAFETY: the program is alive.
        let text = unsafe { nvrtc::result::get_ptx(self.0) }?;
        Ok(text.into_iter().map(|byte| byte as u8).collect())
    }
}

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
    fn a_device_gets_machine_code_of_its_generation_or_ptx_of_an_older_one() {
        let known = [75, 80, 86, 90, 100, 120];
        let nearest = |major, minor| nearest(&known, (major, minor));
        assert_eq!(nearest(9, 0).as_deref(), Some("sm_90"));
        assert_eq!(nearest(8, 9).as_deref(), Some("sm_86"));
        assert_eq!(nearest(11, 0).as_deref(), Some("compute_100"));
        assert_eq!(nearest(13, 0).as_deref(), Some("compute_120"));
        assert_eq!(nearest(7, 0), None);
    }

    #[test]
    fn text_ends_at_its_zero() {
        assert_eq!(words(&[104, 105, 0, 0]), "hi");
        assert_eq!(words(&[104, 105]), "hi");
    }
}
