//! REPAIR: a network between others gets the statistics in between, and one at an end stays as it is.

use basin_core::{Params, SeedTree, Simplex};
use basin_graph::{CpuLayers, Tapped};
use basin_models::{Architecture, Network};
use std::rc::Rc;

fn networks() -> [(&'static str, Network); 2] {
    let build = |name| Architecture::from_name(name, 0.25).unwrap().build(32, 10).unwrap();
    [("resnet20", build("resnet20")), ("vit", build("vit"))]
}

fn images(seed: u64, n: usize) -> Vec<f32> {
    let mut rng = SeedTree::root(seed).rng();
    (0..n * 32 * 32 * 3).map(|_| rng.normal() as f32).collect()
}

/// Fresh parameters with scales and shifts that are not 1 and 0, as after training.
fn trained(net: &Network, seed: u64) -> Params {
    let mut params = net.init(&SeedTree::root(seed));
    let mut rng = SeedTree::root(seed).child("noise").rng();
    for spec in net.layout().params.iter().filter(|spec| spec.shape.len() == 1) {
        let mut array = params.get(&spec.name).unwrap().clone();
        array.data_mut().iter_mut().for_each(|x| *x += 0.3 * rng.normal() as f32);
        params.insert(spec.name.clone(), array);
    }
    params
}

#[test]
fn a_tapped_pass_computes_the_network() {
    for (name, net) in networks() {
        let (params, images) = (trained(&net, 1), images(2, 3));
        let (weights, mut visits) = (net.weights(&params, false).unwrap(), 0);
        let count = |_: &CpuLayers<'_>, _, _: &mut [_]| {
            visits += 1;
            Ok(())
        };
        // Two images and one.
        let parts: Vec<_> = images.chunks(2 * 32 * 32 * 3).map(|part| net.input(part).unwrap()).collect();
        let tapped =
            net.forward(&mut Tapped::new(CpuLayers::new(&weights), count), &Rc::new(parts.into())).unwrap();
        let logits = tapped.all().iter().flat_map(|part| part.data.iter());
        let plain = net.logits(&params, &images).unwrap();
        let largest = plain.values().iter().fold(0.0f32, |m, v| m.max(v.abs()));
        assert_eq!(tapped.all().len(), 2);
        assert_eq!(tapped.all().iter().map(|part| part.data.len()).sum::<usize>(), plain.values().len());
        for (a, b) in logits.zip(plain.values()) {
            assert!((a - b).abs() <= 1e-5 * largest, "{name}: {a} and {b}");
        }
        // One per convolution, two shortcuts aside; two norms and one perceptron per block, and the last norm.
        assert!(visits >= 19, "{name}: {visits}");
    }
}

#[test]
fn a_repaired_network_has_the_statistics_in_between() {
    for (name, net) in networks() {
        let (a, b, images) = (trained(&net, 1), trained(&net, 5), images(3, 40));
        let [of_a, of_b] = [&a, &b].map(|params| net.statistics(params, &images).unwrap());
        let lambda = Simplex::new(vec![0.3, 0.7]).unwrap();
        let merged = Params::convex_combination(&[&a, &b], &lambda).unwrap();
        let repaired = net.repaired(&merged, &[&of_a, &of_b], &lambda, &images).unwrap();
        let (before, after) =
            (net.statistics(&merged, &images).unwrap(), net.statistics(&repaired, &images).unwrap());
        let (mut wrong_before, mut wrong_after) = (0.0f64, 0.0f64);
        for (place, found) in after.sites().iter().enumerate() {
            let (a, b) = (&of_a.sites()[place], &of_b.sites()[place]);
            for c in 0..found.channels() {
                let mean = 0.3 * a.mean()[c] + 0.7 * b.mean()[c];
                let deviation = 0.3 * a.deviation()[c] + 0.7 * b.deviation()[c];
                let was = &before.sites()[place];
                wrong_before = wrong_before.max((was.deviation()[c] - deviation).abs() / deviation);
                wrong_after = wrong_after.max((found.deviation()[c] - deviation).abs() / deviation);
                wrong_after = wrong_after.max((found.mean()[c] - mean).abs() / deviation);
            }
        }
        assert!(wrong_after < 1e-3, "{name}: off by {wrong_after} of a deviation");
        assert!(wrong_before > 0.05, "{name}: {wrong_before}, nothing to repair");
    }
}

#[test]
fn at_an_end_nothing_changes() {
    for (name, net) in networks() {
        let (a, b, images) = (trained(&net, 1), trained(&net, 5), images(3, 4));
        let [of_a, of_b] = [&a, &b].map(|params| net.statistics(params, &images).unwrap());
        let repaired = net.repaired(&b, &[&of_a, &of_b], &Simplex::vertex(2, 1), &images).unwrap();
        assert!(repaired == b, "{name}");
    }
}

#[test]
fn statistics_of_another_network_are_refused() {
    let [(_, resnet), (_, vit)] = networks();
    let (params, images) = (trained(&resnet, 1), images(3, 2));
    let other = vit.statistics(&trained(&vit, 1), &images).unwrap();
    assert!(resnet.repaired(&params, &[&other], &Simplex::vertex(1, 0), &images).is_err());
}
