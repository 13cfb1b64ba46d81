//! What a run would be refused for in its middle is refused before it begins: by its plan, all at once.

use crate::plan::Plan;
use crate::planned::{PlannedNode, PlannedWork};
use crate::{Case, Study, facts, import, sizes};
use anyhow::{Context, Result, anyhow};
use basin_core::{Array, DataRef, Params};
use basin_ensemble::Objective;
use basin_exit as exit;
use basin_store::RunDir;
use basin_train::{TrainError, check_device, check_targets};
use std::collections::{BTreeMap, BTreeSet};

/// Checks that a plan can be carried out.
///
/// # Errors
/// Everything that stands in the way; of several things, [`exit::Several`].
pub fn check(study: &Study, plan: &Plan) -> Result<()> {
    let oversized = sizes::check(study).err();
    let fits = oversized.is_none();
    let mut problems: Vec<_> = oversized.map(anyhow::Error::from).into_iter().collect();
    problems.extend(plan.nodes.iter().filter_map(name));
    problems.extend(study.cases.iter().flat_map(run_by_candle));
    problems.extend(study.cases.iter().filter_map(one_channel_on_a_gpu));
    problems.extend(targets(study, plan));
    problems.extend(ensembles(study, plan));
    problems.extend(images(study, plan));
    problems.extend(averages_of_views(study, plan));
    // These want room for a network.
    if fits {
        let too_large = plan.ensembles.iter().find_map(|ensemble| {
            let case = &study.cases[ensemble.case];
            sizes::check_ensemble(case, &ensemble.method, ensemble.members.len()).err()
        });
        problems.extend(too_large.map(anyhow::Error::from));
        problems.extend(operations(study, plan));
        problems.extend(imports(study, plan));
    }
    exit::together(problems)
}

/// What candle does not do with a network that it runs.
fn run_by_candle(case: &Case) -> Vec<anyhow::Error> {
    let (network, config) = (&case.network, &case.config);
    if network.program().is_none() {
        return Vec::new();
    }
    let (name, precision) = (&config.model().name, config.run().precision.name());
    let refused = [
        (
            case.on_device() && precision != "f32",
            format!(
                "run.precision is {precision}: {name}, which candle runs, is computed in f32 on every device; set \
                 run.precision=f32"
            ),
        ),
        (
            config.metrics().repair_images > 0,
            format!(
                "metrics.repair_images is above 0: the channels of {name}, which candle runs, are not seen by REPAIR"
            ),
        ),
        (
            network.coupled() && case.batch() < 2,
            format!("train.batch is 1: {name} has statistics over the batch, expected at least 2 images"),
        ),
    ];
    refused.into_iter().filter(|(is, _)| *is).map(|(_, text)| exit::Usage(text).into()).collect()
}

/// Images that a GPU does not take.
fn one_channel_on_a_gpu(case: &Case) -> Option<anyhow::Error> {
    let refused = takes(case.network.extent()).err();
    refused.filter(|_| case.on_device() && case.network.program().is_none()).map(Into::into)
}

/// Softened labels and mixed images where a method's loss or the device does not take them, each kind once.
fn targets(study: &Study, plan: &Plan) -> Vec<anyhow::Error> {
    let mut told = BTreeSet::new();
    let trained = plan.nodes.iter().filter_map(|node| match &node.work {
        PlannedWork::Train { trajectory, .. } => Some((study.case_of(node), &trajectory.objective)),
        _ => None,
    });
    let refused = trained.flat_map(|(case, objective)| {
        let (smoothing, augment) = (case.config.train().label_smoothing, &case.augment);
        let own_loss = matches!(objective, Objective::Custom { .. });
        let loss = check_targets(smoothing, augment, own_loss, objective.replay().is_some());
        let device = match case.on_device() && case.network.program().is_none() {
            true => check_device(smoothing, augment, &case.network, "run.device=cuda"),
            false => Ok(()),
        };
        [loss.err(), device.err()].into_iter().flatten()
    });
    refused.filter(|error| told.insert(error.to_string())).map(anyhow::Error::from).collect()
}

/// Names of nodes that no folder can have; those of methods outside of this workspace may be anything.
fn name(node: &PlannedNode) -> Option<anyhow::Error> {
    let folder = format!("{}.{}", node.name_in_run(), node.key.short());
    let refused = RunDir::check_name(&folder).err()?;
    Some(exit::Usage(format!("the name of a node of a method: {refused}")).into())
}

/// Ensembles that a report could not tell apart.
fn ensembles(study: &Study, plan: &Plan) -> Vec<anyhow::Error> {
    let mut known = BTreeSet::new();
    let mut twice = Vec::new();
    for ensemble in &plan.ensembles {
        let config = &study.cases[ensemble.case].config;
        let (dataset, model) = (&config.data().dataset, &config.model().name);
        let keys = study.case_keys(ensemble.case);
        let members = ensemble.members.len();
        if !known.insert((dataset, model, format!("{keys:?}"), members, &ensemble.method, ensemble.seed)) {
            twice.push(anyhow!(exit::Usage(format!(
                "two cases of the experiment have an ensemble {} of {members} members, seed {}, on {dataset} with {model}, and \
                 vary nothing that a report could tell them apart by",
                ensemble.method, ensemble.seed
            ))));
        }
    }
    twice
}

/// Members that an operation makes of networks which see their images through views, with running statistics of their own: those
/// are measured on images as they are. No method of ours does.
fn averages_of_views(study: &Study, plan: &Plan) -> Vec<anyhow::Error> {
    let refused = plan.nodes.iter().enumerate().filter_map(|(place, node)| {
        let PlannedWork::Transform { operation, .. } = &node.work else { return None };
        study.case_of(node).statistics_images(&**operation).checked_sub(1)?;
        let view = facts::trajectory(plan, place)?.data.view.clone()?;
        Some(anyhow!(exit::Usage(format!(
            "{}: {} of a network that sees its images through {view} would get the statistics of BatchNorm on images as they are, \
             expected model.norm = layer or none where sides have views",
            node.name,
            operation.id()
        ))))
    });
    refused.collect()
}

