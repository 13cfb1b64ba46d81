//! End-to-end tests of the `basin` binary live in `main.rs`; this library is empty.
