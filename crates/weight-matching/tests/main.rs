//! The crate as its users see it.

mod algebra;
mod assignment;
mod attention;
mod families;
mod forward;
mod inference;
mod matching;
mod networks;
mod segments;
mod specs;
#[cfg(feature = "toml")]
mod toml_form;
