//! The command line of `basin`.

use crate::typed::{self, Typed};
use crate::{compare, data, export, fetch, shell};
use anyhow::{Context, Result};
use basin_bench::{doctor, gpu_check};
use basin_core::warn;
use basin_data::Split;
use basin_papers::{Experiment, Outcome, Paper, Preset};
use basin_reproduce::config::{Config, ConfigFile, run_name};
use basin_reproduce::{
    Asked, Interrupt, Prediction, Registry, Request, cost, device, exit, price, refused, reproduce, retell,
    status, verify,
};
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
    Reproduce(ReproduceArgs),
    /// Write a run's report again from its results; trains and measures nothing
    Report(ReportArgs),
    /// Where a run stands: nodes by state, time worked and left, failures; also while it works
    Status(StatusArgs),
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
struct ReproduceArgs {
    /// What to reproduce
    #[arg(long, default_value = "single-basin")]
    paper: String,
    /// Values to begin with: quick, small or paper [default: the paper's first, quick]
    #[arg(long)]
    preset: Option<String>,
    /// What to vary: table1 to table5, fig2ab, fig2c, fig3, members, stability-point, cheap-distillation or all
    /// [default: the paper's first, table1]
    #[arg(long)]
    experiment: Option<String>,
    /// synthetic, synthetic-100, cifar10, cifar100, tiny-imagenet, mnist, fashion-mnist, eurosat or svhn
    #[arg(long)]
    dataset: Option<String>,
    /// Folder with the data set's official files
    #[arg(long)]
    data_dir: Option<String>,
    /// resnet8, 14, 20, 32, 44, 56, 110 or vit
    #[arg(long)]
    model: Option<String>,
    /// Width multiplier; the paper's is 4
    #[arg(long)]
    width: Option<String>,
    /// Ensemble size M
    #[arg(long)]
    members: Option<String>,
    /// Root seeds, e.g. 0,1,2: one repetition each
    #[arg(long)]
    seeds: Option<String>,
    /// Methods, e.g. deep,constrained
    #[arg(long)]
    methods: Option<String>,
    /// Where to compute: cpu or cuda
    #[arg(long)]
    device: Option<String>,
    /// Arithmetic on cuda: f32, tf32 or bf16
    #[arg(long)]
    precision: Option<String>,
    /// Networks trained side by side; results do not depend on it
    #[arg(long)]
    concurrent: Option<String>,
    /// Folder of all runs
    #[arg(long, default_value = "runs", value_parser = typed::path())]
    runs: PathBuf,
    /// Name of this run [default: the preset, with data set and network where they are not the preset's own]
    #[arg(long)]
    name: Option<String>,
    /// A run's config.resolved.toml to begin with, in place of the preset's values; flags and --set override it
    #[arg(long, value_name = "FILE", value_parser = typed::path())]
    config: Option<PathBuf>,
    /// Any key, e.g. --set train.batch=64 (see `basin keys`)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Print every node, its state and its price; start nothing
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run: take a few steps of every network here, and tell how long the run would take
    #[arg(long, requires = "dry_run")]
    measure: bool,
}

#[derive(Debug, Args)]
struct ReportArgs {
    /// Folder with the run's results.json
    #[arg(value_parser = typed::path())]
    run: PathBuf,
}

