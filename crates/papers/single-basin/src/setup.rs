//! Whether a run's set-up is the paper's, read from its configuration, in one plain sentence.

use basin_papers::alike;
use serde_json::Value;

const RECIPE: &str = include_str!("../published/recipe.json");

/// Width multiplier of the paper's ResNet20 (Appendix C: 64, 128 and 256 channels).
const WIDTH: f64 = 4.0;
/// And of its ViT (256 and 512 channels).
const VIT_WIDTH: f64 = 1.0;

/// The rest of the recipe (Appendix C): keys, the paper's values, and how to say them; compared where the
/// configuration has them. No subset of the images and no gradient clipping are what the paper does not
/// mention.
const REST: &[(&str, f64, &str)] = &[
    ("train.batch", 128.0, "batch"),
    ("train.warmup", 0.1, "warm-up"),
    ("ensemble.temperature", 3.0, "temperature"),
    ("ensemble.label_weight", 0.2, "label weight"),
    ("data.train_images", 0.0, "training images"),
    ("train.clip_norm", 0.0, "gradient norm clipped at"),
    ("train.label_smoothing", 0.0, "label smoothing"),
    ("augment.mixup", 0.0, "mixup"),
    ("augment.cutmix", 0.0, "CutMix"),
    ("augment.erasing", 0.0, "random erasing"),
    ("model.drop_path", 0.0, "drop path"),
    ("model.residual_scale", 1.0, "residual branches scaled at first by"),
    ("metrics.repair_images", 0.0, "q̄ with REPAIR on so many images:"),
];

/// What the paper says of its ResNet20 alone; it does not give the ViT's learning rate, and trains no SWE of it.
const RESNET: &[(&str, f64, &str)] = &[
    ("train.peak_lr", 0.1, "peak learning rate"),
    ("train.momentum", 0.9, "momentum"),
    ("ensemble.swe_floor", 0.01, "SWE floor"),
];

/// The sentence a table opens with. It always says what the paper's numbers are for. `covered`: whether the paper has
/// numbers for this data set and network.
pub(crate) fn sentence(covered: bool, config: &Value, dataset: &str, model: &str, members: usize) -> String {
    let vit = model.to_ascii_lowercase().starts_with("vit");
    let theirs = if vit { "its 6-layer ViT" } else { "ResNet20 ×4" };
    if !covered {
        return format!(
            "The paper has no numbers for {model} on {dataset}; its own are for {theirs} at full length on \
             CIFAR-10, CIFAR-100 and Tiny ImageNet."
        );
    }
    let (their_members, epochs) = recipe(dataset, model);
    let mut wanted = vec![format!("{their_members} members")];
    let mut found = Vec::new();
    if members != their_members {
        found.push(format!("{members} members"));
    }
    let mut compare = |key: &str, want: f64, tell: &dyn Fn(f64) -> String| match number(config, key) {
        Some(have) if have == want => {}
        Some(have) => found.push(tell(have)),
        None => found.push(format!("{key} not recorded")),
    };
    compare("model.width", if vit { VIT_WIDTH } else { WIDTH }, &|w| format!("width ×{w}"));
    if let Some(epochs) = epochs {
        compare("train.epochs", epochs, &|e| format!("{e} epochs"));
        wanted.push(format!("{epochs} epochs"));
    }
    let optimiser = if vit { "adam" } else { "sgd" };
    if let Some(have) =
        at(config, "train.optimiser").and_then(Value::as_str).filter(|have| *have != optimiser)
    {
        found.push(format!("optimiser {have}"));
    }
    if at(config, "data.halved").and_then(Value::as_str) == Some("yes") {
        found.push("images of half their height and width".to_owned());
    }
    for (key, want, what) in REST.iter().chain(if vit { &[] } else { RESNET }) {
        if let Some(have) = number(config, key).filter(|have| have != want) {
            found.push(format!("{what} {have}"));
        }
    }
    let full = format!("{theirs} at full length ({})", wanted.join(", "));
    if found.is_empty() {
        format!("The set-up is the paper's: {full}.")
    } else {
        format!(
            "Not the paper's set-up: the paper's numbers are for {full}; this run has {}.",
            found.join(", ")
        )
    }
}

/// Members M of all the paper's tables, and epochs T of a member.
fn recipe(dataset: &str, model: &str) -> (usize, Option<f64>) {
    let recipe: Value = serde_json::from_str(RECIPE).unwrap_or_default();
    let is = |line: &&Value, key: &str, id: &str| line[key].as_str().is_some_and(|text| alike(text, id));
    let mut lines = recipe["epochs"].as_array().into_iter().flatten();
    let line = lines.find(|line| is(line, "dataset", dataset) && is(line, "model", model));
    (recipe["members"].as_u64().unwrap_or(0) as usize, line.and_then(|line| line["epochs"].as_f64()))
}

