//! Distances from starts and angles between the ways from them.

use crate::{Known, names};
use basin_core::Array;
use basin_ensemble::Probe;
use basin_ensemble::conformance::{Given, assert_probe_conforms};
use basin_probes::TaskVectors;

fn lab(networks: &[&[f32]]) -> Known {
    Known::of(networks, Vec::new(), 2, &[0])
}

#[test]
fn task_vectors_conform() {
    for members in 1..=3 {
        assert_probe_conforms(&TaskVectors, Given { networks: 2 * members, logits: 0 });
    }
}

/// Ways (3, 4), (4, 3) and (−8, 6) from starts of lengths 13, 5 and 10, each its own.
#[test]
fn distances_and_angles_are_of_each_member_s_own_way() {
    let members: [&[f32]; 3] = [&[8.0, 16.0], &[1.0, -1.0], &[-8.0, -4.0]];
    let starts: [&[f32]; 3] = [&[5.0, 12.0], &[-3.0, -4.0], &[0.0, -10.0]];
    let record = TaskVectors.run(&mut lab(&[members, starts].concat())).unwrap();
    let all = ["distance-travelled", "relative-distance", "task-cosine", "task-cosine-first"];
    assert_eq!(names(&record), all);
    assert_eq!(record.lists["distance-travelled"], [5.0, 5.0, 10.0]);
    assert_eq!(record.lists["relative-distance"], [5.0 / 13.0, 1.0, 1.0]);
    let close = |name: &str, expected: f64| {
        assert!((record.scalars[name] - expected).abs() < 1e-15, "{name}: {}", record.scalars[name]);
    };
    close("distance-travelled", 20.0 / 3.0);
    close("relative-distance", (5.0 / 13.0 + 2.0) / 3.0);
    // (3, 4)·(4, 3) = 24 of 25; (3, 4)·(−8, 6) = 0; (4, 3)·(−8, 6) = −14 of 50. The statistics would change each.
    close("task-cosine", (0.96 + 0.0 - 0.28) / 3.0);
    close("task-cosine-first", 0.48);
    let surfaces = record.surfaces();
    let [matrix] = &surfaces[..] else { panic!("{surfaces:?}") };
    assert_eq!((matrix.quantity.as_str(), &matrix.x[..]), ("task-cosine-matrix", &[1.0, 2.0, 3.0][..]));
    let expected = [1.0, 0.96, 0.0, 0.96, 1.0, -0.28, 0.0, -0.28, 1.0];
    assert!(matrix.values.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15), "{:?}", matrix.values);
}

#[test]
fn what_does_not_exist_is_left_out() {
    let told = |networks: &[&[f32]]| {
        let record = TaskVectors.run(&mut lab(networks)).unwrap();
        names(&record).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    // One network has no pairs.
    assert_eq!(told(&[&[3.0], &[1.0]]), ["distance-travelled", "relative-distance"]);
    // Member 2 did not move: it has no angle to any, the others have one in the matrix.
    let unmoved: [&[f32]; 6] = [&[3.0, 1.0], &[2.0, 2.0], &[1.0, 3.0], &[1.0, 1.0], &[2.0, 2.0], &[1.0, 1.0]];
    assert_eq!(told(&unmoved), ["distance-travelled", "relative-distance"]);
    let matrix = TaskVectors.run(&mut lab(&unmoved)).unwrap().surfaces().remove(0);
    assert!(matrix.values[1].is_nan() && matrix.values[3].is_nan() && matrix.values[7].is_nan());
    assert_eq!((matrix.values[2], matrix.values[4]), (0.0, 1.0));
    // A start at the origin has no length to divide by.
    let origin: [&[f32]; 4] = [&[3.0, 1.0], &[1.0, 3.0], &[0.0, 0.0], &[1.0, 0.0]];
    assert_eq!(told(&origin), ["distance-travelled", "task-cosine", "task-cosine-first"]);
    // Member 3 alone did not move: the first pair has an angle, but no mean over pairs is of all pairs.
    let third: [&[f32]; 6] = [&[3.0], &[2.0], &[1.0], &[1.0], &[1.0], &[1.0]];
    assert_eq!(told(&third), ["distance-travelled", "relative-distance"]);
}

#[test]
fn members_want_a_start_each_of_their_own_layout() {
    let text = |networks| TaskVectors.check(networks, 0).unwrap_err().to_string();
    for networks in [0, 1, 3] {
        let expected =
            format!("task-vectors: networks: {networks}, expected at least one member and as many starts");
        assert_eq!(text(networks), expected);
    }
    let mut other = lab(&[&[3.0], &[1.0]]);
    other.networks[1].insert("head", Array::full(vec![2], 0.0));
    let error = TaskVectors.run(&mut other).unwrap_err().to_string();
    assert_eq!(error, "task-vectors: the networks differ at parameter head: absent against [2]");
}
