//! Networks and permutations that the tests share.

use basin_core::{Array, Params, SeedTree};
use weight_matching::{Permutation, PermutationSpec, Permutations};

/// A plain MLP with one permutation per hidden layer; layers are named 0, 1, ….
pub(crate) fn mlp(hidden: &[&str]) -> PermutationSpec {
    let layer = |i: usize| i.checked_sub(1).map(|i| hidden[i]);
    let layers = 0..=hidden.len();
    let spec = layers.fold(PermutationSpec::builder(), |spec, i| {
        spec.dense(&i.to_string(), layer(i), hidden.get(i).copied())
    });
    spec.build().unwrap()
}

/// Gaussian weights of variance 1/fan_in for an MLP of these widths.
pub(crate) fn random_network(widths: &[usize], seed: u64) -> Params {
    let mut rng = SeedTree::root(seed).rng();
    let mut net = Params::new();
    for (i, w) in widths.windows(2).enumerate() {
        let sd = (w[0].max(1) as f64).sqrt().recip();
        let mut draw = |len: usize| (0..len).map(|_| (sd * rng.normal()) as f32).collect::<Vec<f32>>();
        net.insert(format!("{i}.weight"), Array::new(vec![w[1], w[0]], draw(w[0] * w[1])).unwrap());
        net.insert(format!("{i}.bias"), Array::new(vec![w[1]], draw(w[1])).unwrap());
    }
    net
}

/// A ResNet of that width multiplier with ten classes and Gaussian weights of variance 1/fan_in.
pub(crate) fn random_resnet(spec: &PermutationSpec, width: usize, seed: u64) -> Params {
    let group = |p: &str| {
        p.trim_start_matches("blockgroups.").trim_start_matches("bg")[..1].parse::<usize>().unwrap()
    };
    let network = spec.iter().map(|(name, axes)| {
        let fixed = if axes.len() == 4 { 3 } else { 10 };
        let shape: Vec<usize> =
            axes.iter().map(|p| p.as_deref().map_or(fixed, |p| (16 * width) << group(p))).collect();
        let sd = (shape[1..].iter().product::<usize>() as f64).sqrt().recip();
        let mut rng = SeedTree::root(seed).child(name).rng();
        let values = (0..shape.iter().product()).map(|_| (sd * rng.normal()) as f32).collect();
        (name.to_owned(), Array::new(shape, values).unwrap())
    });
    network.collect()
}

pub(crate) fn random_permutations(spec: &PermutationSpec, net: &Params, seed: u64) -> Permutations {
    let sizes = spec.validate(net).unwrap();
    let random = |(name, n): (String, usize)| {
        let mut indices: Vec<usize> = (0..n).collect();
        SeedTree::root(seed).child(&name).rng().shuffle(&mut indices);
        (name, Permutation::new(indices).unwrap())
    };
    sizes.into_iter().map(random).collect()
}
