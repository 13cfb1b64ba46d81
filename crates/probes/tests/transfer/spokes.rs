//! Lines from the first member and to the starts, on a landscape of one dimension.

use crate::{Known, naming, network};
use basin_core::{Curve, DataRef, Record, SeedTree, Simplex};
use basin_ensemble::conformance::{Given, assert_probe_conforms};
use basin_ensemble::{Mixing, Probe, ProbeError, StatisticsOn};
use basin_probes::{JointConnectivity, Spokes};

fn spokes() -> Spokes {
    Spokes { data: DataRef::test().first(4), points: 5, mixing: Mixing::Plain }
}

/// Of four images, so many are right at each place from −12 to 8.
const RIGHT: [usize; 21] = [2, 3, 3, 4, 4, 3, 4, 2, 0, 1, 2, 3, 4, 4, 1, 3, 2, 2, 2, 0, 1];

fn right(w: f32) -> usize {
    assert_eq!(w, w.round());
    RIGHT[(w + 12.0) as usize]
}

/// All are of class 0; a network is the surer of what it has right the farther it is from 0.
fn says(weights: &[f32], image: usize) -> Vec<f32> {
    let w = weights[0];
    vec![if image < right(w) { 1.0 + w.abs() } else { -1.0 }, 0.0]
}

fn loss(w: f32) -> f64 {
    let (right, sure) = (right(w) as f64, f64::from(1.0 + w.abs()));
    (right * (-sure).exp().ln_1p() + (4.0 - right) * 1f64.exp().ln_1p()) / 4.0
}

/// Members at these places, then starts; there are logits of two images more, of which nobody is right.
fn between(members: &[f32], starts: &[f32]) -> Known {
    let logits = |w: &f32| {
        let rows = (0..6).flat_map(|image| if image < 4 { says(&[*w], image) } else { vec![-9.0, 0.0] });
        crate::said(2, &rows.collect::<Vec<f32>>())
    };
    let places: Vec<&[f32]> = members.iter().chain(starts).map(std::slice::from_ref).collect();
    let records = members.iter().map(logits).collect();
    Known { says, ..Known::of(&places, records, 2, &[0; 4]) }
}

const MEMBERS: [f32; 3] = [0.0, 4.0, -8.0];
const STARTS: [f32; 3] = [-4.0, 8.0, -12.0];

#[test]
fn spokes_conform() {
    for members in 1..=3 {
        for mixing in [Mixing::Plain, Mixing::Reestimated(StatisticsOn::first(3))] {
            let probe = Spokes { data: DataRef::test().first(17), points: 4, mixing };
            assert_probe_conforms(&probe, Given { networks: 2 * members, logits: members });
        }
    }
}

fn curve(record: &Record, subject: &str, quantity: &str) -> Curve {
    let curves = record.curves();
    let found = curves.iter().find(|c| (c.subject.as_str(), c.quantity.as_str()) == (subject, quantity));
    found.unwrap_or_else(|| panic!("no {quantity} of {subject}")).clone()
}

#[test]
fn what_is_told_of_lines_is_what_was_evaluated() {
    let mut lab = between(&MEMBERS, &STARTS);
    let record = spokes().run(&mut lab).unwrap();
    let lines = [
        ("first-1-2", 0.0, 4.0, [0.0, 0.125, -0.5, 0.125, 0.0]),
        ("first-1-3", 0.0, -8.0, [0.0, -0.5, -1.0, 0.0, 0.0]),
        ("start-1", 0.0, -4.0, [0.0; 5]),
        ("start-2", 4.0, 8.0, [0.0, 0.0625, 0.125, -0.3125, 0.0]),
        ("start-3", -8.0, -12.0, [0.0, 0.125, 0.0, 0.125, 0.0]),
    ];
    let mut barriers = Vec::new();
    for (subject, from, to, q) in lines {
        let lambdas = [0.0, 0.25, 0.5, 0.75, 1.0];
        let places: Vec<f32> = lambdas.iter().map(|lambda| from + (to - from) * *lambda as f32).collect();
        let connected = curve(&record, subject, "line-connectivity");
        assert_eq!((&connected.at[..], &connected.values[..]), (&lambdas[..], &q[..]), "{subject}");
        assert_eq!((connected.data.as_str(), connected.variable.as_str()), ("test", "lambda"));
        let accuracy: Vec<f64> = places.iter().map(|w| right(*w) as f64 / 4.0).collect();
        assert_eq!(curve(&record, subject, "line-accuracy").values, accuracy, "{subject}");
        let found = curve(&record, subject, "line-loss").values;
        let expected: Vec<f64> = places.iter().map(|w| loss(*w)).collect();
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12), "{subject}: {found:?}");
        let above = |i: usize| expected[i] - (1.0 - lambdas[i]) * expected[0] - lambdas[i] * expected[4];
        barriers.push((0..5).map(above).fold(0.0, f64::max));
    }
    assert_eq!(record.curves().len(), 3 * lines.len());
    // No two lines are alike, so that means are of the right ones.
    assert!(barriers[0] > 0.3 && barriers[1] > 0.8 && barriers[2] < 0.1 && barriers[3] > 0.2, "{barriers:?}");
    let expected = [
        ("first-barrier", (barriers[0] + barriers[1]) / 2.0),
        ("first-connectivity", -0.75),
        ("first-connectivity-worst", -1.0),
        ("start-barrier", (barriers[2] + barriers[3] + barriers[4]) / 3.0),
        ("start-connectivity", -0.3125 / 3.0),
        ("start-connectivity-worst", -0.3125),
    ];
    assert_eq!(crate::names(&record), expected.map(|(name, _)| name));
    for (name, value) in expected {
        assert!((record.scalars[name] - value).abs() < 1e-12, "{name}: {} for {value}", record.scalars[name]);
    }
}

