#![doc = include_str!("../README.md")]

mod constrained;
mod deep;
mod distilled;
mod distilled_deep;
mod division;
mod imported;
mod jointly_permuted;
mod permuted;
mod shifted;
mod subspace;
mod swe;
mod transfer;

pub use constrained::Constrained;
pub use deep::Deep;
pub use distilled::{Distillation, Distilled, Shortcut, Teachers};
pub use distilled_deep::DistilledDeep;
pub use division::{Division, Partition};
pub use imported::Imported;
pub use jointly_permuted::{JointMatching, JointlyPermuted};
pub use permuted::{MatchWeights, Permuted};
pub use shifted::{Noise, Shifted, Start};
pub use subspace::{
    Average, Averaged, DiagonalGaussian, DropWeights, LowRankGaussian, RandomDirection, Spread,
    SubspaceDropout, SubspaceGaussian, SubspacePca, SubspacePcaRandom, SubspaceRandom, Subspaces, Swag,
    SwagGaussian,
};
pub use swe::Swe;
pub use transfer::{
    Cycles, Fge, FineTuned, FineTuning, GreedySoup, Heads, Mixture, ModelStock, NewHead, PretrainedFile,
    Soup, Sse, StarSse, Swa, TunedSwag,
};
