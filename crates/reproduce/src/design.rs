//! The experiments that a run can name: what each varies. One line each in [`DESIGNS`].

use crate::Asked;
use crate::config::{Config, ConfigError};

/// Keys and values that one case sets, in the order in which they are told.
pub type Varied = Vec<(&'static str, String)>;

/// An experiment: a name and the cases it consists of, as a function of what was asked for; a case can depend on what the
/// preset says of its data set and network.
#[derive(Clone, Copy, Debug)]
pub struct Design {
    /// Name, as after `--experiment`.
    pub name: &'static str,
    /// Where in the paper, or what question; one line for help.
    pub summary: &'static str,
    /// Its cases, at least one.
    ///
    /// # Errors
    /// When what was asked for is no configuration.
    pub cases: fn(&Asked) -> Result<Vec<Varied>, ConfigError>,
    /// What comes out of it.
    pub outcome: Outcome,
}

/// What an experiment ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Trained and measured ensembles, and a report on them.
    Report,
    /// The epochs that its ensembles would need; nothing is trained.
    Costs,
}

/// All designs.
pub const DESIGNS: &[Design] = &[
    Design {
        name: "table1",
        summary: "Table 1: all methods, accuracy and joint connectivity",
        cases: |_| Ok(vec![Vec::new()]),
        outcome: Outcome::Report,
    },
    Design {
        name: "table2",
        summary: "Table 2: constrained and distilled ensembles of both networks",
        cases: |_| Ok(models("deep,constrained,distilled")),
        outcome: Outcome::Report,
    },
    Design {
        name: "table3",
        summary: "Table 3: permuted ensembles by pairwise and joint matching, joint connectivity with and without REPAIR",
        cases: table3,
        outcome: Outcome::Report,
    },
    Design {
        name: "table4",
        summary: "Table 4: deep ensembles with and without distillation, both networks",
        cases: |_| Ok(models("deep,distilled-deep")),
        outcome: Outcome::Report,
    },
    Design {
        name: "table5",
        summary: "Table 5: epochs of every ensemble, both networks; computed, nothing is trained",
        cases: table5,
        outcome: Outcome::Costs,
    },
    Design {
        name: "fig2ab",
        summary: "Figure 2a and 2b: connectivity on the line between pairs of members",
        cases: |_| Ok(vec![Vec::new()]),
        outcome: Outcome::Report,
    },
    Design {
        name: "fig2c",
        summary: "Figure 2c: accuracy against joint connectivity",
        cases: |_| Ok(vec![Vec::new()]),
        outcome: Outcome::Report,
    },
    Design {
        name: "fig3",
        summary: "Figure 3: variance, divergence and connectivity over the split epoch t, for several β",
        cases: fig3,
        outcome: Outcome::Report,
    },
    Design {
        name: "members",
        summary: "accuracy, connectivity and diversity for ensembles of 2, 3, 5, 10 and 20 members",
        cases: |_| Ok([2, 3, 5, 10, 20].map(|m| vec![("ensemble.members", m.to_string())]).into()),
        outcome: Outcome::Report,
    },
    Design {
        name: "stability-point",
        summary: "two children of a trunk of t epochs, both networks: are they connected (Frankle et al.)?",
        cases: stability_point,
        outcome: Outcome::Report,
    },
    Design {
        name: "cheap-distillation",
        summary: "how much of the distillation is needed: one teacher, all as one, kept logits, the last epochs only",
        cases: cheap_distillation,
        outcome: Outcome::Report,
    },
    Design {
        name: "all",
        summary: "all of these in one plan, everything trained once",
        cases: all,
        outcome: Outcome::Report,
    },
];

impl Design {
    /// The design of that name.
    pub fn find(name: &str) -> Option<&'static Self> {
        DESIGNS.iter().find(|design| design.name == name)
    }

    /// Where its results stand below the run directory, with `/` at the end: the first design's at the top, so that
    /// experiments of one run share its nodes and keep their reports apart.
    pub fn folder(&self) -> String {
        if self.name == DESIGNS[0].name { String::new() } else { format!("{}/", self.name) }
    }
}

/// The label of a case: what it varies, in the paper's symbols. The data set and the network have columns of their own.
pub fn label(varied: &Varied) -> String {
    let symbol = |key: &str| match key {
        "ensemble.split_epoch" => Some("t"),
        "ensemble.label_weight" => Some("β"),
        "ensemble.members" => Some("M"),
        "ensemble.distil_last" => Some("k"),
        "ensemble.replay_epochs" => Some("R"),
        "metrics.repair_images" => Some("REPAIR images"),
        "data.dataset" | "model.name" | "ensemble.methods" => None,
        _ => Some(""),
    };
    let told = varied.iter().filter_map(|(key, value)| match symbol(key)? {
        "" => Some(format!("{key} = {value}")),
        symbol => Some(format!("{symbol} = {value}")),
    });
    told.collect::<Vec<_>>().join(", ")
}

/// ResNet20 and the ViT, each with these methods.
fn models(methods: &str) -> Vec<Varied> {
    let of = |model: &str| vec![("model.name", model.to_owned()), ("ensemble.methods", methods.to_owned())];
    ["resnet20", "vit"].map(of).into()
}

/// Training images for channel statistics: each of a ResNet's channels sees hundreds of thousands of pixels of them.
const REPAIR_IMAGES: u64 = 500;

