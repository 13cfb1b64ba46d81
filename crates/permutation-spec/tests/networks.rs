//! Networks and permutations that the tests share.

use basin_core::{Array, Params, SeedTree};
use permutation_spec::{AttentionGroup, Permutation, PermutationSpec, Permutations, Segment};

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

/// Gaussian weights of variance 1/fan_in, biases and norms of variance 1; variances positive.
pub(crate) fn filled(shapes: Vec<(String, Vec<usize>)>, seed: u64) -> Params {
    let array = |(name, shape): (String, Vec<usize>)| {
        let mut rng = SeedTree::root(seed).child(&name).rng();
        let sd = (shape.iter().skip(1).product::<usize>().max(1) as f64).sqrt().recip();
        let value = |x: f64| if name.ends_with("running_var") { 0.5 + x * x } else { sd * x };
        let values = (0..shape.iter().product()).map(|_| value(rng.normal()) as f32).collect();
        (name.clone(), Array::new(shape, values).unwrap())
    };
    shapes.into_iter().map(array).collect()
}

/// A network for a spec: `sizes` for the permutations whose names contain the key, `fixed` for other axes.
pub(crate) fn network_of(spec: &PermutationSpec, sizes: &[(&str, usize)], fixed: usize, seed: u64) -> Params {
    network_with(spec, sizes, |_, _| fixed, seed)
}

/// The same with a length for each other axis, by parameter and axis.
pub(crate) fn network_with(
    spec: &PermutationSpec,
    sizes: &[(&str, usize)],
    fixed: impl Fn(&str, usize) -> usize,
    seed: u64,
) -> Params {
    let size = |permutation: &str| {
        let found = sizes.iter().find(|(key, _)| permutation.contains(key));
        found.unwrap_or_else(|| panic!("no size for {permutation}")).1
    };
    let len = |name: &str, axis: usize| {
        let segments = spec.segments(name, axis).unwrap();
        let lens = segments.iter().map(|segment| match segment {
            Segment::Fixed(len) => *len,
            Segment::Units { name, each } => size(name) * each,
        });
        if segments.is_empty() { fixed(name, axis) } else { lens.sum() }
    };
    let shape = |(name, axes): (&str, &[Option<String>])| {
        (name.to_owned(), (0..axes.len()).map(|axis| len(name, axis)).collect())
    };
    filled(spec.iter().map(shape).collect(), seed)
}

/// Sizes of a small Vision Transformer with Lippe's names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VitShape {
    pub(crate) dim: usize,
    pub(crate) heads: usize,
    pub(crate) hidden: usize,
    pub(crate) layers: usize,
    pub(crate) patch: usize,
    pub(crate) tokens: usize,
    pub(crate) classes: usize,
}

pub(crate) fn random_vit(shape: VitShape, seed: u64) -> Params {
    let VitShape { dim, hidden, layers, patch, tokens, classes, .. } = shape;
    let mut shapes: Vec<(String, Vec<usize>)> = Vec::new();
    let mut add = |name: String, shape: &[usize]| shapes.push((name, shape.to_vec()));
    add("cls_token".into(), &[1, 1, dim]);
    add("pos_embedding".into(), &[1, tokens, dim]);
    let mut dense = |name: &str, joint: &str, out: usize, input: usize| {
        add(format!("{name}{joint}weight"), &[out, input]);
        add(format!("{name}{joint}bias"), &[out]);
    };
    dense("input_layer", ".", dim, patch);
    for i in 0..layers {
        let name = |layer: &str| format!("transformer.{i}.{layer}");
        dense(&name("attn.in_proj"), "_", 3 * dim, dim);
        dense(&name("attn.out_proj"), ".", dim, dim);
        dense(&name("linear.0"), ".", hidden, dim);
        dense(&name("linear.3"), ".", dim, hidden);
    }
    dense("mlp_head.1", ".", classes, dim);
    let norms = (0..layers).flat_map(|i| [1, 2].map(|n| format!("transformer.{i}.layer_norm_{n}")));
    for norm in norms.chain(["mlp_head.0".to_owned()]) {
        ["weight", "bias"].iter().for_each(|kind| add(format!("{norm}.{kind}"), &[dim]));
    }
    filled(shapes, seed)
}

