//! Every launch of one training step on a device, with the memory it is given and what that takes at best; for who
//! looks for the step's time. Nothing is run: a recorder answers for the device.
//!
//! `step_ledger [MODEL [WIDTH [BATCH [PRECISION]]]]`, e.g. `step_ledger resnet20 4 128 bf16`. Times are lower bounds:
//! memory at 4.8 TB/s, and convolutions and dense layers at 790 (bf16) or 395 (tf32) TFLOP/s, an H200's.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use basin_core::SeedTree;
use basin_data::{AugmentConfig, CIFAR10, ImageSet};
use basin_ensemble::WarmupCosine;
use basin_gpu::{Convolution, Event, Launch, Precision, Recorder};
use basin_models::Architecture;
use basin_train::{Backend, Examples, Gpu, Optimiser, Recipe, Segment, Teaching, TrainState};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;

const BYTES_PER_MICROSECOND: f64 = 4.8e6;

type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match ledger(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("error: {reason}\nusage: step_ledger [MODEL [WIDTH [BATCH [f32|tf32|bf16]]]]");
            ExitCode::from(2)
        }
    }
}

fn ledger(arguments: &[String]) -> Result<(), Error> {
    let given = |at: usize, otherwise: &str| arguments.get(at).map_or(otherwise, String::as_str).to_owned();
    let (model, width, batch) = (given(0, "resnet20"), given(1, "4").parse()?, given(2, "128").parse()?);
    let name = given(3, "bf16");
    let all = [Precision::F32, Precision::Tf32, Precision::Bf16];
    let precision = all.into_iter().find(|p| p.name() == name);
    let precision = precision.ok_or_else(|| format!("precision {name:?}, expected f32, tf32 or bf16"))?;
    let lines = lines(&step(&model, width, batch, precision)?);
    let (mut launches, mut least) = (0, 0.0);
    println!("{:>5} {:>9} {:>8}  launch", "count", "MB", "us");
    for (name, line) in &lines {
        println!("{:>5} {:>9.2} {:>8.1}  {name}", line.count, line.bytes as f64 / 1e6, line.microseconds);
        launches += line.count;
        least += line.microseconds;
    }
    println!("{launches} launches, at least {least:.0} us beside what lies between them");
    Ok(())
}

/// What a step puts into the queue.
fn step(model: &str, width: f64, batch: usize, precision: Precision) -> Result<Vec<Event>, Error> {
    let network = Architecture::from_name(model, width)?.build(32, 10)?;
    let recorder = Rc::new(Recorder::default());
    let images = ImageSet::new(32, 10, vec![0; 2 * batch * 32 * 32 * 3], vec![0; 2 * batch])?;
    let recipe = Recipe {
        examples: Examples {
            images: Arc::new(images),
            augment: AugmentConfig::paper(),
            normalisation: CIFAR10.normalisation,
        },
        batch,
        optimiser: if model == "vit" { Optimiser::adam() } else { Optimiser::sgd(0.9, 0.0) },
        schedule: Arc::new(WarmupCosine { peak: 0.01, epochs: 2, warmup: 0.0, floor: None }),
        order: SeedTree::root(0).into(),
        teaching: Teaching::Labels,
        label_smoothing: 0.0,
        replay: None,
    };
    let segment = Segment { state: TrainState::new(network.init(&SeedTree::root(0)), 0), end_epoch: 2 };
    let mut trainer = Gpu { queue: recorder.clone(), precision }.trainer(&network, &recipe, &segment)?;
    recorder.take();
    trainer.step()?;
    Ok(recorder.take())
}

/// Equal launches.
#[derive(Default)]
struct Line {
    count: usize,
    bytes: usize,
    microseconds: f64,
}

fn lines(events: &[Event]) -> BTreeMap<String, Line> {
    let mut lines = BTreeMap::<String, Line>::new();
    for event in events {
        let (name, bytes, flops) = match event {
            Event::Launch(entry, Launch { grid: [x, y, z], threads }, bytes) => {
                (format!("{entry} {x}x{y}x{z} blocks of {threads}"), *bytes, 0.0)
            }
            Event::Zero(bytes) => ("fill with zeros".to_owned(), *bytes, 0.0),
            Event::Convolve(c) => (convolution(c), moved(c), 2.0 * macs(c) / rate(c.precision)),
            _ => continue,
        };
        let line = lines.entry(name).or_default();
        line.count += 1;
        line.bytes += bytes;
        line.microseconds += (bytes as f64 / BYTES_PER_MICROSECOND).max(flops);
    }
    lines
}

/// Operations in a microsecond.
fn rate(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => 67e6,
        Precision::Tf32 => 395e6,
        Precision::Bf16 => 790e6,
    }
}

fn macs(c: &Convolution) -> f64 {
    c.images as f64 * c.shape.macs(c.height, c.width) as f64
}

fn moved(c: &Convolution) -> usize {
    let values = c.input_rows() * c.shape.cin + c.output_rows() * c.shape.cout + c.shape.weights();
    values * c.precision.storage().bytes()
}

fn convolution(c: &Convolution) -> String {
    let (s, add) = (c.shape, if c.add { ", added" } else { "" });
    format!(
        "{:?} {k}x{k}/{} {}->{} at {}x{}{add}",
        c.pass,
        s.stride,
        s.cin,
        s.cout,
        c.height,
        c.width,
        k = s.kernel
    )
}
