//! The paper's Table 5 and what follows from it: epochs of every ensemble, computed from the plan.

use crate::Study;
use crate::plan::{Plan, PlannedEnsemble};

/// Per case the recipe's epochs, then those that each ensemble needs on its own and what sharing makes of them.
pub fn table(study: &Study, plan: &Plan) -> String {
    let head = ["data set", "network", "varied", "T", "t", "T − t", "M"];
    let mut out = line(&head.map(str::to_owned));
    let mut told: Vec<[String; 7]> = Vec::new();
    for (place, case) in study.cases.iter().enumerate() {
        let config = &case.config;
        let (epochs, split) = (config.train().epochs, config.ensemble().split_epoch);
        let row = [
            config.data().dataset.clone(),
            config.model().name.clone(),
            study.label(place),
            epochs.to_string(),
            split.to_string(),
            epochs.saturating_sub(split).to_string(),
            config.ensemble().members.to_string(),
        ];
        if !told.contains(&row) {
            out += &line(&row);
            told.push(row);
        }
    }
    out += "\nepochs of one seed, each ensemble on its own\n";
    let first = plan.ensembles.first().map_or(0, |ensemble| ensemble.seed);
    for PlannedEnsemble { case, method, epochs, .. } in plan.ensembles.iter().filter(|e| e.seed == first) {
        let config = &study.cases[*case].config;
        let what = format!("{} {}", config.data().dataset, config.model().name);
        out += &format!("{what:<26} {method:<28} {epochs:>8}  {}\n", study.label(*case));
    }
    let (alone, shared) = (plan.epochs_unshared, plan.epochs());
    out += &format!("\nall of them on their own {alone} epochs, sharing what they have in common {shared}\n");
    out
}

fn line([dataset, model, varied, cells @ ..]: &[String; 7]) -> String {
    let cells: String = cells.iter().map(|cell| format!("{cell:>6}")).collect();
    format!("{dataset:<14} {model:<11} {varied:<24}{cells}\n")
}
