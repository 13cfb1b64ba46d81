//! What every method and every probe must satisfy; called from their own tests.

mod laboratory;
mod method;
mod probe;

pub use method::assert_method_conforms;
pub use probe::{Given, assert_probe_conforms};
