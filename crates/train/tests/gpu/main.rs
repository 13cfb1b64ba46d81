//! The emulated device against the CPU.
#![cfg(feature = "gpu-emulator")]

mod evaluation;
mod fusions;
mod training;

use basin_core::{Params, SeedTree};
use basin_data::{AugmentConfig, ImageSet, SYNTHETIC, Source, Split};
use basin_ensemble::WarmupCosine;
use basin_gpu::emulator::Emulator;
use basin_gpu::{Precision, Queue};
use basin_models::{Architecture, Network, VitConfig};
use basin_train::{Examples, Gpu, Optimiser, Recipe, Rule, Teaching};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

const SIDE: usize = 8;
const EPOCHS: u64 = 2;
const PER_EPOCH: u64 = 3;

fn emulator(falling: bool) -> Rc<dyn Queue> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kernels");
    Rc::new(Emulator::new(&folder, falling).unwrap())
}

fn gpu(precision: Precision) -> Gpu {
    Gpu { queue: emulator(false), precision }
}

fn resnet() -> Network {
    Architecture::from_name("resnet20", 0.25).unwrap().build(SIDE, 10).unwrap()
}

fn vit(dropout: f32) -> Network {
    Network::vit(VitConfig { patch: 4, dim: 24, hidden: 48, heads: 2, layers: 2, dropout }, SIDE, 10).unwrap()
}

fn images() -> Arc<ImageSet> {
    // 20 images in batches of 6: two of each epoch's order are left out.
    let images = Source { train_images: 20, ..Source::synthetic(3) }.load(Split::Train).unwrap();
    Arc::new(images.halved().unwrap().halved().unwrap())
}

fn recipe(optimiser: Optimiser, augment: AugmentConfig) -> Recipe {
    Recipe {
        examples: Examples { images: images(), augment, normalisation: SYNTHETIC.normalisation },
        batch: 6,
        optimiser,
        schedule: Arc::new(WarmupCosine { peak: 0.02, epochs: EPOCHS, warmup: 0.1, floor: None }),
        order: SeedTree::root(0).child("order").into(),
        teaching: Teaching::Labels,
        label_smoothing: 0.0,
        replay: None,
    }
}

fn sgd() -> Recipe {
    recipe(Optimiser { clip_norm: Some(1.0), ..Optimiser::sgd(0.9, 1e-3) }, AugmentConfig::paper())
}

fn adam() -> Recipe {
    let rule = Rule::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-3, l2: 1e-4, weight_decay: 0.01 };
    let recipe = recipe(Optimiser { rule, clip_norm: None }, AugmentConfig::git_rebasin());
    Recipe {
        schedule: Arc::new(WarmupCosine { peak: 1e-3, epochs: EPOCHS, warmup: 0.1, floor: None }),
        ..recipe
    }
}

/// The largest difference of two tables, relative to each array's largest value.
fn difference(a: &Params, b: &Params) -> f64 {
    let of = |(name, array): (&str, &basin_core::Array)| {
        let other = b.get(name).unwrap();
        assert_eq!(array.shape(), other.shape(), "{name}");
        let largest = array.data().iter().fold(f32::MIN_POSITIVE, |m, x| m.max(x.abs()));
        let worst = array.data().iter().zip(other.data()).fold(0.0f32, |m, (x, y)| m.max((x - y).abs()));
        assert!(other.data().iter().all(|x| x.is_finite()), "{name}");
        f64::from(worst) / f64::from(largest)
    };
    a.iter().map(of).fold(0.0, f64::max)
}
