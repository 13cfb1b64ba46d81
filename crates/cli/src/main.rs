//! The `basin` binary: the command line with everything that is registered from within.

use std::process::ExitCode;

fn main() -> ExitCode {
    basin_cli::main(basin_reproduce::Registry::default())
}
