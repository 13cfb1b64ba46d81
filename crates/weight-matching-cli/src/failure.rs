//! What can go wrong, and the exit code of each.

use basin_store::{OutputError, StoreError};
use std::fmt::Display;
use std::path::PathBuf;
use thiserror::Error;
use weight_matching::files::{ActivationMisfit, FileError, Problem};
use weight_matching::recognise::Unrecognised;
use weight_matching::{ActivationError, ApplyError, MatchingError};

/// Why a command could not do what was asked. Outputs are written last, so nothing was written.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// Bad usage that clap cannot see.
    #[error("{0}")]
    Usage(String),
    /// An output that may not be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// A spec does not fit a network.
    #[error("spec {spec} does not fit {}:\n{}\n{advice}", path.display(), shown(problems))]
    Spec { spec: String, path: PathBuf, problems: Vec<String>, advice: String },
    /// No spec follows from names and shapes.
    #[error("{}: {problem}{advice}", path.display())]
    Unrecognised { path: PathBuf, problem: Box<Unrecognised>, advice: String },
    /// The permuted network computes something else.
    #[error("spec {spec} changes what {} computes: outputs on random inputs differ by {difference:.1e} of the \
        largest; say what the network is (--heads, --groups, --order, --padding), or correct the spec", path.display())]
    Function { spec: String, path: PathBuf, difference: f64 },
    /// A check was asked for and cannot be made.
    #[error("{} cannot be checked: {reason}; leave --require-check out to go on without", path.display())]
    Unchecked { path: PathBuf, reason: String },
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// Two networks are not of one architecture.
    #[error("{} and {} are not of one architecture:\n{}\ngive checkpoints of one network",
        a.display(), b.display(), all(problems))]
    Architectures { a: PathBuf, b: PathBuf, problems: Vec<String> },
    /// Tensors that would be weights but for their type.
    #[error("{}: {problem}", path.display())]
    Weights { path: PathBuf, problem: Problem },
    /// NaN or infinite weights.
    #[error("{}: tensor {parameter} holds NaN or an infinity, expected finite weights; \
        take an earlier checkpoint", path.display())]
    NonFinite { path: PathBuf, parameter: String },
    /// A layer is too wide for the assignment problem to fit in memory.
    #[error("{}: permutation {permutation} has {units} units, expected at most {limit}: \
        the search needs memory for units² numbers; leave that axis as it is in the spec", path.display())]
    TooWide { path: PathBuf, permutation: String, units: usize, limit: usize },
    /// Recorded activations do not belong to the network or to each other.
    #[error("activations {} do not fit spec {spec}:\n{}\nrecord one array [samples, units] for each permutation \
        (inspect lists them), in both networks on the same inputs in the same order", path.display(), shown(problems))]
    Activations { path: PathBuf, spec: String, problems: Vec<ActivationMisfit> },
    /// Anything else that activations are refused for.
    #[error(transparent)]
    Activation(#[from] ActivationError),
    /// Anything else the search refuses.
    #[error(transparent)]
    Matching(#[from] MatchingError),
    /// Permutations do not fit a network.
    #[error("{} cannot be applied to {}: {source}", permutations.display(), network.display())]
    Apply { permutations: PathBuf, network: PathBuf, source: ApplyError },
    /// A result that cannot be encoded.
    #[error("{}: {source}", path.display())]
    Encode { path: PathBuf, source: Problem },
    /// A result cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The terminal or pipe refuses.
    #[error("cannot print: {0}")]
    Print(#[from] std::io::Error),
}

impl Failure {
    /// The exit code; docs/exit-codes.md lists them.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Output(OutputError::Store(_) | OutputError::Unseen { .. }) => 8,
            Self::Usage(_)
            | Self::Output(_)
            | Self::Spec { .. }
            | Self::Unrecognised { .. }
            | Self::Function { .. }
            | Self::Unchecked { .. } => 2,
            Self::File(_)
            | Self::Weights { .. }
            | Self::Architectures { .. }
            | Self::NonFinite { .. }
            | Self::TooWide { .. }
            | Self::Activations { .. }
            | Self::Activation(_)
            | Self::Matching(_)
            | Self::Apply { .. }
            | Self::Encode { .. } => 4,
            Self::Store(_) | Self::Print(_) => 8,
        }
    }
}

/// Every problem on a line of its own: of two architectures nobody can guess the rest.
fn all(problems: &[impl Display]) -> String {
    let lines: Vec<String> =
        problems.iter().map(|problem| format!("  {}", problem.to_string().trim_start())).collect();
    lines.join("\n")
}

