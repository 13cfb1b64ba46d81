//! Whether a run's set-up is the paper's, read from its configuration, in one plain sentence.

use crate::paper::Paper;
use serde_json::Value;

/// Width multiplier of the paper's ResNet20 (Appendix C: 64, 128 and 256 channels).
const WIDTH: f64 = 4.0;
/// And of its ViT (256 and 512 channels).
const VIT_WIDTH: f64 = 1.0;

/// The rest of the recipe (Appendix C): keys, the paper's values, and how to say them; compared where the
/// configuration has them. No subset of the images and no gradient clipping are what the paper does not
/// mention.
const RECIPE: &[(&str, f64, &str)] = &[
    ("batch", 128.0, "batch"),
    ("warmup", 0.1, "warm-up"),
    ("temperature", 3.0, "temperature"),
    ("label_weight", 0.2, "label weight"),
    ("train_images", 0.0, "training images"),
    ("clip_norm", 0.0, "gradient norm clipped at"),
];

/// What the paper says of its ResNet20 alone; it does not give the ViT's learning rate, and trains no SWE of it.
const RESNET: &[(&str, f64, &str)] = &[
    ("peak_lr", 0.1, "peak learning rate"),
    ("momentum", 0.9, "momentum"),
    ("swe_floor", 0.01, "SWE floor"),
];

/// The sentence a table opens with. It always says what the paper's numbers are for.
pub(crate) fn sentence(paper: &Paper, config: &Value, dataset: &str, model: &str, members: usize) -> String {
    let vit = model.to_ascii_lowercase().starts_with("vit");
    let theirs = if vit { "its 6-layer ViT" } else { "ResNet20 ×4" };
    if !paper.covers(dataset, model) {
        return format!(
            "The paper has no numbers for {model} on {dataset}; its own are for {theirs} at full length on \
             CIFAR-10, CIFAR-100 and Tiny ImageNet."
        );
    }
    let mut wanted = vec![format!("{} members", paper.members())];
    let mut found = Vec::new();
    let mut differs = members != paper.members();
    if differs {
        found.push(format!("{members} members"));
    }
    let mut compare = |key: &str, want: f64, tell: &dyn Fn(f64) -> String| match number(config, key) {
        Some(have) if have == want => {}
        Some(have) => {
            differs = true;
            found.push(tell(have));
        }
        None => {
            differs = true;
            found.push(format!("{key} not recorded"));
        }
    };
    compare("width", if vit { VIT_WIDTH } else { WIDTH }, &|w| format!("width ×{w}"));
    if let Some(epochs) = paper.epochs(dataset, model) {
        compare("epochs", epochs, &|e| format!("{e} epochs"));
        wanted.push(format!("{epochs} epochs"));
    }
    let optimiser = if vit { "adam" } else { "sgd" };
    if let Some(have) = find(config, "optimiser", &Value::as_str).filter(|have| *have != optimiser) {
        differs = true;
        found.push(format!("optimiser {have}"));
    }
    for (key, want, what) in RECIPE.iter().chain(if vit { &[] } else { RESNET }) {
        if let Some(have) = number(config, key).filter(|have| have != want) {
            differs = true;
            found.push(format!("{what} {have}"));
        }
    }
    let full = format!("{theirs} at full length ({})", wanted.join(", "));
    if differs {
        format!(
            "Not the paper's set-up: the paper's numbers are for {full}; this run has {}.",
            found.join(", ")
        )
    } else {
        format!("The set-up is the paper's: {full}.")
    }
}

/// The number under `key`.
fn number(config: &Value, key: &str) -> Option<f64> {
    find(config, key, &Value::as_f64)
}

/// The value of a type under `key`, at the shallowest place where the configuration has one.
fn find<'a, T>(config: &'a Value, key: &str, read: &dyn Fn(&'a Value) -> Option<T>) -> Option<T> {
    let mut level = vec![config];
    while !level.is_empty() {
        if let Some(found) = level.iter().find_map(|value| value.get(key).and_then(read)) {
            return Some(found);
        }
        level = level.iter().filter_map(|value| value.as_object()).flat_map(|map| map.values()).collect();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn say(config: &Value, dataset: &str, members: usize) -> String {
        sentence(&Paper::published().unwrap(), config, dataset, "resnet20", members)
    }

    #[test]
    fn another_recipe_is_not_the_papers_set_up() {
        let config = json!({"model": {"width": 4}, "train": {"epochs": 110, "batch": 32, "clip_norm": 0.5}});
        let text = say(&config, "cifar10", 5);
        assert!(text.contains("this run has batch 32, gradient norm clipped at 0.5"), "{text}");
    }

    #[test]
    fn a_narrow_transformer_is_not_the_papers() {
        let config = json!({"model": {"width": 0.25}, "train": {"epochs": 165}});
        let text = sentence(&Paper::published().unwrap(), &config, "cifar10", "vit", 5);
        assert!(text.contains("this run has width ×0.25"), "{text}");
    }

    #[test]
    fn the_papers_transformer_is_recognised_whatever_its_unpublished_rate() {
        let config = |optimiser: &str| {
            let train = json!({"epochs": 165, "optimiser": optimiser, "peak_lr": 0.0003, "momentum": 0.5});
            json!({"model": {"width": 1}, "train": train})
        };
        let say = |c: &Value| sentence(&Paper::published().unwrap(), c, "cifar10", "vit", 5);
        assert!(say(&config("adam")).starts_with("The set-up is the paper's"), "{}", say(&config("adam")));
        assert!(say(&config("sgd")).ends_with("this run has optimiser sgd."), "{}", say(&config("sgd")));
    }

    #[test]
    fn another_data_set_has_no_numbers_to_stand_beside() {
        let text = say(&json!({"width": 1}), "synthetic", 3);
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
        assert!(say(&json!({}), "cifar10", 5).contains("width not recorded, epochs not recorded"));
    }

    #[test]
    fn the_papers_own_set_up_is_recognised() {
        let text = say(&json!({"width": 4, "epochs": 190}), "cifar100", 5);
        assert!(text.starts_with("The set-up is the paper's"), "{text}");
    }
}
