//! What every probe must satisfy.

use super::laboratory::{Laboratory, count};
use crate::{Probe, ProbeError};

/// What a probe is handed: so many networks, and the logits of so many on the whole test split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given {
    /// Networks.
    pub networks: usize,
    /// Records with logits, of the first networks.
    pub logits: usize,
}

/// Checks that a probe has an id and versioned settings, measures the same twice, announces the images that it looks at (a
/// laboratory offers no others), evaluates no more than its price, leaves something, and, stopped after any of its steps, goes
/// on to the same record without doing again what was done.
///
/// # Panics
/// With what is wrong.
pub fn assert_probe_conforms(probe: &dyn Probe, given: Given) {
    let id = probe.id();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    assert!(
        !id.is_empty() && id.chars().all(plain),
        "{id:?} is not a probe id: lower case, digits and dashes"
    );
    assert!(
        probe.settings().starts_with(|c: char| c.is_ascii_digit()),
        "{id}: settings begin with a version"
    );
    let laboratory = || Laboratory::new(given.networks, given.logits);
    let measure = |laboratory: &mut Laboratory| {
        probe.run(laboratory).unwrap_or_else(|error| panic!("{id} refuses what it was given: {error}"))
    };
    let mut whole = laboratory();
    let record = measure(&mut whole);
    assert_eq!(record, measure(&mut laboratory()), "{id}: measuring twice gives two records");
    let holds = record.scalars.len() + record.lists.len() + record.arrays.len();
    assert!(holds > 0, "{id} leaves nothing");
    let announced = probe.data();
    for data in whole.asked.borrow().iter() {
        assert!(announced.contains(data), "{id} looks at {} and does not announce it", data.id());
    }
    let price = probe.cost(given.networks, &count);
    assert!(whole.evaluated as u64 <= price, "{id} evaluates {} images for {price}", whole.evaluated);

    for stop in 1..=whole.steps {
        let mut stopped = laboratory();
        stopped.stop_after = Some(stop);
        let error = probe.run(&mut stopped).expect_err("the laboratory asked to stop");
        assert!(matches!(error, ProbeError::Lab(_)), "{id} hides that it was stopped: {error}");
        let mut resumed = laboratory();
        resumed.kept = stopped.kept;
        assert_eq!(measure(&mut resumed), record, "{id} goes on to another record after step {stop}");
        let both = stopped.evaluated + resumed.evaluated;
        assert_eq!(both, whole.evaluated, "{id} evaluates again what it had kept after step {stop}");
    }
}
