//! What is refused of a plan before anything is carried out.

use super::*;
use crate::{Asked, Registry};
use basin_core::{Citation, Extent, SeedTree};
use basin_data::{Dataset, ImageSet, Normalisation, SYNTHETIC};
use basin_ensemble::{
    AtStart, EnsembleMethod, Objective, ParamOp, ParamOpError, PlanContext, Recipe, RecipeError, Trajectory,
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
        let reason = format!("{networks} networks of {} parameters, expected another", layout.iter().count());
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
    Asked::first(paper, registry, &[&small[..], settings].concat()).unwrap()
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
    checked(&[("train.schedule", "halving"), ("train.epochs", "2"), ("ensemble.methods", "deep")]).unwrap();
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

/// Networks between two sides with views of their own: their statistics are measured on what both saw, in every measurement that
/// mixes networks.
#[test]
fn sides_with_views_may_have_batch_norm() {
    let registry = Registry::default();
    let probes = |settings: &[(&str, &str)]| {
        let usual = [("ensemble.methods", "shifted"), ("model.name", "mlp1"), ("train.batch", "8")];
        let statistics =
            [("model.norm", "batch"), ("metrics.statistics_images", "41"), ("landscape.images", "16")];
        let settings: Vec<_> = usual.iter().chain(&statistics).chain(settings).copied().collect();
        let study = Study::load(&asked(&registry, &settings)).unwrap();
        let plan = Plan::new(&study, &registry).unwrap();
        check(&study, &plan).unwrap();
        let probes = plan.nodes.iter().filter_map(|node| match &node.work {
            PlannedWork::Probe { probe, .. } => Some((probe.id(), probe.settings(), probe.data())),
            _ => None,
        });
        let mixed = ["joint-connectivity", "pairwise-lines", "shift-line", "radial-plane", "tunnel"];
        probes.filter(|(id, ..)| mixed.contains(id)).collect::<Vec<_>>()
    };
    let also = ("metrics.also", "radial-plane,tunnel");
    let bands = probes(&[("data.view_a", "band:0"), ("data.view_b", "band:2"), also]);
    assert_eq!(bands.len(), 5);
    for (id, settings, data) in &bands {
        // Of 41, as many of each of two sides.
        assert!(settings.contains("statistics of 40 of 2 sides in turn"), "{id}: {settings}");
        let views: Vec<_> = data[data.len() - 2..].iter().map(|data| data.view.as_deref()).collect();
        assert_eq!(views, [Some("band:0"), Some("band:2")], "{id}");
    }
    // One side as it is; more images than there are; none of it where nobody sees a view.
    for (settings, marked) in [
        (&[("data.view_b", "rotate:45")][..], "statistics of 40 of 2 sides in turn"),
        (&[("data.view_b", "rotate:45"), ("metrics.statistics_images", "1000")], "statistics of 60 of 2"),
        (&[], "statistics of 41)"),
    ] {
        let probes = probes(settings);
        assert!(probes.len() == 3 && probes.iter().all(|(_, text, _)| text.contains(marked)), "{probes:?}");
    }
}

/// A mean of two sides, which would get statistics of its own.
#[derive(Debug)]
struct MeanOfSides;

impl EnsembleMethod for MeanOfSides {
    fn id(&self) -> &'static str {
        "mean-of-sides"
    }

    fn citations(&self) -> Vec<Citation> {
        Vec::new()
    }

    fn plan(&self, cx: &PlanContext) -> Result<Recipe, RecipeError> {
        let mut recipe = Recipe::new();
        let from = recipe.init("start");
        let side = Trajectory {
            name: "side".into(),
            method: self.id().to_owned(),
            from,
            start_epoch: 0,
            order: "order".into(),
            schedule: cx.schedule.clone(),
            objective: Objective::CrossEntropy,
            data: DataRef::train().seen("grey"),
            sides: Vec::new(),
            moments: AtStart::Continue,
        };
        let trained = recipe.train(side, cx.epochs)?;
        for i in 0..cx.members {
            let mean = Arc::new(basin_methods::Average);
            let member = recipe.transform(format!("mean-{i}"), mean, vec![trained; 2], format!("seed/{i}"));
            recipe.member(member);
        }
        Ok(recipe)
    }
}

