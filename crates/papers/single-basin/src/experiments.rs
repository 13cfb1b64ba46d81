//! The paper's experiments: what each varies. One line each in [`EXPERIMENTS`].

use basin_papers::{CaseError, Experiment, Outcome, Settings, Symbol, Varied, together};

/// All experiments; the first is the default one.
pub(crate) const EXPERIMENTS: &[Experiment] = &[
    Experiment {
        name: "table1",
        summary: "Table 1: all methods, accuracy and joint connectivity",
        cases: |_| Ok(vec![Vec::new()]),
        outcome: Outcome::Report,
    },
    Experiment {
        name: "table2",
        summary: "Table 2: constrained and distilled ensembles of both networks",
        cases: |_| Ok(models("deep,constrained,distilled")),
        outcome: Outcome::Report,
    },
    Experiment {
        name: "table3",
        summary: "Table 3: permuted ensembles by pairwise and joint matching, joint connectivity with and without REPAIR",
        cases: table3,
        outcome: Outcome::Report,
    },
    Experiment {
        name: "table4",
        summary: "Table 4: deep ensembles with and without distillation, both networks",
        cases: |_| Ok(models("deep,distilled-deep")),
        outcome: Outcome::Report,
    },
    Experiment {
        name: "table5",
        summary: "Table 5: epochs of every ensemble, both networks; computed, nothing is trained",
        cases: table5,
        outcome: Outcome::Costs,
    },
    Experiment {
        name: "fig2ab",
        summary: "Figure 2a and 2b: connectivity on the line between pairs of members",
        cases: |_| Ok(vec![Vec::new()]),
        outcome: Outcome::Report,
    },
    Experiment {
        name: "fig2c",
        summary: "Figure 2c: accuracy against joint connectivity",
        cases: |_| Ok(vec![Vec::new()]),
        outcome: Outcome::Report,
    },
    Experiment {
        name: "fig3",
        summary: "Figure 3: variance, divergence and connectivity over the split epoch t, for several β",
        cases: fig3,
        outcome: Outcome::Report,
    },
    Experiment {
        name: "members",
        summary: "accuracy, connectivity and diversity for ensembles of 2, 3, 5, 10 and 20 members",
        cases: |_| Ok([2, 3, 5, 10, 20].map(|m| vec![("ensemble.members", m.to_string())]).into()),
        outcome: Outcome::Report,
    },
    Experiment {
        name: "stability-point",
        summary: "two children of a trunk of t epochs, both networks: are they connected (Frankle et al.)?",
        cases: stability_point,
        outcome: Outcome::Report,
    },
    Experiment {
        name: "cheap-distillation",
        summary: "how much of the distillation is needed: one teacher, all as one, kept logits, the last epochs only",
        cases: cheap_distillation,
        outcome: Outcome::Report,
    },
    Experiment {
        name: "all",
        summary: "all of these in one plan, everything trained once",
        cases: all,
        outcome: Outcome::Report,
    },
];

/// The paper's symbols for what its experiments vary. What REPAIR is compared with is the usual case.
pub(crate) const SYMBOLS: &[Symbol] = &[
    symbol("ensemble.members", "M"),
    symbol("ensemble.split_epoch", "t"),
    symbol("ensemble.label_weight", "β"),
    symbol("ensemble.distil_last", "k"),
    symbol("ensemble.replay_epochs", "R"),
    Symbol { key: "metrics.repair_images", symbol: "REPAIR images", usual: Some("0") },
];

const fn symbol(key: &'static str, symbol: &'static str) -> Symbol {
    Symbol { key, symbol, usual: None }
}

/// ResNet20 and the ViT, each with these methods.
fn models(methods: &str) -> Vec<Varied> {
    let of = |model: &str| vec![("model.name", model.to_owned()), ("ensemble.methods", methods.to_owned())];
    ["resnet20", "vit"].map(of).into()
}

/// Training images for channel statistics: each of a ResNet's channels sees hundreds of thousands of pixels of them.
const REPAIR_IMAGES: u64 = 500;

/// The relaxation of cycle-consistent matching has no heads that move as blocks.
fn table3(asked: &dyn Settings) -> Result<Vec<Varied>, CaseError> {
    let mut plain = models("deep,permuted,multi-pcd,merge-many");
    plain[0][1].1 += ",frank-wolfe";
    let images = match asked.int("data.train_images", &Vec::new())? {
        0 => REPAIR_IMAGES,
        n => n.min(REPAIR_IMAGES),
    };
    let with = |case: &Varied, images: u64| {
        let mut case = case.clone();
        case.push(("metrics.repair_images", images.to_string()));
        case
    };
    Ok([0, images].into_iter().flat_map(|images| plain.iter().map(move |case| with(case, images))).collect())
}

/// The paper has no SWE and no permuted ensembles of transformers.
fn table5(_: &dyn Settings) -> Result<Vec<Varied>, CaseError> {
    let mut cases = models("deep,constrained,distilled,distilled-deep");
    cases[0][1].1 += ",swe,permuted";
    Ok(cases)
}

/// Split epochs in even steps from 1 to below T.
fn split_epochs(epochs: u64) -> Vec<u64> {
    let mut all: Vec<u64> = (0..6).map(|i| (i * epochs / 6).clamp(1, epochs.max(2) - 1)).collect();
    all.dedup();
    all
}

fn all(asked: &dyn Settings) -> Result<Vec<Varied>, CaseError> {
    let others = EXPERIMENTS.iter().filter(|other| other.outcome == Outcome::Report && other.name != "all");
    together(asked, others)
}

/// Constrained ensembles are β = 1; the others are distilled.
fn fig3(asked: &dyn Settings) -> Result<Vec<Varied>, CaseError> {
    let mut cases = Vec::new();
    for t in split_epochs(asked.int("train.epochs", &Vec::new())?) {
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
fn cheap_distillation(asked: &dyn Settings) -> Result<Vec<Varied>, CaseError> {
    let all = "deep,constrained,distilled,distilled-one-teacher,distilled-ensemble";
    let mut cases = vec![vec![("ensemble.methods", all.to_owned())]];
    let of = |key| asked.int(key, &Vec::new());
    let epochs = of("train.epochs")?.saturating_sub(of("ensemble.split_epoch")?);
    // Never to repeat is the paper's procedure.
    let mut repeats = vec![1, (epochs / 2).max(1)];
    repeats.dedup();
    repeats.retain(|repeat| *repeat < epochs);
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
fn stability_point(asked: &dyn Settings) -> Result<Vec<Varied>, CaseError> {
    let mut cases = Vec::new();
    for model in ["resnet20", "vit"] {
        let own = asked.int("train.epochs", &vec![("model.name", model.to_owned())])?;
        cases.extend(split_epochs(own).into_iter().map(|t| {
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
