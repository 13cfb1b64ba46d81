//! The store against failing disks, killed writers, flipped bits and other users.

mod claims;
mod faults;
mod gather;
mod journal;
mod killed;
mod model;
mod nodes;
mod power_cut;
mod runs;
mod states;

use basin_store::{Fs, NodeDir, RealFs, RunDir};
use std::path::Path;
use std::sync::Arc;

/// The run `run` below the root, for writing, on the operating system's files.
fn open(root: &Path) -> RunDir {
    open_on(root, Arc::new(RealFs)).unwrap()
}

fn open_on(root: &Path, fs: Arc<dyn Fs>) -> Result<RunDir, basin_store::StoreError> {
    RunDir::open(root, "run", fs)
}

/// What somebody sees who comes afterwards and only looks.
fn reader(root: &Path) -> NodeDir {
    node_of(&RunDir::open_read_only(root, "run", Arc::new(RealFs)).unwrap())
}

fn node_of(run: &RunDir) -> NodeDir {
    run.node("member", "0123abcd").unwrap()
}
