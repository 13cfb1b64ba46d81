//! The keys of the section `slurm` as flags.

use clap::Args;

/// A flag for each key of the section.
macro_rules! flags {
    ($($field:ident: $flag:literal, $doc:literal;)+) => {
        /// With --runner slurm
        #[derive(Debug, Args)]
        #[command(next_help_heading = "With --runner slurm")]
        pub(crate) struct Flags {
            $(
                #[doc = $doc]
                #[arg(long = $flag, value_name = "VALUE", allow_hyphen_values = true)]
                $field: Option<String>,
            )+
        }

        impl Flags {
            /// Flag, key and value of each.
            pub(crate) fn flags(self) -> Vec<(&'static str, &'static str, Option<String>)> {
                vec![$((concat!("--", $flag), concat!("slurm.", stringify!($field)), self.$field),)+]
            }
        }
    };
}

flags! {
    partition: "partition", "Partition [default: the cluster's]";
    account: "account", "Account that is charged [default: the user's]";
    qos: "qos", "Quality of service [default: the user's]";
    gpus: "gpus", "GPUs of a job, as behind --gres=gpu: [default: none, or 1 with --device cuda]";
    cpus: "cpus", "CPUs of a job [default: 1]";
    memory: "memory", "Memory of a job in MB [default: the partition's]";
    time: "time", "Time limit of a job in minutes [default: from its price]";
    time_factor: "time-factor", "What a price is multiplied with to be asked for as time [default: 2]";
    time_least: "time-least", "The shortest time limit in minutes [default: 15]";
    time_unknown: "time-unknown", "The time limit in minutes of a training of unknown price [default: 240]";
    extra: "extra", "Further options of sbatch, e.g. \"--constraint=a100 --exclude=node7\"";
    setup: "setup", "What a job runs first, e.g. \"module load cuda\"";
    array_limit: "array-limit", "At most so many jobs of an array at a time [default: any number]";
    queue_limit: "queue-limit", "At most so many jobs in the queue [default: 1000]";
    ahead: "ahead", "How many waves of jobs are submitted before their inputs are done [default: 1]";
    signal_seconds: "signal-seconds", "How long before its limit a job is told to keep a checkpoint [default: 120]";
    requeues: "requeues", "How often an interrupted job puts itself back into the queue [default: 20]";
    poll_seconds: "poll-seconds", "Time between two looks at the queue [default: 30]";
    settle_seconds: "settle-seconds", "How long a shared disk may take to show what a job wrote [default: 60]";
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_reproduce::config::{Keys, Value};
    use clap::{CommandFactory, Parser};

    #[derive(Debug, Parser)]
    struct Only {
        #[command(flatten)]
        flags: Flags,
    }

    #[test]
    fn every_key_of_the_section_has_its_flag_with_its_default() {
        let keys = Keys::default();
        let flags = Only::parse_from(["only"]).flags.flags();
        let named: Vec<&str> = flags.iter().map(|(_, key, _)| *key).collect();
        let section: Vec<&str> =
            keys.iter().map(|key| key.name).filter(|name| name.starts_with("slurm.")).collect();
        assert_eq!(named, section);
        let help = Only::command().render_long_help().to_string();
        for key in keys.iter().filter(|key| key.name.starts_with("slurm.")) {
            let value = match key.default() {
                Value::Int(value) => value.to_string(),
                Value::Float(value) => value.to_string(),
                Value::Text(value) => value,
                other => panic!("{other:?}"),
            };
            // What is empty or 0 stands for what the help says in words.
            if !value.is_empty() && value != "0" {
                let flag = key.name.trim_start_matches("slurm.").replace('_', "-");
                let told = help.split(&format!("--{flag} <VALUE>")).nth(1).unwrap_or_default();
                let told = told.split("\n      --").next().unwrap_or_default();
                assert!(told.contains(&format!("[default: {value}]")), "{flag}: {told}");
            }
        }
    }
}
