//! Predictions of one checkpoint on one split, without augmentation.

use crate::config::Config;
use crate::device;
use anyhow::Result;
use basin_core::{Array, TensorFile};
use basin_data::{Normalisation, Split};
use basin_plan::checkpoint;
use basin_plan::loading::{images, limit, normalisation};
use basin_plan::source::source;
use basin_store::{Outputs, RealFs};
use std::path::Path;

/// Keys on which predictions depend, but for the limit of the split.
const USED: &[&str] = &[
    "data.dataset",
    "data.dir",
    "data.seed",
    "data.normalisation",
    "data.halved",
    "data.padded",
    "model.name",
    "model.width",
    "run.device",
    "run.precision",
    "run.threads",
];

/// What to predict with, and on what.
#[derive(Clone, Copy, Debug)]
pub struct Prediction<'a> {
    /// Data set, network, device.
    pub config: &'a Config,
    /// The file with the network's parameters: safetensors, or a state dict that PyTorch saved.
    pub checkpoint: &'a Path,
    /// Which of several networks in it.
    pub key: Option<&'a str>,
    /// On which images; `data.train_images` or `data.test_images` limits them.
    pub split: Split,
}

impl Prediction<'_> {
    /// Writes `logits` `[n, classes]` and `labels` `[n]` (as f32) to `out`, and returns n. Conversions of the checkpoint,
    /// settings that play no part and data that is not the published set are said, a line each. A file that is there is
    /// replaced only with `replace`.
    ///
    /// # Errors
    /// When the checkpoint does not fit the network (all problems at once), `out` may not be written, or the device, data
    /// or files fail.
    pub fn write(&self, out: &Path, replace: bool, say: &mut dyn FnMut(&str)) -> Result<usize> {
        let Self { config, split, .. } = *self;
        let used = |key: &&str| !USED.contains(key) && *key != limit(split);
        config.asked().filter(used).for_each(|key| say(&format!("predictions do not depend on {key}")));
        let mut outputs = Outputs::new([self.checkpoint], replace);
        let source = source(config);
        if let Some(dir) = source.dir.as_ref().filter(|_| source.reads(out)) {
            outputs = outputs.reading(dir);
        }
        outputs.add(out)?;
        let device = device::asked(config)?;
        let bytes = checkpoint::bytes(self.checkpoint)?;
        let images = images(config, &source, split, say)?;
        let network = config.network(images.extent(), images.classes())?;
        let params = checkpoint::params(self.checkpoint, &bytes, self.key, &network, say)?;
        let normalisation = match normalisation(config, images.channels())? {
            Some(everywhere) => everywhere,
            None if split == Split::Train => Normalisation::of(&images),
            None => Normalisation::of(&basin_plan::loading::images(config, &source, Split::Train, say)?),
        };
        let backend = device::backend(&network, device.as_ref())?;
        let logits = backend.evaluator(&network, &images, &normalisation)?.logits(&params)?;
        let mut file = TensorFile::default();
        let shape = vec![logits.len(), logits.classes()];
        file.params.insert("logits", Array::new(shape, logits.values().to_vec())?);
        let labels = images.labels().iter().map(|&label| label as f32).collect();
        file.params.insert("labels", Array::new(vec![images.len()], labels)?);
        outputs.write(&RealFs, out, &file.encode())?;
        Ok(images.len())
    }
}

#[cfg(test)]
mod tests {
    use super::USED;
    use crate::config::KEYS;

    #[test]
    fn predictions_depend_on_keys_that_there_are() {
        assert!(USED.iter().all(|used| KEYS.iter().any(|key| key.name == *used)));
    }
}
