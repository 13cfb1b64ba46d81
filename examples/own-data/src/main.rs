//! Basin's whole command line with one data set more.

mod stripes;

use basin_reproduce::Registry;
use std::process::ExitCode;

fn main() -> ExitCode {
    basin_cli::main(Registry::default().with_dataset(&stripes::STRIPES))
}
