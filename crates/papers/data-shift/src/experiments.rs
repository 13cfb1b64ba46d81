//! What is varied. One line each in [`EXPERIMENTS`]; figures are those of the paper's first version.

use basin_papers::{CaseError, Experiment, Outcome, Settings, Symbol, Varied, together};

/// All experiments; the first is the default one.
pub(crate) const EXPERIMENTS: &[Experiment] = &[
    Experiment {
        name: "barrier-by-depth",
        summary: "Figure 4: the barrier between two halves, perceptrons of one and three hidden layers, VGG-11, ResNet20",
        cases: |_| Ok(networks(&["mlp1", "mlp3", "vgg11", "resnet20"])),
        outcome: Outcome::Report,
    },
    Experiment {
        name: "learning-and-interpolation",
        summary: "Figures 3 and 5: learning curves of both sides, in training and on test images, and the line between them",
        cases: |_| Ok(learning()),
        outcome: Outcome::Report,
    },
    Experiment {
        name: "noise-scale",
        summary: "barrier and similarity against g = ε(N/B − 1): five batch sizes and four rates at one number of epochs",
        cases: noise_scale,
        outcome: Outcome::Report,
    },
    Experiment {
        name: "batch-norm",
        summary: "without normalisation, with BatchNorm, with LayerNorm; statistics of the data set and of each side's images",
        cases: batch_norm,
        outcome: Outcome::Report,
    },
    Experiment {
        name: "label-imbalance",
        summary: "sides with other labels: ρ from 0.05 to 0.5 of the lower classes on the first side",
        cases: label_imbalance,
        outcome: Outcome::Report,
    },
    Experiment {
        name: "domain",
        summary: "sides that see other bands, other angles or other contrast",
        cases: domain,
        outcome: Outcome::Report,
    },
    Experiment {
        name: "ensembles",
        summary: "connected against unconnected members: accuracy, shared errors and cost, on parts and on all images",
        cases: |_| Ok(vec![vec![methods("shifted,shifted-apart,deep")]]),
        outcome: Outcome::Report,
    },
    Experiment {
        name: "beyond",
        summary: "not in the paper: more than two parts, weight matching before the line, a trunk on all images before the parts",
        cases: beyond,
        outcome: Outcome::Report,
    },
    Experiment {
        name: "all",
        summary: "all of these in one plan, everything trained once",
        cases: all,
        outcome: Outcome::Report,
    },
];

/// How labels tell what is varied.
pub(crate) const SYMBOLS: &[Symbol] = &[
    symbol("train.batch", "B"),
    symbol("train.peak_lr", "ε"),
    symbol("data.imbalance", "ρ"),
    Symbol { key: "data.partition", symbol: "partition", usual: Some("covariate") },
    symbol("data.view_a", "A"),
    symbol("data.view_b", "B seen"),
    Symbol { key: "model.norm", symbol: "norm", usual: Some("own") },
    Symbol { key: "data.normalisation", symbol: "statistics", usual: Some("dataset") },
    symbol("ensemble.members", "M"),
    symbol("ensemble.split_epoch", "t"),
];

const fn symbol(key: &'static str, symbol: &'static str) -> Symbol {
    Symbol { key, symbol, usual: None }
}

fn methods(ids: &str) -> (&'static str, String) {
    ("ensemble.methods", ids.to_owned())
}

fn networks(names: &[&str]) -> Vec<Varied> {
    names.iter().map(|name| vec![("model.name", (*name).to_owned())]).collect()
}

/// The states of both sides' runs are looked at, too: `landscape.states` says how many.
fn learning() -> Vec<Varied> {
    let looked_at = ("metrics.also", "learning-curves".to_owned());
    networks(&["mlp1", "mlp3"]).into_iter().map(|case| [case, vec![looked_at.clone()]].concat()).collect()
}

/// Batches around the one that was asked for at its rate, and rates around its rate at its batch.
fn noise_scale(asked: &dyn Settings) -> Result<Vec<Varied>, CaseError> {
    let (batch, rate) = (asked.int("train.batch", &Vec::new())?, asked.float("train.peak_lr", &Vec::new())?);
    let batches = [1, 2, 4, 8, 16].map(|times| vec![("train.batch", (batch * times).to_string())]);
    // The asked rate stands among the batches.
    let rates = [4.0, 2.0, 0.5, 0.25].map(|times| vec![("train.peak_lr", (rate * times).to_string())]);
    Ok(batches.into_iter().chain(rates).collect())
}

fn batch_norm(_: &dyn Settings) -> Result<Vec<Varied>, CaseError> {
    let case = |norm: &'static str, statistics: &'static str| {
        vec![("model.norm", norm.to_owned()), ("data.normalisation", statistics.to_owned())]
    };
    let norms = ["none", "batch", "layer"].into_iter();
    Ok(norms.flat_map(|norm| ["dataset", "view"].map(|statistics| case(norm, statistics))).collect())
}

fn label_imbalance(_: &dyn Settings) -> Result<Vec<Varied>, CaseError> {
    let case =
        |share: &str| vec![("data.partition", "imbalance".to_owned()), ("data.imbalance", share.to_owned())];
    Ok(["0.05", "0.1", "0.2", "0.3", "0.4", "0.5"].map(case).into())
}

/// What both sides see: bands of images with three, angles and contrast of others.
fn domain(asked: &dyn Settings) -> Result<Vec<Varied>, CaseError> {
    let grey = asked.text("data.dataset", &Vec::new())?.contains("mnist");
    let pairs: &[(&str, &str)] = match grey {
        true => &[("", "rotate:15"), ("", "rotate:45"), ("", "rotate:75"), ("", "blur:1+low-contrast:0.5")],
        false => &[("drop:0", "drop:2"), ("pair:0,1", "pair:1,2"), ("band:0", "band:2"), ("", "rotate:45")],
    };
    let case = |(a, b): &(&str, &str)| {
        let normalisation = ("data.normalisation", "view".to_owned());
        vec![("data.view_a", (*a).to_owned()), ("data.view_b", (*b).to_owned()), normalisation]
    };
    Ok(pairs.iter().map(case).collect())
}

/// As many members as there are parts; and the two-sided question with help.
fn beyond(asked: &dyn Settings) -> Result<Vec<Varied>, CaseError> {
    let mut cases: Vec<Varied> = [2, 3, 5]
        .map(|members| vec![methods("shifted,shifted-matched"), ("ensemble.members", members.to_string())])
        .into();
    let epochs = asked.int("train.epochs", &Vec::new())?;
    let mut splits: Vec<u64> = [8, 4, 2].map(|part| (epochs / part).max(1)).into();
    splits.dedup();
    cases.extend(
        splits
            .into_iter()
            .filter(|t| *t < epochs)
            .map(|t| vec![methods("shifted-constrained"), ("ensemble.split_epoch", t.to_string())]),
    );
    Ok(cases)
}

fn all(asked: &dyn Settings) -> Result<Vec<Varied>, CaseError> {
    let mut cases = together(asked, EXPERIMENTS.iter().filter(|other| other.name != "all"))?;
    // What is looked at more closely is planned once.
    let closely = learning();
    cases.retain(|case| !closely.iter().any(|other| other[..other.len() - 1] == case[..]));
    Ok(cases)
}
