//! What the controller tells of one job.

/// What a job of the queue is told to be by the controller.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Explained {
    /// Exit code and signal.
    pub(crate) code: i32,
    pub(crate) signal: i32,
    pub(crate) host: String,
    /// Memory that it was given, in MB.
    pub(crate) memory: Option<u64>,
}

impl Explained {
    /// From one line of `scontrol show job`; `None` when its comment is another's.
    pub(crate) fn parse(text: &str, comment: &str) -> Option<Self> {
        let fields: Vec<(&str, &str)> =
            text.split_whitespace().filter_map(|word| word.split_once('=')).collect();
        let field = |name: &str| fields.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
        field("Comment").filter(|&found| found == comment)?;
        let (code, signal) = field("ExitCode")?.split_once(':')?;
        Some(Self {
            code: code.parse().ok()?,
            signal: signal.parse().ok()?,
            host: field("BatchHost").unwrap_or("an unknown machine").to_owned(),
            memory: given_memory(text),
        })
    }
}

/// The memory in MB of a list such as `cpu=1,mem=4G,node=1`, which may stand in a longer line.
pub(crate) fn given_memory(text: &str) -> Option<u64> {
    text.split([' ', ',', '=']).skip_while(|&word| word != "mem").nth(1).and_then(megabytes)
}

/// `100M`, `4G`, `1.50T` as MB.
fn megabytes(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at(text.len().checked_sub(1)?);
    let factor = match unit {
        "K" => 1.0 / 1024.0,
        "M" => 1.0,
        "G" => 1024.0,
        "T" => 1024.0 * 1024.0,
        _ => return None,
    };
    number.parse::<f64>().ok().map(|number| (number * factor).ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_explained_only_when_the_comment_is_ours() {
        let text = "JobId=2 ArrayJobId=1 JobState=FAILED ExitCode=91:0 TRES=cpu=1,mem=4G,node=1 BatchHost=n1 Comment=basin:t:a";
        let found = Explained::parse(text, "basin:t:a").unwrap();
        assert_eq!((found.code, found.signal, found.memory, found.host.as_str()), (91, 0, Some(4096), "n1"));
        assert_eq!(Explained::parse(text, "basin:t:b"), None);
        assert_eq!(megabytes("1.50T"), Some(1_572_864));
        assert_eq!([megabytes("512K"), megabytes(""), megabytes("12")], [Some(1), None, None]);
    }
}
