//! Training speed of the networks on the device, in turns with PyTorch.

use super::networks::Deadline;
use crate::suites::comparison::{Ratio, Rounds, fastest, median};
use crate::suites::peer::{Peer, PeerError};
use anyhow::{Context, Result};
use basin_gpu::Precision;
use basin_reproduce::exit::Usage;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What stands for the whole of the peer among the layouts that it could not measure.
const PEER: &str = "peer";

/// The peer's layouts and their columns.
const EAGER: &str = "channels_last";
const COMPILED: &str = "compiled";

/// Rounds of a measurement; both sides take turns in each.
const ROUNDS: usize = 5;

/// Most updates of a round.
const MOST_UPDATES: usize = 10_000;

/// Longest time for the peer to build, compile and warm up one network; less where the deadline comes before.
const PATIENCE: Duration = Duration::from_secs(180);

/// A peer that was too late so many times, or did not start again, is not asked again.
const TOO_LATE: usize = 2;

/// What to train.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Workload {
    /// Architecture.
    pub(super) model: String,
    /// Width multiplier.
    pub(super) width: f64,
    /// Storage and arithmetic.
    pub(super) precision: Precision,
    /// Images per update.
    pub(super) batch: usize,
}

impl std::fmt::Display for Workload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{} {}", self.model, self.width, self.precision.name())
    }
}

/// Something that trains on the device: batches with augmentation, forward, backward, update.
pub(super) trait Trainer {
    /// Images of an epoch.
    fn images(&self) -> usize;

    /// Prepares a workload and hands `body` what runs so many updates and waits until the device has done them.
    ///
    /// # Errors
    /// The device's failures, and those of `body`.
    fn with(&self, workload: &Workload, body: &mut Body<'_>) -> Result<()>;
}

/// So many updates.
pub(super) type Updates<'a> = dyn FnMut(usize) -> Result<()> + 'a;

/// What is done with a prepared workload.
pub(super) type Body<'a> = dyn FnMut(&mut Updates<'_>) -> Result<()> + 'a;

/// One network at one precision on both sides.
#[derive(Debug, Serialize)]
pub(super) struct Compared {
    model: String,
    width: f64,
    precision: &'static str,
    batch: usize,
    images_per_second: f64,
    torch_eager: Option<f64>,
    torch_compiled: Option<f64>,
    /// Ours over the faster of the peer's; above 1 we are faster.
    ratio: Option<f64>,
    /// Its extremes over the rounds.
    ratio_min: Option<f64>,
    ratio_max: Option<f64>,
    /// What the peer could not measure, with its reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    skipped: BTreeMap<String, String>,
}

impl Compared {
    /// Why there is nothing of the peer, where it failed as a whole.
    pub(super) fn peer_failed(&self) -> Option<&str> {
        self.skipped.get(PEER).map(String::as_str)
    }
}

/// PyTorch, if there is a Python; started again for the next network where it died.
pub(super) struct Torch {
    python: Option<PathBuf>,
    running: Option<Peer>,
    /// How many times it was too late, or could not be started again.
    late: usize,
}

impl Torch {
    /// None at all.
    pub(super) fn none() -> Self {
        Self { python: None, running: None, late: 0 }
    }

    /// Starts it.
    ///
    /// # Errors
    /// [`Usage`] where the interpreter has no PyTorch.
    pub(super) fn start(python: Option<&Path>) -> Result<Self, Usage> {
        let mut torch = Self { python: python.map(Path::to_owned), ..Self::none() };
        torch.running = torch.again().transpose()?;
        Ok(torch)
    }

    fn again(&self) -> Option<Result<Peer, Usage>> {
        let layouts = format!("{EAGER},{COMPILED}");
        self.python.as_deref().map(|python| Peer::torch(python, 1, &layouts))
    }

    /// What it calls itself.
    pub(super) fn program(&self) -> Option<&str> {
        self.running.as_ref().map(|peer| peer.program.as_str())
    }

