//! Basin's whole command line with one measurement more.

mod entropy;

use basin_reproduce::{Inputs, ProbeEntry, Registry};
use entropy::Entropy;
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    let entropy = ProbeEntry { id: "entropy", inputs: Inputs::Logits, make: |_| Arc::new(Entropy) };
    basin_cli::main(Registry::default().with_probe(entropy))
}