#[test]
fn averages_of_networks_that_see_views_have_no_statistics_to_get() {
    let registry = Registry::default().with("mean-of-sides", |_| Ok(Box::new(MeanOfSides)));
    let checked = |norm: &str| {
        let settings = [("ensemble.methods", "mean-of-sides"), ("model.name", "mlp1"), ("model.norm", norm)];
        let study = Study::load(&asked(&registry, &settings)).unwrap();
        check(&study, &Plan::new(&study, &registry).unwrap())
    };
    checked("layer").unwrap();
    let error = checked("batch").unwrap_err();
    assert_eq!(exit::code(&error), exit::USAGE);
    let text = format!("{error:#}");
    let expected = "of a network that sees its images through grey would get the statistics of BatchNorm on images as they are, \
                    expected model.norm = layer or none where sides have views";
    assert!(text.contains("mean-0: ") && text.contains(expected), "{text}");
}

/// A state within an epoch is trained beside the run: a price of its own, and no other node with another name or price.
#[test]
fn states_within_the_first_epoch_are_priced_beside_the_run() {
    let registry = Registry::default();
    let plan = |early: &str| {
        let settings = [
            ("ensemble.methods", "deep"),
            ("metrics.also", "trajectories"),
            // Eight steps an epoch.
            ("train.batch", "8"),
            ("train.epochs", "2"),
            ("landscape.states", "2"),
            ("landscape.images", "16"),
            ("landscape.early", early),
        ];
        let study = Study::load(&asked(&registry, &settings)).unwrap();
        let plan = Plan::new(&study, &registry).unwrap();
        check(&study, &plan).map(|()| (study, plan))
    };
    let ((_, off), (study, on)) = (plan("0").unwrap(), plan("3").unwrap());
    let trained = |plan: &Plan| {
        let nodes = plan.nodes.iter().filter(|node| node.kind() == "train");
        nodes.map(|node| (node.name.clone(), node.key, node.passes)).collect::<Vec<_>>()
    };
    let early = on.nodes.iter().filter(|node| node.kind() == "train" && node.name.contains("-first-1-of-"));
    let steps: Vec<_> = early.clone().map(|node| facts::steps(study.case_of(node), &node.work)).collect();
    assert_eq!(steps, [0..1, 1..2, 2..4, 0..1, 1..2, 2..4]);
    let passes: Vec<f64> = early.map(|node| node.passes).collect();
    assert_eq!(passes, [0.125, 0.125, 0.25, 0.125, 0.125, 0.25]);
    let (without, with) = (trained(&off), trained(&on));
    assert_eq!(with.len(), without.len() + 6);
    assert!(without.iter().all(|node| with.contains(node)), "{without:?} in {with:?}");
    assert_eq!((off.epochs(), on.epochs()), (4, 4), "whole ones");
    let refused = plan("4").map(drop).unwrap_err();
    assert_eq!(exit::code(&refused), exit::USAGE);
    let expected = "landscape.early is 4: an epoch of 8 steps cannot be halved so often, expected at most 3, or a smaller train.batch";
    assert_eq!(refused.to_string(), expected, "told once");
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
    // Candle's device takes any images, in f32.
    checked(&[("model.name", "mlp1"), ("run.device", "cuda")]).unwrap();
    let narrow = [("model.name", "mlp1"), ("run.device", "cuda"), ("run.precision", "bf16")];
    assert_eq!(
        checked(&narrow).unwrap_err().to_string(),
        "run.precision is bf16: mlp1, which candle runs, is computed in f32 on every device; set run.precision=f32"
    );
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
            ("transfer.held_out", "2"),
            // Below the transformer's rate, too.
            ("ensemble.swe_floor", "0.0001"),
        ];
        let study = Study::load(&asked(&registry, &settings)).unwrap();
        let plan = Plan::new(&study, &registry).unwrap();
        check(&study, &plan).unwrap();
    }
}
