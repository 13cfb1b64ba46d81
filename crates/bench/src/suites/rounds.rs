//! Paired rounds: some of our steps, then some of the peer's, again and again, each side idle in the other's
//! turn. A machine that slows down for a while slows both sides of a round.

use super::comparison::{Compared, Measured, Ratio, Rounds, Skipped, fastest, median};
use super::peer::{Peer, PeerError};
use super::spread::{Spread, rounded};
use super::{Options, machine};
use anyhow::{Context, Result};
use basin_reproduce::exit::Usage;
use basin_store::{Fs, OutputError, Outputs, RealFs, StoreError};
use serde::Serialize;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Steps before anything is measured: caches, page tables and thread pools fill.
const WARM_UP: usize = 2;

/// What a step does.
#[derive(Debug)]
pub(super) struct Case {
    /// The columns that tell it from other cases of the suite; the peer builds its side from them.
    labels: Value,
    batch: usize,
    flop_per_image: Option<f64>,
}

impl Case {
    /// A case of `batch` images per step; `flop_per_image` where operations are worth counting.
    pub(super) fn new(labels: Value, batch: usize, flop_per_image: Option<f64>) -> Self {
        Self { labels, batch, flop_per_image }
    }
}

/// A suite being measured.
pub(super) struct Bench<'a> {
    options: &'a Options,
    say: &'a mut dyn FnMut(&str) -> Result<()>,
    threads: usize,
    peak: f64,
    peer: Option<Peer>,
}

/// What the peer has measured of a case: layouts with their rounds, and its memory.
struct PeerRounds {
    program: String,
    layouts: Vec<String>,
    rounds: Vec<Rounds>,
    peak_memory_mib: Option<f64>,
}

impl<'a> Bench<'a> {
    /// Starts the peer, if one is asked for, and measures the machine's peak.
    pub(super) fn start(options: &'a Options, say: &'a mut dyn FnMut(&str) -> Result<()>) -> Result<Self> {
        create_folder(options)?;
        let on_one_thread = options.suite.on_one_thread();
        let threads = if on_one_thread { 1 } else { rayon::current_num_threads() };
        let layouts = options.layouts.as_deref().unwrap_or(options.suite.peer_layouts());
        let peer = options.peer.as_deref().map(|python| Peer::torch(python, threads, layouts)).transpose()?;
        Ok(Self { options, say, threads, peak: machine::peak_gflops(on_one_thread), peer })
    }

    /// Measures one case on both sides and writes its lines.
    pub(super) fn measure(&mut self, case: &Case, mut step: impl FnMut() -> Result<()>) -> Result<()> {
        let mut peer_rounds = self.prepare_peer(case)?;
        (0..WARM_UP).try_for_each(|_| step())?;
        let mut ours = Rounds::new();
        for _ in 0..self.options.rounds {
            ours.push(timed(self.options.steps, &mut step)?);
            if let (Some(peer), Some(theirs)) = (&mut self.peer, &mut peer_rounds) {
                let round = peer.round(&theirs.layouts, self.options.steps)?;
                theirs.rounds.iter_mut().zip(round).for_each(|(rounds, steps)| rounds.push(steps));
            }
        }
        self.write_measured(case, ("basin", None), &ours, machine::peak_memory_mib())?;
        if let (Some(peer), Some(mut theirs)) = (&mut self.peer, peer_rounds) {
            theirs.peak_memory_mib = peer.peak_memory_mib()?;
            self.write_comparison(case, &ours, &theirs)?;
        }
        Ok(())
    }

    /// Lets the peer build and warm up its side; says which layouts it leaves out.
    fn prepare_peer(&mut self, case: &Case) -> Result<Option<PeerRounds>> {
        let Some(peer) = &mut self.peer else { return Ok(None) };
        let suite = self.options.suite.name();
        let mut request = case.labels.clone();
        request["suite"] = suite.into();
        request["batch"] = case.batch.into();
        let prepared = peer.prepare(&request).map_err(|error| match error {
            // Such as torchvision that is not installed, or a network that only we have.
            PeerError::NoLayout(_) => anyhow::Error::from(Usage(format!("--peer: {error}"))),
            _ => error.into(),
        })?;
        let program = peer.program.clone();
        for (layout, skipped) in &prepared.skipped {
            self.write(&Skipped { suite, program: &program, layout, labels: &case.labels, skipped })?;
        }
        let rounds = vec![Rounds::new(); prepared.layouts.len()];
        Ok(Some(PeerRounds { program, layouts: prepared.layouts, rounds, peak_memory_mib: None }))
    }

