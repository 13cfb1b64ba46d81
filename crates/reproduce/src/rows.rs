//! Rows of results from the records of a finished run.

use crate::design;
use crate::execute::Executor;
use crate::plan::{NodeIndex, PlannedEnsemble};
use anyhow::{Context, Result};
use basin_core::Record;
use basin_probes::{Line, PairwiseLines};
use basin_report::{MinusDeep, PairwiseLine, Row};
use std::collections::BTreeMap;

/// The rows of all ensembles of the plan, and the lines between their members.
///
/// # Errors
/// When a record is damaged or lacks a number.
pub(crate) fn rows(executor: &Executor<'_>) -> Result<(Vec<Row>, Vec<PairwiseLine>)> {
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    for ensemble in &executor.plan.ensembles {
        let what = format!("ensemble {} of seed {}", ensemble.method, ensemble.seed);
        let records = ensemble.records.iter().map(|&node| executor.record(node));
        let records = records.collect::<Result<Vec<_>>>().with_context(|| what.clone())?;
        rows.push(row(executor, ensemble, &records).context(what)?);
        lines.extend(records.iter().flat_map(|record| lines_of(executor, ensemble, record)));
    }
    Ok((rows, lines))
}

fn row(executor: &Executor<'_>, ensemble: &PlannedEnsemble, records: &[Record]) -> Result<Row> {
    let case = &executor.study.cases[ensemble.case];
    let all: BTreeMap<&str, f64> =
        records.iter().flat_map(|r| r.scalars.iter().map(|(name, value)| (name.as_str(), *value))).collect();
    let of = |metric: &str| all.get(metric).copied().with_context(|| format!("no record holds {metric}"));
    let members = records.iter().find_map(|record| record.lists.get("member-accuracy")).cloned();
    let minus_deep = all.get("minus-deep").zip(all.get("minus-deep-se"));
    let up = if executor.study.design.folder().is_empty() { "" } else { "../" };
    let node = |&node: &NodeIndex| -> Result<String> {
        Ok(format!("{up}nodes/{}", executor.dir(&executor.plan.nodes[node])?.name()))
    };
    Ok(Row {
        case: design::label(&case.varied),
        dataset: case.config.text("data.dataset").into(),
        model: case.config.text("model.name").into(),
        method: ensemble.method.clone(),
        seed: ensemble.seed,
        members: ensemble.members.len(),
        ensemble_accuracy: of("ensemble-accuracy")?,
        mean_member_accuracy: of("mean-member-accuracy")?,
        joint_connectivity: of("joint-connectivity")?,
        joint_connectivity_sd: of("joint-connectivity-sd")?,
        nll: of("nll")?,
        brier: of("brier")?,
        ece: of("ece")?,
        jsd_one_vs_all: of("jsd-one-vs-all")?,
        true_class_variance: of("true-class-variance")?,
        disagreement: of("disagreement")?,
        member_accuracies: members.unwrap_or_default(),
        passes: ensemble.passes,
        minus_deep: minus_deep.map(|(&mean, &standard_error)| MinusDeep { mean, standard_error }),
        sources: ensemble.records.iter().chain(&ensemble.members).map(node).collect::<Result<_>>()?,
    })
}

fn lines_of(executor: &Executor<'_>, ensemble: &PlannedEnsemble, record: &Record) -> Vec<PairwiseLine> {
    let case = &executor.study.cases[ensemble.case];
    let line = |Line { pair, alphas, q }: Line| PairwiseLine {
        case: design::label(&case.varied),
        model: case.config.text("model.name").to_owned(),
        method: ensemble.method.clone(),
        seed: ensemble.seed,
        pair,
        alphas,
        q,
    };
    PairwiseLines::lines(record).into_iter().map(line).collect()
}
