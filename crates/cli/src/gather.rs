//! `basin gather`.

use crate::typed::path;
use anyhow::Result;
use basin_core::warn;
use basin_reproduce::{Fate, GatheredNode, Interrupt, gather};
use clap::Args;
use std::path::PathBuf;

/// What to bring together, and where.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Run directory that takes what the others have finished; made, with their plan, where there is none
    #[arg(value_parser = path())]
    run: PathBuf,
    /// Copies of the run, which are only read
    #[arg(value_name = "FROM", required = true, value_parser = path())]
    from: Vec<PathBuf>,
}

/// Tells what came from where; what was left is told by the error.
pub(crate) fn run(options: &Options, say: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
    let gathered = gather(&options.run, &options.from, &Interrupt::install()?)?;
    let run = options.run.display();
    gathered.unread.iter().for_each(|why| warn(&format!("note: {why}")));
    for (plan, beyond) in &gathered.beyond {
        warn(&format!(
            "note: {} plans {beyond} nodes that {run} does not: give the run's own command with what both were asked for",
            plan.display()
        ));
    }
    for GatheredNode { name, fate, damaged } in &gathered.nodes {
        if let Fate::InHand { holder, .. } = fate {
            warn(&format!("note: {name} was left to {holder}, which works on it in {run}"));
        }
        // One that no other makes up for is told by the error.
        for copy in damaged.iter().filter(|_| *fate != Fate::Left) {
            let (node, problems) = (copy.node.display(), copy.problems.join("; "));
            warn(&format!("note: {node} is no longer what was written, and was passed over: {problems}"));
        }
    }
    for plan in &gathered.plans {
        say(&format!("plan from {}", plan.display()))?;
    }
    for (copy, nodes) in gathered.copied() {
        say(&format!("{nodes:>5} nodes from {}", copy.display()))?;
    }
    let present = gathered.nodes.iter().filter(|node| node.fate == Fate::Present).count();
    say(&format!("{present:>5} nodes were there"))?;
    gathered.complete(&options.run)?;
    say(&match gathered.is_planned {
        true => {
            format!("basin work {run} --any carries out what is left; the run's own command then reports it")
        }
        false => format!(
            "{run} has no plan: give the run's own command, with this name, to carry out the rest and report"
        ),
    })
}
