//! The method of `examples/own-method` satisfies what every method must: its own unit tests, run here, where the
//! conformance checks are compiled anyway. That the crate is built and run as a stranger would is `tests/outside.rs`.

// A module of a program there, whose items are neither documented nor all used here.
#[allow(missing_docs, unreachable_pub, dead_code)]
#[path = "../../../examples/own-method/src/snapshot.rs"]
mod snapshot;
