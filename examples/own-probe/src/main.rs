//! Basin's whole command line with one measurement more.

mod entropy;

use basin_reproduce::{Ensembles, Inputs, ProbeEntry, Registry};
use entropy::Entropy;
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    basin_cli::main(Registry::default().with_probe(ProbeEntry {
        id: "entropy",
        of: Ensembles::All,
        inputs: Inputs::Logits,
        make: |_| Arc::new(Entropy),
    }))
}
