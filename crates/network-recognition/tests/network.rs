//! Networks wired by hand: random permutations of their specs leave what they compute as it is.

use crate::networks::random_permutations;
use basin_core::{Array, Params, SeedTree};
use network_recognition::network::{Norm, Program, Value, Wiring, WiringError, check};
use permutation_spec::{PermutationSpec, apply};

/// Standard normal values, except that scales are positive.
pub(crate) fn random(shapes: &[(&str, &[usize])], seed: u64) -> Params {
    let mut rng = SeedTree::root(seed).child("weights").rng();
    let array = |(name, shape): &(&str, &[usize])| {
        let values = (0..shape.iter().product()).map(|_| match name.ends_with("running_var") {
            true => rng.uniform_in(0.5, 2.0) as f32,
            false => rng.normal() as f32,
        });
        let values = values.collect();
        (name.to_string(), Array::new(shape.to_vec(), values).unwrap())
    };
    shapes.iter().map(array).collect()
}

fn same_after_permuting(program: &Program, params: &Params) -> PermutationSpec {
    let spec = program.spec().unwrap();
    let permuted = |seed| apply(&spec, params, &random_permutations(&spec, params, seed)).unwrap();
    assert!((0..5).any(|seed| permuted(seed) != *params), "nothing moved");
    for seed in 0..5 {
        let permuted = permuted(seed);
        let checked = check(std::slice::from_ref(program), params, &permuted, 2).unwrap();
        assert!(checked.same(), "{checked:?}\n{spec:?}");
    }
    spec
}

type Wired = Result<Value, WiringError>;