/// Uniform over what a spec allows: whole heads for attention groups.
pub(crate) fn random_permutations(spec: &PermutationSpec, net: &Params, seed: u64) -> Permutations {
    let sizes = spec.validate(net).unwrap();
    let shuffled = |name: &str, n: usize| {
        let mut indices: Vec<usize> = (0..n).collect();
        SeedTree::root(seed).child(name).rng().shuffle(&mut indices);
        indices
    };
    let random = |(name, &n): (&String, &usize)| (name.clone(), Permutation::new(shuffled(name, n)).unwrap());
    let mut permutations: Permutations = sizes.iter().map(random).collect();
    for AttentionGroup { qk, vo, heads } in spec.groups() {
        let size = sizes[qk] / heads;
        let order = shuffled(&format!("{qk} heads"), *heads);
        for name in [qk, vo] {
            let unit = |(new, head): (usize, &usize)| {
                let inside = shuffled(&format!("{name} {new}"), size);
                inside.into_iter().map(|unit| head * size + unit).collect::<Vec<usize>>()
            };
            let indices = order.iter().enumerate().flat_map(unit).collect();
            permutations.insert(name, Permutation::new(indices).unwrap());
        }
    }
    permutations
}

/// The residual MLP of [`plain_residual_mlp`] with ten inputs and five outputs.
pub(crate) fn residual_mlp(width: usize, depth: usize, seed: u64) -> (PermutationSpec, Params) {
    plain_residual_mlp([10, width, 5], depth, seed)
}

/// A residual MLP x ← x + W₂ σ(W₁ x) of `depth` blocks between an input and an output layer, without biases and
/// with weights of unit variance: one permutation for the stream and one inside each block.
pub(crate) fn plain_residual_mlp(
    [input, width, output]: [usize; 3],
    depth: usize,
    seed: u64,
) -> (PermutationSpec, Params) {
    let mut spec = PermutationSpec::builder().parameter("in", &[Some("stream"), None]);
    for block in 0..depth {
        let inner = format!("inner{block}");
        spec = spec
            .parameter(format!("{block}.up"), &[Some(&inner), Some("stream")])
            .parameter(format!("{block}.down"), &[Some("stream"), Some(&inner)]);
    }
    let spec = spec.parameter("out", &[None, Some("stream")]).build().unwrap();
    let network = spec.iter().map(|(name, axes)| {
        let fixed = if name == "in" { input } else { output };
        let shape: Vec<usize> = axes.iter().map(|p| p.as_ref().map_or(fixed, |_| width)).collect();
        let mut rng = SeedTree::root(seed).child(name).rng();
        let values = (0..shape.iter().product()).map(|_| rng.normal() as f32).collect();
        (name.to_owned(), Array::new(shape, values).unwrap())
    });
    let network = network.collect();
    (spec, network)
}

/// The network with unit 1 of every permutation a copy of unit 0, and unit 2 dead: all its weights are zero.
pub(crate) fn worn(spec: &PermutationSpec, net: &Params) -> Params {
    let sizes = spec.validate(net).unwrap();
    let mut worn = net.clone();
    for (name, array) in worn.iter_mut() {
        for axis in 0..array.shape().len() {
            let inner: usize = array.shape()[axis + 1..].iter().product();
            let slab = array.shape()[axis] * inner;
            let mut start = 0;
            for segment in spec.segments(name, axis).unwrap() {
                let Segment::Units { name, each } = segment else { panic!("no such spec is worn") };
                let len = each * inner;
                for block in array.data_mut().chunks_exact_mut(slab).filter(|_| sizes[&name] > 2) {
                    block.copy_within(start..start + len, start + len);
                    block[start + 2 * len..][..len].fill(0.0);
                }
                start += sizes[&name] * len;
            }
        }
    }
    worn
}

/// Σ⟨a, b⟩ over all parameters.
pub(crate) fn inner_product(a: &Params, b: &Params) -> f64 {
    let terms = a.iter().flat_map(|(name, a)| a.data().iter().zip(b.get(name).unwrap().data()));
    terms.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

/// Calls `visit` with every family of permutations of these names and sizes.
pub(crate) fn each_family(sizes: &[(&str, usize)], visit: &mut dyn FnMut(&Permutations)) {
    fn each(sizes: &[(&str, usize)], family: &mut Permutations, visit: &mut dyn FnMut(&Permutations)) {
        let Some((&(name, n), rest)) = sizes.split_first() else { return visit(family) };
        orders(&mut (0..n).collect(), 0, &mut |indices| {
            family.insert(name, Permutation::new(indices.to_vec()).unwrap());
            each(rest, family, visit);
        });
    }
    fn orders(indices: &mut Vec<usize>, from: usize, visit: &mut dyn FnMut(&[usize])) {
        if from == indices.len() {
            return visit(indices);
        }
        for i in from..indices.len() {
            indices.swap(from, i);
            orders(indices, from + 1, visit);
            indices.swap(from, i);
        }
    }
    each(sizes, &mut Permutations::new(), visit);
}
