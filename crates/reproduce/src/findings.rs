//! What a finished run found, gathered from the files of its nodes: all that a report is made of.

use crate::environment::Maker;
use crate::execute::{ENVIRONMENT, EpochLine, Executor, METRICS};
use crate::history::History;
use crate::progress::Progress;
use crate::rows::{Measured, rows};
use crate::{Request, Study, environment};
use anyhow::Result;
use basin_core::{Citation, DataRef};
use basin_ensemble::Trajectory;
use basin_plan::Plan;
use basin_plan::{NodeIndex, PlannedNode, PlannedWork, facts};
use basin_report::Timing;
use basin_results::{CaseConfig, Cost, Results, TrainingCurve, TrainingPoint};
use std::collections::{BTreeMap, BTreeSet};

/// Works to cite: the paper, those of methods and measurements, REPAIR where it is used.
pub(crate) fn citations(study: &Study, plan: &Plan) -> Vec<Citation> {
    let repaired = study.cases.iter().any(|case| case.config.metrics().repair_images > 0);
    let repair = repaired.then_some(weight_matching::REPAIR_CITATION);
    let paper = [study.paper.citation()].into_iter();
    let mut all: Vec<_> = paper.chain(plan.citations.iter().copied()).chain(repair).collect();
    all.sort();
    all.dedup();
    all
}

pub(crate) fn results(executor: &Executor<'_>, request: &Request) -> Result<Results> {
    let (study, plan) = (executor.study, executor.plan);
    let images_of = |node: &PlannedNode| {
        let (case, stretch) = (executor.case(node), facts::steps(executor.case(node), &node.work));
        (stretch.end - stretch.start) * case.batch() as u64
    };
    let images = plan.nodes.iter().map(images_of).sum();
    let Measured { ensembles, lines, curves, surfaces } = rows(executor)?;
    Ok(Results {
        name: request.name.clone(),
        paper: study.paper.id().to_owned(),
        experiment: study.experiment.name.to_owned(),
        config: study.config().to_json(),
        cases: cases(study),
        ensembles,
        training: training_curves(executor)?,
        pairwise: lines,
        curves,
        surfaces,
        cost: Cost { epochs: plan.epochs() as f64, images },
        environment: environment(executor, request)?,
    })
}

/// Where the report is made; and where the nodes were, if anywhere else.
fn environment(executor: &Executor<'_>, request: &Request) -> Result<serde_json::Value> {
    let mut places: BTreeMap<Vec<Maker>, u64> = BTreeMap::new();
    for node in &executor.plan.nodes {
        let noted = executor.dir(node)?.read_listed(ENVIRONMENT)?.unwrap_or_default();
        // Earlier builds noted nothing.
        *places.entry(serde_json::from_slice(&noted).unwrap_or_default()).or_default() += 1;
    }
    let mut described = environment::describe(request.device.as_ref());
    let here = vec![Maker::here(request.device.as_ref())];
    if places.keys().any(|place| *place != here) {
        let place =
            |(makers, nodes): (Vec<Maker>, u64)| serde_json::json!({ "computed_by": makers, "nodes": nodes });
        described["here"] = serde_json::to_value(&here)?;
        described["nodes"] = places.into_iter().map(place).collect();
    }
    Ok(described)
}

/// The configuration of every case, by what it varies.
fn cases(study: &Study) -> Vec<CaseConfig> {
    let described = |(place, case): (usize, &crate::Case)| CaseConfig {
        case: study.case_keys(place),
        model: case.config.model().name.clone(),
        config: case.config.to_json(),
    };
    study.cases.iter().enumerate().map(described).collect()
}

/// Seconds worked on everything in the plan, and the last check of its files, from the journal: attempts that were stopped
/// count up to their last line there.
pub(crate) fn timing(executor: &Executor<'_>, progress: &Progress) -> Timing {
    let wanted: BTreeSet<String> = executor.plan.nodes.iter().map(|node| node.key.to_string()).collect();
    let history = History::read(executor.run);
    history.notes.iter().for_each(|note| progress.line(&format!("note: {note}")));
    Timing { wall_seconds: history.seconds(&wanted), verified: history.verified().cloned() }
}

