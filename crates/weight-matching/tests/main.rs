//! The crate as its users see it.

mod activations;
mod any_spec;
mod assignment;
mod attention;
mod auction;
mod averages;
#[cfg(feature = "candle")]
mod candle;
#[path = "../../permutation-spec/tests/forward.rs"]
#[allow(dead_code, reason = "shared with the tests of permutation-spec")]
mod forward;
mod frank_wolfe;
mod golden;
mod many;
mod matching;
#[path = "../../permutation-spec/tests/networks.rs"]
#[allow(dead_code, reason = "shared with the tests of permutation-spec")]
mod networks;
mod optimum;
mod oracles;
mod repair;
mod restarts;
mod threads;
mod ties;
