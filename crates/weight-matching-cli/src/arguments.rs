//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Align the units of neural networks of one architecture, and merge them.
///
/// Networks are safetensors files or state dicts saved by PyTorch (.pt, .pth). Exit codes: 0 done, 2 bad
/// usage or a spec that does not fit, 4 a file that cannot be used, 8 a file that cannot be written.
#[derive(Debug, Parser)]
#[command(name = "weight-matching", version, about, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Permute the units of B into the order of those units of A that they are most alike
    Align(AlignArguments),
    /// Merge networks into one
    Merge(MergeArguments),
    /// Permute the units of a network by permutations from a file
    Apply(ApplyArguments),
    /// List the tensors of a file and the spec that fits it
    Inspect(InspectArguments),
    /// Show which axes belong to which units
    Spec(SpecArguments),
}

/// What the network is.
#[derive(Clone, Debug, Args)]
pub(crate) struct Architecture {
    /// Which axes belong together: auto (by names and shapes), a name of `spec list`, or a file
    #[arg(long, default_value = "auto", value_name = "NAME|auto|FILE.toml")]
    pub(crate) spec: String,
    #[command(flatten)]
    pub(crate) hints: Hints,
    /// Refuse what cannot be checked by running the network
    #[arg(long)]
    pub(crate) require_check: bool,
}

/// What a file does not show of a network.
#[derive(Clone, Debug, Args)]
pub(crate) struct Hints {
    /// Heads of each attention layer, which no shape shows
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) heads: Option<usize>,
    /// Groups of each normalisation without running statistics; 1 for LayerNorm
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) groups: Option<usize>,
    /// The layers in the order in which they run, each reading the one before and nothing else
    #[arg(long, value_name = "LAYER,LAYER", value_delimiter = ',')]
    pub(crate) order: Option<Vec<String>>,
    /// What shortcuts without layers add where channels become more
    #[arg(long, value_enum)]
    pub(crate) padding: Option<Padding>,
}

/// What a shortcut without layers adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Padding {
    /// Nothing: there is no shortcut
    None,
    /// The input between zeros, as many on both sides
    Both,
    /// The input before zeros
    Behind,
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a whole number from 1 on".into()),
        Ok(number) => Ok(number),
    }
}

/// How the search is done.
#[derive(Debug, Args)]
pub(crate) struct Search {
    /// Searches from different random orders; the best counts [default: until three in a row gain nothing, for about
    /// a second]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) restarts: Option<u64>,
    /// Decides the random orders [default: 0]
    #[arg(long)]
    pub(crate) seed: Option<u64>,
}

/// How networks are read.
#[derive(Debug, Args)]
pub(crate) struct Reading {
    /// Of files with several networks, the one under this key: model_ema, params, generator
    #[arg(long, value_name = "NAME")]
    pub(crate) key: Option<String>,
}

/// By what units are told to be alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Method {
    /// By the weights alone, without data
    Weights,
    /// By what the units compute on the same inputs, recorded in two files
    Activations,
}

/// How results are told and written.
#[derive(Debug, Args)]
pub(crate) struct Telling {
    /// Replace files that exist
    #[arg(long)]
    pub(crate) force: bool,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AlignArguments {
    /// The network that stays
    #[arg(value_name = "A")]
    pub(crate) reference: PathBuf,
    /// The network that is permuted
    #[arg(value_name = "B")]
    pub(crate) target: PathBuf,
    /// Safetensors file for the permuted B
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Safetensors file for the permutations
    #[arg(long)]
    pub(crate) permutations: Option<PathBuf>,
    /// By what units are told to be alike
    #[arg(long, value_enum, default_value_t = Method::Weights)]
    pub(crate) method: Method,
    /// With --method activations: what the units of A compute. A safetensors file with one array
    /// [samples, units] of f32, f64, f16 or bf16 for each permutation of the spec, named like it: a row for
    /// each input, or for each pixel of each input behind a convolution
    #[arg(long, value_name = "FILE")]
    pub(crate) activations_a: Option<PathBuf>,
    /// The same for B, on the same inputs in the same order
    #[arg(long, value_name = "FILE")]
    pub(crate) activations_b: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    #[command(flatten)]
    pub(crate) architecture: Architecture,
    #[command(flatten)]
    pub(crate) search: Search,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct MergeArguments {
    /// The networks, two or more
    #[arg(value_name = "NETWORK", num_args = 2.., required = true)]
    pub(crate) networks: Vec<PathBuf>,
    /// How: mean (as they are, without alignment), pairwise, multi-pcd, merge-many or frank-wolfe
    #[arg(long)]
    pub(crate) method: String,
    /// Safetensors file for the merged network
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Folder for the permuted networks
    #[arg(long, value_name = "DIR")]
    pub(crate) keep_aligned: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    #[command(flatten)]
    pub(crate) architecture: Architecture,
    #[command(flatten)]
    pub(crate) search: Search,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct ApplyArguments {
    /// Safetensors file that align --permutations wrote
    pub(crate) permutations: PathBuf,
    /// The network
    #[arg(value_name = "B")]
    pub(crate) network: PathBuf,
    #[command(flatten)]
    pub(crate) architecture: Architecture,
    /// Safetensors file for the permuted network
    #[arg(long)]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) reading: Reading,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArguments {
    /// Safetensors or PyTorch file
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) hints: Hints,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SpecArguments {
    #[command(subcommand)]
    pub(crate) command: SpecCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SpecCommand {
    /// List the specs that are built in
    List,
    /// Print one spec: each parameter with the permutation of each axis
    Show {
        /// Its name, or with --for one that the file decides: auto, residual-mlp
        name: String,
        /// The network whose spec it is, where that depends on the network
        #[arg(long = "for", value_name = "FILE")]
        network: Option<PathBuf>,
        #[command(flatten)]
        hints: Hints,
        /// Print it as a file for --spec
        #[arg(long, conflicts_with = "json")]
        toml: bool,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}