/// The relaxation of cycle-consistent matching has no heads that move as blocks.
fn table3(asked: &Asked) -> Result<Vec<Varied>, ConfigError> {
    let mut cases = models("deep,permuted,multi-pcd,merge-many");
    cases[0][1].1 += ",frank-wolfe";
    // Each once more with REPAIR.
    let images = match asked.base()?.int("data.train_images") {
        0 => REPAIR_IMAGES,
        n => n.min(REPAIR_IMAGES),
    };
    let repaired = |case: &Varied| {
        let mut case = case.clone();
        case.push(("metrics.repair_images", images.to_string()));
        case
    };
    cases.extend(cases.iter().map(repaired).collect::<Vec<_>>());
    Ok(cases)
}

/// The paper has no SWE and no permuted ensembles of transformers.
fn table5(_: &Asked) -> Result<Vec<Varied>, ConfigError> {
    let mut cases = models("deep,constrained,distilled,distilled-deep");
    cases[0][1].1 += ",swe,permuted";
    Ok(cases)
}

/// Split epochs in even steps from 1 to below T.
fn split_epochs(config: &Config) -> Vec<u64> {
    let epochs = config.int("train.epochs");
    let mut all: Vec<u64> = (0..6).map(|i| (i * epochs / 6).clamp(1, epochs.max(2) - 1)).collect();
    all.dedup();
    all
}

fn all(asked: &Asked) -> Result<Vec<Varied>, ConfigError> {
    let others = DESIGNS.iter().filter(|other| other.outcome == Outcome::Report && other.name != "all");
    let mut cases: Vec<Varied> = Vec::new();
    for design in others {
        for case in (design.cases)(asked)? {
            if !cases.contains(&case) {
                cases.push(case);
            }
        }
    }
    Ok(cases)
}

/// Constrained ensembles are β = 1; the others are distilled.
fn fig3(asked: &Asked) -> Result<Vec<Varied>, ConfigError> {
    let mut cases = Vec::new();
    for t in split_epochs(&asked.base()?) {
        let at = |methods: &str| {
            vec![("ensemble.split_epoch", t.to_string()), ("ensemble.methods", methods.to_owned())]
        };
        cases.push(at("constrained"));
        for beta in ["0.2", "0.6"] {
            let mut case = at("distilled");
            case.push(("ensemble.label_weight", beta.to_owned()));
            cases.push(case);
        }
    }
    Ok(cases)
}

/// The paper's procedure with what it starts from and what it aims at; fewer or other teachers; fewer epochs.
fn cheap_distillation(asked: &Asked) -> Result<Vec<Varied>, ConfigError> {
    let base = asked.base()?;
    let all = "deep,constrained,distilled,distilled-one-teacher,distilled-ensemble";
    let mut cases = vec![vec![("ensemble.methods", all.to_owned())]];
    let epochs = base.int("train.epochs").saturating_sub(base.int("ensemble.split_epoch"));
    let mut repeats = vec![1, 4.min(epochs.max(1))];
    repeats.dedup();
    cases.extend(repeats.into_iter().map(|epochs| {
        let methods = "distilled-replayed,distilled-ensemble-replayed".to_owned();
        vec![("ensemble.methods", methods), ("ensemble.replay_epochs", epochs.to_string())]
    }));
    let mut shares: Vec<u64> = [2, 4].map(|part| (epochs / part).max(1)).into();
    shares.dedup();
    cases.extend(shares.into_iter().map(|last| {
        let methods = "distilled-last,distilled-one-teacher-last".to_owned();
        vec![("ensemble.methods", methods), ("ensemble.distil_last", last.to_string())]
    }));
    Ok(cases)
}

/// Each network by its own number of epochs.
fn stability_point(asked: &Asked) -> Result<Vec<Varied>, ConfigError> {
    let mut cases = Vec::new();
    for model in ["resnet20", "vit"] {
        let own = asked.case(&vec![("model.name", model.to_owned())])?;
        cases.extend(split_epochs(&own).into_iter().map(|t| {
            vec![
                ("model.name", model.to_owned()),
                ("ensemble.methods", "constrained".to_owned()),
                ("ensemble.members", "2".to_owned()),
                ("ensemble.split_epoch", t.to_string()),
            ]
        }));
    }
    Ok(cases)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Registry;
    use crate::config::PRESETS;
    use crate::experiment::plan_context;

    /// No experiment may end with a refusal that its own cases bring about.
    #[test]
    fn every_experiment_can_be_planned_with_every_preset_data_set_and_network() {
        let registry = Registry::default();
        let mut planned = 0;
        for (preset, design) in PRESETS.iter().flat_map(|preset| DESIGNS.iter().map(move |d| (preset, d))) {
            for dataset in ["synthetic", "cifar10", "cifar100", "tiny-imagenet"] {
                for model in ["resnet20", "vit"] {
                    let set = |key: &str, value: &str| (key.to_owned(), value.to_owned());
                    let settings = vec![set("data.dataset", dataset), set("model.name", model)];
                    let asked = Asked { design, preset, settings };
                    for varied in (design.cases)(&asked).unwrap() {
                        let config = asked.case(&varied).unwrap();
                        for id in config.list("ensemble.methods") {
                            let method = registry.method(id, &config).unwrap();
                            let recipe = method.plan(&plan_context(&config)).unwrap_or_else(|e| {
                                panic!("{} {} {dataset} {model} {varied:?}: {e}", preset.name, design.name)
                            });
                            planned += recipe.members().len();
                        }
                    }
                }
            }
        }
        assert!(planned > 1000, "{planned}");
    }
}
