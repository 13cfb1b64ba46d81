//! The crate as its users see it.

mod algebra;
mod families;
#[allow(dead_code, reason = "shared with the tests of weight-matching and network-recognition")]
mod forward;
mod functions;
mod images;
#[allow(dead_code, reason = "shared with the tests of weight-matching and network-recognition")]
mod networks;
mod residual;
mod segments;
mod specs;
#[cfg(feature = "toml")]
mod toml_form;