#[derive(Debug, Args)]
struct StatusArgs {
    /// Run directory
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
        Command::Reproduce(args) => run_reproduce(args, registry),
        Command::Report(args) => run_report(&args, registry),
        Command::Status(args) => say(&status(&args.run)?),
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

fn run_reproduce(args: ReproduceArgs, registry: &Registry) -> Result<()> {
    let paper = registry.paper(&args.paper)?;
    let (preset, experiment) =
        match (preset(paper, args.preset.as_deref()), experiment(paper, args.experiment.as_deref())) {
            (Ok(preset), Ok(experiment)) => (preset, experiment),
            (preset, experiment) => {
                let refused = preset.err().into_iter().chain(experiment.err()).collect();
                return exit::together(refused);
            }
        };
    let flags = [
        ("--dataset", "data.dataset", args.dataset),
        ("--data-dir", "data.dir", args.data_dir),
        ("--model", "model.name", args.model),
        ("--width", "model.width", args.width),
        ("--members", "ensemble.members", args.members),
        ("--seeds", "ensemble.seeds", args.seeds),
        ("--methods", "ensemble.methods", args.methods),
        ("--device", "run.device", args.device),
        ("--precision", "run.precision", args.precision),
        ("--concurrent", "run.concurrent", args.concurrent),
    ];
    let Typed { settings, given, mut malformed } = Typed::new(&args.set, flags);
    let keys = registry.keys()?;
    let twice = keys.twice(&given);
    let file = args.config.as_deref().map(|path| ConfigFile::read(path, &keys)).transpose();
    let file = file.unwrap_or_else(|error| {
        malformed.extend(error.problems);
        None
    });
    let file = file.unwrap_or_default();
    if file.cases > 0 {
        let (path, name) = (file.path.display(), experiment.name);
        warn(&format!(
            "note: {path} tells of an experiment with cases; what they vary comes from --experiment, here {name}"
        ));
    }
    let asked = Asked { paper, experiment, preset, file: file.settings, settings, keys };
    let settled = asked.base().and_then(|config| asked.cases().map(|_| config));
    let sound = twice.is_empty() && malformed.is_empty();
    let config = match settled {
        Ok(config) if sound => config,
        // Everything that is wrong, in one list: nobody has time for one error after the other.
        _ => {
            let name = args.name.unwrap_or_else(|| preset.name.to_owned());
            let request = Request { asked, runs: args.runs, name, device: None };
            let blank = args.dry_run || experiment.outcome == Outcome::Costs;
            return Err(refused(&request, twice, malformed, registry, blank).into());
        }
    };
    // Refused before anything is read or written.
    let device = match asked.experiment.outcome {
        // Epochs are counted without one.
        Outcome::Costs => None,
        _ if args.dry_run => device_to_price(&config, args.measure)?,
        _ => device::asked(&config)?,
    };
    use_threads(config.run().threads)?;
    let own = || run_name(preset, &config.data().dataset, &config.model().name);
    // Presets of different papers share their names.
    let is_first = registry.papers().first().is_some_and(|first| first.id() == paper.id());
    let of_paper = |name: String| if is_first { name } else { format!("{}-{name}", paper.id()) };
    let name = args.name.unwrap_or_else(|| of_paper(own()));
    let request = Request { asked, runs: args.runs, name, device };
    for (key, everywhere) in request.asked.replaced()? {
        let (name, cases) =
            (request.asked.experiment.name, if everywhere { "" } else { " in some of its cases" });
        warn(&format!("note: {name} sets {key} itself{cases}; what was asked for is not used there"));
    }
    if request.asked.experiment.outcome == Outcome::Costs {
        return say(cost(&request.asked, registry)?.trim_end());
    }
    if args.dry_run {
        return say(&price(&request, registry, args.measure)?);
    }
    let finished = reproduce(&request, registry, &Interrupt::install()?)?;
    say(&finished.table)?;
    say(&format!("report {}", finished.report.display()))
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

/// The device to measure a price on. Where it is not there the CPU is measured, and that is said.
fn device_to_price(config: &Config, measure: bool) -> Result<Option<device::OnDevice>> {
    device::asked(config).or_else(|error| match exit::code(&error) {
        exit::DEVICE => {
            let what = if measure { "priced on the CPU" } else { "the run itself would be refused here" };
            warn(&format!("note: {what}: {error:#}"));
            Ok(None)
        }
        _ => Err(error),
    })
}

/// The preset of that name, or the paper's first.
fn preset(paper: &'static dyn Paper, name: Option<&str>) -> Result<&'static Preset> {
    let known =
        || paper.presets().iter().map(|p| format!("  {:<15} {}", p.name, p.summary)).collect::<Vec<_>>();
    let unknown = || {
        let name = name.unwrap_or_default();
        exit::Usage(format!("unknown preset {name}, expected one of\n{}", known().join("\n"))).into()
    };
    name.map_or(paper.presets().first(), |name| paper.preset(name)).ok_or_else(unknown)
}

/// The experiment of that name, or the paper's first.
fn experiment(paper: &'static dyn Paper, name: Option<&str>) -> Result<&'static Experiment> {
    let known =
        || paper.experiments().iter().map(|e| format!("  {:<15} {}", e.name, e.summary)).collect::<Vec<_>>();
    let unknown = || {
        let name = name.unwrap_or_default();
        exit::Usage(format!("unknown experiment {name}, expected one of\n{}", known().join("\n"))).into()
    };
    name.map_or(paper.experiments().first(), |name| paper.experiment(name)).ok_or_else(unknown)
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

/// Results do not depend on the number of threads; speed does, up to one for each core.
fn use_threads(threads: usize) -> Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if threads > cores {
        warn(&format!(
            "note: {threads} threads on {cores} cores would only wait for each other; {cores} are used"
        ));
    }
    let threads = threads.min(cores);
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().context("starting worker threads")
}

/// Prints a result.
fn say(text: &str) -> Result<()> {
    Ok(basin_core::say(text).map_err(exit::Print)?)
}
