#![doc = include_str!("../README.md")]

mod case;
mod claim;
mod experiment;
mod layout;
mod paper;
mod preset;
mod published;

pub use case::{CaseKeys, Symbol, case_keys, label};
pub use claim::{Claim, Comparison, Contrast, Expected, Scope, Share};
pub use experiment::{CaseError, Experiment, Outcome, Settings, Varied, measured, together};
pub use layout::{
    Along, Barrier, Basin, Curves, Figure, Grid, Layout, Level, Matrix, Over, Paths, Plane, Quantity,
    Reference, Surfaces, Sweep, Triangle, Within,
};
pub use paper::{Paper, PrintedMethod};
pub use preset::Preset;
pub use published::{Published, PublishedError, PublishedNumber, alike};
