//! What names do to recognition: names that mean something in one place and nothing in another, arrays beside the layers,
//! answers to questions that a network does not ask, and files that call their arrays whatever they like.

use crate::forward::{Rows, random_rows};
use crate::layers::{Kind, Net, draw, relu, with};
use crate::recognised::{check, never_wrong, untold};
use basin_core::{Array, Params};
use network_recognition::recognise::{Told, Unrecognised, recognise};

/// `w1`, `w2`, `w3` are the layers of a gated unit in a feed-forward module, and three layers anywhere else.
#[test]
fn numbers_of_layers_are_no_gate() {
    let chain = |net: &Net<'_>| -> Rows {
        let x = relu(&net.dense("w1", &random_rows(3, 8, 1), 8, true));
        net.dense("w3", &relu(&net.dense("w2", &x, 8, true)), 8, true)
    };
    never_wrong("three layers", &chain, &[]);
    let gated = |net: &Net<'_>| -> Rows {
        let x = net.dense("embed_in", &random_rows(3, 5, 1), 8, true);
        let gate = relu(&net.dense("feed_forward.w1", &x, 12, false));
        let product = with(&gate, &net.dense("feed_forward.w3", &x, 12, false), |a, b| a * b);
        net.dense("out", &net.dense("feed_forward.w2", &product, 8, false), 4, true)
    };
    for spec in check("gated unit", &[&gated], &untold(), 0) {
        assert_eq!(
            spec.axes("feed_forward.w1.weight").unwrap()[0],
            spec.axes("feed_forward.w3.weight").unwrap()[0]
        );
        assert!(spec.axes("feed_forward.w1.weight").unwrap()[0].is_some());
    }
}

/// An array beside the layers may belong to any values of its width, such as the deviations of a policy's actions.
#[test]
fn arrays_beside_layers_belong_to_all_values_of_their_width() {
    let function = |net: &Net<'_>| -> Rows {
        let deviations = net.array("log_std", &[8]);
        let x = relu(&net.dense("fc1", &random_rows(3, 5, 1), 8, true));
        let mut actions = net.dense("fc2", &x, 8, true);
        actions.push(deviations);
        actions
    };
    let told = Told { order: Some(vec!["fc1".into(), "fc2".into()]), ..untold() };
    never_wrong("policy", &function, &[told]);
}

#[test]
fn answers_to_questions_that_a_network_does_not_ask_are_told() {
    let function = |net: &Net<'_>| -> Rows {
        net.dense("2", &relu(&net.dense("0", &random_rows(3, 5, 1), 8, true)), 4, true)
    };
    let told = Told { heads: Some(4), groups: Some(2), ..untold() };
    let notes = recognise(&draw(&function, 0), &told).unwrap().notes.join("\n");
    for flag in ["--heads plays no part", "--groups plays no part"] {
        assert!(notes.contains(flag), "{notes}");
    }
}

#[test]
fn groups_that_do_not_divide_the_channels_are_refused() {
    let function = |net: &Net<'_>| -> Rows {
        let x = net.norm_rows("1", Kind::Layer, &net.dense("0", &random_rows(3, 5, 1), 8, true));
        net.dense("3", &relu(&x), 4, true)
    };
    let told = Told { groups: Some(3), ..untold() };
    let refused = recognise(&draw(&function, 0), &told).unwrap_err();
    assert!(matches!(refused, Unrecognised::Told { .. }), "{refused}");
}

/// A file may name its arrays as it likes: neither the depth nor the number of its modules exhausts anything.
#[test]
fn names_of_any_depth_and_number_are_no_trouble() {
    let array = |shape: &[usize]| Array::full(shape.to_vec(), 0.5);
    let deep = format!("{}weight", "a.".repeat(200_000));
    let net: Params = [(deep, array(&[4, 3]))].into_iter().collect();
    assert!(recognise(&net, &untold()).is_err());
    let wide: Params = (0..3000).map(|i| (format!("l{i}.weight"), array(&[4, 4]))).collect();
    for ordered in [true, false] {
        let told = Told { ordered, ..Told::default() };
        assert!(matches!(recognise(&wide, &told), Err(Unrecognised::Open { .. })), "ordered: {ordered}");
    }
}

/// Every level of these modules can be taken in two ways, and the last one shows that both are wrong.
#[test]
fn ways_that_double_at_every_level_come_to_an_end() {
    let array = |shape: &[usize]| Array::full(shape.to_vec(), 0.5);
    let mut net: Params = [("first.weight".to_owned(), array(&[4, 3]))].into_iter().collect();
    for depth in 0..48 {
        let module = format!("m.{}", "a.".repeat(depth));
        net.insert(format!("{module}fc.weight"), array(&[4, 4]));
        net.insert(format!("{module}skip.weight"), array(&[9, 4]));
    }
    assert!(recognise(&net, &untold()).is_err());
}
