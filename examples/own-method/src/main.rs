//! Basin's whole command line with one method more.

mod snapshot;

use basin_reproduce::Registry;
use snapshot::{CYCLE, Snapshot};
use std::process::ExitCode;

fn main() -> ExitCode {
    basin_cli::main(Registry::default().with("snapshot", |c| Ok(Box::new(Snapshot::new(c)))).with_key(CYCLE))
}
