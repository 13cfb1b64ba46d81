//! The probes of loss landscapes, by the conformance kit and on cases whose answers are known.

use basin_core::DataRef;
use basin_ensemble::conformance::{Given, assert_probe_conforms};
use basin_ensemble::{Mixing, Probe};
use basin_metrics::Combine;
use basin_probes::{Calibration, DeepEquivalent, Directions, DiversityPlane, PlaneOf, Trajectories};

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
fn trajectories_and_diversity_conform() {
    let states = Trajectories { data: DataRef::test(), epochs: vec![0.5, 1.0, 2.0], perplexity: 30.0 };
    assert_probe_conforms(&states, Given { networks: 6, logits: 6 });
    assert_probe_conforms(&DiversityPlane { data: DataRef::test() }, Given { networks: 0, logits: 4 });
}

#[test]
fn calibration_and_its_comparison_conform() {
    let (data, combine) = (DataRef::test(), Combine::MeanProbs);
    let calibration = Calibration { data: data.clone(), combine, bins: 5 };
    assert_probe_conforms(&calibration, Given { networks: 0, logits: 3 });
    let equivalent = DeepEquivalent { data, combine, own: 2 };
    assert_probe_conforms(&equivalent, Given { networks: 0, logits: 5 });
    let few = equivalent.check(0, 3).unwrap_err().to_string();
    assert_eq!(few, "deep-equivalent: 3 logits, expected those of 2 members and of at least two deep ones");
}

#[test]
fn what_cannot_be_measured_is_refused_with_expected_and_found() {
    let refused =
        |probe: &dyn Probe, networks, records| probe.check(networks, records).unwrap_err().to_string();
    assert_eq!(
        refused(&plane(Directions::Members), 2, 2),
        "plane: 2 networks and 2 logits, expected at least 3 networks and the logits of each"
    );
    let one = PlaneOf { points: 1, ..plane(Directions::Radial) };
    assert_eq!(refused(&one, 2, 2), "radial-plane: 1 points on a side, expected at least 2");
    let repaired = PlaneOf { mixing: Mixing::Repair { images: 9 }, ..plane(Directions::Radial) };
    assert!(refused(&repaired, 2, 2).contains("set metrics.repair_images=0"));
    let states = Trajectories { data: DataRef::test(), epochs: vec![0.5, 1.0, 2.0], perplexity: 30.0 };
    assert_eq!(
        refused(&states, 5, 5),
        "trajectories: 5 networks and 5 logits of 3 epochs, expected at least two, as many of each run as epochs, and the \
         logits of each"
    );
}
