//! Two networks trained apart on one task, and what lies between them before and after alignment:
//! `cargo run -p weight-matching --example two_networks`.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use weight_matching::*;

const UNITS: usize = 128;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let spec = PermutationSpec::mlp(&["fc1", "fc2"])?;
    let (a, b) = (trained(0)?, trained(1)?);
    let matching = weight_matching(&spec, &a, &b, &MatchingOptions::new(SeedTree::root(0)))?;
    let aligned = apply(&spec, &b, &matching.permutations)?;
    println!("distance {:.2} before, {:.2} after", a.l2_distance(&b)?, a.l2_distance(&aligned)?);
    println!("  t  loss on the line to b  to b aligned");
    for step in 0..=10 {
        let t = f64::from(step) / 10.0;
        let loss = |end| interpolate(&a, end, t).map(|net| descended(&net).0);
        println!("{t:.1}  {:<21.5}  {:.5}", loss(&b)?, loss(&aligned)?);
    }
    Ok(())
}

/// A perceptron of one hidden layer, random at first, after 3000 steps of gradient descent.
fn trained(seed: u64) -> Result<Params, ParamsError> {
    let mut rng = SeedTree::root(seed).rng();
    let mut net = Params::new();
    for (name, out, input) in [("fc1", UNITS, 2), ("fc2", 1, UNITS)] {
        let mut draw = |n: usize| (0..n).map(|_| (rng.normal() / (input as f64).sqrt()) as f32).collect();
        net.insert(format!("{name}.weight"), Array::new(vec![out, input], draw(out * input))?);
        net.insert(format!("{name}.bias"), Array::new(vec![out], draw(out))?);
    }
    Ok((0..3000).fold(net, |net, _| descended(&net).1))
}

/// Mean squared error on sin(3x) cos(2y) over a grid, and the network one step further down.
fn descended(net: &Params) -> (f32, Params) {
    let arrays: Vec<&[f32]> = net.iter().map(|(_, array)| array.data()).collect();
    let [w1, b1, w2, b2] = arrays[..] else { unreachable!("two layers with biases") };
    let (mut loss, mut next) = (0.0, [w1, b1, w2, b2].map(<[f32]>::to_vec));
    for point in 0..100 {
        let [x, y] = [point % 10, point / 10].map(|i| i as f32 / 4.5 - 1.0);
        let unit = |u: usize| (w1[2 * u] * x + w1[2 * u + 1] * y + b1[u]).max(0.0);
        let hidden: Vec<f32> = (0..UNITS).map(unit).collect();
        let wanted = (3.0 * x).sin() * (2.0 * y).cos();
        let error = hidden.iter().zip(w2).map(|(h, w)| h * w).sum::<f32>() + b2[0] - wanted;
        loss += error * error / 100.0;
        let step = 0.002 * error;
        for u in 0..UNITS {
            next[2][u] -= step * hidden[u];
            let back = if hidden[u] > 0.0 { step * w2[u] } else { 0.0 };
            next[0][2 * u..][..2].iter_mut().zip([x, y]).for_each(|(w, x)| *w -= back * x);
            next[1][u] -= back;
        }
        next[3][0] -= step;
    }
    let mut arrays = next.into_iter();
    (loss, net.map(|_, _| arrays.next().unwrap_or_default()))
}
