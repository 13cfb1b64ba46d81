//! A small case, and what its references to images come to.

use super::*;
use crate::Registry;
use basin_core::LabelSkew;
use basin_data::{Dataset, SYNTHETIC};
use basin_ensemble::StatisticsOn;
use basin_exit as exit;

pub(crate) fn case() -> Case {
    with(&[])
}

fn with(more: &[(&str, &str)]) -> Case {
    with_datasets(Datasets::default(), more)
}

static TINY: Dataset = Dataset {
    name: "tiny",
    extent: Extent::colour(8),
    load: |_, _, _| ImageSet::new(8, 10, vec![0; 192], vec![9]),
    ..SYNTHETIC
};

pub(crate) fn with_datasets(mut datasets: Datasets, more: &[(&str, &str)]) -> Case {
    let keys = Registry::default().with_dataset(&TINY).keys().unwrap();
    let small = [("data.train_images", "64"), ("data.test_images", "32"), ("model.width", "0.25")];
    let small = small.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let mut settings = small.to_vec();
    settings.push(("train.batch".into(), "8".into()));
    settings.push(("metrics.connectivity_images".into(), "0".into()));
    settings.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    let config = Config::plain(&keys, &settings).unwrap();
    Case::attempt(config, Varied::new(), &mut datasets).unwrap()
}

#[test]
fn a_reference_names_images_and_what_is_made_of_them() {
    let case = case();
    let images = |data: &DataRef| case.images(data).unwrap();
    let (first, second) = (DataRef::train().share(0, 2, 7), DataRef::train().share(1, 2, 7));
    // 64 images of ten classes: six or seven each, of which three go to each half.
    assert_eq!((case.count(&first), images(&first).len()), (30, 30));
    assert_eq!(case.steps_per_epoch(&first), 3);
    assert_ne!(images(&first), images(&second));
    assert_eq!(images(&first), images(&DataRef::train().share(0, 2, 7)));
    let grey = images(&DataRef::test().first(5).seen("grey"));
    let noisy = |data: DataRef| images(&data.seen("gaussian_noise:3+rotate:15@7"));
    let (whole, share) = (noisy(DataRef::train()), noisy(first.clone()));
    let numbers = basin_data::chosen(case.train.labels(), case.train.classes(), first.part).unwrap();
    assert!(numbers.iter().enumerate().all(|(at, number)| share.image(at) == whole.image(*number)));
    assert!(grey.len() == 5 && grey.images().chunks_exact(3).all(|rgb| rgb[0] == rgb[1] && rgb[1] == rgb[2]));
}

/// Equally many of each side, each through its own view and normalised by that, whatever its part; or the first as they are.
#[test]
fn statistics_are_measured_on_what_each_side_sees() {
    let case = with(&[("data.normalisation", "view")]);
    let sides: Vec<DataRef> =
        [(0, "band:0"), (1, "band:2")].map(|(i, view)| DataRef::train().share(i, 2, 7).seen(view)).into();
    let seen = case.statistics_seen(&StatisticsOn { images: 10, sides: sides.clone() }).unwrap();
    assert_eq!(seen.len(), 2);
    for ((images, normalisation), (side, band)) in seen.iter().zip(sides.iter().zip([0, 2])) {
        let chosen = basin_data::chosen(case.train.labels(), case.train.classes(), side.part).unwrap();
        assert_eq!(images.len(), 5);
        for (at, number) in chosen[..5].iter().enumerate() {
            let channel = case.train.image(*number).chunks_exact(3).flat_map(|rgb| [rgb[band]; 3]);
            assert!(channel.eq(images.image(at).iter().copied()), "image {at} of band {band}");
        }
        assert_eq!(*normalisation, case.normalisation(side).unwrap());
    }
    assert_ne!(seen[0].1, seen[1].1, "each by its own");
    let first = case.statistics_seen(&StatisticsOn::first(7)).unwrap();
    assert_eq!((first.len(), first[0].0.images()), (1, case.train.take(7).unwrap().images()));
}

#[test]
fn other_images_have_another_identity_and_today_s_keep_theirs() {
    let (case, whole) = (case(), DataRef::train());
    let identity = case.identity(0);
    let name = |data: &DataRef| (identity.setting().images)(data);
    assert_eq!(name(&whole), case.train_digest.to_string());
    let others = [whole.clone().share(0, 2, 7), whole.clone().share(0, 2, 8), whole.clone().seen("grey")];
    let names: std::collections::BTreeSet<String> = others.iter().chain([&whole]).map(name).collect();
    assert_eq!(names.len(), 4);
    assert_eq!(name(&whole.clone().seen("grey")), format!("{} seen grey", case.train_digest));
    assert_eq!(name(&whole.clone().seen("rotate:45.0@3")), name(&whole.seen("rotate:45")));
}

fn of_set(set: &str) -> DataRef {
    DataRef { set: Some(set.into()), ..DataRef::test() }
}

#[test]
fn another_data_set_comes_with_its_own_labels_and_its_own_identity() {
    let (case, hundred) = (case(), of_set("synthetic-100"));
    let images = case.images(&hundred).unwrap();
    assert_eq!((images.len(), images.classes(), case.count(&hundred)), (32, 100, 32));
    assert_eq!(case.labels(&hundred).unwrap().values(), images.labels());
    // Loaded once, for all cases that share it.
    assert!(Arc::ptr_eq(&images, &case.clone().images(&hundred).unwrap()));
    assert_eq!(case.normalisation(&hundred).unwrap(), case.normalisation(&DataRef::test()).unwrap());
    let identity = case.identity(0);
    let name = |data: &DataRef| (identity.setting().images)(data);
    assert_eq!(name(&hundred), images.digest().to_string());
    assert_eq!(name(&hundred.clone().first(5)), format!("first 5 of {}", images.digest()));
    assert_eq!(name(&hundred.seen("fog:1@0")), format!("{} seen fog:1", images.digest()));
    // The experiment's own by its name is its own.
    assert_eq!(name(&of_set("synthetic")), case.test_digest.to_string());
    assert!(Arc::ptr_eq(&case.images(&of_set("synthetic")).unwrap(), &case.test));
    // What is seen normalises by the experiment's training images.
    let seen = with(&[("data.normalisation", "view")]);
    let own = seen.normalisation(&DataRef::train()).unwrap();
    assert_eq!(seen.normalisation(&of_set("synthetic-100")).unwrap(), own);
}

