//! The file of the answers, written anew after each of them.

use super::convolutions::Timed;
use super::networks::Deadline;
use super::throughput::{Compared, Workload};
use anyhow::Result;
use basin_gpu::check::Found;
use basin_gpu::{GpuError, Precision};
use basin_reproduce::exit::WrongKernels;
use basin_store::{Fs, Outputs, RealFs, StoreError};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The file of the answers.
pub(super) const FILE: &str = "gpu-check.json";

/// All answers, as they lie in the file.
#[derive(Debug, Default, Serialize)]
pub(super) struct Answers {
    device: String,
    basin: &'static str,
    /// The peer's name and version.
    pub(super) peer: Option<String>,
    checks: Vec<Checked>,
    convolutions: Vec<Timed>,
    throughput: Vec<Compared>,
    /// Seconds of one epoch of the first of the networks in the first of the precisions, augmented as in training.
    epoch_seconds: Option<f64>,
    /// Images of that epoch.
    epoch_images: usize,
    /// Seconds since the start, when this was written.
    seconds: f64,
    /// Whether everything was measured that was asked for.
    complete: bool,
    /// What there was no time for, or not yet.
    left_out: Vec<String>,
    /// What was begun and gave no measurement.
    failed: Vec<Failed>,
}

impl Answers {
    /// None yet: of a device, with so many images in an epoch; everything is left out so far.
    pub(super) fn new(device: String, epoch_images: usize, left_out: Vec<String>) -> Self {
        Self { device, basin: env!("CARGO_PKG_VERSION"), epoch_images, left_out, ..Self::default() }
    }
}

/// One kernel at one precision.
#[derive(Debug, Serialize)]
struct Checked {
    kernel: String,
    precision: &'static str,
    max_rel_error: Option<f64>,
    ok: bool,
    /// Why it did not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// A measurement that failed.
#[derive(Debug, Serialize)]
struct Failed {
    what: String,
    error: String,
}

/// The answers with their file.
pub(super) struct Report<'a> {
    pub(super) answers: &'a mut Answers,
    folder: &'a Path,
    outputs: Outputs,
    deadline: Deadline,
    say: &'a mut dyn FnMut(&str) -> Result<()>,
    /// Of the first failure.
    error: Option<anyhow::Error>,
}

impl<'a> Report<'a> {
    /// Makes the folder. A file of answers that is there is replaced only with `replace`.
    ///
    /// # Errors
    /// [`basin_store::OutputError`].
    pub(super) fn begin(
        folder: &'a Path,
        replace: bool,
        deadline: Deadline,
        answers: &'a mut Answers,
        say: &'a mut dyn FnMut(&str) -> Result<()>,
    ) -> Result<Self> {
        let file = folder.join(FILE);
        Outputs::new([], replace).add_below(&file)?;
        // From here on it is ours, and written anew after every answer.
        let mut outputs = Outputs::new([], true);
        outputs.add_below(&file)?;
        RealFs.create_dir_all(folder).map_err(|cause| StoreError::Io {
            operation: "create the directory",
            path: folder.to_owned(),
            cause,
        })?;
        Ok(Self { answers, folder, outputs, deadline, say, error: None })
    }

    /// A kernel's check. A failure is an answer, too.
    ///
    /// # Errors
    /// A lost device; those of the file and of `say`.
    pub(super) fn checked(
        &mut self,
        kernel: String,
        precision: Precision,
        found: Result<Found, GpuError>,
    ) -> Result<()> {
        let checked = Checked {
            kernel,
            precision: precision.name(),
            // JSON knows neither infinity nor NaN: the largest number stands for both.
            max_rel_error: found.as_ref().ok().map(|found| found.max_rel_error.min(f64::MAX)),
            ok: found.as_ref().is_ok_and(Found::ok),
            error: found.as_ref().err().map(GpuError::to_string),
        };
        self.tell(&checked)?;
        self.answers.checks.push(checked);
        self.write()?;
        match found {
            Err(lost @ GpuError::Lost { .. }) => Err(lost.into()),
            _ => Ok(()),
        }
    }

