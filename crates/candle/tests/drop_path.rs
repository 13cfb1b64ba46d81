//! Stochastic depth of networks that candle runs: evaluation knows nothing of it, a branch that is dropped has no say, and
//! stopping leaves no trace.

use basin_candle::layers::{Norm, with_seeds};
use basin_candle::networks::{Stem, cifar_resnet_dropping, torchvision_resnet_dropping};
use basin_candle::{Candle, Module};
use basin_core::{Params, SeedTree};
use basin_data::{AugmentConfig, SYNTHETIC, Source, Split};
use basin_ensemble::WarmupCosine;
use basin_kernels::dropout::keeps;
use basin_models::Network;
use basin_train::{
    Examples, Optimiser, Outcome, Recipe, Segment, SegmentObserver, Teaching, TrainState, run,
};
use candle_core::{Device, Tensor};
use std::sync::Arc;

const SIDE: usize = 8;
const IMAGES: usize = 4;

/// A network at a largest probability, its last convolution of the last branch, and how many branches may be dropped.
type Case = (fn(f32) -> Module, &'static str, u32);

const CASES: [Case; 3] = [
    (|rate| cifar_resnet_dropping(3, 1, 4, Norm::Batch, rate), "blockgroups.2.blocks.0.conv2", 2),
    (|rate| cifar_resnet_dropping(3, 1, 4, Norm::None, rate), "blockgroups.2.blocks.0.conv2", 2),
    (|rate| torchvision_resnet_dropping(3, 18, 4, Stem::Cifar, rate).unwrap(), "layer4.1.conv2", 7),
];

fn logits(module: &Module, network: &Network, params: &Params, train: Option<&[u64]>) -> Vec<f32> {
    let (built, _) = module.build(network, params, &Device::Cpu).unwrap();
    let pixels = basin_fixtures::array(1, IMAGES * 3 * SIDE * SIDE, 1.0, 0.0);
    let x = Tensor::from_vec(pixels, (IMAGES, 3, SIDE, SIDE), &Device::Cpu).unwrap();
    let logits = match train {
        Some(seeds) => with_seeds(seeds, || built.forward_t(&x, true)),
        None => built.forward_t(&x, false),
    };
    logits.unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn evaluation_knows_nothing_of_it_and_a_branch_that_is_dropped_has_no_say() {
    for (module, last, droppable) in CASES {
        let (plain, dropping) = (module(0.0), module(0.9));
        let network = plain.network(SIDE, 10).unwrap();
        let params = network.init(&SeedTree::root(1));
        let mut other = params.clone();
        for (name, array) in other.iter_mut().filter(|(name, _)| name.starts_with(last)) {
            assert!(name.ends_with("weight"), "{name}");
            array.data_mut().iter_mut().for_each(|w| *w *= -3.0);
        }
        let seen = logits(&plain, &network, &params, None);
        assert_eq!(seen, logits(&dropping, &network, &params, None), "{last}");
        assert_ne!(seen, logits(&plain, &network, &other, None), "{last}");
        // Seeds that drop the last branch of every image, and seeds that keep it.
        let seeds = |keep: bool| -> Vec<u64> {
            (0..).filter(|seed| keeps(*seed, droppable - 1, 0.9) == keep).take(IMAGES).collect()
        };
        let trained = |params: &Params, keep| logits(&dropping, &network, params, Some(&seeds(keep)));
        assert_eq!(trained(&params, false), trained(&other, false), "{last} dropped");
        assert_ne!(trained(&params, true), trained(&other, true), "{last} kept");
    }
}

/// Stops after a global step and keeps what it is handed.
struct StopAt(u64, Option<TrainState>);

impl SegmentObserver for StopAt {
    fn step(&mut self, step: u64) -> bool {
        step == self.0
    }
    fn checkpoint_due(&mut self) -> bool {
        false
    }
    fn checkpoint(&mut self, state: &TrainState) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.1 = Some(state.clone());
        Ok(())
    }
}

/// With everything else that is drawn along a training.
#[test]
fn stopping_leaves_no_trace() {
    let images = Source { train_images: 24, ..Source::synthetic(3) }.load(Split::Train).unwrap();
    let augment = AugmentConfig { erasing: 0.5, mixup: 0.8, cutmix: 1.0, ..AugmentConfig::paper() };
    let recipe = Recipe {
        examples: Examples {
            images: Arc::new(images.halved().unwrap().halved().unwrap()),
            augment,
            normalisation: SYNTHETIC.normalisation,
        },
        batch: 8,
        optimiser: Optimiser::sgd(0.9, 1e-4),
        schedule: Arc::new(WarmupCosine { peak: 0.05, epochs: 2, warmup: 0.1, floor: None }),
        order: SeedTree::root(0).child("order").into(),
        teaching: Teaching::Labels,
        label_smoothing: 0.1,
        replay: None,
    };
    for (module, last, _) in CASES {
        let [dropping, plain] = [0.5, 0.0].map(|rate| module(rate).network(SIDE, 10).unwrap());
        let go_on = |network: &Network, state: TrainState, stop: u64| {
            let mut observer = StopAt(stop, None);
            let segment = Segment { state, end_epoch: 2 };
            match run(&Candle::new(Device::Cpu), network, &recipe, segment, &mut observer).unwrap() {
                Outcome::Finished(state) => state,
                Outcome::Interrupted => observer.1.unwrap(),
            }
        };
        let start = || TrainState::new(dropping.init(&SeedTree::root(1)), 0);
        let whole = go_on(&dropping, start(), 0);
        for stop in [1, 3, 4] {
            let kept = go_on(&dropping, start(), stop);
            let restored = TrainState::decode(&kept.encode(), &dropping.layout().shapes()).unwrap();
            assert!(go_on(&dropping, restored, 0) == whole, "{last} stopped after {stop}");
        }
        assert!(go_on(&plain, start(), 0) != whole, "{last}");
    }
}
