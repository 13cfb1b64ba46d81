//! One command a line, for whatever else runs commands.

use crate::ask::{Ask, Raised};
use crate::bundle::jobs;
use crate::folder::done;
use crate::quote::{script_path, shell_word};
use crate::{ClusterError, RunFolder, Settings, Task};
use std::path::Path;

/// The commands of all jobs that are not done, or of those that are ready now, each idempotent, quoted for a shell, and followed by a
/// comment that tells what it asks for: `class= minutes= cpus= memory= gpus=` and its name. One that is not ready carries out what it
/// needs, too.
///
/// # Errors
/// [`ClusterError::BadPlan`], [`ClusterError::BadSetting`], [`ClusterError::BadPath`], [`ClusterError::Folder`].
pub fn commands(
    plan: &[Task],
    folder: &dyn RunFolder,
    exe: &Path,
    settings: &Settings,
    ready: bool,
) -> Result<Vec<String>, ClusterError> {
    settings.check()?;
    let (exe, run) = (script_path(exe)?, script_path(folder.path())?);
    let done = done(plan, folder)?;
    let jobs = jobs(plan, &done, &settings.bundling)?;
    let mut lines = Vec::new();
    for job in &jobs {
        let open = || job.tasks.iter().filter(|&&task| !done[task]);
        let missing = |&task: &usize| {
            plan[task].inputs.iter().any(|input| !done[*input] && job.tasks.binary_search(input).is_err())
        };
        if ready && open().any(missing) {
            continue;
        }
        let ask = Ask::of(job, settings, Raised::default(), None);
        let mut line = format!("{} work {}", shell_word(&exe), shell_word(&run));
        open().for_each(|&task| line.push_str(&format!(" --node {}", plan[task].key)));
        line.push_str(&format!(
            " # class={} minutes={} cpus={}",
            job.class.name(),
            ask.minutes,
            settings.cpus
        ));
        if ask.memory > 0 {
            line.push_str(&format!(" memory={}M", ask.memory));
        }
        if !settings.gpus.is_empty() {
            line.push_str(&format!(" gpus={}", settings.gpus));
        }
        line.push_str(&format!(" name={}", shell_word(&job.name)));
        lines.push(line);
    }
    Ok(lines)
}