    /// Seconds of an epoch.
    pub(super) fn epoch(&mut self, seconds: f64) -> Result<()> {
        self.answers.epoch_seconds = Some(seconds);
        self.tell(&serde_json::json!({ "epoch_seconds": seconds }))?;
        self.write()
    }

    /// One convolution; written with the others of its precision.
    pub(super) fn convolution(&mut self, timed: Timed) -> Result<()> {
        self.tell(&timed)?;
        self.answers.convolutions.push(timed);
        Ok(())
    }

    /// One network, with what the peer has to say.
    pub(super) fn compared(&mut self, workload: &Workload, compared: Compared) -> Result<()> {
        self.tell(&compared)?;
        if let Some(reason) = compared.peer_failed() {
            let what = format!("the peer at {workload}");
            match self.deadline.left() {
                Some(_) => self.failed(what, anyhow::Error::msg(reason.to_owned()))?,
                // It had no fair chance.
                None => self.answers.left_out.push(what),
            }
        }
        self.answers.throughput.push(compared);
        self.write()
    }

    /// Something that gave no measurement.
    ///
    /// # Errors
    /// The error itself where the device was lost; those of the file and of `say`.
    pub(super) fn failed(&mut self, what: String, error: anyhow::Error) -> Result<()> {
        let failed = Failed { what, error: format!("{error:#}") };
        self.tell(&failed)?;
        self.answers.failed.push(failed);
        self.write()?;
        if basin_reproduce::exit::lost(&error) {
            return Err(error);
        }
        self.error.get_or_insert(error);
        Ok(())
    }

    /// The first of the parts that are left out is done.
    pub(super) fn done(&mut self) -> Result<()> {
        self.answers.left_out.remove(0);
        self.write()
    }

    /// Says whether all is there, and whether all is right.
    ///
    /// # Errors
    /// [`WrongKernels`]; else the first failure.
    pub(super) fn end(mut self) -> Result<()> {
        self.answers.complete = self.answers.left_out.is_empty() && self.answers.failed.is_empty();
        self.write()?;
        let file = self.folder.join(FILE);
        (self.say)(&format!("written {}", file.display()))?;
        let wrong: Vec<&Checked> = self.answers.checks.iter().filter(|checked| !checked.ok).collect();
        if let Some(first) = wrong.first() {
            let first = format!("{} ({})", first.kernel, first.precision);
            return Err(WrongKernels { count: wrong.len(), first }.into());
        }
        match (self.error, self.answers.failed.first()) {
            (Some(error), Some(Failed { what, .. })) => {
                let (count, file) = (self.answers.failed.len(), file.display());
                Err(error.context(format!("{count} measurements failed ({file} names all), first {what}")))
            }
            _ => Ok(()),
        }
    }

    fn tell(&mut self, answer: &impl Serialize) -> Result<()> {
        (self.say)(&serde_json::to_string(answer)?)
    }

    fn write(&mut self) -> Result<()> {
        self.answers.seconds = self.deadline.passed();
        let mut text = serde_json::to_vec_pretty(&self.answers)?;
        text.push(b'\n');
        Ok(self.outputs.write(&RealFs, &self.folder.join(FILE), &text)?)
    }
}

/// The folder's name: the day and the device.
pub(super) fn folder(device: &str) -> PathBuf {
    format!("{}-{}", date(SystemTime::now()), slug(device)).into()
}

/// A device's name as a part of a folder's: small letters, digits and single dashes.
pub(super) fn slug(device: &str) -> String {
    let words = device.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

/// The day in UTC, as in 2026-11-21.
pub(super) fn date(time: SystemTime) -> String {
    basin_store::utc(time)[..10].to_owned()
}
