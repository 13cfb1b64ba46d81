//! What of a configuration determines trained parameters, as the text that names their nodes.
//!
//! What a method takes enters through its recipe, not here. What is off leaves no mark, so that a new mechanism does not
//! rename earlier work.

use crate::{BackendName, Config, NormName, OrderName, UpdateRule, Value};
use basin_core::Digest;
use basin_gpu::Precision;

impl Config {
    /// The identity of training on the training images with this digest.
    pub fn training_identity(&self, images: Digest) -> String {
        let mut text = "basin training 2\n".to_owned();
        for (key, value) in self.always() {
            text += &format!("{key}={}\n", value.toml());
        }
        text += &format!("train set {images}\n");
        let (model, train, augment, run) = (self.model(), self.train(), self.augment(), self.run());
        if train.clip_norm > 0.0 {
            text += &format!("clip norm {:?}\n", train.clip_norm);
        }
        if train.optimiser != UpdateRule::Sgd {
            let (b1, b2, epsilon) = (train.adam_beta1, train.adam_beta2, train.adam_epsilon);
            text += &format!("{} {b1:?} {b2:?} {epsilon:?}\n", train.optimiser.word());
        }
        if train.label_smoothing as f32 > 0.0 {
            text += &format!("label smoothing {:?}\n", train.label_smoothing as f32);
        }
        for (what, value) in
            [("mixup", augment.mixup), ("cutmix", augment.cutmix), ("erasing", augment.erasing)]
        {
            if value > 0.0 {
                text += &format!("{what} {value:?}\n");
            }
        }
        if train.order != OrderName::Permuted {
            text += &format!("order {}\n", train.order.word());
        }
        // As f32, which networks have it in.
        if model.residual_scale as f32 != 1.0 {
            text += &format!("residual scale {:?}\n", model.residual_scale as f32);
        }
        if model.centred_kernels {
            text += "centred kernels\n";
        }
        if model.dropout as f32 > 0.0 {
            text += &format!("dropout {:?}\n", model.dropout as f32);
        }
        if model.drop_path as f32 > 0.0 {
            text += &format!("drop path {:?}\n", model.drop_path as f32);
        }
        if model.norm != NormName::Own {
            text += &format!("norm {}\n", model.norm.word());
        }
        // Rounding, which is other bytes.
        if run.backend != BackendName::Native {
            text += &format!("backend {}\n", run.backend.word());
        }
        // More than rounding: such a network is another one.
        if run.precision != Precision::F32 {
            text += &format!("precision {}\n", run.precision.name());
        }
        match self.normalisation() {
            None => text += "normalisation of what is seen\n",
            Some(own) if own == self.dataset().normalisation => {}
            Some(other) => text += &format!("normalisation {:?} {:?}\n", other.mean(), other.std()),
        }
        text
    }

