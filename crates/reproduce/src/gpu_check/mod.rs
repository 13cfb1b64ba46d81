//! One command for a machine with a GPU: is every kernel right, how fast are the convolutions, how fast is training,
//! beside PyTorch's. The answers go into one file.

mod convolutions;
mod throughput;
mod trainer;

use throughput::{Trainer, Workload};

use crate::bench;
use crate::device::doctor::WrongKernels;
use crate::device::precision;
use crate::exit::Usage;
use anyhow::Result;
use basin_kernels::gpu::check::checks;
use basin_kernels::gpu::{Precision, Queue};
use basin_store::{Fs, RealFs, StoreError, write_atomic};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds to measure a network for, where nobody names another time.
const SECONDS: f64 = 5.0;

/// The file of the answers.
const FILE: &str = "gpu-check.json";

/// The options of `basin gpu-check`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Python interpreter with PyTorch for CUDA to compare with
    #[arg(long, value_name = "PYTHON")]
    pub peer: Option<PathBuf>,
    /// Folder in which to make the folder DATE-GPU with gpu-check.json
    #[arg(long, value_name = "DIR", default_value = "benches/runs")]
    pub out: PathBuf,
    /// Images per step
    #[arg(long, default_value_t = 128)]
    pub batch: usize,
    /// Precisions of the measurements, of f32,tf32,bf16
    #[arg(long, default_value = "f32,tf32,bf16")]
    pub precisions: String,
    /// Seconds to measure each network for, on each side
    #[arg(long, default_value_t = SECONDS)]
    pub seconds: f64,
}

impl Options {
    /// The precisions by name.
    ///
    /// # Errors
    /// [`Usage`] for an unknown one, and for a batch or a time outside their ranges.
    fn precisions(&self) -> Result<Vec<Precision>, Usage> {
        if !(1..=65_536).contains(&self.batch) {
            return Err(Usage(format!("--batch {}, expected 1 to 65536", self.batch)));
        }
        if !(0.0 < self.seconds && self.seconds <= 600.0) {
            return Err(Usage(format!("--seconds {}, expected more than 0 and at most 600", self.seconds)));
        }
        let by_name = |name: &str| {
            let unknown = || Usage(format!("--precisions: {name:?}, expected some of f32,tf32,bf16"));
            precision(name).ok_or_else(unknown)
        };
        self.precisions.split(',').map(by_name).collect()
    }
}

/// All answers, as they lie in the file.
#[derive(Debug, Serialize)]
struct Answers {
    device: String,
    checks: Vec<Checked>,
    convolutions: Vec<convolutions::Timed>,
    throughput: Vec<throughput::Compared>,
    /// Seconds of one epoch of CIFAR-10's size with the paper's network, in the last of the precisions.
    epoch_seconds: Option<f64>,
}

/// One kernel at one precision.
#[derive(Debug, Serialize)]
struct Checked {
    kernel: &'static str,
    precision: &'static str,
    max_rel_error: f64,
    ok: bool,
}

/// Checks, measures, writes the file and tells the lines.
///
/// # Errors
/// [`Usage`]; the device's failures; [`WrongKernels`] once the file is written; what the peer or the folder say.
pub fn run(options: &Options, say: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
    options.precisions()?;
    let queue = crate::device::open_cuda()?;
    run_on(&queue, &trainer::DeviceTrainer { queue: queue.clone() }, options, say)
}

/// The training step of one network on the device, with augmentation, for `basin bench train-step --device cuda`.
///
/// # Errors
/// The device's failures; what the peer says.
pub(crate) fn train_step(
    options: &bench::Options,
    precision: Precision,
    say: &mut dyn FnMut(&str) -> Result<()>,
) -> Result<()> {
    let trainer = trainer::DeviceTrainer { queue: crate::device::open_cuda()? };
    let bench::Options { model, batch, .. } = options;
    let workload = Workload { model: model.clone(), width: options.width(), precision, batch: *batch };
    let mut peer = throughput::start(options.peer.as_deref())?;
    match throughput::one(&trainer, &workload, SECONDS, peer.as_mut())? {
        Some(compared) => say(&serde_json::to_string(&compared)?),
        None => Ok(()),
    }
}

/// As [`run`], on any queue and with any trainer.
fn run_on(
    queue: &Rc<dyn Queue>,
    trainer: &dyn Trainer,
    options: &Options,
    say: &mut dyn FnMut(&str) -> Result<()>,
) -> Result<()> {
    let precisions = options.precisions()?;
    let folder = options.out.join(format!("{}-{}", date(SystemTime::now()), slug(&queue.device())));
    // Made first: an hour's work is not lost to a folder that cannot be written.
    RealFs.create_dir_all(&folder).map_err(|cause| StoreError::Io {
        operation: "create the directory",
        path: folder.clone(),
        cause,
    })?;
    let mut answers = Answers {
        device: queue.device(),
        checks: Vec::new(),
        convolutions: Vec::new(),
        throughput: Vec::new(),
        epoch_seconds: None,
    };
    for check in checks() {
        let found = check.run(queue)?;
        let (kernel, precision) = (check.kernel, check.precision.name());
        // JSON knows neither infinity nor NaN: the largest number stands for both.
        let max_rel_error = found.max_rel_error.min(f64::MAX);
        let checked = Checked { kernel, precision, max_rel_error, ok: found.ok() };
        say(&serde_json::to_string(&checked)?)?;
        answers.checks.push(checked);
    }
    // Written after each part, and after each network: a measurement that fails leaves what was found before it.
    write(&folder, &answers)?;
    for precision in &precisions {
        for timed in convolutions::measure(&**queue, *precision, options.batch)? {
            say(&serde_json::to_string(&timed)?)?;
            answers.convolutions.push(timed);
        }
    }
    write(&folder, &answers)?;
    throughput::measure(trainer, &precisions, options, &mut |compared, epoch_seconds| {
        say(&serde_json::to_string(&compared)?)?;
        answers.throughput.push(compared);
        answers.epoch_seconds = epoch_seconds.or(answers.epoch_seconds);
        write(&folder, &answers)
    })?;
    say(&format!("written {}", folder.join(FILE).display()))?;
    let wrong: Vec<&Checked> = answers.checks.iter().filter(|checked| !checked.ok).collect();
    match wrong.first() {
        None => Ok(()),
        Some(first) => {
            Err(WrongKernels { count: wrong.len(), first: format!("{} ({})", first.kernel, first.precision) }
                .into())
        }
    }
}

fn write(folder: &Path, answers: &Answers) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(answers)?;
    text.push(b'\n');
    Ok(write_atomic(&RealFs, &folder.join(FILE), &text)?)
}

/// A device's name as a part of a folder's: small letters, digits and single dashes.
fn slug(device: &str) -> String {
    let words = device.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

/// The day in UTC, as in 2026-11-21.
fn date(time: SystemTime) -> String {
    let days = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / 86_400);
    // Years that begin in March have their leap day last: 400 of them are 146 097 days, and months from March on are
    // 153 days per five. Day 0 is 719 468 days after the first of March of year 0.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{day:02}", 400 * era + year + next)
}

#[cfg(test)]
mod tests;
