//! The configuration as a whole: what is refused, and what presets come to.

use super::*;
use basin_paper_single_basin::SingleBasin;
use basin_papers::Paper;

fn resolve(settings: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let settings: Vec<_> = settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Config::resolve(&Keys::default(), SingleBasin.preset("quick").unwrap(), &settings, &[])
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest() {
    let error = resolve(&[("ensemble.temprature", "3")]).unwrap_err();
    assert_eq!(error.problems, ["  unknown key ensemble.temprature; did you mean ensemble.temperature?"]);
}

#[test]
fn all_problems_are_reported_at_once() {
    let error =
        resolve(&[("beta", "1.5"), ("tau", "0"), ("members", "1"), ("train.batch", "many")]).unwrap_err();
    assert_eq!(error.problems.len(), 4, "{error}");
    assert!(
        error.to_string().contains("ensemble.label_weight is 1.5, expected a number in 0 ≤ x ≤ 1"),
        "{error}"
    );
}

#[test]
fn numbers_that_are_none_in_32_bits_are_refused() {
    for (key, value) in
        [("lr", "1e-320"), ("lr", "1e-39"), ("tau", "1e300"), ("tau", "1e-300"), ("train.l2", "1e-60")]
    {
        let error = resolve(&[(key, value)]).unwrap_err();
        assert!(error.problems[0].contains("and of a size of 1.1754944e-38 to 3.4028235e38"), "{error}");
        assert_eq!(error.problems[0].ends_with(", or 0"), key == "train.l2", "{error}");
    }
    for (key, value) in [("lr", "1e-37"), ("train.l2", "0"), ("train.clip_norm", "3e38")] {
        resolve(&[(key, value)]).unwrap();
    }
}

#[test]
fn a_data_sets_own_section_applies_however_the_data_set_is_named() {
    for key in ["data.dataset", "dataset"] {
        let preset = SingleBasin.preset("paper").unwrap();
        let config =
            Config::resolve(&Keys::default(), preset, &[(key.into(), "cifar100".into())], &[]).unwrap();
        assert_eq!((config.train().epochs, config.ensemble().split_epoch), (190, 40));
    }
}

#[test]
fn a_short_name_is_the_experiments_own_before_its_sources() {
    let keys = Keys::default();
    for (short, name) in [
        ("epochs", "train.epochs"),
        ("dataset", "data.dataset"),
        ("batch", "train.batch"),
        ("task", "data.task"),
        ("checkpoints", "source.checkpoints"),
    ] {
        assert!(keys.is_key(short, name), "{short}");
    }
}

#[test]
fn short_misspellings_find_their_key() {
    for (typed, meant) in
        [("bach", "train.batch"), ("temprature", "ensemble.temperature"), ("epoch", "train.epochs")]
    {
        let error = resolve(&[(typed, "3")]).unwrap_err();
        assert_eq!(error.problems, [format!("  unknown key {typed}; did you mean {meant}?")]);
    }
}

#[test]
fn data_sets_are_those_that_can_be_loaded() {
    let known = basin_data::Dataset::BUILT_IN.map(|dataset| dataset.name);
    let keys = Keys::default();
    let key = keys.find("data.dataset").unwrap();
    assert_eq!(key.allowed(), format!("one of {}", known.join(", ")));
}

#[test]
fn every_preset_resolves_and_every_key_is_documented() {
    for preset in SingleBasin.presets() {
        for dataset in ["synthetic", "cifar10", "cifar100", "tiny-imagenet"] {
            for model in ["resnet20", "vit"] {
                let varied = [("data.dataset", dataset.into()), ("model.name", model.into())];
                Config::resolve(&Keys::default(), preset, &[], &varied).unwrap();
            }
        }
    }
    for key in KEYS.iter() {
        assert!(
            !key.doc.is_empty() && !key.unit.is_empty() && key.parse(&key.default().plain()).is_ok(),
            "{key:?}"
        );
    }
}

/// A range that lets through what the field's type does not take would panic when the configuration is resolved.
#[test]
fn every_word_and_end_of_a_range_is_read_as_its_type() {
    let mut read = 0;
    // Others than these depend on no other key.
    let alone = |key: &&crate::Key| !key.name.starts_with("augment.zoom") && key.name != "train.warmup_from";
    for key in KEYS.iter().filter(alone) {
        // Without a source there are no statistics of one.
        for text in key
            .extremes()
            .into_iter()
            .filter(|text| (key.name, text.as_str()) != ("data.normalisation", "source"))
        {
            let config = Config::plain(&Keys::default(), &[(key.name.to_owned(), text.clone())]).unwrap();
            assert_eq!(config.asked().collect::<Vec<_>>(), [key.name], "{text}");
            read += 1;
        }
    }
    assert!(read > 100, "{read}");
}

#[test]
fn a_warm_up_begins_below_its_end_and_is_there() {
    let problems = |settings: &[(&str, &str)]| resolve(settings).unwrap_err().problems;
    assert_eq!(
        problems(&[("train.warmup_from", "0.5"), ("lr", "0.1")]),
        ["  train.warmup_from is 0.5, expected at most train.peak_lr = 0.1"]
    );
    assert_eq!(
        problems(&[("train.warmup_from", "0.01"), ("train.warmup", "0")]),
        ["  train.warmup_from is 0.01, expected 0 with train.warmup = 0"]
    );
    assert_eq!(resolve(&[("train.warmup_from", "5e-7")]).unwrap().train().warmup_from, 5e-7);
}

#[test]
fn the_resolved_toml_reads_back_to_the_same_values() {
    let config = resolve(&[("seeds", "3,1")]).unwrap();
    let parsed: toml::Table = config.to_toml().parse().unwrap();
    assert_eq!(parsed["ensemble"]["seeds"].as_array().unwrap().len(), 2);
    assert_eq!(config.ensemble().seeds, [3, 1]);
}

#[test]
fn every_problem_stands_on_a_line_of_its_own() {
    let error = ConfigError { problems: vec!["  a is 1".into(), "  b is 2".into()] };
    assert_eq!(error.to_string(), "the configuration is refused:\n  a is 1\n  b is 2");
}