fn wire(params: &Params, colours: usize, body: impl Fn(&mut Wiring<'_>, Value) -> Wired) -> Program {
    let mut net = Wiring::new(params);
    let input = net.input(colours);
    let output = body(&mut net, input).unwrap();
    net.finish(&[output]).unwrap()
}

#[test]
fn a_convolution_flattens_to_blocks_of_pixels() {
    let params =
        random(&[("conv.weight", &[4, 3, 3, 3]), ("conv.bias", &[4]), ("fc.weight", &[5, 4 * 9])], 0);
    let program = wire(&params, 3, |net, x| {
        let x = net.conv("conv", x)?;
        let x = net.activation(x);
        let x = net.flatten(x, 9);
        net.dense("fc", x)
    });
    let spec = same_after_permuting(&program, &params);
    assert_eq!(spec.permutations().collect::<Vec<_>>(), ["conv.out"]);
}

#[test]
fn a_padded_shortcut_moves_old_channels_with_the_stream() {
    let shapes: &[(&str, &[usize])] =
        &[("a.weight", &[4, 3, 3, 3]), ("b.weight", &[8, 4, 3, 3]), ("fc.weight", &[5, 8])];
    let params = random(shapes, 1);
    for (low, high) in [(2, 2), (0, 4), (1, 3)] {
        let program = wire(&params, 3, |net, x| {
            let x = net.conv("a", x)?;
            let y = net.conv("b", x)?;
            let x = net.pad(x, low, high);
            let sum = net.add(x, y)?;
            let sum = net.activation(sum);
            let sum = net.pool(sum);
            net.dense("fc", sum)
        });
        // The convolution reads what it writes to: those channels cannot be matched, the new ones can.
        let spec = same_after_permuting(&program, &params);
        assert!(!spec.permutations().any(|name| name == "a.out"), "{spec:?}");
    }
}

#[test]
fn grouped_convolutions_move_groups_as_wholes_and_depthwise_ones_channels() {
    let shapes: &[(&str, &[usize])] = &[
        ("a.weight", &[12, 3, 1, 1]),
        ("grouped.weight", &[24, 4, 3, 3]),
        ("depthwise.weight", &[48, 1, 3, 3]),
        ("depthwise.bias", &[48]),
        ("fc.weight", &[5, 48]),
    ];
    let params = random(shapes, 2);
    let program = wire(&params, 3, |net, x| {
        let x = net.conv("a", x)?;
        let x = net.activation(x);
        let x = net.conv("grouped", x)?;
        let x = net.activation(x);
        let x = net.conv("depthwise", x)?;
        let x = net.pool(x);
        net.dense("fc", x)
    });
    let spec = same_after_permuting(&program, &params);
    assert_eq!(spec.permutations().collect::<Vec<_>>(), ["grouped.groups"]);
    assert_eq!(spec.validate(&params).unwrap()["grouped.groups"], 3);
}

#[test]
fn norms_over_groups_keep_channels_in_them() {
    for (norm, width, permutations) in [
        (Norm::Layer, 12, 1),
        (Norm::Groups(3), 12, 3),
        (Norm::Groups(12), 12, 1),
        (Norm::UnknownGroups, 8, 4),
        (Norm::UnknownGroups, 7, 1),
        (Norm::UnknownGroups, 9, 3),
    ] {
        let shapes: &[(&str, &[usize])] = &[
            ("a.weight", &[width, 3, 3, 3]),
            ("norm.weight", &[width]),
            ("norm.bias", &[width]),
            ("fc.weight", &[5, width]),
        ];
        let params = random(shapes, 3);
        let program = wire(&params, 3, |net, x| {
            let x = net.conv("a", x)?;
            let x = net.norm("norm", x, norm)?;
            let x = net.activation(x);
            let x = net.pool(x);
            net.dense("fc", x)
        });
        let spec = same_after_permuting(&program, &params);
        assert_eq!(spec.permutations().len(), permutations, "{norm:?} {width}");
    }
}

#[test]
fn a_check_sees_a_unit_in_the_wrong_place() {
    let params = random(&[("a.weight", &[6, 3, 3, 3]), ("norm.bias", &[6]), ("fc.weight", &[5, 6])], 4);
    let program = wire(&params, 3, |net, x| {
        let x = net.conv("a", x)?;
        let x = net.norm("norm", x, Norm::Layer)?;
        let x = net.pool(x);
        net.dense("fc", x)
    });
    for name in ["a.weight", "norm.bias", "fc.weight"] {
        let mut torn = params.clone();
        let array = torn.iter_mut().find(|(found, _)| *found == name).unwrap().1;
        // Two units change places in this array alone.
        let axis = usize::from(name == "fc.weight");
        let inner: usize = array.shape()[axis + 1..].iter().product();
        let row = array.shape()[axis] * inner;
        for block in array.data_mut().chunks_mut(row) {
            let (left, right) = block.split_at_mut(inner);
            left.swap_with_slice(&mut right[..inner]);
        }
        assert!(!check(std::slice::from_ref(&program), &params, &torn, 1).unwrap().same(), "{name}");
    }
}

#[test]
fn attention_moves_heads_as_wholes_when_told_how_many() {
    let shapes: &[(&str, &[usize])] = &[
        ("embed.weight", &[20, 12]),
        ("attn.qkv.weight", &[36, 12]),
        ("attn.proj.weight", &[12, 12]),
        ("head.weight", &[5, 12]),
    ];
    let params = random(shapes, 5);
    for (heads, expected) in [(Some(3), &["embed.out", "attn.qk", "attn.vo"][..]), (None, &["embed.out"][..])]
    {
        let mut net = Wiring::new(&params);
        let x = net.embed("embed.weight").unwrap();
        let packed = net.dense("attn.qkv", x).unwrap();
        let qkv: [Value; 3] = net.split(packed, &[12; 3]).unwrap().try_into().unwrap();
        let y = net.attention("attn", qkv, heads, false).unwrap();
        let y = net.dense("attn.proj", y).unwrap();
        let x = net.add(x, y).unwrap();
        let x = net.pool(x);
        let output = net.dense("head", x).unwrap();
        let program = net.finish(&[output]).unwrap();
        let spec = same_after_permuting(&program, &params);
        assert_eq!(spec.permutations().collect::<Vec<_>>(), expected);
        assert_eq!(spec.groups().len(), usize::from(heads.is_some()));
    }
}
