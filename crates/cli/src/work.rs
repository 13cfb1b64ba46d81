//! `basin work` and `basin commands`: a run's plan carried out by several processes, here and elsewhere.

use crate::typed::{self, Typed};
use anyhow::Result;
use basin_reproduce::{Interrupt, KeptRequest, Registry, Wanted, Work, commands, exit};
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// Work on a run that was planned.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Run directory
    #[arg(value_parser = typed::path())]
    run: PathBuf,
    /// Carry out this node and what it needs: its key, the beginning of it, or its folder's name; may be repeated
    #[arg(long = "node", value_name = "KEY", required_unless_present = "any")]
    nodes: Vec<String>,
    /// Carry out whatever can be begun, until all is done
    #[arg(long, conflicts_with = "nodes")]
    any: bool,
    /// Keep what there is and end after this time, for example 90s, 45m or 7h30m
    #[arg(long, value_name = "TIME", value_parser = duration)]
    until: Option<Duration>,
    /// Folder with the data set's official files, where it is another one here
    #[arg(long)]
    data_dir: Option<String>,
    /// Where to compute: cpu or cuda
    #[arg(long)]
    device: Option<String>,
    /// CUDA devices, e.g. 0,1: each works on --concurrent networks
    #[arg(long)]
    devices: Option<String>,
    /// Networks trained side by side by this process, on each device; results do not depend on it
    #[arg(long)]
    concurrent: Option<String>,
    /// Any key that says where files lie or how to compute, e.g. --set run.threads=4
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// Print what can be done now, a command a line.
#[derive(Debug, Args)]
pub(crate) struct Commands {
    /// Run directory
    #[arg(value_parser = typed::path())]
    run: PathBuf,
    /// Only what can be begun now, because what it needs is done
    #[arg(long)]
    ready: bool,
    /// Any key of the section slurm, for what stands behind the commands, e.g. --set slurm.cpus=4
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

pub(crate) fn run(
    options: Options,
    registry: &Registry,
    say: &mut dyn FnMut(&str) -> Result<()>,
) -> Result<()> {
    let Options { run, nodes, any, until, data_dir, device, devices, concurrent, set } = options;
    let flags = [
        ("--data-dir", "data.dir", data_dir.map(absolute)),
        ("--device", "run.device", device),
        ("--devices", "run.devices", devices),
        ("--concurrent", "run.concurrent", concurrent),
    ];
    let Typed { settings, malformed, .. } = Typed::new(&set, flags);
    if !malformed.is_empty() {
        return Err(exit::Usage(malformed.join("\n")).into());
    }
    let config = match KeptRequest::all(&run)?.first() {
        Some(request) => request.asked(registry, &settings)?.base()?,
        None => return Ok(()),
    };
    crate::process::use_threads(config.run().threads)?;
    let wanted = if any { Wanted::Any } else { Wanted::Nodes(nodes) };
    let work = Work { run, wanted, settings, told: batch_job() };
    let done = work.carry_out(registry, &Interrupt::install()?.within(until))?;
    say(&format!("nodes done in {}: {done}", work.run.display()))
}

pub(crate) fn list(
    options: &Commands,
    registry: &Registry,
    say: &mut dyn FnMut(&str) -> Result<()>,
) -> Result<()> {
    let config = Typed::new(&options.set, []).config(registry)?;
    commands(&options.run, options.ready, &config)?.iter().try_for_each(|line| say(line))
}

/// The batch job that this process belongs to, where the scheduler tells.
fn batch_job() -> String {
    let told = |name| std::env::var(name).ok();
    match (told("SLURM_ARRAY_JOB_ID"), told("SLURM_ARRAY_TASK_ID"), told("SLURM_JOB_ID")) {
        (Some(array), Some(task), _) => format!("Slurm job {array}_{task}"),
        (_, _, Some(job)) => format!("Slurm job {job}"),
        _ => String::new(),
    }
}

/// What is typed here means this folder, whatever the run's request says.
fn absolute(path: String) -> String {
    std::path::absolute(&path).map_or(path, |path| path.display().to_string())
}

/// A time such as 90s, 45m, 7h30m or 2d.
fn duration(text: &str) -> Result<Duration, String> {
    let expected = || format!("{text} is not a time, expected for example 90s, 45m, 7h30m or 2d");
    let (mut seconds, mut number) = (0_u64, String::new());
    for c in text.chars() {
        let unit = match c {
            '0'..='9' => {
                number.push(c);
                continue;
            }
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return Err(expected()),
        };
        let count: u64 = number.parse().map_err(|_| expected())?;
        let more = count.checked_mul(unit).and_then(|more| seconds.checked_add(more));
        seconds = more.filter(|&all| all < 1_000_000_000).ok_or_else(expected)?;
        number.clear();
    }
    if number.is_empty() && !text.is_empty() { Ok(Duration::from_secs(seconds)) } else { Err(expected()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_what_is_none_is_refused() {
        let read = |text| duration(text).ok().map(|time| time.as_secs());
        assert_eq!((read("90s"), read("45m"), read("7h30m")), (Some(90), Some(2_700), Some(27_000)));
        assert_eq!((read("1d2h3m4s"), read("0s")), (Some(93_784), Some(0)));
        for text in ["", "5", "m", "1h30", "-1m", "1.5h", "99999999999999999999s", "999999999d", "08:00"] {
            assert!(duration(text).unwrap_err().contains("expected for example"), "{text}");
        }
    }
}
