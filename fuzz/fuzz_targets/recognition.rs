//! Networks told by names and shapes, a line for each array: a spec that fits, under which the recognised network computes the
//! same, or a refusal.
#![no_main]

use basin_fuzz::{USUAL, bounded, told};
use libfuzzer_sys::fuzz_target;
use weight_matching::network::check;
use weight_matching::recognise::{Padding, Told, recognise};
use weight_matching::{Array, Params, Permutation, Permutations, Rng, SeedTree, apply};

/// Most values of a network, and most of its arrays.
const MOST: usize = 1 << 13;
const ARRAYS: usize = 64;

fuzz_target!(|text: &str| {
    let (first, lines) = text.split_once('\n').unwrap_or_default();
    let Some(params) = network(lines) else { return };
    let told = what_is_told(first, &params);
    bounded(text.len(), USUAL, || tried(&params, &told));
});

/// The first line: numbers of heads and groups, the order of the file, the padding.
fn what_is_told(line: &str, params: &Params) -> Told {
    let mut words = line.split(' ');
    let mut number = || words.next().and_then(|word| word.parse().ok());
    let (heads, groups) = (number(), number());
    let outermost = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
    let mut order: Vec<String> = params.iter().map(|(name, _)| outermost(name)).collect();
    order.dedup();
    let padding = match line.bytes().last() {
        Some(b'n') => Some(Padding::None),
        Some(b'b') => Some(Padding::Both),
        Some(b'z') => Some(Padding::Behind),
        _ => None,
    };
    Told { ordered: line.contains('o'), heads, groups, order: line.contains('r').then_some(order), padding }
}

/// A line is a name and its extents.
fn network(lines: &str) -> Option<Params> {
    let mut left = MOST;
    let mut rng = SeedTree::root(0).rng();
    let array = |line: &str| -> Option<(String, Array)> {
        let (name, extents) = line.split_once(' ').unwrap_or((line, ""));
        let extents = extents.split(' ').filter(|extent| !extent.is_empty());
        let shape = extents.map(|extent| extent.parse().ok()).collect::<Option<Vec<usize>>>()?;
        let values =
            shape.iter().try_fold(1usize, |n, extent| n.checked_mul(*extent).filter(|n| *n <= MOST))?;
        left = left.checked_sub(values.max(1))?;
        let values = (0..values).map(|_| rng.below(1000) as f32 / 500.0 - 1.0).collect();
        Some((name.to_owned(), Array::new(shape, values).ok()?))
    };
    lines.lines().take(ARRAYS).map(array).collect()
}

fn tried(params: &Params, what: &Told) {
    let found = match recognise(params, what) {
        Ok(found) => found,
        Err(error) => return told(&error),
    };
    let sizes = found.spec.validate(params).expect("the spec fits the network it is of");
    let mut rng = SeedTree::root(1).rng();
    let drawn: Permutations = match found.spec.groups().is_empty() {
        true => sizes.iter().map(|(name, units)| (name.clone(), shuffled(*units, &mut rng))).collect(),
        // Units of attention move within their heads: what a search does, and others test.
        false => Permutations::identity(&sizes),
    };
    let moved = apply(&found.spec, params, &drawn).expect("permutations of the right sizes");
    let checked = check(std::slice::from_ref(&found.program), params, &moved, 1).expect("its own weights");
    assert!(checked.same() || !checked.finite, "{checked:?}");
}

fn shuffled(units: usize, rng: &mut Rng) -> Permutation {
    let mut order: Vec<usize> = (0..units).collect();
    (1..units).rev().for_each(|i| order.swap(i, rng.below(i as u32 + 1) as usize));
    Permutation::new(order).expect("a bijection")
}
