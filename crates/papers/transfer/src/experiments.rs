//! What is varied, and what is measured of it. One line each in [`EXPERIMENTS`].

use basin_papers::{CaseError, Experiment, Outcome, Settings, Symbol, Varied, measured, together};

/// What is measured of fine-tuned members besides the usual.
const ALSO: &str = "calibration,per-class,spokes,task-vectors,forgetting";

/// All experiments; the first is the default one.
pub(crate) const EXPERIMENTS: &[Experiment] = &[
    Experiment {
        name: "local-global",
        summary: "fine-tunes of one pre-trained network, of several, cycles around one, and runs from scratch of the same length",
        cases: |_| one("deep,local,global,sse,star-sse", ALSO),
        outcome: Outcome::Report,
    },
    Experiment {
        name: "fine-tune",
        summary: "lengths and rates of fine-tuning, judged on 5 % of the training images: what to set train.epochs and train.peak_lr to",
        cases: fine_tune,
        outcome: Outcome::Report,
    },
    Experiment {
        name: "cycle-grid",
        summary: "cycles of several lengths and rates (transfer.grid_lengths, transfer.grid_rates): where members leave the basin",
        cases: cycle_grid,
        outcome: Outcome::Report,
    },
    Experiment {
        name: "soups",
        summary: "one network of several: uniform and greedy soups, Model Stock, SWA; beside the ensembles that they are made of",
        cases: soups,
        outcome: Outcome::Report,
    },
    Experiment {
        name: "basin-map",
        summary: "accuracy and connectivity on the triangle between three members",
        cases: |_| one("local,global,sse,star-sse", "basin-map"),
        outcome: Outcome::Report,
    },
    Experiment {
        name: "from-scratch",
        summary: "the same methods without pre-training: how many independent runs is an ensemble of cycles worth?",
        cases: from_scratch,
        outcome: Outcome::Report,
    },
    Experiment {
        name: "self-supervised",
        summary: "pre-training without labels, on how images are turned, beside pre-training with them",
        cases: self_supervised,
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
    Symbol { key: "transfer.cycle_rate", symbol: "ε_c/ε", usual: Some("1") },
    Symbol { key: "transfer.cycle_length", symbol: "C/T", usual: Some("1") },
    Symbol { key: "train.epochs", symbol: "T", usual: None },
    Symbol { key: "train.peak_lr", symbol: "ε", usual: None },
    Symbol { key: "transfer.held_out", symbol: "held out 1 of", usual: Some("0") },
    Symbol { key: "source.dataset", symbol: "source", usual: None },
    Symbol { key: "source.checkpoints", symbol: "files", usual: Some("") },
    Symbol { key: "source.task", symbol: "source", usual: Some("labels") },
];

fn one(methods: &str, also: &str) -> Result<Vec<Varied>, CaseError> {
    Ok(vec![measured(methods, also)])
}

/// One share of twenty is held out, as in the paper.
fn held_out() -> Varied {
    vec![("transfer.held_out", "20".to_owned())]
}

/// The length and rate that were asked for, half and twice of each, and four times the rate.
fn fine_tune(asked: &dyn Settings) -> Result<Vec<Varied>, CaseError> {
    let (epochs, rate) =
        (asked.int("train.epochs", &Vec::new())?, asked.float("train.peak_lr", &Vec::new())?);
    let mut lengths = vec![epochs / 2, epochs, epochs * 2];
    lengths.retain(|length| *length >= 2);
    let rates = [0.25, 0.5, 1.0, 2.0, 4.0].map(|times| rate * times);
    let case = |epochs: u64, rate: f64| {
        let varied = vec![("train.epochs", epochs.to_string()), ("train.peak_lr", rate.to_string())];
        [measured("local", "held-out"), held_out(), varied].concat()
    };
    Ok(lengths.iter().flat_map(|&epochs| rates.map(|rate| case(epochs, rate))).collect())
}

/// The numbers of a grid's axis, with commas between them.
fn axis(asked: &dyn Settings, key: &str) -> Result<Vec<String>, CaseError> {
    let text = asked.text(key, &Vec::new())?;
    let ratio = |item: &str| match item.trim().parse::<f64>() {
        Ok(ratio) if ratio > 0.0 && ratio.is_finite() => Ok(item.trim().to_owned()),
        _ => Err(format!("{key} is {text:?}, expected positive numbers with commas, such as 0.25,0.5,1")),
    };
    Ok(text.split(',').map(ratio).collect::<Result<_, _>>()?)
}

fn cycle_grid(asked: &dyn Settings) -> Result<Vec<Varied>, CaseError> {
    let (rates, lengths) = (axis(asked, "transfer.grid_rates")?, axis(asked, "transfer.grid_lengths")?);
    let case = |length: &String, rate: &String| {
        let varied = vec![("transfer.cycle_length", length.clone()), ("transfer.cycle_rate", rate.clone())];
        [measured("local,sse,star-sse", "spokes"), varied].concat()
    };
    Ok(lengths.iter().flat_map(|length| rates.iter().map(move |rate| case(length, rate))).collect())
}

/// What is made of members, and they themselves, all trained beside held-out images.
fn soups(_: &dyn Settings) -> Result<Vec<Varied>, CaseError> {
    let methods = "local,local-soup,local-greedy-soup,local-stock,sse,sse-soup,sse-greedy-soup,star-sse,star-sse-soup,\
                   star-sse-greedy-soup,star-sse-stock,swa,tuned-swag";
    Ok(vec![[measured(methods, "held-out"), held_out()].concat()])
}

fn from_scratch(_: &dyn Settings) -> Result<Vec<Varied>, CaseError> {
    let scratch = vec![("source.dataset", "none".to_owned()), ("source.checkpoints", String::new())];
    Ok(vec![[measured("deep,local,sse,star-sse,fge,swa,tuned-swag", "calibration"), scratch].concat()])
}

fn self_supervised(asked: &dyn Settings) -> Result<Vec<Varied>, CaseError> {
    if !has_source(asked)? {
        return Err(
            "source.dataset is none, expected a data set whose images self-supervised turns to pre-train on"
                .into(),
        );
    }
    let case = |task: &str| {
        [measured("local,global,star-sse", ALSO), vec![("source.task", task.to_owned())]].concat()
    };
    Ok(["labels", "rotations"].map(case).into())
}

fn has_source(asked: &dyn Settings) -> Result<bool, CaseError> {
    Ok(asked.text("source.dataset", &Vec::new())? != "none")
}

/// Without what needs a source where there are files instead.
fn all(asked: &dyn Settings) -> Result<Vec<Varied>, CaseError> {
    let left_out = if has_source(asked)? { "" } else { "self-supervised" };
    together(asked, EXPERIMENTS.iter().filter(|other| !["all", left_out].contains(&other.name)))
}
