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
    let settings = small.iter().chain(settings).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
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
            ("transfer.held_out", "2"),
            // Below the transformer's rate, too.
            ("ensemble.swe_floor", "0.0001"),
        ];
        let study = Study::load(&asked(&registry, &settings)).unwrap();
        let plan = Plan::new(&study, &registry).unwrap();
        check(&study, &plan).unwrap();
    }
}
