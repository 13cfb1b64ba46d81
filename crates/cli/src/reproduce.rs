//! `basin reproduce`: from the command line to a request, and what a finished run has to show.

use crate::process::{say, use_threads};
use crate::slurm;
use crate::typed::{self, Typed};
use anyhow::Result;
use basin_core::warn;
use basin_papers::{Experiment, Outcome, Paper, Preset};
use basin_reproduce::config::{Config, ConfigFile, RunnerName, run_name};
use basin_reproduce::{Asked, Interrupt, Registry, Request, cost, device, exit, price, refused, reproduce};
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Options {
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
    /// CUDA devices, e.g. 0,1: each works on --concurrent networks
    #[arg(long)]
    devices: Option<String>,
    /// Arithmetic on cuda: f32, tf32 or bf16
    #[arg(long)]
    precision: Option<String>,
    /// Networks trained side by side, on each device; results do not depend on it
    #[arg(long)]
    concurrent: Option<String>,
    /// Who carries out the plan: local (this process, beside any `basin work` on the same run), slurm (jobs of the
    /// batch system) or none (plan here, report when others have done it)
    #[arg(long)]
    runner: Option<String>,
    #[command(flatten)]
    slurm: slurm::Flags,
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

pub(crate) fn run(args: Options, registry: &Registry) -> Result<()> {
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
        ("--devices", "run.devices", args.devices),
        ("--precision", "run.precision", args.precision),
        ("--concurrent", "run.concurrent", args.concurrent),
        ("--runner", "run.runner", args.runner),
    ];
    let Typed { settings, given, mut malformed } =
        Typed::new(&args.set, flags.into_iter().chain(args.slurm.flags()));
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
        // Who plans and reports needs none.
        _ if config.run().runner != RunnerName::Local => None,
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
