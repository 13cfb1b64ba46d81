//! Basin's whole command line with one network more.

mod own;

use basin_reproduce::{NetworkEntry, Registry};
use std::process::ExitCode;

fn main() -> ExitCode {
    let own = NetworkEntry { name: "own", build: own::build, spec: Some(own::spec), reads: &["width"] };
    basin_cli::main(Registry::default().with_network(own))
}
