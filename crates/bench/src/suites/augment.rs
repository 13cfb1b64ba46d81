//! Augmentation: images per second of one thread that assembles training batches.
//!
//! A step fills one batch as a training shard does: picked, augmented, and normalised to `f32`. (The peer's
//! chain ends with bytes.)

use super::rounds::{Bench, Case};
use super::{Options, random_bytes};
use anyhow::Result;
use basin_core::SeedTree;
use basin_data::{AugmentConfig, ImageSet, Jitter, Normalisation, Pick, fill_batch};
use serde_json::json;

pub(super) fn run(options: &Options, bench: &mut Bench<'_>) -> Result<()> {
    let set = ImageSet::new(
        super::SIDE,
        super::CLASSES,
        random_bytes(options.batch * super::PIXELS),
        vec![0; options.batch],
    )?;
    let picks: Vec<Pick> = (0..options.batch as u32).map(Pick::of).collect();
    let mut out = vec![0.0; options.batch * super::PIXELS];
    let jittered = AugmentConfig::paper();
    let chains =
        [("flip+crop", AugmentConfig { jitter: Jitter::NONE, ..jittered }), ("flip+crop+jitter", jittered)];
    for (chain, config) in chains {
        let case = Case::new(json!({ "chain": chain }), options.batch, None);
        let (stream, mut epoch) = (SeedTree::root(0), 0);
        bench.measure(&case, || {
            epoch += 1;
            fill_batch(&set, &picks, &config, &stream, epoch, &Normalisation::CIFAR10, &mut out);
            Ok(())
        })?;
    }
    Ok(())
}