#[test]
fn inner_points_and_starts_are_evaluated_once_and_members_never() {
    let mut lab = between(&MEMBERS, &STARTS);
    spokes().run(&mut lab).unwrap();
    let mut places: Vec<f32> = lab.evaluated.iter().map(|weights| weights[0]).collect();
    assert_eq!(places.len(), 2 * 3 + 3 * 4);
    places.retain(|w| STARTS.contains(w));
    // −4 lies on the line from member 1 to member 3, too.
    assert_eq!(places, [-4.0, -4.0, 8.0, -12.0]);
    assert!(lab.looked_at.iter().all(|data| *data == spokes().data));
    assert_eq!(spokes().cost(6, &|_| 4), 18 * 4);
    let again = Spokes { mixing: Mixing::Reestimated(StatisticsOn::first(9)), ..spokes() };
    assert_eq!(again.cost(6, &|_| 4), 18 * 4 + 15 * 9 + 6 * 9);
    assert_eq!(again.data().last(), Some(&DataRef::train().first(9)));
    assert_ne!(again.settings(), spokes().settings());
}

#[test]
fn stopped_lines_go_on_at_the_point() {
    let whole = spokes().run(&mut between(&MEMBERS, &STARTS)).unwrap();
    for stop in [1, 7, 10, 17] {
        let mut stopped = Known { stop_after: Some(stop), ..between(&MEMBERS, &STARTS) };
        assert!(matches!(spokes().run(&mut stopped), Err(ProbeError::Lab(_))));
        let mut resumed = Known { kept: stopped.kept, ..between(&MEMBERS, &STARTS) };
        assert_eq!(spokes().run(&mut resumed).unwrap(), whole, "{stop}");
        assert_eq!(stopped.evaluated.len() + resumed.evaluated.len(), 18);
    }
}

#[test]
fn a_single_network_has_a_line_to_its_start_only() {
    let record = spokes().run(&mut between(&MEMBERS[1..2], &STARTS[1..2])).unwrap();
    assert_eq!(crate::names(&record), ["start-barrier", "start-connectivity", "start-connectivity-worst"]);
    assert_eq!(record.scalars["start-connectivity"], -0.3125);
    assert_eq!(record.curves().len(), 3);
}

#[test]
fn spokes_want_members_their_starts_and_their_logits() {
    let text = |networks, records| spokes().check(networks, records).unwrap_err().to_string();
    let expected = "expected at least one member, as many starts, and the logits of each member";
    assert_eq!(text(3, 2), format!("spokes: 3 networks and 2 logits, {expected}"));
    assert_eq!(text(0, 0), format!("spokes: 0 networks and 0 logits, {expected}"));
    let two = Spokes { points: 2, ..spokes() }.check(2, 1).unwrap_err().to_string();
    assert_eq!(two, "spokes: 2 points on a line, expected at least 3");
    spokes().check(4, 2).unwrap();
    // Logits of fewer images, and a start of another layout.
    let mut few = between(&MEMBERS, &STARTS);
    few.records[1] = naming(2, &[0, 0]);
    let error = spokes().run(&mut few).unwrap_err().to_string();
    assert_eq!(error, "spokes: there are logits of 2 images, expected at least 4");
    let mut other = between(&MEMBERS, &STARTS);
    other.networks[4] = network(&[8.0, 1.0]);
    let error = spokes().run(&mut other).unwrap_err().to_string();
    assert!(error.contains("fc.w: [1] against [2]"), "{error}");
}

/// Where a basin ends is told by q̄ and the spread of its draws, so that both stand in the record.
#[test]
fn joint_connectivity_records_the_spread_of_its_draws() {
    let smooth: fn(&[f32], usize) -> Vec<f32> =
        |weights, image| vec![(8.0 * weights[0] - image as f32 * 2.0).sin(), 0.0];
    let known = || {
        let logits = |w: f32| crate::said(2, &(0..4).flat_map(|i| smooth(&[w], i)).collect::<Vec<f32>>());
        let records = [0.0, 0.5, 2.0].map(logits).to_vec();
        Known { says: smooth, ..Known::of(&[&[0.0], &[0.5], &[2.0]], records, 2, &[0; 4]) }
    };
    let probe = JointConnectivity { data: DataRef::test(), draws: 9, mixing: Mixing::Plain };
    let mut lab = known();
    let record = probe.run(&mut lab).unwrap();
    let right = |w: f32| (0..4).filter(|&i| smooth(&[w], i)[0] >= 0.0).count() as f64 / 4.0;
    let seeds = SeedTree::root(1).child("lambda");
    let q: Vec<f64> = (0..9)
        .map(|draw| {
            let point = Simplex::dirichlet(3, &seeds.index(draw));
            let own = point.weights().iter().zip([0.0, 0.5, 2.0]).map(|(weight, w)| weight * right(w));
            right(lab.evaluated[draw as usize][0]) - own.sum::<f64>()
        })
        .collect();
    let mean = q.iter().sum::<f64>() / 9.0;
    let sd = (q.iter().map(|q| (q - mean).powi(2)).sum::<f64>() / 8.0).sqrt();
    assert!(sd > 0.1, "{sd}");
    assert_eq!(crate::names(&record), ["joint-connectivity", "joint-connectivity-sd"]);
    assert!((record.scalars["joint-connectivity"] - mean).abs() < 1e-15);
    assert!((record.scalars["joint-connectivity-sd"] - sd).abs() < 1e-15);
}
