#![allow(clippy::print_stdout, missing_docs)]
use basin_core::SeedTree;
use basin_data::*;
use std::time::Instant;
fn main() {
    for (d, p) in [(DatasetId::Cifar10, "/tmp/cifar-mine"), (DatasetId::Cifar100, "/work/shared/data/cifar-100-subset"), (DatasetId::TinyImagenet, "/work/shared/data/tiny-imagenet-subset")] {
        for s in [Split::Train, Split::Test] {
            let t = Instant::now();
            let set = Source::folder(d, p).load(s).unwrap();
            let (mut m, mut q) = ([0f64; 3], [0f64; 3]);
            for px in set.images().chunks(3) { for c in 0..3 { let v = f64::from(px[c]) / 255.0; m[c] += v; q[c] += v * v; } }
            let n = (set.images().len() / 3) as f64;
            println!("{d} {s:?} {set:?} {:?} mean {:?} std {:?} labels {:?}", t.elapsed(), m.map(|x| x / n), [0, 1, 2].map(|c| (q[c] / n - (m[c] / n).powi(2)).sqrt()), &set.labels()[..5]);
        }
    }
    let t = Instant::now();
    let set = Source { train_images: 10000, ..Source::synthetic(0) }.load(Split::Train).unwrap();
    println!("synthetic {:.0}/s", 1e4 / t.elapsed().as_secs_f64());
    let (mut m, mut q) = ([0f64; 3], [0f64; 3]);
    for px in set.images().chunks(3) { for c in 0..3 { let v = f64::from(px[c]) / 255.0; m[c] += v; q[c] += v * v; } }
    let n = (set.images().len() / 3) as f64;
    println!("mean {:?} std {:?}", m.map(|x| x / n), [0, 1, 2].map(|c| (q[c] / n - (m[c] / n).powi(2)).sqrt()));
    let nj = AugmentConfig { jitter: Jitter::NONE, ..AugmentConfig::paper() };
    let mut out = vec![0u8; 3072];
    for (name, c) in [("flip+crop", nj), ("paper", AugmentConfig::paper()), ("git", AugmentConfig::git_rebasin())] {
        for _ in 0..3 {
            let t = Instant::now();
            for i in 0..10000u64 { augment(&c, set.image(i as usize), 32, &SeedTree::root(0).index(i), &mut out); }
            println!("{name} {:.0}/s", 1e4 / t.elapsed().as_secs_f64());
        }
    }
    let order: Vec<u32> = (0..2000).collect();
    let mut b = vec![0f32; 2000 * 3072];
    let t = Instant::now();
    fill_batch(&set, &order, &AugmentConfig::paper(), &SeedTree::root(0), 0, &Normalisation::CIFAR10, &mut b);
    println!("fill_batch paper {:.0}/s", 2e3 / t.elapsed().as_secs_f64());
}
