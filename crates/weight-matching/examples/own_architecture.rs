//! A network of one's own: described layer by layer, checked, and aligned with a copy in another order:
//! `cargo run -p weight-matching --example own_architecture`.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use weight_matching::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Every layer names the units that it reads and writes; `residual` says which of them are added together.
    let spec = PermutationSpec::builder()
        .dense("embed", None, Some("x"))
        .separate_attention("attn", ["q", "k", "v", "o"], Some("x"), 2)
        .dense("up", Some("x"), Some("hidden"))
        .dense("down", Some("hidden"), Some("y"))
        .residual(Some("x"), Some("y"), Skip::Identity)
        .dense("head", Some("y"), None)
        .build()?;
    let dense = [("embed", 8, 3), ("up", 12, 8), ("down", 8, 12), ("head", 2, 8)];
    let attention = ["attn.q", "attn.k", "attn.v", "attn.o"].map(|name| (name, 8, 8));
    let mut rng = SeedTree::root(0).rng();
    let mut net = Params::new();
    for (name, out, input) in dense.into_iter().chain(attention) {
        for (kind, shape) in [("weight", vec![out, input]), ("bias", vec![out])] {
            let values = (0..shape.iter().product()).map(|_| rng.normal() as f32).collect();
            net.insert(format!("{name}.{kind}"), Array::new(shape, values)?);
        }
    }
    let mut backwards = Permutations::new();
    for (name, n) in spec.validate(&net)? {
        println!("{n:3} units of {name}");
        // Backwards, a permutation takes whole heads too.
        backwards.insert(name, Permutation::new((0..n).rev().collect())?);
    }
    let copy = apply(&spec, &net, &backwards)?;
    println!("the network                  computes {:?}", output(&net));
    println!("a copy, {:5.2} away,          computes {:?}", net.l2_distance(&copy)?, output(&copy));
    let found = weight_matching(&spec, &net, &copy, &MatchingOptions::new(SeedTree::root(0)))?;
    let aligned = apply(&spec, &copy, &found.permutations)?;
    println!("the copy aligned, {:.2} away, computes {:?}", net.l2_distance(&aligned)?, output(&aligned));
    Ok(())
}

/// Outputs for the first of two tokens: attention of two heads of four units, then a perceptron, both added.
fn output(net: &Params) -> Vec<f32> {
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f32>();
    let dense = |name: &str, x: &[f32]| -> Vec<f32> {
        let [w, b] = ["weight", "bias"].map(|kind| net.get(&format!("{name}.{kind}")).unwrap().data());
        w.chunks(x.len()).zip(b).map(|(row, b)| dot(row, x) + b).collect()
    };
    let add = |x: &[f32], y: Vec<f32>| x.iter().zip(y).map(|(x, y)| x + y).collect::<Vec<f32>>();
    let x = [[0.1, 0.2, 0.3], [-0.3, 0.1, 0.2]].map(|token| dense("embed", &token));
    let [q, k, v] = ["attn.q", "attn.k", "attn.v"].map(|name| x.each_ref().map(|x| dense(name, x)));
    let attend = |unit: usize| {
        let score = |s: usize| dot(&q[0][unit / 4 * 4..][..4], &k[s][unit / 4 * 4..][..4]).exp();
        (score(0) * v[0][unit] + score(1) * v[1][unit]) / (score(0) + score(1))
    };
    let x = add(&x[0], dense("attn.o", &(0..8).map(attend).collect::<Vec<f32>>()));
    let hidden: Vec<f32> = dense("up", &x).into_iter().map(f32::tanh).collect();
    dense("head", &add(&x, dense("down", &hidden)))
}