/// Images that there are not.
fn images(study: &Study, plan: &Plan) -> Vec<anyhow::Error> {
    let (mut known, mut sharing, mut told) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut refused = Vec::new();
    for node in &plan.nodes {
        let wanted: Vec<DataRef> = match &node.work {
            PlannedWork::Train { trajectory, .. } => vec![trajectory.data.clone()],
            PlannedWork::Probe { probe, .. } => probe.data(),
            PlannedWork::Transform { operation, .. } => operation.judged_on().into_iter().collect(),
            _ => continue,
        };
        if let PlannedWork::Train { trajectory, .. } = &node.work {
            let case = study.case_of(node);
            if let Some(set) = case.other(&trajectory.data) {
                let text = format!(
                    "{} is trained on the data set {set}, expected the experiment's own, {}",
                    trajectory.name,
                    case.config.dataset()
                );
                refused.push(anyhow!(exit::Usage(text)));
                continue;
            }
            // Once for all that share noise: what it is made of grows with their number.
            let replays = trajectory.objective.replay().is_some();
            if sharing.insert((node.case, node.at_source, trajectory.sides.clone(), replays)) {
                let sampling = case.sampling(trajectory);
                refused.extend(sampling.err().map(|error| error.context(node.name.clone())));
            }
            refused.extend(too_early(case, &node.work).filter(|error| told.insert(error.to_string())));
            let (batch, images) = (case.batch(), case.count(&trajectory.data));
            if batch > images {
                refused.push(anyhow!(TrainError::Batch { batch, images }).context(node.name.clone()));
            }
        }
        for data in wanted {
            if known.insert((node.case, node.at_source, data.id())) {
                refused.extend(
                    study.case_of(node).check_images(&data).err().map(|e| e.context(node.name.clone())),
                );
            }
        }
    }
    refused
}

/// A state within a first epoch that has no step before it.
fn too_early(case: &Case, work: &PlannedWork) -> Option<anyhow::Error> {
    let PlannedWork::Train { trajectory, early: Some(early), .. } = work else { return None };
    let per_epoch = case.steps_per_epoch(&trajectory.data);
    let found = case.config.landscape().early;
    let most = per_epoch.checked_ilog2()?;
    (early.steps(per_epoch).1 == 0).then(|| {
        let text = format!(
            "landscape.early is {found}: an epoch of {per_epoch} steps cannot be halved so often, expected at most {most}, or a \
             smaller train.batch"
        );
        exit::Usage(text).into()
    })
}

/// Operations and measurements that would not take what they are given.
fn operations(study: &Study, plan: &Plan) -> Vec<anyhow::Error> {
    let mut layouts: BTreeMap<(usize, bool), Result<Params>> = BTreeMap::new();
    let mut known = BTreeSet::new();
    let mut refused = Vec::new();
    for node in &plan.nodes {
        let case = study.case_of(node);
        let answer = match &node.work {
            PlannedWork::Transform { operation, inputs, .. } => {
                if !known.insert((node.case, node.at_source, inputs.len(), operation.id())) {
                    continue;
                }
                match layouts.entry((node.case, node.at_source)).or_insert_with(|| layout(case)) {
                    Ok(layout) => operation.check(inputs.len(), layout).map_err(|error| error.to_string()),
                    Err(error) => Err(format!("{error:#}")),
                }
            }
            PlannedWork::Probe { probe, networks, records, .. } => {
                probe.check(networks.len(), records.len()).map_err(|error| error.to_string())
            }
            _ => Ok(()),
        };
        refused.extend(answer.err().map(|reason| anyhow!(exit::Usage(format!("{}: {reason}", node.name)))));
    }
    refused
}

/// Parameters of the shapes of a network, all zero: pages of zeros that nobody writes to take no memory.
fn layout(case: &Case) -> Result<Params> {
    let mut params = Params::new();
    for (name, shape) in case.network.layout().shapes() {
        let zeros = vec![0.0; shape.iter().product()];
        params.insert(&name, Array::new(shape, zeros)?);
    }
    Ok(params)
}

/// Files that do not hold the network that they are imported as.
fn imports(study: &Study, plan: &Plan) -> Vec<anyhow::Error> {
    let mut known = BTreeSet::new();
    let mut refused = Vec::new();
    for node in &plan.nodes {
        if let PlannedWork::Import { path, content, classes } = &node.work
            && known.insert((node.case, path))
        {
            let network = study.case_of(node).network_of(*classes);
            let params = network.and_then(|n| import::params(path, *content, &n, &mut |_| {}));
            let what = match classes {
                // Its head may be of any size; all else is the network's that is fine-tuned.
                Some(_) => format!(
                    "{}: model.name and model.width are to say what the file holds (torchvision's are resnet18-imagenet and so on, of \
                     width 1)",
                    node.name
                ),
                None => node.name.clone(),
            };
            refused.extend(params.context(what).err());
        }
    }
    refused
}

/// Whether a GPU trains and evaluates networks for such images: its kernels for images are written for three channels.
///
/// # Errors
/// [`exit::Usage`] for another number of channels.
pub fn takes(extent: basin_core::Extent) -> Result<(), exit::Usage> {
    match extent.channels {
        3 => Ok(()),
        found => Err(exit::Usage(format!(
            "run.device is cuda: images of {found} channel, a GPU takes images of 3 so far; set run.device=cpu"
        ))),
    }
}

#[cfg(test)]
mod tests;
