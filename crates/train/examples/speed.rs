use basin_core::SeedTree;
use basin_kernels::Sgd;
use basin_models::Architecture;
use basin_train::{Stepper, Teaching};
fn main() {
    let a: Vec<f64> = std::env::args().skip(1).map(|x| x.parse().unwrap()).collect();
    let (w, batch, steps) = (a[0], a[1] as usize, a[2] as usize);
    let net = Architecture::from_name("resnet20", w).unwrap().build(32, 10).unwrap();
    let p = net.init(&SeedTree::root(0));
    let v = p.map(|_, x| vec![0.0; x.len()]);
    let mut s = Stepper::new(&net, &p, &v).unwrap();
    let x: Vec<f32> = (0..batch * 3072).map(|i| ((i * 7919 % 1000) as f32) / 500.0 - 1.0).collect();
    let y: Vec<u32> = (0..batch as u32).map(|i| i % 10).collect();
    let mut t = vec![];
    for _ in 0..steps {
        let start = std::time::Instant::now();
        s.step_on(&x, &y, &Teaching::Labels, Sgd { rate: 0.01, momentum: 0.9, l2: 0.0 }).unwrap();
        t.push(start.elapsed().as_secs_f64());
    }
    t.sort_by(f64::total_cmp);
    eprintln!("{} img/s, {} GFLOP/s", batch as f64 / t[steps / 2], 6.0 * net.macs() as f64 * batch as f64 / t[steps / 2] / 1e9);
}
