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