#[test]
fn a_data_set_that_is_not_there_is_refused_but_in_a_price() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display().to_string();
    let (none, empty) = (case(), with(&[("data.other_dir", &place)]));
    let shared = with(&[("data.dir", &place)]);
    let key = "data set cifar100 of a measurement, from data.other_dir or, where that is not set, data.dir";
    for (case, words) in [
        (&none, "cifar100 is read from disk but no folder was given".to_owned()),
        (&empty, format!("{place}/cifar-100-binary is missing")),
        (&shared, format!("{place}/cifar-100-binary is missing")),
    ] {
        let error = case.check_images(&of_set("cifar100")).unwrap_err();
        assert_eq!((exit::code(&error), case.count(&of_set("cifar100"))), (exit::DATA, 0));
        let text = format!("{error:#}");
        assert!(text.contains(key) && text.contains(&words), "{words} in {text}");
    }
    let priced = with_datasets(Datasets::or_blank(), &[]);
    priced.check_images(&of_set("cifar100")).unwrap();
    assert_eq!(priced.count(&of_set("cifar100")), 10_000);
    assert!(priced.others.blank() && !none.others.blank());
    let error = none.check_images(&of_set("tiny")).unwrap_err();
    assert_eq!(exit::code(&error), exit::USAGE);
    let words = "images of tiny are 8×8×3, expected 32×32×3, which the network takes; name another data set";
    assert!(error.to_string().starts_with(words), "{error}");
    // At the configured size.
    with(&[("data.padded", "32")]).check_images(&of_set("tiny")).unwrap();
}

#[test]
fn frost_needs_a_folder_of_photographs_and_is_named_by_them() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display().to_string();
    let frost = DataRef::test().seen("frost:2@7");
    let refused = |case: &Case| {
        let error = case.check_images(&frost).unwrap_err();
        (exit::code(&error), format!("{error:#}"))
    };
    let (code, text) = refused(&case());
    assert_eq!(code, exit::USAGE);
    assert!(text.contains("set data.frost_dir, or leave this view out, found none"), "{text}");
    let cold = || with(&[("data.frost_dir", &place)]);
    let (code, text) = refused(&cold());
    assert_eq!(code, exit::DATA);
    let words = "photographs of frost from data.frost_dir: ";
    assert!(text.contains(words) && text.contains("is a folder without one"), "{text}");
    let name = |case: &Case| (case.identity(0).setting().images)(&frost);
    let photograph = |file: &str, shade: u8| {
        let picture = basin_report::Tile { side: 170, pixels: vec![shade; 170 * 170 * 3] };
        let row = basin_report::SheetRow { label: "ice".into(), tiles: vec![picture] };
        let png = basin_report::contact_sheet("frost", &[row]).unwrap();
        std::fs::write(folder.path().join(file), png).unwrap();
    };
    photograph("a.png", 200);
    let first = cold();
    first.check_images(&frost).unwrap();
    assert_eq!(first.images(&frost).unwrap().labels(), first.test.labels());
    assert!(name(&first).contains("seen frost:2@7 with photographs "), "{}", name(&first));
    photograph("b.png", 100);
    assert_ne!(name(&cold()), name(&first));
    // What needs no photographs is named as before.
    let fog = |case: &Case| (case.identity(0).setting().images)(&DataRef::test().seen("fog:1"));
    assert_eq!(fog(&first), fog(&case()));
}

#[test]
fn published_corruptions_are_of_cifar10_s_test_images_alone() {
    let published = |data: DataRef| data.seen("published fog:3");
    let case = case();
    let error = case.check_images(&published(DataRef::test())).unwrap_err();
    assert_eq!(exit::code(&error), exit::USAGE);
    let words =
        "published corruptions of test of synthetic, expected test of cifar10, for which alone they are read";
    assert_eq!(error.to_string(), words);
    let error = case.check_images(&DataRef::test().seen("published fog")).unwrap_err();
    assert_eq!(error.to_string(), "view published fog, expected published kind:severity");
}

#[test]
fn images_that_there_are_not_are_refused_with_what_there_is() {
    let case = case();
    let train = DataRef::train;
    for (data, words) in [
        (train().first(65), "expected 1 to 64, the images there are, found 65"),
        (train().share(2, 2, 0), "found share 2 of 2 of 64 images"),
        (train().share(0, 9, 0), "found share 0 of 9 of 64 images"),
        (train().skewed(0, LabelSkew::PerMille(20), 0), "none of class 0"),
        (
            train().seen("gray"),
            "no view gray (in \"gray\"), nearest is grey; expected one of grey, band:channel",
        ),
        (train().seen("coloured:0.1"), "images for coloured must be of 1 channel, found 3"),
        (train().seen("fog:6"), "the severity of fog must be a whole number in 1..=5, found 6"),
        (of_set("mnit"), "a measurement names the data set \"mnit\", expected one of synthetic, "),
        (of_set("synthetic-100").first(33), "expected 1 to 32, the images there are, found 33"),
    ] {
        let error = case.images(&data).unwrap_err().to_string();
        assert!(error.contains(words), "{words} in {error}");
    }
}
