//! What this machine offers: CPU, driver, devices, libraries, and whether every kernel computes what it should.

use anyhow::Result;
use basin_core::Isa;
use basin_gpu::check::{Check, Found, checks};
use basin_gpu::{GpuError, Queue};
use basin_reproduce::device::{CUDA, ProgramFolder, open_cuda};
use basin_reproduce::exit::{Usage, WrongKernels};
use clap::Args;
use std::rc::Rc;
use std::time::Instant;

/// The options of `basin doctor`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Fail with exit code 7 if this device (cpu or cuda) cannot be used [default: only look]
    #[arg(long)]
    pub device: Option<String>,
}

/// Looks, and tells what was found line by line.
///
/// # Errors
/// [`Usage`] for an unknown device; for `cuda`, what is missing; [`WrongKernels`]; what `say` says.
pub fn run(options: &Options, say: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
    let device = options.device.as_deref();
    if let Some(unknown) = device.filter(|device| !["cpu", CUDA].contains(device)) {
        return Err(Usage(format!("--device {unknown}, expected cpu or {CUDA}")).into());
    }
    let (version, threads) = (env!("CARGO_PKG_VERSION"), rayon::current_num_threads());
    say(&format!("basin      {version}, {}, {threads} threads", Isa::detect()))?;
    let kept = ProgramFolder::of_user();
    let (programs, bytes) = kept.contents();
    let place = kept.path().map_or("nowhere: no HOME".into(), |path| path.display().to_string());
    say(&format!(
        "kernels    {programs} compiled, {:.1} MiB, in {place}",
        bytes as f64 / f64::from(1 << 20)
    ))?;
    machine(say)?;
    if device == Some("cpu") {
        return Ok(());
    }
    match open_cuda(0) {
        Ok(queue) => test(&queue, &checks(), say),
        // Only looking: what is missing is not a failure.
        Err(error) if device.is_none() => say(&format!("cuda       {error:#}")),
        Err(error) => Err(error),
    }
}

/// Driver, devices and libraries.
#[cfg(feature = "cuda")]
fn machine(say: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
    for library in basin_cuda::libraries() {
        let place = match &library.file {
            Ok(file) => file.display().to_string(),
            Err(reason) => format!("missing ({reason})"),
        };
        say(&format!("library    {} ({}): {place}", library.name, library.purpose))?;
    }
    let devices = match basin_cuda::driver_version() {
        Ok((major, minor)) => {
            say(&format!("driver     CUDA {major}.{minor}"))?;
            basin_cuda::devices()
        }
        Err(error) => Err(error),
    };
    match devices {
        Ok(devices) if devices.is_empty() => say("device     none that the driver shows")?,
        Ok(devices) => {
            for d in devices {
                say(&format!(
                    "device     cuda:{} {}, compute capability {}.{}, {:.0} GiB, {} multiprocessors",
                    d.ordinal,
                    d.name,
                    d.capability.0,
                    d.capability.1,
                    d.memory as f64 / f64::from(1 << 30),
                    d.multiprocessors
                ))?;
            }
        }
        // Told again by whoever opens the device.
        Err(GpuError::NoDriver { found }) => say(&format!("driver     none: {found}"))?,
        Err(error) => say(&format!("driver     {error}"))?,
    }
    Ok(())
}

#[cfg(not(feature = "cuda"))]
fn machine(_say: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
    Ok(())
}

/// Runs every check on a device and tells each result.
///
/// # Errors
/// [`WrongKernels`] after all have run, of which one that does not run is one; a lost device at once.
pub fn test(queue: &Rc<dyn Queue>, checks: &[Check], say: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
    let start = Instant::now();
    let mut wrong: Vec<&Check> = Vec::new();
    say(&format!("checking   every kernel of {} against the CPU", queue.device()))?;
    for check in checks {
        let right = match check.run(queue) {
            Ok(found) => {
                say(&line(check, &found))?;
                found.ok()
            }
            Err(lost @ GpuError::Lost { .. }) => return Err(lost.into()),
            Err(error) => {
                say(&format!("  FAILED   {:<28} {:<5} {error}", check.kernel, check.precision.name()))?;
                false
            }
        };
        if !right {
            wrong.push(check);
        }
    }
    say(&format!(
        "checked    {} of {} are right, {:.1} s",
        checks.len() - wrong.len(),
        checks.len(),
        start.elapsed().as_secs_f64()
    ))?;
    match wrong.first() {
        None => Ok(()),
        Some(first) => {
            let first = format!("{} ({})", first.kernel, first.precision.name());
            Err(WrongKernels { count: wrong.len(), first }.into())
        }
    }
}

fn line(check: &Check, found: &Found) -> String {
    let verdict = if found.ok() { "right" } else { "WRONG" };
    format!(
        "  {verdict}    {:<28} {:<5} largest relative error {:.1e}, allowed {:.0e}",
        check.kernel,
        check.precision.name(),
        found.max_rel_error,
        found.limit
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_gpu::Recorder;

    #[test]
    fn a_device_that_computes_nothing_is_found_out() {
        let queue: Rc<dyn Queue> = Rc::new(Recorder::default());
        let mut lines = Vec::new();
        let error = test(&queue, &checks(), &mut |line| {
            lines.push(line.to_owned());
            Ok(())
        })
        .unwrap_err();
        let wrong = lines.iter().filter(|line| line.contains("WRONG")).count();
        assert!(wrong > checks().len() / 2, "{lines:?}");
        assert!(error.to_string().starts_with(&format!("{wrong} of the device's kernels")), "{error}");
        assert_eq!(basin_reproduce::exit::code(&error), basin_reproduce::exit::DEVICE);
    }

    #[test]
    fn looking_is_no_failure_and_asking_for_a_device_that_is_missing_is() {
        let mut lines = Vec::new();
        let mut say = |line: &str| {
            lines.push(line.to_owned());
            Ok(())
        };
        run(&Options { device: Some("cpu".into()) }, &mut say).unwrap();
        let unknown = run(&Options { device: Some("tpu".into()) }, &mut say).unwrap_err();
        assert_eq!(basin_reproduce::exit::code(&unknown), basin_reproduce::exit::USAGE);
        // On a machine with a device this checks its kernels.
        let asked = run(&Options { device: Some(CUDA.into()) }, &mut say);
        let looked = run(&Options { device: None }, &mut say);
        assert_eq!(
            asked.as_ref().err().map(basin_reproduce::exit::code),
            asked.as_ref().err().map(|_| basin_reproduce::exit::DEVICE)
        );
        assert!(asked.is_err() || looked.is_ok());
        assert!(looked.is_ok(), "{looked:?}");
        assert!(lines.iter().any(|line| line.starts_with("kernels")));
    }
}
