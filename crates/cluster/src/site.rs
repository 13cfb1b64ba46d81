//! What a cluster is: its partitions, and how large an array may be.

use crate::{ClusterError, Settings};

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its name.
    pub name: String,
    /// Whether jobs that name none go there.
    pub is_default: bool,
    /// The longest time limit in minutes, `None`: any.
    pub limit: Option<u32>,
}

/// What is known of a cluster before anything is submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its partitions.
    pub partitions: Vec<Partition>,
    /// The most jobs of an array.
    pub largest_array: usize,
    /// Whether jobs of the past are kept.
    pub accounting: bool,
}

impl Default for Site {
    /// Slurm's own defaults: any partition, arrays of 1001, no accounting.
    fn default() -> Self {
        Self { partitions: Vec::new(), largest_array: 1001, accounting: false }
    }
}

impl Site {
    /// The time limit of the partition that is asked for, in minutes; refuses what this cluster does not have.
    ///
    /// # Errors
    /// [`ClusterError::NoPartition`], [`ClusterError::NoDefaultPartition`], [`ClusterError::TimeAboveLimit`].
    pub fn limit(&self, settings: &Settings) -> Result<Option<u32>, ClusterError> {
        let names: Vec<&str> = self.partitions.iter().map(|partition| partition.name.as_str()).collect();
        let known = names.join(", ");
        // Several partitions may be named; a job goes to the first that is free, so the narrowest limit holds.
        let asked: Vec<&str> = settings.partition.split(',').filter(|name| !name.is_empty()).collect();
        let chosen: Vec<&Partition> = if asked.is_empty() {
            self.partitions.iter().filter(|partition| partition.is_default).collect()
        } else {
            let find = |name: &&str| {
                let found = self.partitions.iter().find(|partition| partition.name == *name);
                let missing = || ClusterError::NoPartition { name: (*name).to_owned(), known: known.clone() };
                found.ok_or_else(missing)
            };
            asked.iter().map(find).collect::<Result<_, _>>()?
        };
        if chosen.is_empty() {
            return Err(ClusterError::NoDefaultPartition { known });
        }
        let narrowest = chosen.iter().filter_map(|p| p.limit.map(|limit| (limit, &p.name))).min();
        if let Some((limit, partition)) = narrowest.filter(|(limit, _)| settings.time > *limit) {
            let partition = partition.clone();
            return Err(ClusterError::TimeAboveLimit { asked: settings.time, partition, limit });
        }
        Ok(narrowest.map(|(limit, _)| limit))
    }
}

/// Lines `PartitionName=main … Default=YES … MaxTime=1-00:00:00 …`.
pub(crate) fn parse_partitions(text: &str) -> Vec<Partition> {
    let partition = |line: &str| {
        let field =
            |name: &str| line.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        Some(Partition {
            name: field("PartitionName")?.to_owned(),
            is_default: field("Default") == Some("YES"),
            limit: field("MaxTime").and_then(minutes),
        })
    };
    text.lines().filter_map(partition).collect()
}

/// Lines `Key = value`.
pub(crate) fn parse_config(text: &str) -> Site {
    let field = |name: &str| {
        let lines = text.lines().filter_map(|line| line.split_once('='));
        lines.map(|(key, value)| (key.trim(), value.trim())).find(|(key, _)| *key == name).map(|(_, v)| v)
    };
    let usual = Site::default();
    let largest = field("MaxArraySize").and_then(|size| size.parse().ok()).filter(|&size| size > 0);
    Site {
        largest_array: largest.unwrap_or(usual.largest_array),
        accounting: field("AccountingStorageType").is_some_and(|kind| !kind.ends_with("/none")),
        ..usual
    }
}

/// `30:00`, `2:30:00`, `1-02:30:00` in minutes, rounded down; `None` for `UNLIMITED`.
fn minutes(text: &str) -> Option<u32> {
    let (days, rest) = text.split_once('-').unwrap_or(("0", text));
    let parts: Vec<u32> = rest.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let minutes = match parts[..] {
        [minutes, _] => minutes,
        [hours, minutes, _] => hours * 60 + minutes,
        _ => return None,
    };
    Some(days.parse::<u32>().ok()? * 1440 + minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site {
        let text = "PartitionName=main AllowGroups=ALL Default=YES MaxNodes=1 MaxTime=UNLIMITED State=UP\n\
            PartitionName=gpu Default=NO MaxTime=1-02:30:00\nPartitionName=quick Default=NO MaxTime=30:00\n";
        Site { partitions: parse_partitions(text), ..parse_config("MaxArraySize            = 501\n") }
    }

    #[test]
    fn limits_of_partitions_are_minutes() {
        let site = site();
        let limit = |name: &str| site.limit(&Settings { partition: name.to_owned(), ..Settings::default() });
        assert_eq!(limit("").unwrap(), None);
        assert_eq!(limit("gpu").unwrap(), Some(1590));
        assert_eq!(limit("gpu,quick").unwrap(), Some(30));
        assert_eq!(site.largest_array, 501);
    }

    #[test]
    fn what_a_cluster_does_not_have_is_refused_with_what_it_has() {
        let mut site = site();
        let asked = Settings { partition: "gpus".to_owned(), ..Settings::default() };
        let error = site.limit(&asked).unwrap_err().to_string();
        assert!(error.contains("gpus") && error.contains("main, gpu, quick"), "{error}");
        let asked = Settings { partition: "quick".to_owned(), time: 31, ..Settings::default() };
        let error = site.limit(&asked).unwrap_err().to_string();
        assert!(error.contains("31 minutes") && error.contains("at most 30"), "{error}");
        site.partitions[0].is_default = false;
        let error = site.limit(&Settings::default()).unwrap_err().to_string();
        assert!(error.contains("no default partition"), "{error}");
    }

    #[test]
    fn accounting_is_told_by_its_type() {
        assert!(!parse_config("AccountingStorageType   = accounting_storage/none\n").accounting);
        assert!(parse_config("AccountingStorageType   = accounting_storage/slurmdbd\n").accounting);
        assert_eq!(parse_config(""), Site::default());
    }
}