fn number(config: &Value, key: &str) -> Option<f64> {
    at(config, key).and_then(Value::as_f64)
}

/// The value of exactly this key: other sections may have keys of the same name.
fn at<'a>(config: &'a Value, key: &str) -> Option<&'a Value> {
    key.split('.').try_fold(config, |value, part| value.get(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn say(config: &Value, dataset: &str, members: usize) -> String {
        sentence(dataset != "synthetic", config, dataset, "resnet20", members)
    }

    #[test]
    fn the_recipe_has_a_length_for_every_table() {
        for dataset in ["cifar10", "CIFAR-100", "tiny_imagenet"] {
            for model in ["resnet20", "vit"] {
                assert!(
                    matches!(recipe(dataset, model), (5, Some(epochs)) if epochs > 100.0),
                    "{dataset} {model}"
                );
            }
        }
    }

    #[test]
    fn another_recipe_is_not_the_papers_set_up() {
        let config = json!({"model": {"width": 4}, "train": {"epochs": 110, "batch": 32, "clip_norm": 0.5}});
        let text = say(&config, "cifar10", 5);
        assert!(text.contains("this run has batch 32, gradient norm clipped at 0.5"), "{text}");
    }

    #[test]
    fn smaller_images_and_other_initial_values_are_named() {
        let config = json!({
            "data": {"halved": "yes"},
            "model": {"width": 4, "residual_scale": 0},
            "train": {"epochs": 110},
        });
        let text = say(&config, "cifar10", 5);
        let said =
            "this run has images of half their height and width, residual branches scaled at first by 0.";
        assert!(text.ends_with(said), "{text}");
        let config = json!({
            "data": {"halved": "no"},
            "model": {"width": 4, "residual_scale": 1.0},
            "train": {"epochs": 110},
        });
        assert!(say(&config, "cifar10", 5).starts_with("The set-up is the paper's"));
    }

    #[test]
    fn a_narrow_transformer_is_not_the_papers() {
        let config = json!({"model": {"width": 0.25}, "train": {"epochs": 165}});
        let text = sentence(true, &config, "cifar10", "vit", 5);
        assert!(text.contains("this run has width ×0.25"), "{text}");
    }

    #[test]
    fn the_papers_transformer_is_recognised_whatever_its_unpublished_rate() {
        let config = |optimiser: &str| {
            let train = json!({"epochs": 165, "optimiser": optimiser, "peak_lr": 0.0003, "momentum": 0.5});
            json!({"model": {"width": 1}, "train": train})
        };
        let say = |c: &Value| sentence(true, c, "cifar10", "vit", 5);
        assert!(say(&config("adam")).starts_with("The set-up is the paper's"), "{}", say(&config("adam")));
        assert!(say(&config("sgd")).ends_with("this run has optimiser sgd."), "{}", say(&config("sgd")));
    }

    #[test]
    fn another_data_set_has_no_numbers_to_stand_beside() {
        let text = say(&json!({"model": {"width": 1}}), "synthetic", 3);
        assert!(
            text.contains("no numbers for resnet20 on synthetic") && text.contains("ResNet20 ×4"),
            "{text}"
        );
    }

    #[test]
    fn every_way_in_which_the_set_up_differs_is_named() {
        let config = json!({"model": {"width": 1}, "train": {"epochs": 20}});
        let text = say(&config, "cifar10", 3);
        assert!(text.starts_with("Not the paper's set-up"), "{text}");
        assert!(text.ends_with("this run has 3 members, width ×1, 20 epochs."), "{text}");
        let unknown = say(&json!({}), "cifar10", 5);
        assert!(unknown.contains("model.width not recorded, train.epochs not recorded"), "{unknown}");
    }

    #[test]
    fn the_papers_own_set_up_is_recognised() {
        let text = say(&json!({"model": {"width": 4}, "train": {"epochs": 190}}), "cifar100", 5);
        assert!(text.starts_with("The set-up is the paper's"), "{text}");
    }

    /// A key of the same name elsewhere, at any depth, says nothing of the network.
    #[test]
    fn the_width_is_the_networks_and_nobody_elses() {
        let train = json!({"epochs": 110, "schedule": {"width": 1}});
        let config = json!({"width": 1, "augment": {"width": 1}, "model": {"width": 4}, "train": train});
        assert!(say(&config, "cifar10", 5).starts_with("The set-up is the paper's"));
        let config = json!({"width": 4, "augment": {"width": 4}, "train": {"epochs": 110, "width": 4}});
        assert!(say(&config, "cifar10", 5).contains("model.width not recorded"));
    }
}