/// One curve per trajectory that nothing continues, shown as the method that trains like this.
fn training_curves(executor: &Executor<'_>) -> Result<Vec<TrainingCurve>> {
    let curve = |(node, trajectory): (&PlannedNode, &Trajectory)| {
        Ok(TrainingCurve {
            node: node.name.clone(),
            model: executor.case(node).config.model().name.clone(),
            case: executor.study.case_keys(node.case),
            method: trajectory.method.clone(),
            seed: node.seed,
            data: match (node.at_source, trajectory.data == DataRef::train()) {
                (true, _) => format!("source {}", executor.case(node).config.data().dataset),
                (false, true) => String::new(),
                (false, false) => trajectory.data.id(),
            },
            points: training_points(executor, node)?,
        })
    };
    ends(&executor.plan.nodes).into_iter().map(curve).collect()
}

/// The last planned state of every trajectory.
fn ends(nodes: &[PlannedNode]) -> Vec<(&PlannedNode, &Trajectory)> {
    let continued: BTreeSet<NodeIndex> = nodes.iter().filter_map(continues).collect();
    let last = nodes.iter().enumerate().filter(|(i, _)| !continued.contains(i)).map(|(_, node)| node);
    last.filter_map(|node| match &node.work {
        // A state within an epoch has no curve of its own.
        PlannedWork::Train { trajectory, early: None, .. } => Some((node, &**trajectory)),
        _ => None,
    })
    .collect()
}

/// The earlier state of the same trajectory that a node goes on from.
fn continues(node: &PlannedNode) -> Option<NodeIndex> {
    match &node.work {
        PlannedWork::Train { trajectory, from, start, .. } if *start > trajectory.start_epoch => Some(*from),
        _ => None,
    }
}

fn training_points(executor: &Executor<'_>, node: &PlannedNode) -> Result<Vec<TrainingPoint>> {
    let lines: Vec<EpochLine> = executor.dir(node)?.read_rows_verified(METRICS)?;
    let point = |line: &EpochLine| TrainingPoint {
        epoch: line.epoch as f64,
        loss: line.loss,
        accuracy: line.accuracy,
        learning_rate: line.learning_rate,
    };
    Ok(lines.iter().map(point).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Asked, Registry};
    use basin_ensemble::{AtStart, EnsembleMethod, Objective, PlanContext, Recipe, RecipeError};

    /// A method whose id ends in digits and holds one.
    #[derive(Debug)]
    struct C2m3;

    impl EnsembleMethod for C2m3 {
        fn id(&self) -> &'static str {
            "c2m3"
        }

        fn citations(&self) -> Vec<Citation> {
            Vec::new()
        }

        fn plan(&self, cx: &PlanContext) -> Result<Recipe, RecipeError> {
            let mut recipe = Recipe::new();
            for i in 1..=cx.members {
                let from = recipe.init(format!("member/{i}/init"));
                let trajectory = Trajectory {
                    // A name is for people: it may be anything.
                    name: format!("c2m3-{i}"),
                    method: self.id().to_owned(),
                    from,
                    start_epoch: 0,
                    order: format!("c2m3/{i}/order"),
                    schedule: cx.schedule.clone(),
                    objective: Objective::CrossEntropy,
                    data: DataRef::train(),
                    sides: Vec::new(),
                    moments: AtStart::Continue,
                };
                let member = recipe.train(trajectory, cx.epochs)?;
                recipe.member(member);
            }
            Ok(recipe)
        }
    }

    #[test]
    fn curves_are_shown_as_their_methods_whatever_digits_these_have() {
        let registry = Registry::default().with("c2m3", |_| Ok(Box::new(C2m3)));
        let paper = registry.papers()[0];
        let settings = [
            ("ensemble.methods", "c2m3,constrained,distilled"),
            ("data.train_images", "64"),
            ("data.test_images", "32"),
            ("metrics.connectivity_images", "0"),
        ];
        let study = Study::load(&Asked::first(paper, &registry, &settings).unwrap()).unwrap();
        let plan = Plan::new(&study, &registry).unwrap();
        let mut methods: Vec<&str> =
            ends(&plan.nodes).into_iter().map(|(_, trajectory)| trajectory.method.as_str()).collect();
        methods.sort_unstable();
        methods.dedup();
        assert_eq!(methods, ["c2m3", "constrained", "deep", "distilled"]);
    }
}
