//! One command for a machine with a GPU: is every kernel right, how fast are the convolutions, how fast is training,
//! beside PyTorch's. The answers go into one file, which is written anew after each of them: what is stopped half way has
//! measured what it has measured, and what fails costs its own answer only, unless the device is lost.

mod convolutions;
mod networks;
mod options;
mod parts;
mod report;
mod throughput;
mod trainer;

pub use options::Options;

use networks::Deadline;
use parts::{Part, parts};
use report::{Answers, Report};
use throughput::{Torch, Trainer, Workload};

use crate::suites;
use anyhow::Result;
use basin_gpu::check::{Found, checks};
use basin_gpu::{GpuError, Precision, Queue};
use basin_reproduce::device::{OnDevice, candles_device};
use std::path::Path;
use std::rc::Rc;

/// Checks, measures, writes the file and tells the lines.
///
/// # Errors
/// [`basin_reproduce::exit::Usage`] for options outside their ranges; a device that is missing, or lost on the way; what the folder
/// says. Once the file is written: [`basin_reproduce::exit::WrongKernels`], else the first failure of a measurement or of
/// the peer.
pub fn run(options: &Options, say: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
    options.asked()?;
    let queue = open(options.peer.as_deref())?;
    let trainer = trainer::DeviceTrainer { queue: queue.clone(), images: options.images };
    run_on(&queue, &trainer, options, say)
}

/// The training step of one network on the device, with augmentation, for `basin bench train-step --device cuda`.
///
/// # Errors
/// The device's failures; what the peer says.
pub(crate) fn train_step(
    options: &suites::Options,
    precision: Precision,
    say: &mut dyn FnMut(&str) -> Result<()>,
) -> Result<()> {
    let suites::Options { model, batch, .. } = options;
    let images = options::IMAGES.max(*batch);
    let trainer = trainer::DeviceTrainer { queue: open(options.peer.as_deref())?, images };
    let workload = Workload { model: model.clone(), width: options.width(), precision, batch: *batch };
    let mut torch = Torch::start(options.peer.as_deref())?;
    let compared = throughput::one(&trainer, &workload, options::SECONDS, None, &mut torch)?;
    say(&serde_json::to_string(&compared)?)
}

/// The device, whose libraries may be those that the peer's environment brings.
fn open(peer: Option<&Path>) -> Result<Rc<dyn Queue>> {
    #[cfg(feature = "cuda")]
    if let Some(python) = peer {
        basin_cuda::search_also(python);
    }
    #[cfg(not(feature = "cuda"))]
    let _ = peer;
    basin_reproduce::device::open_cuda(0)
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
    let parts = parts(&networks, &precisions, options.batch);
    let left_out = parts.iter().map(Part::to_string).collect();
    let mut answers = Answers::new(queue.device(), trainer.images(), left_out);
    let folder = options.out.join(report::folder(&queue.device()));
    // Made first: an hour's work is not lost to a folder that cannot be written.
    let mut report = Report::begin(&folder, options.force, deadline, &mut answers, say)?;
    for check in checks() {
        let found = check.run(queue);
        report.checked(check.kernel.into(), check.precision, found)?;
    }
    on_candles_tensors(queue, &mut report)?;
    let first = parts.iter().find_map(|part| match part {
        Part::Training(workload) => Some(workload),
        Part::Convolutions(_) => None,
    });
    if let Some(first) = first {
        match throughput::epoch_seconds(trainer, first) {
            Ok(seconds) => report.epoch(seconds)?,
            Err(error) => report.failed(format!("an epoch of {first}"), error)?,
        }
    }
    // Only now: the device's own answers come before those of a peer that is slow to start, or is none.
    let mut torch = match Torch::start(options.peer.as_deref()) {
        Ok(torch) => torch,
        Err(error) => {
            report.failed("the peer".into(), error.into())?;
            Torch::none()
        }
    };
    report.answers.peer = torch.program().map(str::to_owned);
    for part in &parts {
        if deadline.left().is_none() {
            break;
        }
        match part {
            Part::Training(workload) => {
                match throughput::one(trainer, workload, options.seconds, Some(deadline), &mut torch) {
                    Ok(compared) => report.compared(workload, compared)?,
                    Err(error) => report.failed(part.to_string(), error)?,
                }
            }
            Part::Convolutions(precision) => {
                convolutions::measure(queue, &networks, *precision, options.batch, &mut |name, timed| {
                    match timed {
                        Ok(timed) => report.convolution(timed),
                        Err(error) => report.failed(name, error.into()),
                    }
                })?;
            }
        }
        report.done()?;
    }
    report.end()
}

/// The operations on candle's tensors, forward and back, where candle's device is behind the queue: the same kernels, on memory of
/// candle's, in its stream.
fn on_candles_tensors(queue: &Rc<dyn Queue>, report: &mut Report<'_>) -> Result<()> {
    let precision = Precision::F32;
    let Ok(device) = candles_device(&OnDevice { queue: queue.clone(), precision }) else { return Ok(()) };
    for check in basin_candle::check::checks() {
        let limit = basin_candle::check::LIMIT;
        let found = check.run(&device).map(|max_rel_error| Found { max_rel_error, limit });
        report.checked(format!("candle {}", check.operation), precision, found.map_err(GpuError::from))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