    fn write_comparison(&mut self, case: &Case, ours: &Rounds, theirs: &PeerRounds) -> Result<()> {
        for (layout, rounds) in theirs.layouts.iter().zip(&theirs.rounds) {
            self.write_measured(case, (&theirs.program, Some(layout)), rounds, theirs.peak_memory_mib)?;
        }
        let best = fastest(&theirs.rounds).context("no round of the peer")?;
        let rate = |rounds: &Rounds| median(rounds).map(|seconds| rounded(case.batch as f64 / seconds));
        self.write(&Compared {
            suite: self.options.suite.name(),
            labels: &case.labels,
            batch: case.batch,
            threads: self.threads,
            ours_images_per_second: rate(ours).context("no round of ours")?,
            peer_images_per_second: rate(&theirs.rounds[best]).context("no round of the peer")?,
            peer: &theirs.program,
            peer_layout: &theirs.layouts[best],
            ratio: Ratio::of(ours, &theirs.rounds[best]).context("no round")?,
        })
    }

    fn write_measured(
        &mut self,
        case: &Case,
        (program, layout): (&str, Option<&str>),
        rounds: &Rounds,
        peak_memory_mib: Option<f64>,
    ) -> Result<()> {
        let seconds_per_step = Spread::of(&rounds.concat()).context("no step was measured")?;
        let images_per_second = case.batch as f64 / seconds_per_step.median;
        let gflop_per_second = case.flop_per_image.map(|flop| flop * images_per_second / 1e9);
        self.write(&Measured {
            suite: self.options.suite.name(),
            program,
            layout,
            labels: &case.labels,
            batch: case.batch,
            threads: self.threads,
            rounds: rounds.len(),
            steps: self.options.steps,
            seconds_per_step: seconds_per_step.rounded(),
            images_per_second: rounded(images_per_second),
            gflop_per_second: gflop_per_second.map(rounded),
            fma_peak_gflops: gflop_per_second.map(|_| rounded(self.peak)),
            share_of_peak: gflop_per_second.map(|rate| rounded(rate / self.peak)),
            peak_memory_mib: peak_memory_mib.map(rounded),
        })
    }

    /// Hands out a line, and appends it to the suite's file where there is a folder.
    fn write(&mut self, line: &impl Serialize) -> Result<()> {
        let line = serde_json::to_string(line)?;
        (self.say)(&line)?;
        let Some(folder) = &self.options.out else { return Ok(()) };
        let path = file(self.options, folder);
        let written = RealFs.append(&path, format!("{line}\n").as_bytes());
        written.map_err(|cause| StoreError::Io { operation: "append to", path, cause })?;
        Ok(())
    }
}

/// The file of a suite's lines.
fn file(options: &Options, folder: &Path) -> PathBuf {
    folder.join(options.suite.name()).with_extension("jsonl")
}

/// Makes the folder of the lines, before any time is spent on them. Their file may be there, as lines are added to it.
fn create_folder(options: &Options) -> Result<(), OutputError> {
    let Some(path) = options.out.clone() else { return Ok(()) };
    Outputs::new([], true).add_below(&file(options, &path))?;
    let created = RealFs.create_dir_all(&path);
    Ok(created.map_err(|cause| StoreError::Io { operation: "create the directory", path, cause })?)
}

/// Seconds of each of `steps` steps, after one that brings our data back into the caches.
fn timed(steps: usize, step: &mut impl FnMut() -> Result<()>) -> Result<Vec<f64>> {
    step()?;
    let one = |_| {
        let start = Instant::now();
        step()?;
        Ok(start.elapsed().as_secs_f64())
    };
    (0..steps).map(one).collect()
}

#[cfg(all(test, unix))]
mod tests;
