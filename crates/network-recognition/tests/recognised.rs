//! What every recognised network must keep: any permutation of its spec leaves its function as it was, whatever is
//! true of what its file does not show.

use crate::forward::largest_difference;
use crate::layers::{Function, draw, run};
use crate::networks::random_permutations;
use basin_core::{Params, SeedTree};
use network_recognition::recognise::{Recognised, Told, Unrecognised, recognise};
use permutation_spec::{PermutationSpec, Permutations, apply};
use weight_matching::{MatchingOptions, weight_matching};

/// Largest difference between the outputs of a network and of its permuted self, relative to the largest output:
/// sums in f64 in another order. The largest measured over all tests is 6.1e-15.
const ROUNDING: f64 = 1e-13;

/// Smallest change of outputs when one matrix stays behind; the smallest measured is 3.3e-5.
const STAYED: f64 = 1e-6;

/// Nothing told, arrays in the order of the code.
pub(crate) fn untold() -> Told {
    Told { ordered: true, ..Told::default() }
}

/// Arrays sorted by name, as safetensors files hold them, and the same told of them otherwise.
pub(crate) fn by_name(net: &Params, told: &Told) -> (Params, Told) {
    let mut sorted: Vec<_> = net.iter().map(|(name, array)| (name.to_owned(), array.clone())).collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    (sorted.into_iter().collect(), Told { ordered: false, ..told.clone() })
}

/// Permutations of which some move.
fn moving(spec: &PermutationSpec, net: &Params, seed: u64) -> Permutations {
    let some = |permutations: &Permutations| permutations.iter().any(|(_, p)| !p.is_identity());
    let mut all = (0..50).map(|i| random_permutations(spec, net, 50 * seed + i)).filter(some);
    all.next().unwrap_or_else(|| panic!("nothing moves: {spec:?}"))
}

/// Checks a spec of a network by everything that it may compute, and that one matrix left behind changes it.
pub(crate) fn keeps(name: &str, spec: &PermutationSpec, net: &Params, functions: &[Function<'_>], seed: u64) {
    let sizes = spec.validate(net).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(!sizes.is_empty() && spec.len() == net.len(), "{name}: {} of {}", spec.len(), net.len());
    let permutations = moving(spec, net, seed);
    let moved = apply(spec, net, &permutations).unwrap();
    let matrices: Vec<&str> = net
        .iter()
        .filter(|(name, array)| array.shape().len() > 1 && moved.get(name) != Some(*array))
        .map(|(name, _)| name)
        .collect();
    assert!(!matrices.is_empty(), "{name}: no matrix moves");
    let behind = matrices[SeedTree::root(seed).child(name).rng().below(matrices.len() as u32) as usize];
    let mut stayed = moved.clone();
    stayed.insert(behind.to_owned(), net.get(behind).unwrap().clone());
    for (which, function) in functions.iter().enumerate() {
        let before = run(function, net);
        let largest = before.iter().flatten().fold(0.0f64, |m, x| m.max(x.abs()));
        let change = |net: &Params| largest_difference(&before, &run(function, net)) / largest;
        let difference = change(&moved);
        assert!(largest.is_finite() && difference < ROUNDING, "{name}, {which}: {difference:.1e} {spec:#?}");
        let difference = change(&stayed);
        assert!(difference > STAYED, "{name}, {which}: {behind} may stay behind: {difference:.1e}");
    }
}

/// Recognises what the first function has drawn, in the order of its code and sorted by name, and checks both.
pub(crate) fn check(name: &str, functions: &[Function<'_>], told: &Told, seed: u64) -> [PermutationSpec; 2] {
    let net = draw(functions[0], seed);
    let (sorted, unordered) = by_name(&net, told);
    [("ordered", &net, told), ("by name", &sorted, &unordered)].map(|(order, net, told)| {
        let name = format!("{name}, {order}");
        let found = recognise(net, told).unwrap_or_else(|error| panic!("{name}: {error}"));
        keeps(&name, &found.spec, net, functions, seed);
        found.spec
    })
}

/// The same where nothing may be recognised; answers with what was.
pub(crate) fn check_if_any(
    name: &str,
    functions: &[Function<'_>],
    told: &Told,
    seed: u64,
) -> [Result<Recognised, Unrecognised>; 2] {
    let net = draw(functions[0], seed);
    let (sorted, unordered) = by_name(&net, told);
    [("ordered", &net, told), ("by name", &sorted, &unordered)].map(|(order, net, told)| {
        let found = recognise(net, told);
        if let Ok(found) = &found {
            keeps(&format!("{name}, {order}"), &found.spec, net, functions, seed);
        }
        found
    })
}

/// The same where units may all be held by what is not told, and then it must be asked for.
pub(crate) fn check_or_asked(name: &str, functions: &[Function<'_>], told: &Told, seed: u64) {
    for found in check_if_any(name, functions, told, seed) {
        let fine = matches!(found, Ok(_) | Err(Unrecognised::Open { .. }));
        assert!(fine, "{name}: {}", found.unwrap_err());
    }
}

/// Whatever is answered with nothing told, and with each of these, leaves the function as it was; how many answers.
pub(crate) fn never_wrong(name: &str, function: Function<'_>, told: &[Told]) -> usize {
    let mut found = 0;
    for (seed, told) in told.iter().chain([&untold()]).enumerate() {
        let answers = check_if_any(name, &[function], told, seed as u64);
        found += answers.iter().filter(|answer| answer.is_ok()).count();
    }
    found
}

/// Whether matching finds a planted permutation again.
pub(crate) fn is_found_again(spec: &PermutationSpec, function: Function<'_>, seed: u64) -> bool {
    let net = draw(function, seed);
    let planted = random_permutations(spec, &net, seed + 100);
    let target = apply(spec, &net, &planted).unwrap();
    let options = MatchingOptions::new(SeedTree::root(seed));
    let found = weight_matching(spec, &net, &target, &options).unwrap();
    apply(spec, &target, &found.permutations).unwrap() == net
}
