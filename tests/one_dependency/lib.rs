//! Somebody's crate that depends on `weight-matching` and on nothing else. Its only doctest is that crate's README, whose
//! examples must compile and run here.

#[cfg(doctest)]
#[doc = include_str!("../../crates/weight-matching/README.md")]
struct Readme;
