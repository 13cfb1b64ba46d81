//! The configuration of pre-training, which is that of the experiment with another data set and length; and classes in a row.

use crate::sections::Sections;
use crate::{Config, Origin, Source, Statistics, Value};
use anyhow::{Context, Result};
use basin_core::Extent;
use std::ops::RangeInclusive;

/// No data set.
const NONE: &str = "none";

impl Config {
    /// The configuration that networks are pre-trained with, if there is a source: what an experiment on the source alone would
    /// have, so that its work has the same name.
    pub fn pretraining(&self) -> Option<Self> {
        let (source, data, train) = (self.source(), self.data(), self.train());
        self.dataset_named(&source.dataset)?;
        let dir = [&source.dir, &data.other_dir, &data.dir].into_iter().find(|dir| !dir.is_empty());
        let normalisation = match data.normalisation {
            Statistics::Source => Statistics::Dataset,
            other => other,
        };
        let or = |own: u64, otherwise: u64| if own == 0 { otherwise } else { own };
        let peak_lr = if source.peak_lr == 0.0 { train.peak_lr } else { source.peak_lr };
        let word = |flag: bool| Value::Text(if flag { "yes" } else { "no" }.into());
        let text = |text: &str| Value::Text(text.to_owned());
        let mut config = self.clone();
        for (name, value) in [
            ("data.dataset", text(&source.dataset)),
            ("data.dir", text(dir.map_or("", String::as_str))),
            ("data.train_images", Value::Int(source.train_images as u64)),
            ("data.test_images", Value::Int(source.test_images as u64)),
            ("data.halved", word(source.halved)),
            ("data.classes", text(&source.classes)),
            ("data.task", text(source.task.word())),
            ("data.normalisation", text(normalisation.word())),
            ("data.view_a", text("")),
            ("data.view_b", text("")),
            ("data.view_test", text("")),
            ("train.epochs", Value::Int(or(source.epochs, train.epochs))),
            ("train.batch", Value::Int(or(source.batch as u64, train.batch as u64))),
            ("train.peak_lr", Value::Float(peak_lr)),
            ("train.warmup", Value::Float(source.warmup)),
            // A rate that belongs to the warm-up of fine-tuning, which may be above all of these.
            ("train.warmup_from", Value::Float(0.0)),
            // Members are not measured between each other there.
            ("metrics.connectivity_images", Value::Int(0)),
            ("metrics.repair_images", Value::Int(0)),
            // It has no source of its own.
            ("source.dataset", text(NONE)),
            ("source.checkpoints", text("")),
        ] {
            config.values.insert(name, (value, Origin::Default));
        }
        let values = config.values.iter().map(|(name, (value, _))| (*name, value)).collect();
        config.sections = Sections::read(&values);
        Some(config)
    }

    /// The classes whose images are used, where these are not all.
    ///
    /// # Panics
    /// Never: what is none is refused when the configuration is made.
    pub fn classes(&self) -> Option<RangeInclusive<usize>> {
        class_range(&self.data().classes).ok().flatten()
    }

    /// Names of the parameters of the network for such images that depend on the number of classes: its head.
    ///
    /// # Errors
    /// As [`Config::network`]; for a network without any.
    pub fn head(&self, extent: impl Into<Extent>) -> Result<Vec<String>> {
        let extent = extent.into();
        let shapes = |classes| Ok::<_, anyhow::Error>(self.network(extent, classes)?.layout().shapes());
        let (two, three) = (shapes(2)?, shapes(3)?);
        let differ = two.into_iter().zip(three).filter(|(two, three)| two != three);
        let head: Vec<String> = differ.map(|((name, _), _)| name).collect();
        let none = || format!("model.name is {}, which has no head to replace", self.model().name);
        (!head.is_empty()).then_some(head).with_context(none)
    }

