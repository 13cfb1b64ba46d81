//! Every probe against the checks for probes, and what each measures against the metrics themselves.

use basin_core::DataRef;
use basin_ensemble::conformance::{Given, assert_probe_conforms};
use basin_ensemble::{Mixing, Probe};
use basin_metrics::Combine;
use basin_probes::{JointConnectivity, LogitsOf, MinusReference, PairwiseLines, Performance};

fn few() -> DataRef {
    DataRef::test().first(17)
}

#[test]
fn logits_conform() {
    assert_probe_conforms(&LogitsOf { data: few() }, Given { networks: 1, logits: 0 });
}

#[test]
fn performance_conforms() {
    let probe = Performance { data: DataRef::test(), combine: Combine::MeanProbs, ece_bins: 15 };
    assert_probe_conforms(&probe, Given { networks: 0, logits: 3 });
}

#[test]
fn joint_connectivity_conforms() {
    for data in [DataRef::test(), few()] {
        let probe = JointConnectivity { data, draws: 6, mixing: Mixing::Plain };
        assert_probe_conforms(&probe, Given { networks: 3, logits: 3 });
    }
}

#[test]
fn pairwise_lines_conform() {
    let probe = PairwiseLines { data: few(), pairs: 2, points: 5, mixing: Mixing::Plain };
    assert_probe_conforms(&probe, Given { networks: 3, logits: 3 });
}

#[test]
fn the_comparison_conforms() {
    let probe = MinusReference { data: DataRef::test(), combine: Combine::MeanProbs };
    assert_probe_conforms(&probe, Given { networks: 0, logits: 4 });
}

#[test]
fn repair_is_told_apart_and_paid_for() {
    let of = |mixing| JointConnectivity { data: few(), draws: 6, mixing };
    let (plain, repaired) = (of(Mixing::Plain), of(Mixing::Repair { images: 9 }));
    assert_ne!(plain.settings(), repaired.settings());
    let images = |data: &DataRef| if *data == few() { 17 } else { 9 };
    assert_eq!((plain.cost(3, &images), repaired.cost(3, &images)), (6 * 17, 6 * (17 + 9) + 3 * 9));
}