/// The first few problems.
fn shown(problems: &[impl Display]) -> String {
    let mut lines: Vec<String> =
        problems.iter().take(8).map(|problem| format!("  {}", problem.to_string().trim_start())).collect();
    if problems.len() > lines.len() {
        lines.push(format!("  and {} more", problems.len() - lines.len()));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new variant does not compile here until it has a line in the test.
    fn place(error: &Failure) -> usize {
        match error {
            Failure::Usage(_) => 0,
            Failure::Output(_) => 1,
            Failure::Spec { .. } => 2,
            Failure::Unrecognised { .. } => 3,
            Failure::Function { .. } => 4,
            Failure::Unchecked { .. } => 5,
            Failure::File(_) => 6,
            Failure::Architectures { .. } => 7,
            Failure::Weights { .. } => 8,
            Failure::NonFinite { .. } => 9,
            Failure::TooWide { .. } => 10,
            Failure::Activations { .. } => 11,
            Failure::Activation(_) => 12,
            Failure::Matching(_) => 13,
            Failure::Apply { .. } => 14,
            Failure::Encode { .. } => 15,
            Failure::Store(_) => 16,
            Failure::Print(_) => 17,
        }
    }

    #[test]
    fn every_error_says_what_where_and_what_to_do() {
        let (a, spec) = (|| PathBuf::from("a.pt"), || "auto".to_owned());
        let rigid =
            Unrecognised::Rigid { summary: "no layer".into(), reason: "every unit keeps its order".into() };
        let told = [
            (Failure::Usage("--heads 0, expected at least 1".into()), "--heads 0, expected at least 1"),
            (
                Failure::Output(OutputError::NoName { path: "out/".into() }),
                "out/ is not a file name; give the name of a file",
            ),
            (
                Failure::Spec {
                    spec: spec(),
                    path: a(),
                    problems: (0..9).map(|i| format!("  missing w{i}")).collect(),
                    advice: "use --spec vit".into(),
                },
                "spec auto does not fit a.pt:\n  missing w0\n  missing w1\n  missing w2\n  missing w3\n  missing w4\n  missing w5\n  missing w6\n  missing w7\n  and 1 more\nuse --spec vit",
            ),
            (
                Failure::Unrecognised { path: a(), problem: Box::new(rigid), advice: "; give --spec".into() },
                "a.pt: no layer; every unit keeps its order; give --spec",
            ),
            (
                Failure::Function { spec: spec(), path: a(), difference: 0.25 },
                "spec auto changes what a.pt computes: outputs on random inputs differ by 2.5e-1 of the largest; say what the network is (--heads, --groups, --order, --padding), or correct the spec",
            ),
            (
                Failure::Unchecked { path: a(), reason: "no program is known".into() },
                "a.pt cannot be checked: no program is known; leave --require-check out to go on without",
            ),
            (
                Failure::File(FileError { path: a(), problem: Problem::Empty }),
                "a.pt: is empty, 0 bytes: saving, copying or downloading it did not finish; get it again",
            ),
            (
                Failure::Architectures { a: a(), b: "b.pt".into(), problems: vec!["missing w".into()] },
                "a.pt and b.pt are not of one architecture:\n  missing w\ngive checkpoints of one network",
            ),
            (
                Failure::Weights { path: a(), problem: Problem::Empty },
                "a.pt: is empty, 0 bytes: saving, copying or downloading it did not finish; get it again",
            ),
            (
                Failure::NonFinite { path: a(), parameter: "w".into() },
                "a.pt: tensor w holds NaN or an infinity, expected finite weights; take an earlier checkpoint",
            ),
            (
                Failure::TooWide { path: a(), permutation: "h".into(), units: 9, limit: 8 },
                "a.pt: permutation h has 9 units, expected at most 8: the search needs memory for units² numbers; leave that axis as it is in the spec",
            ),
            (
                Failure::Activations {
                    path: a(),
                    spec: spec(),
                    problems: vec![ActivationMisfit::Missing { tensor: "h".into(), units: 6 }],
                },
                "activations a.pt do not fit spec auto:\n  missing h, expected [samples, 6]\nrecord one array [samples, units] for each permutation (inspect lists them), in both networks on the same inputs in the same order",
            ),
            (
                Failure::Activation(ActivationError::Heads {
                    permutation: "a.qk".into(),
                    units: 6,
                    heads: 4,
                }),
                "activations of a.qk have 6 units, expected a multiple of its 4 heads",
            ),
            (
                Failure::Matching(MatchingError::Tied { parameter: "w".into() }),
                "a permutation acts on several axes of w, expected a spec without such parameters",
            ),
            (
                Failure::Apply {
                    permutations: "p.st".into(),
                    network: a(),
                    source: ApplyError::Permutations { problems: vec!["  missing h".into()] },
                },
                "p.st cannot be applied to a.pt: the permutations do not fit the spec:\n  missing h",
            ),
            (
                Failure::Encode {
                    path: a(),
                    source: Problem::Tensor { name: "w".into(), reason: "has 17 axes".into() },
                },
                "a.pt: tensor w has 17 axes",
            ),
            (
                Failure::Store(StoreError::NoSuchRun { path: "r".into() }),
                "there is no run at r; check the name or start the run first",
            ),
            (Failure::Print(std::io::ErrorKind::BrokenPipe.into()), "cannot print: broken pipe"),
        ];
        let mut seen = [false; 18];
        for (error, text) in &told {
            assert_eq!(error.to_string(), *text);
            seen[place(error)] = true;
        }
        assert_eq!(seen, [true; 18], "every variant is told");
    }
}