    /// Lets it prepare a workload; its layouts, and why others are missing. A peer that fails is no reason to lose our
    /// own numbers.
    fn prepare(
        &mut self,
        case: &serde_json::Value,
        patience: Option<Duration>,
    ) -> (Vec<String>, BTreeMap<String, String>) {
        let fails = |reason: String| (Vec::new(), BTreeMap::from([(PEER.to_owned(), reason)]));
        if self.python.is_some() && self.late >= TOO_LATE {
            return fails(format!(
                "it was too late or did not start {TOO_LATE} times, and is not asked again"
            ));
        }
        let Some(patience) = patience.filter(|_| self.python.is_some()) else {
            return match self.python {
                Some(_) => fails("no time was left for it".into()),
                None => Default::default(),
            };
        };
        if self.running.is_none() {
            match self.again() {
                None => return Default::default(),
                Some(Ok(peer)) => self.running = Some(peer),
                Some(Err(error)) => {
                    self.late += 1;
                    return fails(error.to_string());
                }
            }
        }
        let Some(peer) = &mut self.running else { return Default::default() };
        match peer.prepare_within(case, patience.min(PATIENCE)) {
            Ok(prepared) => (prepared.layouts, prepared.skipped),
            Err(PeerError::NoLayout(reasons)) => (Vec::new(), reasons),
            Err(error) => fails(self.failed(&error)),
        }
    }

    /// Ends it; its reason.
    fn failed(&mut self, error: &PeerError) -> String {
        self.running = None;
        self.late += usize::from(matches!(error, PeerError::Late { .. }));
        error.to_string()
    }
}

/// Seconds of one epoch of a network: its tables, its updates, its sums; after one update that compiles and captures.
pub(super) fn epoch_seconds(trainer: &dyn Trainer, workload: &Workload) -> Result<f64> {
    let updates = trainer.images() / workload.batch;
    let mut seconds = f64::NAN;
    trainer.with(workload, &mut |train| {
        train(3)?;
        seconds = timed(train, updates)? * updates as f64;
        Ok(())
    })?;
    Ok(seconds)
}

/// One network at one precision, for about so many seconds on each side; the peer has until the deadline to prepare it.
pub(super) fn one(
    trainer: &dyn Trainer,
    workload: &Workload,
    seconds: f64,
    deadline: Option<Deadline>,
    torch: &mut Torch,
) -> Result<Compared> {
    let mut compared = None;
    trainer.with(workload, &mut |train| {
        compared = Some(compare(train, workload, seconds, deadline, torch)?);
        Ok(())
    })?;
    compared.context("the training was not run")
}

fn compare(
    train: &mut Updates<'_>,
    workload: &Workload,
    seconds: f64,
    deadline: Option<Deadline>,
    torch: &mut Torch,
) -> Result<Compared> {
    // Compiles, captures, and tells how many updates make a round.
    train(3)?;
    let updates =
        (seconds / ROUNDS as f64 / timed(train, 5)?).ceil().clamp(1.0, MOST_UPDATES as f64) as usize;
    let case = json!({
        "suite": "train-step", "model": workload.model, "width": workload.width, "batch": workload.batch,
        "device": "cuda", "precision": workload.precision.name(), "repeats": updates,
    });
    let patience = deadline.map_or(Some(PATIENCE), |deadline| deadline.left());
    let (layouts, mut skipped) = torch.prepare(&case, patience);
    let mut ours = Rounds::new();
    let mut theirs = vec![Rounds::new(); layouts.len()];
    for _ in 0..ROUNDS {
        ours.push(vec![timed(train, updates)?]);
        let Some(peer) = torch.running.as_mut().filter(|_| !layouts.is_empty()) else { continue };
        match peer.round(&layouts, 1) {
            Ok(round) => theirs.iter_mut().zip(round).for_each(|(rounds, steps)| {
                rounds.push(steps.iter().map(|seconds| seconds / updates as f64).collect());
            }),
            Err(error) => {
                theirs.iter_mut().for_each(Vec::clear);
                skipped.insert(PEER.into(), torch.failed(&error));
            }
        }
    }
    let rate = |rounds: &Rounds| median(rounds).map(|seconds| workload.batch as f64 / seconds);
    let column =
        |name: &str| layouts.iter().position(|layout| layout == name).and_then(|at| rate(&theirs[at]));
    let ratio = fastest(&theirs).and_then(|best| Ratio::of(&ours, &theirs[best]));
    Ok(Compared {
        model: workload.model.clone(),
        width: workload.width,
        precision: workload.precision.name(),
        batch: workload.batch,
        images_per_second: rate(&ours).context("no round")?,
        torch_eager: column(EAGER),
        torch_compiled: column(COMPILED),
        ratio: ratio.as_ref().map(|ratio| ratio.ratio),
        ratio_min: ratio.as_ref().map(|ratio| ratio.ratio_min),
        ratio_max: ratio.as_ref().map(|ratio| ratio.ratio_max),
        skipped,
    })
}

/// Seconds of one update of so many.
fn timed(train: &mut Updates<'_>, updates: usize) -> Result<f64> {
    let start = Instant::now();
    train(updates)?;
    Ok(start.elapsed().as_secs_f64() / updates as f64)
}
