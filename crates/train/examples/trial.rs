//! Trial.
use basin_core::SeedTree;
use basin_data::*;
use basin_ensemble::WarmupCosine;
use basin_models::Architecture;
use basin_train::*;
use std::sync::Arc;
struct Quiet;
impl SegmentObserver for Quiet {
    fn step(&mut self, _: u64) -> bool { false }
    fn checkpoint_due(&mut self) -> bool { false }
    fn checkpoint(&mut self, _: &TrainState) -> Result<(), Box<dyn std::error::Error + Send + Sync>> { Ok(()) }
}
fn main() {
    let a: Vec<f64> = std::env::args().skip(1).map(|x| x.parse().unwrap()).collect();
    let (width, n, epochs, batch, peak, jit, wd) = (a[0], a[1] as usize, a[2] as u64, a[3] as usize, a[4], a[5], a[6]);
    let src = Source::folder(DatasetId::Cifar10, "/tmp/cifar");
    let train = src.load(Split::Train).unwrap().take(n).unwrap();
    let test = src.load(Split::Test).unwrap().take(4000).unwrap();
    let norm = DatasetId::Cifar10.normalisation();
    let net = Architecture::from_name("resnet20", width).unwrap().build(32, 10).unwrap();
    let jitter = Jitter { brightness: jit, contrast: jit, saturation: jit, hue: jit };
    let augment = AugmentConfig { flip: 0.5, crop_padding: if a[7] > 0.0 { a[7] as usize } else { 0 }, jitter, ..AugmentConfig::none() };
    let state = TrainState::new(net.init(&SeedTree::root(0).child("init")), 0);
    let warmup = a.get(8).copied().unwrap_or(0.1);
    let recipe = Recipe { examples: Examples { images: Arc::new(train), augment, normalisation: norm }, batch, optimiser: Optimiser { momentum: 0.9, l2: wd }, schedule: Arc::new(WarmupCosine { peak, epochs, warmup, floor: None }), order: SeedTree::root(0).child("order"), teaching: Teaching::Labels };
    let start = std::time::Instant::now();
    let Outcome::Finished(state) = run(&net, &recipe, Segment { state, end_epoch: epochs }, &mut Quiet).unwrap() else { panic!() };
    let secs = start.elapsed().as_secs_f64();
    let norm = DatasetId::Cifar10.normalisation();
    let logits = Evaluator { network: &net, images: &test, normalisation: &norm }.logits(&state.params).unwrap();
    let ok = logits.softmax(1.0).argmax().zip(test.labels()).filter(|(p, y)| p == *y).count();
    println!("{a:?} test {:.4} train {:?} {:.1} img/s", ok as f64 / test.len() as f64, state.rows.last().map(|r| (r.loss, r.accuracy)), n as f64 * epochs as f64 / secs);
}
