//! What can go wrong on the way to a scheduler, one variant per thing the user can do about it.

use std::error::Error;
use thiserror::Error;

/// Why work could not be handed over. Nothing that is done is touched, and jobs in the queue stay there.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// A command of Slurm's is not there: start on a login node.
    #[error(
        "{program} cannot be run: {why}; start this on a machine from which jobs are submitted, or choose the local runner"
    )]
    NoProgram {
        /// The program.
        program: String,
        /// The operating system's reason.
        why: String,
    },
    /// The controller does not answer: wait.
    #[error(
        "Slurm's controller does not answer {program}: {why}; jobs in the queue stay there, and the same command continues"
    )]
    Unavailable {
        /// The program that asked.
        program: String,
        /// What it said, or that it was ended after its time.
        why: String,
    },
    /// A command was refused: the cluster's own words.
    #[error("{program} was refused: {why}; change the settings of section slurm accordingly")]
    Refused {
        /// The program.
        program: String,
        /// What it said.
        why: String,
    },
    /// A command said what this build does not understand.
    #[error("{program} gave output that cannot be read: {line:?}; make sure that it is Slurm's {program}")]
    NotUnderstood {
        /// The program.
        program: String,
        /// The line.
        line: String,
    },
    /// There is no such partition.
    #[error("there is no partition {name}; there are: {known}; set slurm.partition to one of them")]
    NoPartition {
        /// What was asked for.
        name: String,
        /// Those there are.
        known: String,
    },
    /// The cluster has no partition for jobs that name none.
    #[error("the cluster has no default partition; set slurm.partition to one of: {known}")]
    NoDefaultPartition {
        /// Those there are.
        known: String,
    },
    /// More time is asked for than a partition gives.
    #[error(
        "slurm.time asks for {asked} minutes, but partition {partition} gives at most {limit}; lower it (work \
        that is cut short is continued by the next job), or choose another partition"
    )]
    TimeAboveLimit {
        /// Minutes asked for.
        asked: u32,
        /// The partition.
        partition: String,
        /// Its limit in minutes.
        limit: u32,
    },
    /// A setting is out of its range.
    #[error("slurm.{key} is {found}, expected {expected}")]
    BadSetting {
        /// The key.
        key: &'static str,
        /// What it is.
        found: String,
        /// What it may be.
        expected: &'static str,
    },
    /// A path that no job script can hold.
    #[error("{path:?} cannot stand in a job script: {why}; choose another folder")]
    BadPath {
        /// The path.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A plan that is none.
    #[error("task {task} of the plan cannot be handed over: {problem}")]
    BadPlan {
        /// The task's name.
        task: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// Jobs do not see the run directory, or another one at its place.
    #[error(
        "jobs cannot see the run directory {run} (job {job} on {host}: {why}); put the run on a disk that all \
        machines share; everything submitted was cancelled"
    )]
    Invisible {
        /// The run directory.
        run: String,
        /// The job that told.
        job: String,
        /// Where it ran.
        host: String,
        /// What it found.
        why: String,
    },
    /// Jobs do not find the program.
    #[error(
        "jobs cannot run {program} (job {job} on {host}); put it on a disk that all machines share, or set what it \
        needs with slurm.setup; everything submitted was cancelled"
    )]
    NoProgramInJobs {
        /// The program.
        program: String,
        /// The job that told.
        job: String,
        /// Where it ran.
        host: String,
    },
    /// The notes on what was submitted cannot be read.
    #[error(
        "line {line} of {file} is not one of ours; jobs may be in the queue: cancel them (scancel --me), remove \
        the file and start again"
    )]
    BadNotes {
        /// The file, relative to the run.
        file: &'static str,
        /// The line, from 1.
        line: usize,
    },
    /// The run directory could not be read or written.
    #[error("{0}")]
    Folder(#[source] Box<dyn Error + Send + Sync>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use ClusterError as E;

    /// A place for every variant: a new one does not compile until its text is tested.
    fn place(error: &E) -> usize {
        match error {
            E::NoProgram { .. } => 0,
            E::Unavailable { .. } => 1,
            E::Refused { .. } => 2,
            E::NotUnderstood { .. } => 3,
            E::NoPartition { .. } => 4,
            E::NoDefaultPartition { .. } => 5,
            E::TimeAboveLimit { .. } => 6,
            E::BadSetting { .. } => 7,
            E::BadPath { .. } => 8,
            E::BadPlan { .. } => 9,
            E::Invisible { .. } => 10,
            E::NoProgramInJobs { .. } => 11,
            E::BadNotes { .. } => 12,
            E::Folder(_) => 13,
        }
    }

    #[test]
    fn each_error_tells_cause_and_remedy() {
        let text = || "X".to_owned();
        let told = [
            (E::NoProgram { program: text(), why: text() }, "a machine from which jobs are submitted"),
            (E::Unavailable { program: text(), why: text() }, "the same command continues"),
            (E::Refused { program: text(), why: text() }, "change the settings of section slurm"),
            (E::NotUnderstood { program: text(), line: text() }, "make sure that it is Slurm's"),
            (E::NoPartition { name: text(), known: text() }, "set slurm.partition to one of them"),
            (E::NoDefaultPartition { known: text() }, "set slurm.partition to one of: X"),
            (E::TimeAboveLimit { asked: 31, partition: text(), limit: 30 }, "lower it"),
            (E::BadSetting { key: "cpus", found: text(), expected: "1 to 1024" }, "expected 1 to 1024"),
            (E::BadPath { path: text(), why: "it is long" }, "choose another folder"),
            (E::BadPlan { task: text(), problem: "it is odd" }, "cannot be handed over: it is odd"),
            (
                E::Invisible { run: text(), job: text(), host: text(), why: text() },
                "a disk that all machines share",
            ),
            (E::NoProgramInJobs { program: text(), job: text(), host: text() }, "slurm.setup"),
            (E::BadNotes { file: "F", line: 3 }, "line 3 of F is not one of ours"),
            (E::Folder("the disk is full".into()), "the disk is full"),
        ];
        for (at, (error, words)) in told.iter().enumerate() {
            assert_eq!(place(error), at);
            let shown = error.to_string();
            assert!(shown.contains(words) && !shown.contains('\n'), "{shown}");
        }
    }
}
