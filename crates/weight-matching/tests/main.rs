//! The crate as its users see it.

mod activations;
mod algebra;
mod any_spec;
mod assignment;
mod attention;
mod auction;
mod averages;
#[cfg(feature = "candle")]
mod candle;
mod families;
mod forward;
mod frank_wolfe;
mod functions;
mod golden;
mod images;
mod layers;
mod many;
mod matching;
mod network;
mod networks;
mod optimum;
mod oracles;
mod recognised;
mod recognised_cnns;
mod recognised_decoders;
mod recognised_groups;
mod recognised_mlps;
mod recognised_names;
mod recognised_others;
mod recognised_resnets;
mod recognised_traps;
mod recognised_vits;
mod repair;
mod residual;
mod restarts;
mod segments;
mod specs;
mod threads;
mod ties;
#[cfg(feature = "toml")]
mod toml_form;
mod vits;
