//! Predictions of one checkpoint on one split, without augmentation.

use crate::config::Config;
use crate::device;
use crate::experiment::{architecture, images, normalisation, source};
use anyhow::{Context, Result};
use basin_core::{Array, TensorFile};
use basin_data::{DatasetId, Split};
use basin_store::{RealFs, write_atomic};
use std::path::Path;

/// Writes `logits` `[n, classes]` and `labels` `[n]` (as f32) to `out`.
///
/// # Errors
/// When the checkpoint does not fit the network (all problems at once), or the device, data or files fail.
pub fn predict(config: &Config, checkpoint: &Path, split: Split, out: &Path) -> Result<usize> {
    let device = device::asked(config)?;
    let bytes =
        std::fs::read(checkpoint).map_err(|e| crate::exit::Checkpoint::new(checkpoint, e.to_string()))?;
    let file = TensorFile::decode(&bytes).with_context(|| checkpoint.display().to_string())?;
    let dataset: DatasetId = config.text("data.dataset").parse()?;
    let images = images(config, &source(config, dataset), split)?;
    let network = architecture(config)?.build(images.size(), images.classes())?;
    let params = network.check(&file.params).with_context(|| checkpoint.display().to_string())?;
    let normalisation = normalisation(config, dataset);
    let backend = device::backend(device.as_ref());
    let logits = backend.evaluator(&network, &images, &normalisation)?.logits(&params)?;
    let mut file = TensorFile::default();
    let shape = vec![logits.len(), logits.classes()];
    file.params.insert("logits", Array::new(shape, logits.values().to_vec())?);
    let labels = images.labels().iter().map(|&label| label as f32).collect();
    file.params.insert("labels", Array::new(vec![images.len()], labels)?);
    write_atomic(&RealFs, out, &file.encode())?;
    Ok(images.len())
}
