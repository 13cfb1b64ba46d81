//! The command line of `basin`.

use crate::process::{say, use_threads};
use crate::typed::{self, Typed};
use crate::{compare, data, export, fetch, gather, reproduce, shell, status, work};
use anyhow::Result;
use basin_bench::{doctor, gpu_check};
use basin_core::warn;
use basin_data::Split;
use basin_reproduce::{Interrupt, Prediction, Registry, exit, retell, verify};
use clap::{Args, CommandFactory, Parser, Subcommand};
use std::path::PathBuf;

/// Single-basin ensembles and mode connectivity.
#[derive(Debug, Parser)]
#[command(name = "basin", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train, align and distil ensembles, measure them, print our numbers beside the paper's
    Reproduce(Box<reproduce::Options>),
    /// Carry out nodes of a run that was planned, beside others that do, here or elsewhere
    Work(work::Options),
    /// Print a command a line that carries out a node of a run, for GNU parallel and its like
    Commands(work::Commands),
    /// Bring finished nodes of copies of a run, from other machines or disks, into one
    Gather(gather::Options),
    /// Write a run's report again from its results; trains and measures nothing
    Report(ReportArgs),
    /// Where a run stands: nodes by state, time worked and left, failures; also while it works
    Status(status::Options),
    /// Check every file of every finished node against what was written
    Verify(VerifyArgs),
    /// Set two runs side by side: keys that differ, results with intervals
    Compare(compare::Options),
    /// Write a run for other tools: training curves for TensorBoard, model cards
    Export(export::Options),
    /// Download a data set's official files, check and unpack them
    Fetch(fetch::Options),
    /// List the views of images that there are, or draw images through them as a contact sheet
    Data(data::Options),
    /// Write a checkpoint's logits and the labels of one split
    Predict(PredictArgs),
    /// Measure throughput, alone or in turns with PyTorch; prints JSON lines
    Bench(basin_bench::Options),
    /// Tell what this machine offers, and whether every kernel of its GPU computes what it should
    Doctor(doctor::Options),
    /// Check every kernel of the GPU, measure convolutions and training beside PyTorch, write gpu-check.json
    GpuCheck(gpu_check::Options),
    /// List all configuration keys with default, range and unit
    Keys,
    /// Print completions for a shell
    Completions(shell::Completions),
    /// Print a manual page, as roff
    Man(shell::Man),
}

#[derive(Debug, Args)]
struct ReportArgs {
    /// Folder with the run's results.json
    #[arg(value_parser = typed::path())]
    run: PathBuf,
}

#[derive(Debug, Args)]
struct VerifyArgs {
    /// Run directory
    #[arg(value_parser = typed::path())]
    run: PathBuf,
    /// Take the seals of damaged nodes off, so that the command of the run computes them again
    #[arg(long)]
    repair: bool,
}

#[derive(Debug, Args)]
struct PredictArgs {
    /// The network's parameters: a safetensors file, or a state dict that PyTorch saved
    #[arg(long, value_parser = typed::path())]
    checkpoint: PathBuf,
    /// Which network, where the file holds several: the key under which it stands
    #[arg(long)]
    key: Option<String>,
    /// Architecture [default: resnet20]
    #[arg(long)]
    model: Option<String>,
    /// Width multiplier [default: 4]
    #[arg(long)]
    width: Option<String>,
    /// Data set
    #[arg(long)]
    dataset: String,
    /// Folder with its official files
    #[arg(long)]
    data_dir: Option<String>,
    /// train or test
    #[arg(long, default_value = "test")]
    split: String,
    /// Where to compute
    #[arg(long)]
    device: Option<String>,
    /// Storage and arithmetic on a device: f32, tf32 or bf16
    #[arg(long)]
    precision: Option<String>,
    /// Safetensors file to write: logits [n, classes] and labels [n], both f32
    #[arg(long, value_parser = typed::path())]
    out: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
    /// Any key, e.g. --set data.test_images=200 for the first 200 images
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

pub(crate) fn run(cli: Cli, registry: &Registry) -> Result<()> {
    basin_core::Isa::requested().map_err(|error| exit::Usage(error.to_string()))?;
    match cli.command {
        Command::Reproduce(options) => reproduce::run(*options, registry),
        Command::Work(options) => work::run(options, registry, &mut |line| say(line)),
        Command::Commands(options) => work::list(&options, registry, &mut |line| say(line)),
        Command::Gather(options) => gather::run(&options, &mut |line| say(line)),
        Command::Report(args) => run_report(&args, registry),
        Command::Status(options) => status::run(&options, &mut |line| say(line)),
        Command::Verify(args) => run_verify(&args),
        Command::Compare(options) => compare::run(&options, registry, &mut |line| say(line)),
        Command::Export(options) => export::run(&options, registry, &mut |line| say(line)),
        Command::Fetch(options) => {
            fetch::run(&options, registry, &Interrupt::install()?, &mut |line| say(line))
        }
        Command::Data(options) => data::run(options, registry, &mut |line| say(line)),
        Command::Predict(args) => run_predict(args, registry),
        Command::Bench(options) => {
            options.check()?;
            use_threads(options.threads)?;
            basin_bench::run(&options, &mut |line| say(line))
        }
        Command::Doctor(options) => doctor::run(&options, &mut |line| say(line)),
        Command::GpuCheck(options) => gpu_check::run(&options, &mut |line| say(line)),
        Command::Completions(which) => which.write(Cli::command()),
        Command::Man(which) => which.write(Cli::command()),
        Command::Keys => say(&registry.keys()?.describe()),
    }
}

fn run_report(args: &ReportArgs, registry: &Registry) -> Result<()> {
    let retold = retell(&args.run, registry)?;
    retold.write(&args.run)?;
    retold.notes.iter().for_each(|note| warn(&format!("note: {note}")));
    say(&retold.table)?;
    say(&format!("report {}", args.run.join("report/index.html").display()))
}

/// Damage is told on standard output and by the exit code of storage that failed.
fn run_verify(args: &VerifyArgs) -> Result<()> {
    let found = verify(&args.run, args.repair)?;
    say(&found.text())?;
    match found.damaged.is_empty() || found.repaired {
        true => Ok(()),
        false => {
            let nodes = found.damaged.into_iter().map(|(node, _)| node).collect();
            Err(exit::Damaged { run: args.run.clone(), nodes }.into())
        }
    }
}

fn run_predict(args: PredictArgs, registry: &Registry) -> Result<()> {
    let split = match args.split.as_str() {
        "train" => Split::Train,
        "test" => Split::Test,
        other => return Err(exit::Usage(format!("split {other}, expected train or test")).into()),
    };
    let flags = [
        ("--dataset", "data.dataset", Some(args.dataset)),
        ("--data-dir", "data.dir", args.data_dir),
        ("--model", "model.name", args.model),
        ("--width", "model.width", args.width),
        ("--device", "run.device", args.device),
        ("--precision", "run.precision", args.precision),
    ];
    let config = Typed::new(&args.set, flags).config(registry)?;
    use_threads(config.run().threads)?;
    let prediction =
        Prediction { config: &config, checkpoint: &args.checkpoint, key: args.key.as_deref(), split };
    let n = prediction.write(&args.out, args.force, &mut |note| warn(&format!("note: {note}")))?;
    say(&format!("{n} predictions in {}", args.out.display()))
}
