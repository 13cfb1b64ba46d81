//! The crate as its users see it.

mod activations;
mod algebra;
mod assignment;
mod attention;
mod averages;
#[cfg(feature = "candle")]
mod candle;
mod families;
mod forward;
mod frank_wolfe;
mod inference;
mod many;
mod matching;
mod networks;
mod repair;
mod residual;
mod restarts;
mod segments;
mod specs;
mod threads;
#[cfg(feature = "toml")]
mod toml_form;
