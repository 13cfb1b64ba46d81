//! What would be submitted, as text.

use crate::array::{Candidate, group};
use crate::ask::{Raised, clock};
use crate::bundle::jobs;
use crate::folder::{done, token};
use crate::script::script;
use crate::session::Session;
use crate::watch::count;
use crate::{ClusterError, Site};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The table of arrays that the rest of a plan becomes when all goes well, and the script of each. Nothing is written or submitted.
/// Where Slurm is not reached, its usual limits are taken.
///
/// # Errors
/// All that [`watch`](crate::watch()) refuses before it submits, but for a Slurm that is not there.
pub fn dry_run(session: &Session<'_>) -> Result<String, ClusterError> {
    session.settings.check()?;
    let done = done(session.plan, session.folder)?;
    let jobs = jobs(session.plan, &done, &session.settings.bundling)?;
    let mut text = String::new();
    let (site, limit) = match session.slurm.site() {
        Ok(site) => {
            let limit = site.limit(session.settings)?;
            (site, limit)
        }
        Err(error) => {
            let _ = writeln!(text, "Slurm is not asked ({error}); its usual limits are taken.\n");
            (Site::default(), None)
        }
    };
    let candidates: Vec<Candidate> = (0..jobs.len())
        .map(|job| Candidate { job, depth: jobs[job].wave, attempts: 0, raised: Raised::default() })
        .collect();
    let arrays = group(&jobs, &candidates, session.settings, site.largest_array, limit);
    let mut array_of = vec![""; jobs.len()];
    for array in &arrays {
        array.jobs.iter().for_each(|&job| array_of[job] = &array.name);
    }
    let tasks: usize = jobs.iter().map(|job| job.tasks.len()).sum();
    let _ = writeln!(
        text,
        "{} of {} in {}, {} in {}",
        count(tasks, "task"),
        session.plan.len(),
        count(jobs.len(), "job"),
        count(arrays.len(), "array"),
        count(arrays.iter().map(|array| array.depth + 1).max().unwrap_or(0), "wave"),
    );
    let _ = writeln!(
        text,
        "{:<22} {:>4} {:>6} {:>6} {:>13} {:>8}  waits for",
        "array", "wave", "jobs", "tasks", "time", "memory"
    );
    for array in &arrays {
        let tasks: usize = array.jobs.iter().map(|&job| jobs[job].tasks.len()).sum();
        let parents: BTreeSet<&str> = array
            .jobs
            .iter()
            .flat_map(|&job| jobs[job].parents.iter().map(|&parent| array_of[parent]))
            .collect();
        let memory =
            if array.ask.memory > 0 { format!("{}M", array.ask.memory) } else { "default".to_owned() };
        let _ = writeln!(
            text,
            "{:<22} {:>4} {:>6} {tasks:>6} {:>13} {memory:>8}  {}",
            array.name,
            array.depth,
            array.jobs.len(),
            clock(array.ask.minutes),
            parents.into_iter().collect::<Vec<_>>().join(" "),
        );
    }
    let token = token(session.folder);
    for array in &arrays {
        let script = script(array, session.settings, &token, session.folder.path(), session.exe)?;
        let _ = write!(text, "\n==> {}/{}.sbatch <==\n{script}", crate::FOLDER, array.name);
    }
    Ok(text)
}
