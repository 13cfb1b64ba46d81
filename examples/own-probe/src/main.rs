//! Basin's whole command line with one measurement more.

mod entropy;

use basin_reproduce::{Inputs, ProbeEntry, Registry};
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    let entropy = |_: &_| Arc::new(entropy::Entropy) as _;
    basin_cli::main(Registry::default().with_probe(ProbeEntry { id: "entropy", inputs: Inputs::Logits, make: entropy }))
}
