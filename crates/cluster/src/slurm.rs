//! Slurm's commands, each with a limit on its time and its failures told apart.

use crate::accounts::FORMAT;
use crate::call::{CallError, Said, call};
use crate::explained::Explained;
use crate::folder::token;
use crate::queue::Queue;
use crate::site::{Site, parse_config, parse_partitions};
use crate::{ClusterError, RunFolder};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Slurm as it is reached from here. The default takes its commands from `PATH`.
#[derive(Clone, Debug)]
pub struct Slurm {
    /// Submits.
    pub sbatch: PathBuf,
    /// Shows the queue.
    pub squeue: PathBuf,
    /// Shows and changes jobs, partitions and the configuration.
    pub scontrol: PathBuf,
    /// Shows jobs of the past, where they are kept.
    pub sacct: PathBuf,
    /// Cancels.
    pub scancel: PathBuf,
    /// Set for each command, beside what this process has.
    pub environment: Vec<(String, String)>,
    /// How long a command may take. A controller that restarts is away for seconds.
    pub call_limit: Duration,
}

impl Default for Slurm {
    fn default() -> Self {
        Self {
            sbatch: "sbatch".into(),
            squeue: "squeue".into(),
            scontrol: "scontrol".into(),
            sacct: "sacct".into(),
            scancel: "scancel".into(),
            environment: Vec::new(),
            call_limit: Duration::from_secs(60),
        }
    }
}

impl Slurm {
    /// What the cluster is: its partitions and limits.
    ///
    /// # Errors
    /// [`ClusterError::NoProgram`] where Slurm's commands are not there, [`ClusterError::Unavailable`],
    /// [`ClusterError::NotUnderstood`].
    pub fn site(&self) -> Result<Site, ClusterError> {
        self.ask(&self.sbatch, &["--version"])?;
        let config = self.ask(&self.scontrol, &["show", "config"])?;
        let partitions = self.ask(&self.scontrol, &["show", "partition", "--oneliner"])?;
        Ok(Site { partitions: parse_partitions(&partitions.out), ..parse_config(&config.out) })
    }

    /// The jobs of a run that Slurm knows, also those that ended some minutes ago.
    ///
    /// # Errors
    /// [`ClusterError::NoProgram`], [`ClusterError::Unavailable`], [`ClusterError::NotUnderstood`].
    pub fn queue(&self, folder: &dyn RunFolder) -> Result<Queue, ClusterError> {
        let format = "--format=%k|%F|%K|%T|%N|%M|%S|%r";
        let said =
            self.ask(&self.squeue, &["--me", "--all", "--array", "--noheader", "--states=all", format])?;
        Queue::parse(&said.out, &token(folder))
    }

    /// Submits a script behind the arrays it depends on; the id of the new array. [`ClusterError::Unavailable`] leaves open whether it
    /// was accepted.
    pub(crate) fn submit(&self, script: &Path, after: &[u64]) -> Result<u64, ClusterError> {
        let mut arguments = vec!["--parsable".to_owned()];
        if !after.is_empty() {
            let ids: Vec<String> = after.iter().map(u64::to_string).collect();
            arguments.push(format!("--dependency=afterok:{}", ids.join(":")));
            arguments.push("--kill-on-invalid-dep=yes".to_owned());
        }
        arguments.push(script.display().to_string());
        let said = self.run(&self.sbatch, &arguments)?;
        if said.code != Some(0) {
            return Err(self.why(&self.sbatch, &said));
        }
        let line = said.out.lines().last().unwrap_or_default();
        line.split(';')
            .next()
            .and_then(|id| id.trim().parse().ok())
            .ok_or_else(|| ClusterError::NotUnderstood { program: name(&self.sbatch), line: line.to_owned() })
    }

    /// Cancels jobs, written as `12`, `12_3` or `12_[3,5]`. Those that have ended are not an error.
    pub(crate) fn cancel(&self, ids: &[String]) -> Result<(), ClusterError> {
        for part in ids.chunks(100) {
            let mut arguments = vec!["--quiet".to_owned()];
            arguments.extend(part.iter().cloned());
            self.run(&self.scancel, &arguments)?;
        }
        Ok(())
    }

    /// Frees jobs of an array from what it waits for. A job that has begun meanwhile is not an error.
    pub(crate) fn free(&self, id: u64, indices: &[usize]) -> Result<(), ClusterError> {
        for part in indices.chunks(100) {
            let list: Vec<String> = part.iter().map(usize::to_string).collect();
            let jobs = format!("JobId={id}_[{}]", list.join(","));
            self.run(&self.scontrol, &["update".to_owned(), jobs, "Dependency=".to_owned()])?;
        }
        Ok(())
    }

    /// What the controller knows of a job, `None` when it knows nothing, or of another job with this id.
    pub(crate) fn explain(&self, id: &str, comment: &str) -> Result<Option<Explained>, ClusterError> {
        let arguments = ["show", "job", id, "--oneliner"].map(str::to_owned);
        let said = self.run(&self.scontrol, &arguments)?;
        if said.code != Some(0) {
            let error = self.why(&self.scontrol, &said);
            return if matches!(error, ClusterError::Unavailable { .. }) { Err(error) } else { Ok(None) };
        }
        Ok(Explained::parse(&said.out, comment))
    }