    /// What is wrong with the source and with classes, a line each.
    pub(crate) fn source_problems(&self) -> Vec<String> {
        let Source { dataset, checkpoints, classes, .. } = self.source();
        let mut problems = Vec::new();
        if dataset != NONE && self.dataset_named(dataset).is_none() {
            let known: Vec<&str> = self.datasets().map(|dataset| dataset.name).collect();
            problems.push(format!(
                "  source.dataset is {dataset:?}, expected {NONE} or one of {}",
                known.join(", ")
            ));
        }
        if dataset != NONE && !checkpoints.is_empty() {
            problems.push(
                "  source.checkpoints names files and source.dataset a data set to pre-train on, expected one of the two"
                    .into(),
            );
        }
        if self.data().normalisation == Statistics::Source && dataset == NONE {
            problems.push("  data.normalisation is source, expected another or source.dataset".into());
        }
        for (key, classes) in [("data.classes", &self.data().classes), ("source.classes", classes)] {
            problems.extend(
                class_range(classes)
                    .err()
                    .map(|expected| format!("  {key} is {classes:?}, expected {expected}")),
            );
        }
        problems
    }
}

/// `60-99`: the first and the last of some classes in a row; nothing: none in particular.
fn class_range(text: &str) -> Result<Option<RangeInclusive<usize>>, &'static str> {
    const EXPECTED: &str = "the first and the last class, such as 60-99, or nothing";
    if text.is_empty() {
        return Ok(None);
    }
    let (first, last) = text.split_once('-').ok_or(EXPECTED)?;
    let number = |text: &str| text.trim().parse::<usize>().map_err(|_| EXPECTED);
    let (first, last) = (number(first)?, number(last)?);
    if first < last { Ok(Some(first..=last)) } else { Err(EXPECTED) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Keys;
    use basin_core::digest;

    fn config(settings: &[(&str, &str)]) -> Result<Config, crate::ConfigError> {
        let settings: Vec<_> = settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Config::plain(&Keys::default(), &settings)
    }

    #[test]
    fn pre_training_is_named_like_an_experiment_on_the_source() {
        let tuned = config(&[
            ("data.dataset", "cifar10"),
            ("data.other_dir", "elsewhere"),
            ("data.train_images", "500"),
            ("train.epochs", "6"),
            ("train.peak_lr", "0.01"),
            ("train.warmup", "0"),
            ("source.dataset", "cifar100"),
            ("source.epochs", "24"),
            ("source.peak_lr", "0.1"),
            ("data.normalisation", "source"),
        ])
        .unwrap();
        let own = tuned.pretraining().unwrap();
        let alone = config(&[("data.dataset", "cifar100"), ("train.epochs", "24")]).unwrap();
        let images = digest([&b"images"[..]]);
        assert_eq!(own.training_identity(images), alone.training_identity(images));
        assert_eq!((own.train(), own.data().dir.as_str()), (alone.train(), "elsewhere"));
        assert_eq!(tuned.normalisation(), own.normalisation());
        assert!(own.pretraining().is_none() && alone.pretraining().is_none());
    }

    #[test]
    fn what_is_no_source_and_what_are_no_classes_is_refused_all_at_once() {
        let wrong = [
            ("source.dataset", "imagenet"),
            ("source.checkpoints", "a.pt"),
            ("data.classes", "9-3"),
            ("source.classes", "all"),
        ];
        let error = config(&wrong).unwrap_err();
        let expected = "the first and the last class, such as 60-99, or nothing";
        let known = "cifar10, cifar100";
        assert!(
            error.problems[0].starts_with("  source.dataset is \"imagenet\", expected none or one of ")
                && error.problems[0].contains(known),
            "{error}"
        );
        assert_eq!(
            error.problems[1..],
            [
                "  source.checkpoints names files and source.dataset a data set to pre-train on, expected one of the two".to_owned(),
                format!("  data.classes is \"9-3\", expected {expected}"),
                format!("  source.classes is \"all\", expected {expected}"),
            ]
        );
        let error = config(&[("data.normalisation", "source")]).unwrap_err();
        assert_eq!(error.problems, ["  data.normalisation is source, expected another or source.dataset"]);
        assert_eq!(config(&[("data.classes", "60-99")]).unwrap().classes(), Some(60..=99));
    }

    #[test]
    fn the_head_is_what_depends_on_the_classes() {
        let head = |model: &str| config(&[("model.name", model)]).unwrap().head(32).unwrap();
        assert_eq!(head("resnet20"), ["dense.weight", "dense.bias"]);
        assert!(head("resnet18").iter().all(|name| name.starts_with("fc.")));
        assert_eq!(head("vit").len(), 2);
    }
}
