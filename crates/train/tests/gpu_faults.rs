//! A device that fails in the middle of training, and one that trains two networks at once.
#![cfg(feature = "gpu-emulator")]

use basin_core::SeedTree;
use basin_data::{AugmentConfig, SYNTHETIC, Source, Split};
use basin_ensemble::WarmupCosine;
use basin_gpu::emulator::Emulator;
use basin_gpu::{GpuError, Precision, Queue};
use basin_models::{Network, VitConfig};
use basin_train::{
    Backend, Examples, Gpu, Optimiser, Outcome, Recipe, Segment, SegmentObserver, Teaching, TrainError,
    TrainState, run,
};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

const SIDE: usize = 8;
const EPOCHS: u64 = 2;

fn emulator() -> Emulator {
    Emulator::new(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("kernels"), false).unwrap()
}

fn network() -> Network {
    let config = VitConfig { patch: 4, dim: 16, hidden: 16, heads: 2, layers: 1, dropout: 0.1 };
    Network::vit(config, SIDE, 10).unwrap()
}

/// Three steps per epoch.
fn recipe(order: u64) -> Recipe {
    let images = Source { train_images: 12, ..Source::synthetic(3) }.load(Split::Train).unwrap();
    let images = images.halved().unwrap().halved().unwrap();
    Recipe {
        examples: Examples {
            images: Arc::new(images),
            augment: AugmentConfig::paper(),
            normalisation: SYNTHETIC.normalisation,
        },
        batch: 4,
        optimiser: Optimiser::sgd(0.9, 1e-3),
        schedule: Arc::new(WarmupCosine { peak: 0.02, epochs: EPOCHS, warmup: 0.1, floor: None }),
        order: SeedTree::root(order).into(),
        teaching: Teaching::Labels,
        label_smoothing: 0.0,
        replay: None,
    }
}

/// Keeps a state after every step.
#[derive(Default)]
struct Keeper(Option<TrainState>);

impl SegmentObserver for Keeper {
    fn step(&mut self, _: u64) -> bool {
        false
    }
    fn checkpoint_due(&mut self) -> bool {
        true
    }
    fn checkpoint(&mut self, state: &TrainState) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.0 = Some(state.clone());
        Ok(())
    }
}

fn train(queue: Rc<dyn Queue>, state: TrainState, keeper: &mut Keeper) -> Result<TrainState, TrainError> {
    let (net, segment) = (network(), Segment { state, end_epoch: EPOCHS });
    match run(&Gpu { queue, precision: Precision::F32 }, &net, &recipe(1), segment, keeper)? {
        Outcome::Finished(state) => Ok(state),
        Outcome::Interrupted => panic!("nobody interrupted"),
    }
}

fn start() -> TrainState {
    TrainState::new(network().init(&SeedTree::root(1)), 0)
}

#[test]
fn whatever_call_fails_the_error_is_the_devices_and_the_last_checkpoint_goes_on() {
    let whole = train(Rc::new(emulator()), start(), &mut Keeper::default()).unwrap();
    let errors = [
        GpuError::Lost { during: "launch".into(), found: "code 719".into() },
        GpuError::OutOfMemory { wanted: 1, found: "0 bytes are free".into() },
    ];
    let mut kept_at = Vec::new();
    for (i, calls) in (0..u64::MAX).step_by(23).enumerate() {
        let error = errors[i % 2].clone();
        let queue = emulator();
        queue.fail_after(calls, error.clone());
        let mut keeper = Keeper::default();
        let found = match train(Rc::new(queue), start(), &mut keeper) {
            Err(TrainError::Device(found)) => found,
            Err(other) => panic!("after {calls} calls: {other}"),
            Ok(state) => {
                assert!(state == whole);
                break;
            }
        };
        assert_eq!(found, error, "after {calls} calls");
        let state = keeper.0.unwrap_or_else(start);
        if kept_at.last() != Some(&state.step) {
            kept_at.push(state.step);
            assert!(train(Rc::new(emulator()), state, &mut Keeper::default()).unwrap() == whole);
        }
    }
    assert!(kept_at.len() >= 3, "{kept_at:?}");
}

#[test]
fn networks_side_by_side_have_the_bits_that_each_has_alone() {
    let (net, recipes) = (network(), [recipe(1), recipe(2)]);
    let segments = [1, 2].map(|seed| Segment {
        state: TrainState::new(net.init(&SeedTree::root(seed)), 0),
        end_epoch: EPOCHS,
    });
    let trainer = |queue: &Rc<dyn Queue>, i: usize| {
        let gpu = Gpu { queue: queue.clone(), precision: Precision::Bf16 };
        gpu.trainer(&net, &recipes[i], &segments[i]).unwrap()
    };
    let alone = [0, 1].map(|i| {
        let queue: Rc<dyn Queue> = Rc::new(emulator());
        let mut trainer = trainer(&queue, i);
        (0..3).for_each(|_| drop(trainer.step().unwrap()));
        (trainer.wait().unwrap(), trainer.tables().unwrap())
    });
    let queue: Rc<dyn Queue> = Rc::new(emulator());
    let mut both = [0, 1].map(|i| trainer(&queue, i));
    (0..3).for_each(|_| both.iter_mut().for_each(|trainer| drop(trainer.step().unwrap())));
    for (trainer, alone) in both.iter_mut().zip(&alone) {
        assert_eq!(trainer.wait().unwrap(), alone.0);
        assert!(trainer.tables().unwrap() == alone.1);
    }
    assert!(alone[0].1.0 != alone[1].1.0);
}
