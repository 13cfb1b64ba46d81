//! What a run would be refused for in its middle is refused before it begins: by its plan, all at once.

use crate::plan::Plan;
use crate::planned::{PlannedNode, PlannedWork};
use crate::{Case, Study, device, exit, facts, import, sizes};
use anyhow::{Context, Result, anyhow};
use basin_core::{Array, DataRef, Params};
use basin_ensemble::Objective;
use basin_store::RunDir;
use basin_train::{TrainError, check_device, check_targets};
use std::collections::{BTreeMap, BTreeSet};

/// Checks that a plan can be carried out.
///
/// # Errors
/// Everything that stands in the way; of several things, [`exit::Several`].
pub(crate) fn check(study: &Study, plan: &Plan) -> Result<()> {
    let oversized = sizes::check(study).err();
    let fits = oversized.is_none();
    let mut problems: Vec<_> = oversized.map(anyhow::Error::from).into_iter().collect();
    problems.extend(plan.nodes.iter().filter_map(name));
    problems.extend(study.cases.iter().flat_map(run_by_candle));
    problems.extend(study.cases.iter().filter_map(one_channel_on_a_gpu));
    problems.extend(targets(study, plan));
    problems.extend(ensembles(study, plan));
    problems.extend(images(study, plan));
    problems.extend(
        study.cases.iter().enumerate().filter_map(|(place, case)| statistics_of_views(plan, place, case)),
    );
    // These want room for a network.
    if fits {
        problems.extend(sizes::check_ensembles(study, plan).err().map(anyhow::Error::from));
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
    let name = &config.model().name;
    let refused = [
        (
            case.on_device(),
            format!("run.device is cuda: {name}, which candle runs, is trained on the CPU alone so far"),
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
    let refused = device::takes(case.network.extent()).err();
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
        let device = match case.on_device() {
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

/// Running statistics that would have to be measured on images which members see differently.
fn statistics_of_views(plan: &Plan, place: usize, case: &Case) -> Option<anyhow::Error> {
    let members = plan.ensembles.iter().filter(|e| e.case == place).flat_map(|e| &e.members);
    let seen = |&member: &usize| facts::trajectory(plan, member)?.data.view.clone();
    let view = members.filter_map(seen).next().filter(|_| case.network.coupled())?;
    let name = &case.config.model().name;
    Some(anyhow!(exit::Usage(format!(
        "a member of {name} sees its images through {view}: of networks between members the statistics of BatchNorm are measured \
         on images as they are, expected model.norm = layer or none where sides have views"
    ))))
}

/// Images that there are not.
fn images(study: &Study, plan: &Plan) -> Vec<anyhow::Error> {
    let (mut known, mut sharing) = (BTreeSet::new(), BTreeSet::new());
    let mut refused = Vec::new();
    for node in &plan.nodes {
        let wanted: Vec<DataRef> = match &node.work {
            PlannedWork::Train { trajectory, .. } => vec![trajectory.data.clone()],
            PlannedWork::Probe { probe, .. } => probe.data(),
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
            refused.extend(params.with_context(|| node.name.clone()).err());
        }
    }
    refused
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Asked, Registry};
    use basin_core::{Citation, Extent, SeedTree};
    use basin_data::{Dataset, ImageSet, Normalisation, SYNTHETIC};
    use basin_ensemble::{
        AtStart, EnsembleMethod, Objective, ParamOp, ParamOpError, PlanContext, Recipe, RecipeError,
        Trajectory,
    };
    use std::sync::Arc;

    /// A method of somebody's own whose work cannot be done.
    #[derive(Debug)]
    struct Hopeless;

    #[derive(Debug)]
    struct Choosy;

    impl ParamOp for Choosy {
        fn id(&self) -> String {
            "choosy 1".into()
        }

        fn apply(&self, _: &[&Params], _: &SeedTree) -> Result<Params, ParamOpError> {
            unreachable!("it was refused before")
        }

        fn check(&self, networks: usize, layout: &Params) -> Result<(), ParamOpError> {
            let reason =
                format!("{networks} networks of {} parameters, expected another", layout.iter().count());
            Err(ParamOpError { operation: self.id(), reason })
        }
    }

    impl EnsembleMethod for Hopeless {
        fn id(&self) -> &'static str {
            "hopeless"
        }

        fn citations(&self) -> Vec<Citation> {
            Vec::new()
        }

        fn plan(&self, cx: &PlanContext) -> Result<Recipe, RecipeError> {
            let mut recipe = Recipe::new();
            for i in 1..=cx.members {
                let from = recipe.init(format!("member/{i}/init"));
                let trajectory = Trajectory {
                    name: format!("too many/{i}"),
                    method: self.id().to_owned(),
                    from,
                    start_epoch: 0,
                    order: format!("{i}"),
                    schedule: cx.schedule.clone(),
                    objective: Objective::CrossEntropy,
                    data: DataRef::train().first(1_000_000),
                    sides: Vec::new(),
                    moments: AtStart::Continue,
                };
                let trained = recipe.train(trajectory, cx.epochs)?;
                let member = recipe.transform(format!("choosy-{i}"), Arc::new(Choosy), vec![trained], "seed");
                recipe.member(member);
            }
            Ok(recipe)
        }
    }

    fn asked(registry: &Registry, settings: &[(&str, &str)]) -> Asked {
        let paper = registry.papers()[0];
        let small = [
            ("data.train_images", "64"),
            ("data.test_images", "32"),
            ("metrics.connectivity_images", "0"),
            ("model.width", "0.25"),
            ("ensemble.members", "2"),
        ];
        let settings =
            small.iter().chain(settings).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let (preset, experiment) = (&paper.presets()[0], &paper.experiments()[0]);
        Asked { paper, experiment, preset, file: Vec::new(), settings, keys: registry.keys().unwrap() }
    }

    #[test]
    fn all_that_a_run_would_be_refused_for_is_told_at_once() {
        let registry = Registry::default().with("hopeless", |_| Ok(Box::new(Hopeless)));
        let study = Study::load(&asked(&registry, &[("ensemble.methods", "deep,hopeless")])).unwrap();
        let plan = Plan::new(&study, &registry).unwrap();
        let error = check(&study, &plan).unwrap_err();
        assert_eq!(exit::code(&error), exit::USAGE);
        let text = error.to_string();
        for words in [
            "things stand in the way:",
            "too many/1",
            "too many/2",
            "it contains a separator",
            "expected 1 to 64, the images there are, found 1000000",
            "- choosy-1: choosy 1: 1 networks of ",
        ] {
            assert!(text.contains(words), "{words} in {text}");
        }
    }

    #[test]
    fn images_drawn_with_replacement_are_refused_where_their_order_counts() {
        let registry = Registry::default();
        let checked = |settings: &[(&str, &str)]| {
            let order = [("train.order", "with-replacement"), ("train.batch", "16")];
            let settings: Vec<_> = order.iter().chain(settings).copied().collect();
            let study = Study::load(&asked(&registry, &settings))?;
            check(&study, &Plan::new(&study, &registry)?)
        };
        checked(&[("ensemble.methods", "deep,constrained,swe,distilled")]).unwrap();
        checked(&[("ensemble.methods", "shifted"), ("train.noise", "independent")]).unwrap();
        // Two epochs of a rate that would be halved after ten.
        checked(&[("train.schedule", "halving"), ("train.epochs", "2"), ("ensemble.methods", "deep")])
            .unwrap();
        for (method, why) in [
            ("shifted", "sides that share one sample of noise show every image once an epoch in shifted"),
            (
                "distilled-replayed",
                "logits are kept for an image and its augmentation, which is drawn by its place, in distilled-replayed",
            ),
        ] {
            let error = checked(&[("ensemble.methods", method)]).unwrap_err();
            assert_eq!(exit::code(&error), exit::USAGE);
            let expected = format!("train.order is with-replacement: {why}, expected permuted");
            assert!(format!("{error:#}").contains(&expected), "{error:#}");
        }
    }

    static GREY: Dataset = Dataset {
        name: "grey-noise",
        extent: Extent::grey(8),
        normalisation: Normalisation::HALF_GREY,
        load: |source, split, _| {
            let n = source.images(split)?;
            let pixels = (0..n * 64).map(|i| (i * 7919 % 251) as u8).collect();
            ImageSet::new(Extent::grey(8), 10, pixels, (0..n).map(|i| (i % 10) as u32).collect())
        },
        ..SYNTHETIC
    };

    #[test]
    fn one_channel_goes_everywhere_but_onto_a_gpu() {
        let registry = Registry::default().with_dataset(&GREY);
        let checked = |settings: &[(&str, &str)]| {
            let settings: Vec<_> = [("data.dataset", "grey-noise")].iter().chain(settings).copied().collect();
            let study = Study::load(&asked(&registry, &settings))?;
            check(&study, &Plan::new(&study, &registry)?)
        };
        checked(&[]).unwrap();
        checked(&[("data.normalisation", "half")]).unwrap();
        checked(&[("data.padded", "32"), ("model.name", "vgg11")]).unwrap();
        checked(&[("model.name", "mlp1"), ("augment.hue", "0.5")]).unwrap();
        for (settings, expected) in [
            (
                ("run.device", "cuda"),
                "run.device is cuda: images of 1 channel, a GPU takes images of 3 so far; set run.device=cpu",
            ),
            (
                ("data.normalisation", "imagenet"),
                "data.normalisation is imagenet, which is of 3 channels, the images of grey-noise have 1; set \
                 data.normalisation=dataset, half or view",
            ),
            (("data.padded", "4"), "data.padded is 4, expected 0 or at least the side of the images"),
            (("model.name", "vgg11"), "images of side 8 for vgg11, expected at least 32 pixels"),
        ] {
            let error = checked(&[settings]).unwrap_err();
            assert_eq!(exit::code(&error), exit::USAGE);
            assert!(format!("{error:#}").contains(expected), "{error:#}");
        }
    }

    #[test]
    fn what_the_built_in_methods_plan_is_accepted_for_every_network() {
        let registry = Registry::default();
        for model in ["resnet8", "resnet20", "vit"] {
            let methods: Vec<&str> = registry.methods().filter(|id| *id != "imported").collect();
            let settings = [
                ("ensemble.methods", &*methods.join(",")),
                ("model.name", model),
                ("model.width", "0.25"),
                ("metrics.repair_images", "8"),
                // A part has no more than half of the images.
                ("train.batch", "16"),
                // Of the six epochs of the preset.
                ("subspace.last", "4"),
                ("subspace.rank", "3"),
                // Below the transformer's rate, too.
                ("ensemble.swe_floor", "0.0001"),
            ];
            let study = Study::load(&asked(&registry, &settings)).unwrap();
            let plan = Plan::new(&study, &registry).unwrap();
            check(&study, &plan).unwrap();
        }
    }
}
