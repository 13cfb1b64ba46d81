//! The probes of loss landscapes, by the conformance kit and on cases whose answers are known.

use basin_core::DataRef;
use basin_ensemble::conformance::{Given, assert_probe_conforms};
use basin_ensemble::{Mixing, Probe};
use basin_probes::{Directions, PlaneOf};

fn plane(directions: Directions) -> PlaneOf {
    PlaneOf { directions, data: DataRef::test().first(20), points: 3, mixing: Mixing::Plain }
}

#[test]
fn planes_conform() {
    let given = Given { networks: 3, logits: 3 };
    for directions in [Directions::Radial, Directions::Members, Directions::Random] {
        assert_probe_conforms(&plane(directions), given);
    }
}

#[test]
fn what_cannot_be_measured_is_refused_with_expected_and_found() {
    let refused = |probe: &dyn Probe, networks, records| probe.check(networks, records).unwrap_err().to_string();
    assert_eq!(
        refused(&plane(Directions::Members), 2, 2),
        "plane: 2 networks and 2 logits, expected at least 3 networks and the logits of each"
    );
    let one = PlaneOf { points: 1, ..plane(Directions::Radial) };
    assert_eq!(refused(&one, 2, 2), "radial-plane: 1 points on a side, expected at least 2");
    let repaired = PlaneOf { mixing: Mixing::Repair { images: 9 }, ..plane(Directions::Radial) };
    assert!(refused(&repaired, 2, 2).contains("set metrics.repair_images=0"));
}
