//! The crate as its users see it.

mod algebra;
mod assignment;
mod matching;
mod networks;
mod specs;
