//! One command for a machine with a GPU: is every kernel right, how fast are the convolutions, how fast is training,
//! beside PyTorch's. The answers go into one file, which is written anew after each of them: what is stopped half way has
//! measured what it has measured.

mod convolutions;
mod networks;
mod options;
mod throughput;
mod trainer;

pub use options::Options;

use networks::Deadline;
use throughput::{Torch, Trainer, Workload};

use crate::bench;
use crate::device::doctor::WrongKernels;
use anyhow::Result;
use basin_kernels::gpu::check::checks;
use basin_kernels::gpu::{Precision, Queue};
use basin_store::{Fs, RealFs, StoreError, write_atomic};
use serde::Serialize;
use std::path::Path;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The file of the answers.
const FILE: &str = "gpu-check.json";

/// All answers, as they lie in the file.
#[derive(Debug, Default, Serialize)]
struct Answers {
    device: String,
    basin: &'static str,
    /// The peer's name and version.
    peer: Option<String>,
    checks: Vec<Checked>,
    convolutions: Vec<convolutions::Timed>,
    throughput: Vec<throughput::Compared>,
    /// Seconds of one epoch of the first of the networks in the first of the precisions, augmented as in training.
    epoch_seconds: Option<f64>,
    /// Images of that epoch.
    epoch_images: usize,
    /// Seconds since the start, when this was written.
    seconds: f64,
    /// Whether everything was measured that was asked for.
    complete: bool,
    /// What there was no time for.
    left_out: Vec<String>,
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
    options.asked()?;
    let queue = crate::device::open_cuda()?;
    let trainer = trainer::DeviceTrainer { queue: queue.clone(), images: options.images };
    run_on(&queue, &trainer, options, say)
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
    let bench::Options { model, batch, .. } = options;
    let images = options::IMAGES.max(*batch);
    let trainer = trainer::DeviceTrainer { queue: crate::device::open_cuda()?, images };
    let workload = Workload { model: model.clone(), width: options.width(), precision, batch: *batch };
    let mut torch = Torch::start(options.peer.as_deref())?;
    let compared = throughput::one(&trainer, &workload, options::SECONDS, &mut torch)?;
    say(&serde_json::to_string(&compared)?)
}

/// As [`run`], on any queue and with any trainer.
fn run_on(
    queue: &Rc<dyn Queue>,
    trainer: &dyn Trainer,
    options: &Options,
    say: &mut dyn FnMut(&str) -> Result<()>,
) -> Result<()> {
    let (networks, precisions) = options.asked()?;
    let deadline = Deadline::after(options.minutes);
    let folder = options.out.join(format!("{}-{}", date(SystemTime::now()), slug(&queue.device())));
    // Made first: an hour's work is not lost to a folder that cannot be written, or to a peer that is none.
    RealFs.create_dir_all(&folder).map_err(|cause| StoreError::Io {
        operation: "create the directory",
        path: folder.clone(),
        cause,
    })?;
    let mut torch = Torch::start(options.peer.as_deref())?;
    let mut answers = Answers {
        device: queue.device(),
        basin: env!("CARGO_PKG_VERSION"),
        peer: torch.program().map(str::to_owned),
        epoch_images: trainer.images(),
        ..Answers::default()
    };
    let write = |answers: &mut Answers| {
        answers.seconds = deadline.passed();
        write(&folder, answers)
    };
    for check in checks() {
        let found = check.run(queue)?;
        let (kernel, precision) = (check.kernel, check.precision.name());
        // JSON knows neither infinity nor NaN: the largest number stands for both.
        let max_rel_error = found.max_rel_error.min(f64::MAX);
        let checked = Checked { kernel, precision, max_rel_error, ok: found.ok() };
        say(&serde_json::to_string(&checked)?)?;
        answers.checks.push(checked);
        write(&mut answers)?;
    }
    let workloads = throughput::workloads(&networks, &precisions, options.batch);
    if let Some(first) = workloads.first() {
        answers.epoch_seconds = Some(throughput::epoch_seconds(trainer, first)?);
        say(&format!("{{\"epoch_seconds\":{}}}", serde_json::to_string(&answers.epoch_seconds)?))?;
        write(&mut answers)?;
    }
    for precision in &precisions {
        for timed in convolutions::measure(queue, &networks, *precision, options.batch)? {
            say(&serde_json::to_string(&timed)?)?;
            answers.convolutions.push(timed);
        }
        write(&mut answers)?;
    }
    let left_out =
        throughput::measure(trainer, &mut torch, &workloads, options.seconds, deadline, &mut |compared| {
            say(&serde_json::to_string(&compared)?)?;
            answers.throughput.push(compared);
            write(&mut answers)
        })?;
    answers.complete = left_out.is_empty();
    answers.left_out = left_out;
    write(&mut answers)?;
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
