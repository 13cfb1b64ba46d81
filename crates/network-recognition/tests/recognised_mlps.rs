//! Perceptrons: which layers have biases, what normalises, which widths agree, how layers are called.

use crate::forward::{Rows, add, gelu, random_rows};
use crate::layers::{Function, Kind, Net, draw, relu, with};
use crate::recognised::{by_name, check, check_if_any, check_or_asked, is_found_again, never_wrong, untold};
use network_recognition::recognise::{Told, Unrecognised, recognise, residual_mlp_of};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    /// `0`, `2`, …: activations have the numbers between; normalisations take one more.
    Sequential,
    /// The same in a module.
    InModule,
    /// `fc1`, `bn1`, `fc2`, ….
    Numbered,
    /// `layers.0`, `layers.1`, …, and `norms.0`, ….
    Lists,
}

#[derive(Clone, Debug)]
struct Mlp {
    names: Names,
    /// All widths, the input's and the output's among them.
    widths: Vec<usize>,
    kind: Kind,
    biases: Vec<bool>,
    /// Whether layers of equal width are added to what they read.
    skips: bool,
}

impl Mlp {
    fn layer(&self, i: usize) -> [String; 2] {
        let step = if self.kind == Kind::None { 2 } else { 3 };
        match self.names {
            Names::Sequential => [format!("{}", step * i), format!("{}", step * i + 1)],
            Names::InModule => [format!("net.{}", step * i), format!("net.{}", step * i + 1)],
            Names::Numbered => [format!("fc{}", i + 1), format!("bn{}", i + 1)],
            Names::Lists => [format!("layers.{i}"), format!("norms.{i}")],
        }
    }

    fn run(&self, net: &Net<'_>) -> Rows {
        let mut x = random_rows(3, self.widths[0], 5);
        let count = self.widths.len() - 1;
        for i in 0..count {
            let [layer, norm] = self.layer(i);
            let mut y = net.dense(&layer, &x, self.widths[i + 1], self.biases[i % self.biases.len()]);
            if i + 1 < count {
                y = relu(&net.norm_rows(&norm, self.kind, &y));
            }
            x = if self.skips && x[0].len() == y[0].len() { add(&x, &y) } else { y };
        }
        x
    }

    fn groups(&self) -> Option<usize> {
        match self.kind {
            Kind::Groups(groups) => Some(groups),
            Kind::Layer => Some(1),
            _ => None,
        }
    }
}

