//! What is kept from step to step stays what the weights say.

use super::*;
use crate::matching::checked;
use crate::moves::Move;
use crate::objective::inner_product;
use crate::restarts::arranged;
use basin_core::{Array, Rng};

/// So many units for every permutation, an odd number of entries for every axis that keeps its order.
fn random_network(spec: &PermutationSpec, units: usize, seed: u64) -> Params {
    let network = spec.iter().map(|(name, axes)| {
        let segments = (0..axes.len()).map(|axis| spec.segments(name, axis).unwrap().len());
        let shape: Vec<usize> = segments.map(|n| if n > 0 { units * n } else { 3 }).collect();
        let mut rng = SeedTree::root(seed).child(name).rng();
        let values = (0..shape.iter().product()).map(|_| rng.normal() as f32).collect();
        (name.to_owned(), Array::new(shape, values).unwrap())
    });
    network.collect()
}

/// Convolutions with shortcuts, attention, and layers behind each other; numbers of units that fill no panel, and more than
/// one.
fn cases() -> Vec<(PermutationSpec, usize)> {
    let chain = PermutationSpec::builder().dense("a", None, Some("p")).dense("b", Some("p"), Some("q"));
    let chain = chain.dense("c", Some("q"), None).build();
    vec![
        (PermutationSpec::resnet(20).unwrap(), 21),
        (PermutationSpec::vit(2, 3).unwrap(), 21),
        (PermutationSpec::vit(1, 5).unwrap(), 40),
        (chain.unwrap(), 53),
        (PermutationSpec::resnet(20).unwrap(), 1),
    ]
}

/// Leaves a permutation, changes two to five places of it, or all.
fn change(permutation: &mut [usize], rng: &mut Rng) -> bool {
    let before = permutation.to_vec();
    match rng.below(4) {
        0 => rng.shuffle(permutation),
        1 => {}
        _ => (0..1 + rng.below(3)).for_each(|_| {
            let mut draw = || rng.below(before.len() as u32) as usize;
            let (one, two) = (draw(), draw());
            permutation.swap(one, two);
        }),
    }
    *permutation != *before
}

#[test]
fn products_and_gains_are_those_of_the_weights_after_any_changes() {
    for (spec, units) in cases() {
        let (a, b) = (random_network(&spec, units, 1), random_network(&spec, units, 2));
        let checked = checked(&spec, &a, &b).unwrap();
        let mut descent = Descent::new(&spec, &checked, &a, &b, 0.0, Reuse::Yes);
        let mut whole = Descent::new(&spec, &checked, &a, &b, 0.0, Reuse::No);
        let (mut rng, mut scratch) = (SeedTree::root(3).rng(), Scratch::default());
        let (mut parts, mut wholes, mut none) = (0, 0, 0);
        for _ in 0..12 {
            let State { permutations, versions } = &mut descent.state;
            for (permutation, version) in permutations.iter_mut().zip(versions) {
                *version += u64::from(change(permutation, &mut rng));
            }
            let state = &descent.state;
            let blocks = descent.blocks.iter_mut().flatten().zip(whole.blocks.iter_mut().flatten());
            for (block, anew) in blocks {
                let all = anew.bring_up_to_date(state, false, &mut scratch);
                match block.bring_up_to_date(state, true, &mut scratch) {
                    0 => none += 1,
                    work if work < all => parts += 1,
                    _ => wholes += 1,
                }
                let (mut found, mut expected) = (vec![0.0; units * units], vec![0.0; units * units]);
                block.add_to(&mut found);
                anew.add_to(&mut expected);
                for (found, expected) in found.iter().zip(&expected) {
                    assert!((found - expected).abs() < 2e-4, "{found} {expected} of {units}");
                }
                // A cycle of three units, if there are as many: what it is worth, three times over.
                let mut draw = || rng.below(units as u32) as usize;
                let (i, j, k) = (draw(), draw(), draw());
                let moves: Vec<Move> =
                    [(i, j, k), (j, k, i), (k, i, j)].map(|(unit, old, new)| Move { unit, old, new }).into();
                let direct: f64 =
                    moves.iter().map(|m| found[m.unit * units + m.new] - found[m.unit * units + m.old]).sum();
                let exact = block.gain_of(&moves, state);
                assert!((exact - direct).abs() < 1e-3, "{exact} {direct}");
                if i != j && j != k && k != i {
                    assert!(
                        (exact - direct).abs() <= block.doubt(),
                        "{exact} {direct}, in doubt by {}",
                        block.doubt()
                    );
                    assert!(block.doubt() > 0.0 && block.doubt().is_finite());
                }
            }
            let arranged = arranged_as(&descent, &spec, &b);
            let objective = descent.objective();
            assert_eq!(objective, inner_product(&spec, &a, &arranged), "to the last bit");
        }
        // Every way to bring a product up to date was gone, where there are several.
        assert!(units == 1 || parts > 5 && wholes > 5 && none > 0, "{parts} {wholes} {none}");
    }
}

/// The target as the descent has it arranged. Its permutations may tear heads apart, which is nothing to products.
fn arranged_as(descent: &Descent<'_>, spec: &PermutationSpec, target: &Params) -> Params {
    if spec.groups().is_empty() {
        return arranged(spec, target, &descent.permutations());
    }
    let sizes = descent.names.iter().zip(&descent.state.permutations);
    let sizes = sizes.map(|(name, permutation)| (name.clone(), permutation.len())).collect();
    let order = |name: &str, axis: usize, len: usize| {
        let runs = runs(&spec.segments(name, axis).unwrap(), len, &sizes, &spec.ids());
        permutation_spec::axis::order(&runs, |p| &descent.state.permutations[p])
    };
    let arrays = target.iter().map(|(name, array)| {
        let shape = array.shape();
        let mut values = array.data().to_vec();
        for axis in 0..shape.len() {
            let (inner, order) =
                (shape[axis + 1..].iter().product::<usize>(), order(name, axis, shape[axis]));
            let slab = shape[axis] * inner;
            values = (0..values.len())
                .map(|at| values[at / slab * slab + order[at % slab / inner] * inner + at % inner])
                .collect();
        }
        (name.to_owned(), Array::new(shape.to_vec(), values).unwrap())
    });
    arrays.collect()
}
