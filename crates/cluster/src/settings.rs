//! The section `[slurm]`: what is asked of the cluster.

use crate::{Bundling, ClusterError};
use serde::{Deserialize, Serialize};

/// What is asked of Slurm. The defaults work on a plain cluster: its default partition and memory, one CPU, no GPU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Partition; nothing: the cluster's default.
    pub partition: String,
    /// Account that is charged; nothing: the user's default.
    pub account: String,
    /// Quality of service; nothing: the user's default.
    pub qos: String,
    /// GPUs of a job, as behind `--gres=gpu:`, for example `1` or `a100:1`; nothing: none.
    pub gpus: String,
    /// CPUs of a job, 1 to 1024.
    pub cpus: u32,
    /// Memory of a job in MB; 0: the partition's default.
    pub memory: u64,
    /// Time limit of a job in minutes; 0: its price times [`Settings::time_factor`], at most the partition's limit.
    pub time: u32,
    /// What a price is multiplied with, 1 to 100.
    pub time_factor: f64,
    /// The shortest time limit in minutes, 1 or more.
    pub time_least: u32,
    /// The time limit in minutes of a training of unknown price, 1 or more.
    pub time_unknown: u32,
    /// Further options of sbatch, one each, for example `--constraint=a100`.
    pub extra: Vec<String>,
    /// Lines of shell that a job runs first, for example `module load cuda`.
    pub setup: Vec<String>,
    /// At most so many jobs of an array at a time; 0: any number.
    pub array_limit: u32,
    /// At most so many jobs in the queue, 1 or more.
    pub queue_limit: usize,
    /// How many waves are submitted ahead of their parents' end; 0: only what is ready.
    pub ahead: usize,
    /// How long before the time limit a job is told to keep a checkpoint, in seconds, 0 (never) to 65535; at most five sixths of the
    /// time. Slurm looks every half minute.
    pub signal_seconds: u32,
    /// How often an interrupted job puts itself back into the queue.
    pub requeues: u32,
    /// Seconds between two looks at the queue, more than 0.
    pub poll_seconds: f64,
    /// How long a shared disk may take to show what a job wrote, in seconds.
    pub settle_seconds: f64,
    /// How short work is joined to jobs.
    #[serde(skip)]
    pub bundling: Bundling,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            partition: String::new(),
            account: String::new(),
            qos: String::new(),
            gpus: String::new(),
            cpus: 1,
            memory: 0,
            time: 0,
            time_factor: 2.0,
            time_least: 15,
            time_unknown: 240,
            extra: Vec::new(),
            setup: Vec::new(),
            array_limit: 0,
            queue_limit: 1000,
            ahead: 1,
            signal_seconds: 120,
            requeues: 20,
            poll_seconds: 30.0,
            settle_seconds: 60.0,
            bundling: Bundling::default(),
        }
    }
}

impl Settings {
    /// Refuses what no cluster would take, or what would break out of a line of a job script.
    ///
    /// # Errors
    /// [`ClusterError::BadSetting`].
    pub fn check(&self) -> Result<(), ClusterError> {
        let word = "letters, digits and . _ - + : , = / @ % only";
        let words = [
            ("partition", &self.partition),
            ("account", &self.account),
            ("qos", &self.qos),
            ("gpus", &self.gpus),
        ];
        for (key, value) in words {
            let plain = |c: char| c.is_ascii_alphanumeric() || "._-+:,=/@%".contains(c);
            refuse(!value.chars().all(plain), key, value, word)?;
        }
        refuse(
            self.gpus.split(':').next_back() == Some("0"),
            "gpus",
            &self.gpus,
            "a number above 0, or nothing",
        )?;
        refuse(!(1..=1024).contains(&self.cpus), "cpus", self.cpus, "1 to 1024")?;
        refuse(!(1.0..=100.0).contains(&self.time_factor), "time_factor", self.time_factor, "1 to 100")?;
        refuse(self.time_least == 0, "time_least", self.time_least, "1 or more minutes")?;
        refuse(self.time_unknown == 0, "time_unknown", self.time_unknown, "1 or more minutes")?;
        refuse(self.queue_limit == 0, "queue_limit", self.queue_limit, "1 or more jobs")?;
        refuse(self.signal_seconds > 65535, "signal_seconds", self.signal_seconds, "0 to 65535 seconds")?;
        let seconds = |value: f64| value > 0.0 && value <= 86_400.0;
        refuse(!seconds(self.poll_seconds), "poll_seconds", self.poll_seconds, "more than 0, at most 86400")?;
        refuse(
            !seconds(self.settle_seconds),
            "settle_seconds",
            self.settle_seconds,
            "more than 0, at most 86400",
        )?;
        for option in &self.extra {
            let good = option.starts_with('-') && !option.contains(['\n', '\r', '\0']);
            refuse(!good, "extra", option, "an option of sbatch on one line, beginning with -")?;
            let ours = OURS.iter().find(|name| option.split(['=', ' ']).next() == Some(name));
            refuse(ours.is_some(), "extra", option, "no option that the job needs to be as it is set")?;
        }
        for line in &self.setup {
            refuse(line.contains('\0'), "setup", line, "a line of shell")?;
        }
        Ok(())
    }
}

/// Options by which jobs are found again and continued.
const OURS: &[&str] = &[
    "--array",
    "-a",
    "--job-name",
    "-J",
    "--comment",
    "--output",
    "-o",
    "--error",
    "-e",
    "--signal",
    "--requeue",
    "--no-requeue",
    "--open-mode",
    "--dependency",
    "-d",
    "--parsable",
    "--wait",
    "-W",
    "--export",
    "--wrap",
];

fn refuse(
    bad: bool,
    key: &'static str,
    found: impl ToString,
    expected: &'static str,
) -> Result<(), ClusterError> {
    if bad { Err(ClusterError::BadSetting { key, found: found.to_string(), expected }) } else { Ok(()) }
}