fn mlps(equal: bool) -> impl Strategy<Value = Mlp> {
    let names = prop_oneof![
        Just(Names::Sequential),
        Just(Names::InModule),
        Just(Names::Numbered),
        Just(Names::Lists)
    ];
    let kinds = prop_oneof![
        2 => Just(Kind::None),
        1 => Just(Kind::Batch),
        1 => Just(Kind::Layer),
        1 => (1usize..4).prop_map(Kind::Groups)
    ];
    let hidden = prop::collection::vec(1usize..5, 1..12);
    let biases = prop::collection::vec(any::<bool>(), 1..4);
    (names, kinds, hidden, biases, any::<bool>()).prop_map(move |(names, kind, hidden, biases, skips)| {
        // All widths differ, unless they may agree.
        let width = |(i, w): (usize, usize)| if equal { 12 * w } else { 12 + 12 * i };
        let hidden = hidden.into_iter().enumerate().map(width);
        let widths = [7].into_iter().chain(hidden).chain([5]).collect();
        // Lists of numbers alone name no skip connections.
        let skips = skips && equal && matches!(names, Names::Numbered | Names::Lists);
        Mlp { names, widths, kind, biases, skips }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn perceptrons_of_distinct_widths_are_recognised_in_any_order(mlp in mlps(false), seed in 0u64..1000) {
        let function: Function<'_> = &|net| mlp.run(net);
        let hidden = mlp.widths.len() - 2;
        let told = Told { groups: mlp.groups(), ..untold() };
        if mlp.names == Names::Lists && mlp.kind != Kind::None {
            // How two lists are read side by side does not have to show.
            never_wrong(&format!("{mlp:?}"), function, &[told]);
            return Ok(());
        }
        for spec in check(&format!("{mlp:?}"), &[function], &told, seed) {
            // Groups that move within themselves have permutations of their own.
            match mlp.kind {
                Kind::Groups(groups) if groups > 1 => prop_assert!(spec.permutations().len() >= hidden),
                _ => prop_assert_eq!(spec.permutations().len(), hidden, "{:?}", mlp),
            }
        }
        check_or_asked(&format!("{mlp:?}"), &[function], &untold(), seed);
    }

    #[test]
    fn perceptrons_of_equal_widths_keep_their_function_or_ask(mlp in mlps(true), seed in 0u64..1000) {
        let function: Function<'_> = &|net| mlp.run(net);
        for told in [Told { groups: mlp.groups(), ..untold() }, untold()] {
            for found in check_if_any(&format!("{mlp:?}"), &[function], &told, seed) {
                if let Err(refused) = found {
                    prop_assert!(matches!(refused, Unrecognised::Open { .. } | Unrecognised::Unknown { .. }),
                        "{:?} {:?}", mlp, refused);
                }
            }
        }
    }

    #[test]
    fn perceptrons_of_equal_widths_are_recognised_in_the_order_told(mut mlp in mlps(true), seed in 0u64..1000) {
        mlp.skips = false;
        let function: Function<'_> = &|net| mlp.run(net);
        let hidden = mlp.widths.len() - 2;
        let order = (0..=hidden).map(|i| mlp.layer(i)[0].clone());
        let order = match mlp.names {
            // The order is that of the outermost layers.
            Names::Lists => return Ok(()),
            _ => order.collect(),
        };
        let told = Told { groups: mlp.groups(), order: Some(order), ..untold() };
        let name = format!("{mlp:?}");
        let specs = match mlp.kind {
            Kind::None => check(&name, &[function], &told, seed).to_vec(),
            // Sorted by name, normalisations do not stand behind the layers they belong to.
            _ => check_if_any(&name, &[function], &told, seed)
                .into_iter().take(1).map(|found| found.unwrap().spec).collect(),
        };
        for spec in specs {
            prop_assert!(spec.permutations().len() >= hidden, "{:?}", mlp);
        }
    }
}

#[test]
fn layers_of_one_width_are_asked_for_and_right_when_told() {
    for count in 2..6 {
        let mut widths = vec![8; count + 1];
        widths[0] = 7;
        let mlp = Mlp { names: Names::Numbered, widths, kind: Kind::None, biases: vec![true], skips: false };
        let function: Function<'_> = &|net| mlp.run(net);
        let net = draw(function, 0);
        for (net, told) in [(net.clone(), untold()), by_name(&net, &untold())] {
            let refused = recognise(&net, &told).unwrap_err();
            assert!(matches!(refused, Unrecognised::Open { .. }), "{count}: {refused}");
            assert!(refused.to_string().contains("--order fc1,fc2"), "{refused}");
        }
        let order = (1..=count).map(|i| format!("fc{i}")).collect();
        let told = Told { order: Some(order), ..untold() };
        for spec in check("told", &[function], &told, 1) {
            assert_eq!(spec.permutations().len(), count - 1);
            assert!(is_found_again(&spec, function, 1));
        }
        let wrong = Told { order: Some(vec!["fc2".into()]), ..untold() };
        assert!(matches!(recognise(&net, &wrong), Err(Unrecognised::Told { .. })));
    }
}

/// Blocks that add, gate, or both, with names that say nothing of it.
fn stream(net: &Net<'_>, width: usize, hidden: usize, blocks: usize, variant: usize) -> Rows {
    let x = random_rows(3, 7, 5);
    let mut x = net.dense("input", &x, width, true);
    for i in 0..blocks {
        let name = |part: &str| match variant & 1 {
            0 => format!("blocks.{i}.{part}"),
            _ => format!("block{i}_{part}"),
        };
        let hidden = match variant >> 1 & 3 {
            0 => gelu(&net.dense(&name("up"), &x, hidden, true)),
            1 => {
                let x = net.layer_norm(&name("norm"), &x);
                gelu(&net.dense(&name("up"), &x, hidden, true))
            }
            _ => {
                let gate = gelu(&net.dense(&name("gate"), &x, hidden, false));
                with(&gate, &net.dense(&name("up"), &x, hidden, false), |g, u| g * u)
            }
        };
        let y = net.dense(&name("down"), &hidden, width, variant & 8 == 0);
        x = if variant & 16 == 0 { add(&x, &y) } else { y };
    }
    net.dense("output", &x, 5, true)
}

#[test]
fn streams_and_gates_without_known_names_are_never_wrong() {
    let (mut found, mut asked) = (0, 0);
    for variant in 0..32 {
        for (width, hidden) in [(8, 8), (8, 12), (8, 4), (6, 24)] {
            for blocks in 1..4 {
                let function: Function<'_> = &|net| stream(net, width, hidden, blocks, variant);
                let name = format!("stream {width} {hidden} {blocks} {variant:05b}");
                for answer in check_if_any(&name, &[function], &untold(), variant as u64) {
                    *(if answer.is_ok() { &mut found } else { &mut asked }) += 1;
                }
            }
        }
    }
    assert!(found > asked, "{found} recognised, {asked} not");
}

#[test]
fn residual_perceptrons_are_right_when_told_to_be() {
    for blocks in 1..4 {
        for (width, hidden) in [(8, 8), (8, 5)] {
            let function: Function<'_> = &|net| {
                let mut x = net.dense("0", &random_rows(3, 7, 5), width, true);
                for i in 0..blocks {
                    let y = gelu(&net.dense(&format!("{}", 2 * i + 1), &x, hidden, i == 0));
                    x = add(&x, &net.dense(&format!("{}", 2 * i + 2), &y, width, true));
                }
                net.dense(&format!("{}", 2 * blocks + 1), &x, 5, true)
            };
            let net = draw(function, 0);
            for (net, ordered) in [(net.clone(), true), (by_name(&net, &untold()).0, false)] {
                let spec = residual_mlp_of(&net, ordered).unwrap().spec;
                assert_eq!(spec.permutations().len(), 1 + blocks);
                crate::recognised::keeps("residual", &spec, &net, &[function], 0);
                assert!(is_found_again(&spec, function, 1));
            }
            // And not told, whatever is found is right.
            let _ = check_if_any("residual", &[function], &untold(), 0);
        }
    }
}
