//! Running statistics of networks between sides that see their images through views: on what images, at what price.

use basin_core::DataRef;
use basin_ensemble::conformance::{Given, assert_probe_conforms};
use basin_ensemble::{Mixing, Probe, StatisticsOn};
use basin_probes::ShiftLine;

fn sides() -> Vec<DataRef> {
    [(0, "a"), (1, "b")].map(|(i, view)| DataRef::train().share(i, 2, 7).seen(view)).into()
}

fn line(on: StatisticsOn) -> ShiftLine {
    ShiftLine {
        points: 26,
        tests: vec![("test".into(), DataRef::test()), ("plain".into(), DataRef::test().first(9))],
        trains: Vec::new(),
        also: Vec::new(),
        mixing: Mixing::Reestimated(on),
    }
}

#[test]
fn statistics_are_of_the_images_that_each_side_saw() {
    let on = |images, sides: &[DataRef]| StatisticsOn { images, sides: sides.to_vec() };
    let mut probe = line(on(8, &sides()));
    probe.tests.remove(0);
    assert_probe_conforms(&probe, Given { networks: 3, logits: 0 });
    assert_eq!(probe.data(), [vec![DataRef::test().first(9)], sides()].concat());
    assert_eq!(probe.cost(2, &|_| 100), 26 * (100 + 8) + 2 * 8);
    let usual = ShiftLine { mixing: Mixing::Reestimated(StatisticsOn::first(8)), ..probe.clone() };
    let one = ShiftLine { mixing: Mixing::Reestimated(on(8, &sides()[..1])), ..probe.clone() };
    let fewer = ShiftLine { mixing: Mixing::Reestimated(on(6, &sides())), ..probe.clone() };
    for other in [usual, one, fewer] {
        assert_ne!((probe.settings(), probe.data()), (other.settings(), other.data()));
    }
}

/// What is measured on the first images keeps the words that named it before there were sides.
#[test]
fn where_nobody_sees_a_view_nothing_is_renamed() {
    let mut probe = line(StatisticsOn::first(9));
    probe.tests.truncate(1);
    assert_eq!(probe.settings(), "1 (26 points; tests test on 0; trains ; also , statistics of 9)");
    assert_eq!(probe.data(), [DataRef::test(), DataRef::train().first(9)]);
}
