//! Averages of aligned networks.

use crate::networks::{inner_product, random_network};
use basin_core::{Params, ParamsError};
use weight_matching::{AverageError, interpolate, mean, slerp};

#[test]
fn the_mean_is_that_of_the_definition_in_any_number() {
    let networks: Vec<Params> = (0..5).map(|seed| random_network(&[4, 6, 3], seed)).collect();
    let all: Vec<&Params> = networks.iter().collect();
    let average = mean(&all).unwrap();
    for (name, array) in average.iter() {
        for (at, &value) in array.data().iter().enumerate() {
            let sum: f64 = networks.iter().map(|n| f64::from(n.get(name).unwrap().data()[at])).sum();
            assert!((f64::from(value) - sum / 5.0).abs() < 1e-7);
        }
    }
    // Sums of such weights overflow f32.
    let huge = networks[0].map(|_, w| vec![3e38; w.len()]);
    assert_eq!(mean(&[&huge, &huge, &huge]).unwrap(), huge);
    assert_eq!(mean(&all[..1]).unwrap(), networks[0]);
}

#[test]
fn interpolation_joins_its_ends_bit_for_bit() {
    let (a, b) = (random_network(&[4, 6, 3], 0), random_network(&[4, 6, 3], 1));
    for between in [interpolate, slerp] {
        assert_eq!(between(&a, &b, 0.0).unwrap(), a);
        assert_eq!(between(&a, &b, 1.0).unwrap(), b);
        assert!(between(&a, &a, 0.3).unwrap().l2_distance(&a).unwrap() < 1e-6);
    }
    let middle = interpolate(&a, &b, 0.25).unwrap();
    let (first, second) = (a.get("0.weight").unwrap().data()[5], b.get("0.weight").unwrap().data()[5]);
    let expected = 0.75 * f64::from(first) + 0.25 * f64::from(second);
    assert!((f64::from(middle.get("0.weight").unwrap().data()[5]) - expected).abs() < 1e-7);
}

#[test]
fn an_arc_keeps_norm_and_turns_evenly() {
    let norm = |net: &Params| inner_product(net, net).sqrt();
    let scaled = |net: Params| net.map(|_, w| w.iter().map(|x| x / norm(&net) as f32).collect());
    let a = scaled(random_network(&[4, 6, 3], 0));
    let b = scaled(random_network(&[4, 6, 3], 1));
    let angle = |x: &Params, y: &Params| (inner_product(x, y) / (norm(x) * norm(y))).acos();
    let whole = angle(&a, &b);
    for t in [0.1, 0.25, 0.5, 0.8] {
        let point = slerp(&a, &b, t).unwrap();
        assert!((norm(&point) - 1.0).abs() < 1e-6, "{t}");
        assert!((angle(&a, &point) - t * whole).abs() < 1e-5, "{t}");
        assert!(norm(&interpolate(&a, &b, t).unwrap()) < 0.99);
    }
}

/// Squares of such weights overflow f32, and so may the arc itself, which bulges.
#[test]
fn huge_weights_have_an_arc_where_f32_holds_it() {
    let half = |w: &[f32], low: f32| (0..w.len()).map(|i| if i % 2 == 0 { 3e38 } else { low }).collect();
    let net = random_network(&[4, 6, 2], 0);
    let (a, b) = (net.map(|_, w| half(w, 1e38)), net.map(|_, w| half(w, -1e38)));
    let middle = slerp(&a, &b, 0.5).unwrap();
    assert!(middle.first_non_finite().is_none());
    // The angle is 2 atan(1/3): the middle is (a + b) / 2 made longer by 1 / cos(atan(1/3)) = √10 / 3.
    let expected = 3e38 * 10f64.sqrt() / 3.0;
    assert!((f64::from(middle.get("0.weight").unwrap().data()[0]) / expected - 1.0).abs() < 1e-6);
    assert_eq!(middle.get("0.weight").unwrap().data()[1], 0.0);
    let (a, b) = (net.map(|_, w| half(w, 3e38)), net.map(|_, w| half(w, -3e38)));
    assert_eq!(slerp(&a, &b, 0.5), Err(AverageError::Overflow { parameter: "0.weight".into() }));
    assert_eq!(slerp(&a, &b, 1.0).unwrap(), b);
    assert!(interpolate(&a, &b, 0.5).unwrap().first_non_finite().is_none());
}

#[test]
fn averages_that_do_not_exist_are_refused() {
    let (a, wide) = (random_network(&[2, 3, 2], 0), random_network(&[2, 4, 2], 0));
    assert_eq!(mean(&[]), Err(AverageError::Empty));
    assert!(matches!(mean(&[&a, &wide]), Err(AverageError::Layout(ParamsError::Mismatch { .. }))));
    assert!(matches!(slerp(&a, &wide, 0.5), Err(AverageError::Layout(_))));
    for t in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        assert!(matches!(interpolate(&a, &a, t), Err(AverageError::Position { .. })), "{t}");
        assert!(matches!(slerp(&a, &a, t), Err(AverageError::Position { .. })), "{t}");
    }
    let mut broken = a.clone();
    broken.iter_mut().next().unwrap().1.data_mut()[0] = f32::NAN;
    let expected = AverageError::NonFinite { network: 1, parameter: "0.weight".into() };
    assert_eq!(mean(&[&a, &broken]), Err(expected.clone()));
    assert_eq!(interpolate(&a, &broken, 0.5), Err(expected));
    let opposite = a.map(|_, w| w.iter().map(|x| -x).collect());
    let zero = a.map(|_, w| vec![0.0; w.len()]);
    assert!(matches!(slerp(&a, &opposite, 0.5), Err(AverageError::NoArc { .. })));
    assert!(matches!(slerp(&a, &zero, 0.5), Err(AverageError::NoArc { cosine }) if cosine.is_nan()));
}