    /// What stands in every identity, by key.
    fn always(&self) -> Vec<(&'static str, Value)> {
        let (data, model, train, augment) = (self.data(), self.model(), self.train(), self.augment());
        vec![
            ("augment.brightness", Value::Float(augment.brightness)),
            ("augment.contrast", Value::Float(augment.contrast)),
            ("augment.crop_padding", Value::Int(augment.crop_padding as u64)),
            ("augment.flip", Value::Float(augment.flip)),
            ("augment.hue", Value::Float(augment.hue)),
            ("augment.rotation", Value::Float(augment.rotation)),
            ("augment.saturation", Value::Float(augment.saturation)),
            ("augment.zoom_high", Value::Float(augment.zoom_high)),
            ("augment.zoom_low", Value::Float(augment.zoom_low)),
            ("data.dataset", Value::Text(data.dataset.clone())),
            ("data.seed", Value::Int(data.seed)),
            ("data.train_images", Value::Int(data.train_images as u64)),
            ("model.name", Value::Text(model.name.clone())),
            ("model.width", Value::Float(model.width)),
            ("train.batch", Value::Int(train.batch as u64)),
            ("train.l2", Value::Float(train.l2)),
            ("train.momentum", Value::Float(train.momentum)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KEYS, Keys};

    fn identity(settings: &[(&str, &str)]) -> String {
        let settings: Vec<_> = settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let config = Config::plain(&Keys::default(), &settings).unwrap();
        config.training_identity(basin_core::digest([&b"images"[..]]))
    }

    /// Another value than the default, near it where ends of ranges depend on each other.
    fn another(key: &crate::Key) -> String {
        match key.name {
            "augment.zoom_low" => "0.9".into(),
            "augment.zoom_high" => "1.1".into(),
            _ => key.extremes().into_iter().find(|text| key.parse(text) != Ok(key.default())).unwrap(),
        }
    }

    /// A changed text renames every node of every run directory there is.
    #[test]
    fn the_text_is_what_it_has_always_been() {
        let images = basin_core::digest([&b"images"[..]]);
        let expected = format!(
            "basin training 2\naugment.brightness=0.1\naugment.contrast=0.1\naugment.crop_padding=4\naugment.flip=0.5\n\
             augment.hue=0.1\naugment.rotation=0.0\naugment.saturation=0.1\naugment.zoom_high=1.0\naugment.zoom_low=1.0\n\
             data.dataset=\"synthetic\"\ndata.seed=0\ndata.train_images=0\nmodel.name=\"resnet20\"\nmodel.width=4.0\n\
             train.batch=128\ntrain.l2=0.0001\ntrain.momentum=0.9\ntrain set {images}\n"
        );
        assert_eq!(identity(&[]), expected);
        let more = [
            ("train.clip_norm", "1"),
            ("train.optimiser", "adamw"),
            ("model.residual_scale", "0.1"),
            ("model.centred_kernels", "yes"),
            ("run.precision", "bf16"),
            ("model.norm", "batch"),
            ("run.backend", "candle"),
            ("train.order", "with-replacement"),
            ("data.normalisation", "raw"),
            ("train.label_smoothing", "0.1"),
            ("augment.mixup", "0.8"),
            ("augment.cutmix", "1"),
            ("augment.erasing", "0.25"),
            ("model.drop_path", "0.2"),
        ];
        let extra = "clip norm 1.0\nadamw 0.9 0.999 1e-8\nlabel smoothing 0.1\nmixup 0.8\ncutmix 1.0\nerasing 0.25\norder with-replacement\nresidual scale 0.1\ncentred kernels\ndrop path 0.2\nnorm batch\nbackend candle\n\
             precision bf16\nnormalisation [0.0, 0.0, 0.0] [0.003921569, 0.003921569, 0.003921569]\n";
        assert_eq!(identity(&more), expected + extra);
    }

    /// Keys of training's sections that trained parameters depend on in another way, or not at all.
    const ELSEWHERE: &[&str] = &[
        "data.dir",
        "data.other_dir",
        "data.corrupted_dir",
        "data.frost_dir",
        "data.test_images",
        // Through the digest of the training images.
        "data.halved",
        "data.padded",
        "data.classes",
        "data.task",
        // Through the schedule of a method's recipe.
        "train.epochs",
        "train.peak_lr",
        "train.warmup",
        "train.warmup_from",
        "train.schedule",
        "train.halve_every",
        // Through the images and sides of a method's recipe.
        "data.partition",
        "data.imbalance",
        "data.partition_seed",
        "data.view_a",
        "data.view_b",
        "train.noise",
        // Through the images of a measurement.
        "data.view_test",
        // Where another rule is chosen.
        "train.adam_beta1",
        "train.adam_beta2",
        "train.adam_epsilon",
    ];

    #[test]
    fn every_key_of_training_names_its_nodes() {
        let trains =
            |name: &str| ["data.", "model.", "train.", "augment."].iter().any(|s| name.starts_with(s));
        for key in KEYS.iter().filter(|key| trains(key.name) && !ELSEWHERE.contains(&key.name)) {
            assert_ne!(identity(&[(key.name, &another(key))]), identity(&[]), "{}", key.name);
        }
    }
}
