//! Ensembles with their numbers, from the records of a finished run.

use crate::execute::Executor;
use crate::exit::Usage;
use anyhow::{Context, Result, ensure};
use basin_core::Record;
use basin_plan::NodeIndex;
use basin_plan::PlannedEnsemble;
use basin_plan::facts;
use basin_probes::{Line, PairwiseLines};
use basin_results::{Curve, Ensemble, PairwiseLine, Subject, Surface};

/// What was measured of the ensembles of a plan.
#[derive(Default)]
pub(crate) struct Measured {
    pub(crate) ensembles: Vec<Ensemble>,
    /// Connectivity on lines between members.
    pub(crate) lines: Vec<PairwiseLine>,
    /// What records hold as curves.
    pub(crate) curves: Vec<Curve>,
    /// What records hold as surfaces.
    pub(crate) surfaces: Vec<Surface>,
}

/// All ensembles of the plan with what was measured of them.
///
/// # Errors
/// When a record is damaged.
pub(crate) fn rows(executor: &Executor<'_>) -> Result<Measured> {
    let mut all = Measured::default();
    for ensemble in &executor.plan.ensembles {
        let what = format!("ensemble {} of seed {}", ensemble.method, ensemble.seed);
        let records = ensemble.records.iter().map(|&node| executor.record(node));
        let records = records.collect::<Result<Vec<_>>>().with_context(|| what.clone())?;
        let row = row(executor, ensemble, &records).context(what)?;
        all.lines.extend(records.iter().flat_map(|record| lines_of(executor, ensemble, record)));
        let curves = records.iter().flat_map(Record::curves);
        all.curves.extend(curves.map(|curve| Curve::new(&row, curve)));
        let surfaces = records.iter().flat_map(Record::surfaces);
        all.surfaces.extend(surfaces.map(|surface| Surface::new(&row, surface)));
        all.ensembles.push(row);
    }
    Ok(all)
}

/// The list that holds a number of each member, in order; other lists are of draws or points.
const OF_MEMBERS: &str = "member-accuracy";

/// Every scalar of a record is a number of the ensemble.
fn row(executor: &Executor<'_>, ensemble: &PlannedEnsemble, records: &[Record]) -> Result<Ensemble> {
    let case = &executor.study.cases[ensemble.case];
    let up = if executor.study.folder().is_empty() { "" } else { "../" };
    let node = |&node: &NodeIndex| -> Result<String> {
        Ok(format!("{up}nodes/{}", executor.dir(&executor.plan.nodes[node])?.name()))
    };
    let mut row = Ensemble {
        case: executor.study.case_keys(ensemble.case),
        dataset: case.config.data().dataset.clone(),
        model: case.config.model().name.clone(),
        method: ensemble.method.clone(),
        seed: ensemble.seed,
        members: ensemble.members.len(),
        sources: ensemble.records.iter().chain(&ensemble.members).map(node).collect::<Result<_>>()?,
        ..Ensemble::default()
    };
    for (metric, value) in facts::of(case, executor.plan, ensemble)? {
        row.set(Subject::Ensemble, metric, value);
    }
    for record in records {
        for (metric, value) in &record.scalars {
            ensure!(
                row.get(metric).is_none(),
                Usage(format!(
                    "two measurements record {metric}, expected names of their own for their numbers"
                ))
            );
            row.set(Subject::Ensemble, metric, *value);
        }
        for (i, value) in record.lists.get(OF_MEMBERS).into_iter().flatten().enumerate() {
            row.set(Subject::Member(i + 1), OF_MEMBERS, *value);
        }
    }
    Ok(row)
}

fn lines_of(executor: &Executor<'_>, ensemble: &PlannedEnsemble, record: &Record) -> Vec<PairwiseLine> {
    let case = &executor.study.cases[ensemble.case];
    let line = |Line { pair, alphas, q }: Line| PairwiseLine {
        case: executor.study.case_keys(ensemble.case),
        model: case.config.model().name.clone(),
        method: ensemble.method.clone(),
        seed: ensemble.seed,
        pair,
        alphas,
        q,
    };
    PairwiseLines::lines(record).into_iter().map(line).collect()
}