    /// What accounts tell of an array's jobs, as [`crate::accounts::remembered`] reads it. Empty without accounting.
    pub(crate) fn past(&self, array: &str, id: u64) -> String {
        let fixed = ["--noheader", "--parsable2", "--allocations", "--starttime=now-30days", FORMAT];
        let mut arguments: Vec<String> = fixed.map(str::to_owned).to_vec();
        // An id is used again after some time; a name stands for the same jobs in another run of the same plan.
        arguments.extend([format!("--jobs={id}"), format!("--name=basin-{array}")]);
        match self.run(&self.sacct, &arguments) {
            Ok(said) if said.code == Some(0) => said.out,
            _ => String::new(),
        }
    }

    fn run(&self, program: &Path, arguments: &[String]) -> Result<Said, ClusterError> {
        call(program.as_os_str(), arguments, &self.environment, &inherited(), self.call_limit).map_err(
            |error| match error {
                CallError::Missing(why) => {
                    let why =
                        if why.kind() == std::io::ErrorKind::NotFound && program.components().count() == 1 {
                            "it is not in PATH".to_owned()
                        } else {
                            why.to_string()
                        };
                    ClusterError::NoProgram { program: name(program), why }
                }
                CallError::Ended(why) => ClusterError::Unavailable { program: name(program), why },
            },
        )
    }

    /// As [`Slurm::run`] for questions: whatever hinders the answer, asking again later is right.
    fn ask(&self, program: &Path, arguments: &[&str]) -> Result<Said, ClusterError> {
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let said = self.run(program, &arguments)?;
        if said.code == Some(0) {
            return Ok(said);
        }
        Err(ClusterError::Unavailable { program: name(program), why: first_line(&said) })
    }

    fn why(&self, program: &Path, said: &Said) -> ClusterError {
        let away = ["unable to contact", "timed out", "connection", "zero bytes", "temporarily", "standby"];
        let more = ["authentication", "communication", "transport", "shutdown"];
        let text = said.err.to_lowercase();
        let (program, why) = (name(program), first_line(said));
        if said.code.is_none() || away.iter().chain(&more).any(|word| text.contains(word)) {
            ClusterError::Unavailable { program, why }
        } else {
            ClusterError::Refused { program, why }
        }
    }
}

fn name(program: &Path) -> String {
    program
        .file_name()
        .map_or_else(|| program.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// The last words of a command are the most telling; sbatch's first lines are often general.
fn first_line(said: &Said) -> String {
    let lines = said.err.lines().chain(said.out.lines()).map(str::trim).filter(|line| !line.is_empty());
    let told: Vec<&str> = lines.map(|line| line.trim_start_matches("sbatch: error: ")).take(3).collect();
    match told.is_empty() {
        true => format!("exit code {}", said.code.map_or("none".to_owned(), |code| code.to_string())),
        false => told.join("; "),
    }
}

/// Variables that must not reach a submission: defaults of sbatch's that would win over our scripts, and the traces of a job that
/// this process may itself run in.
fn inherited() -> Vec<String> {
    const DEFAULTS: [&str; 12] = [
        "SBATCH_ARRAY_INX",
        "SBATCH_EXPORT",
        "SBATCH_JOB_NAME",
        "SBATCH_NO_REQUEUE",
        "SBATCH_OPEN_MODE",
        "SBATCH_REQUEUE",
        "SBATCH_SIGNAL",
        "SBATCH_TIMELIMIT",
        "SBATCH_WAIT",
        "SBATCH_MEM_PER_NODE",
        "SBATCH_MEM_PER_CPU",
        "SBATCH_COMMENT",
    ];
    const OF_A_JOB: [&str; 11] = [
        "SLURM_ARRAY",
        "SLURM_CPU",
        "SLURM_GPU",
        "SLURM_JOB",
        "SLURM_MEM",
        "SLURM_NODE",
        "SLURM_NTASKS",
        "SLURM_RESTART",
        "SLURM_STEP",
        "SLURM_TASK",
        "SLURMD_",
    ];
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names.filter(|n| DEFAULTS.contains(&n.as_str()) || OF_A_JOB.iter().any(|of| n.starts_with(of))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_controller_says_when_it_is_away_is_told_from_a_refusal() {
        let said = |err: &str| Said { code: Some(1), out: String::new(), err: err.to_owned() };
        let slurm = Slurm::default();
        for away in [
            "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)",
            "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation",
            "slurm_load_jobs error: Zero Bytes were transmitted or received",
        ] {
            assert!(
                matches!(slurm.why(&slurm.sbatch, &said(away)), ClusterError::Unavailable { .. }),
                "{away}"
            );
        }
        let refused = slurm.why(
            &slurm.sbatch,
            &said("sbatch: error: Memory specification can not be satisfied\nsbatch: error: Batch job submission failed: no"),
        );
        assert!(refused.to_string().contains("Memory specification can not be satisfied"), "{refused}");
    }
}
