//! Corruptions and other data sets, in a laboratory where every number is known.

use basin_core::{Array, Curve, DataRef, Labels, Logits, Params, Record, SeedTree};
use basin_ensemble::conformance::{Given, assert_probe_conforms};
use basin_ensemble::{Lab, LabError, Probe, ProbeError};
use basin_metrics::Combine;
use basin_probes::{Corruptions, OutOfDistribution};

fn corruptions(kinds: &[&str], severities: &[u8]) -> Corruptions {
    Corruptions {
        data: DataRef::test(),
        kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        severities: severities.to_vec(),
        seed: 7,
        published: false,
        combine: Combine::MeanProbs,
        ece_bins: 15,
    }
}

fn of_set(set: &str) -> DataRef {
    DataRef { set: Some(set.to_owned()), ..DataRef::test() }
}

fn detector(others: &[DataRef]) -> OutOfDistribution {
    OutOfDistribution { own: DataRef::test(), others: others.to_vec(), combine: Combine::MeanProbs }
}

#[test]
fn both_conform() {
    for networks in [1, 2, 3] {
        let given = Given { networks, logits: 0 };
        assert_probe_conforms(&corruptions(&["fog", "gaussian_noise"], &[1, 3, 5]), given);
        assert_probe_conforms(&corruptions(&["fog"], &[2]), Given { logits: 2, ..given });
        assert_probe_conforms(&detector(&[DataRef::train(), DataRef::train().first(7)]), given);
    }
}

/// Networks are numbered; two images of class 0 have logits `[s, 0]` and `[2 s, 0]`, with s from the network and the images.
struct Numbered {
    networks: usize,
    evaluated: Vec<(usize, String)>,
}

fn margin(network: usize, data: &DataRef) -> f32 {
    let shift = match (data.set.as_deref(), data.view.as_deref()) {
        (Some("far"), _) => 4.0,
        (Some(_), _) => 2.5,
        (None, Some(view)) => {
            let severity: f32 = view.split([':', '@']).nth(1).unwrap().parse().unwrap();
            if view.contains("fog") { severity } else { 2.0 * severity }
        }
        (None, None) => 0.0,
    };
    3.0 + network as f32 / 2.0 - shift
}

impl Lab for Numbered {
    fn networks(&self) -> usize {
        self.networks
    }

    fn params(&mut self, network: usize) -> Result<Params, LabError> {
        Ok([("network".to_owned(), Array::new(vec![1], vec![network as f32])?)].into_iter().collect())
    }

    fn records(&self) -> &[Record] {
        &[]
    }

    fn labels(&self, data: &DataRef) -> Result<Labels, LabError> {
        assert!(data.set.is_none(), "labels of another set are none of the network's");
        Ok(Labels::new(2, vec![0; 2])?)
    }

    fn logits(&mut self, params: &Params, data: &DataRef) -> Result<Logits, LabError> {
        let network = params.get("network").ok_or("no network")?.data()[0] as usize;
        self.evaluated.push((network, data.id()));
        let s = margin(network, data);
        Ok(Logits::new(2, vec![s, 0.0, 2.0 * s, 0.0])?)
    }

    fn seeds(&self) -> SeedTree {
        SeedTree::root(0)
    }

    fn step(&mut self, _: u64, _: u64, _: &dyn Fn() -> Record) -> Result<(), LabError> {
        Ok(())
    }
}

fn numbered(networks: usize) -> Numbered {
    Numbered { networks, evaluated: Vec::new() }
}

fn curve<'a>(curves: &'a [Curve], data: &str, quantity: &str) -> &'a Curve {
    curves.iter().find(|curve| (curve.data.as_str(), curve.quantity.as_str()) == (data, quantity)).unwrap()
}

/// The ensemble's probability of class 0 for margins of three networks.
fn together(data: &DataRef, scale: f64) -> f64 {
    (0..3).map(|network| 1.0 / (1.0 + (-scale * f64::from(margin(network, data))).exp())).sum::<f64>() / 3.0
}

#[test]
fn severities_make_curves_and_the_mean_counts_every_kind_and_severity_once() {
    let (probe, mut lab) = (corruptions(&["fog", "gaussian_noise"], &[1, 2, 4]), numbered(3));
    let record = probe.run(&mut lab).unwrap();
    // Clean once, then kind after kind, each network once.
    let views: Vec<&str> = lab.evaluated.iter().map(|(_, data)| data.as_str()).step_by(3).collect();
    let expected = ["fog:1@7", "fog:2@7", "fog:4@7", "gaussian_noise:1@7", "gaussian_noise:2@7"];
    assert_eq!(views[0], "test");
    assert!(views[1..6].iter().zip(expected).all(|(view, name)| *view == format!("test, seen {name}")));
    assert_eq!((views.len(), lab.evaluated.len()), (7, 21));

    let curves = record.curves();
    assert_eq!(curves.len(), 7 * 3);
    let fog = curve(&curves, "fog", "corrupted-member-accuracy");
    assert_eq!((fog.subject.as_str(), fog.variable.as_str()), ("ensemble", "severity"));
    assert_eq!(fog.at, [0.0, 1.0, 2.0, 4.0]);
    // Margins of the three networks are 3, 3.5 and 4 less the severity, and a margin of 0 names the first class.
    assert_eq!(fog.values[..3], [1.0, 1.0, 1.0]);
    assert!((fog.values[3] - 1.0 / 3.0).abs() < 1e-12);
    let noise = curve(&curves, "gaussian-noise", "corrupted-accuracy");
    assert_eq!(noise.values, [1.0, 1.0, 0.0, 0.0]);
    let nll = |data: &DataRef| -(together(data, 1.0).ln() + together(data, 2.0).ln()) / 2.0;
    let of = |view: &str| nll(&DataRef::test().seen(view));
    let told = curve(&curves, "gaussian-noise", "corrupted-nll");
    let known = [nll(&DataRef::test()), of("n:1@7"), of("n:2@7"), of("n:4@7")];
    assert!(told.values.iter().zip(known).all(|(told, known)| (told - known).abs() < 1e-9), "{told:?}");
    for quantity in ["accuracy", "nll", "brier", "ece", "jsd", "disagreement", "member-accuracy"] {
        let quantity = format!("corrupted-{quantity}");
        let [all, fog, noise] = ["corrupted", "fog", "gaussian-noise"].map(|d| curve(&curves, d, &quantity));
        let means = fog.values.iter().zip(&noise.values).map(|(a, b)| (a + b) / 2.0);
        assert!(all.values.iter().zip(means).all(|(all, mean)| (all - mean).abs() < 1e-12), "{quantity}");
        let scalar = all.values[1..].iter().sum::<f64>() / 3.0;
        assert!((record.scalars[&quantity] - scalar).abs() < 1e-12, "{quantity}");
    }
    assert_eq!(record.scalars["corrupted-kinds"], 2.0);
    assert_eq!(record.scalars.len(), 8);
}

#[test]
fn published_images_have_views_of_their_own() {
    let probe = Corruptions { published: true, ..corruptions(&["fog"], &[3]) };
    assert_eq!(probe.data()[1], DataRef::test().seen("published fog:3"));
    let mut lab = numbered(2);
    probe.run(&mut lab).unwrap();
}

#[test]
fn other_images_are_told_by_the_uncertainty_about_them() {
    let others = [of_set("far"), of_set("near")];
    let (mut lab, probe) = (numbered(3), detector(&others));
    let record = probe.run(&mut lab).unwrap();
    assert_eq!(lab.evaluated.len(), 9);
    let entropy = |p: f64| -(p * p.ln() + (1.0 - p) * (1.0 - p).ln());
    // Own images have margins of 3 to 4 and of 6 to 8, near ones of 0.5 to 1.5 and of 1 to 3, far ones of −1 to 0 and −2 to 0:
    // of every pair the other one has the higher entropy.
    let own: Vec<f64> = [1.0, 2.0].iter().map(|s| entropy(together(&DataRef::test(), *s))).collect();
    let far: Vec<f64> = [1.0, 2.0].iter().map(|s| entropy(together(&others[0], *s))).collect();
    assert!(own.iter().all(|own| far.iter().all(|far| far > own)));
    for score in ["", "-max-probability"] {
        assert_eq!(record.lists[&format!("ood-auroc{score}")], [1.0, 1.0]);
        assert_eq!(record.scalars[&format!("ood-aupr{score}")], 1.0);
        assert_eq!(record.scalars[&format!("ood-fpr95{score}")], 0.0);
    }
    let members = |data: &DataRef, scale: f64| {
        let p = |network| 1.0 / (1.0 + (-scale * f64::from(margin(network, data))).exp());
        entropy(together(data, scale)) - (0..3).map(|network| entropy(p(network))).sum::<f64>() / 3.0
    };
    // The divergence of each member from the mean of the others, image by image.
    let divergence = |data: &DataRef, scale: f64| {
        let p = |network| 1.0 / (1.0 + (-scale * f64::from(margin(network, data))).exp());
        let term = |i: usize| {
            let others = (0..3).filter(|j| *j != i).map(p).sum::<f64>() / 2.0;
            entropy((p(i) + others) / 2.0) - (entropy(p(i)) + entropy(others)) / 2.0
        };
        (0..3).map(term).sum::<f64>() / 3.0
    };
    let mean = |data: &DataRef| (divergence(data, 1.0) + divergence(data, 2.0)) / 2.0;
    assert!((record.scalars["own-jsd"] - mean(&DataRef::test())).abs() < 1e-9);
    assert!((record.lists["ood-jsd"][1] - mean(&others[1])).abs() < 1e-9);
    let scalar = (mean(&others[0]) + mean(&others[1])) / 2.0;
    assert!((record.scalars["ood-jsd"] - scalar).abs() < 1e-9);
    let pairs = |other: &DataRef| {
        let above = |own: f64, other: f64| f64::from(u8::from(other > own));
        let all =
            [1.0, 2.0].map(|a| [1.0, 2.0].map(|b| above(members(&DataRef::test(), a), members(other, b))));
        all.iter().flatten().sum::<f64>() / 4.0
    };
    assert_eq!(record.lists["ood-auroc-mutual-information"], [pairs(&others[0]), pairs(&others[1])]);
    // One other set has no lists.
    let one = detector(&others[..1]).run(&mut numbered(3)).unwrap();
    assert!(one.lists.is_empty() && one.scalars["ood-auroc"] == 1.0);
}

#[test]
fn what_cannot_be_measured_is_refused_when_it_is_planned() {
    let seen = |data| Corruptions { data, ..corruptions(&["fog"], &[1]) };
    let told = |error: Result<(), ProbeError>| error.unwrap_err().to_string();
    for (probe, networks, words) in [
        (corruptions(&["fog"], &[1]), 0, "corruptions: no networks, expected at least one"),
        (seen(DataRef::test().seen("grey")), 2, "images seen through grey, expected images as they are"),
        (corruptions(&[], &[1]), 2, "kinds [], expected at least one, each once"),
        (corruptions(&["fog", "fog"], &[1]), 2, "kinds [\"fog\", \"fog\"], expected at least one"),
        (corruptions(&["fog"], &[]), 2, "severities [], expected some of 1 to 5, rising"),
        (corruptions(&["fog"], &[2, 1]), 2, "severities [2, 1], expected"),
        (corruptions(&["fog"], &[0, 6]), 2, "severities [0, 6], expected"),
        (Corruptions { ece_bins: 0, ..corruptions(&["fog"], &[1]) }, 2, "0 bins of the calibration error"),
    ] {
        assert!(told(probe.check(networks, 0)).contains(words), "{words}");
        assert!(probe.run(&mut numbered(networks)).unwrap_err().to_string().contains(words));
    }
    for (probe, networks, words) in [
        (detector(&[of_set("far")]), 0, "out-of-distribution: no networks, expected at least one"),
        (detector(&[]), 2, "no other images, expected at least one set"),
        (detector(&[DataRef::test()]), 2, "test twice, expected each images once"),
    ] {
        assert!(told(probe.check(networks, 0)).contains(words), "{words}");
        assert!(probe.run(&mut numbered(networks)).unwrap_err().to_string().contains(words));
    }
}

/// Of the first network by itself.
#[test]
fn a_single_network_has_no_diversity_and_all_else() {
    let record = corruptions(&["fog"], &[1, 2]).run(&mut numbered(1)).unwrap();
    let names: Vec<&str> = record.scalars.keys().map(String::as_str).collect();
    let expected = [
        "corrupted-accuracy",
        "corrupted-brier",
        "corrupted-ece",
        "corrupted-kinds",
        "corrupted-member-accuracy",
        "corrupted-nll",
    ];
    assert_eq!(names, expected);
    let finite = |record: &Record| {
        record.scalars.values().chain(record.lists.values().flatten()).all(|value| value.is_finite())
    };
    assert!(finite(&record));
    assert_eq!(record.curves().len(), 5 * 2);
    // Logits (3 − severity, 0) and twice these.
    let nll = |s: f64| ((-s).exp().ln_1p() + (-2.0 * s).exp().ln_1p()) / 2.0;
    let found = &curve(&record.curves(), "corrupted", "corrupted-nll").values.clone();
    let expected = [nll(3.0), nll(2.0), nll(1.0)];
    assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");

    let record = detector(&[of_set("near"), of_set("far")]).run(&mut numbered(1)).unwrap();
    assert!(finite(&record));
    let both = ["", "-max-probability"].iter();
    let mut expected: Vec<String> = both
        .flat_map(|score| ["auroc", "aupr", "fpr95"].map(|measure| format!("ood-{measure}{score}")))
        .collect();
    expected.sort();
    assert_eq!(record.scalars.keys().cloned().collect::<Vec<_>>(), expected);
    // Foreign margins ½ and 1, and 1 and 2 against 3 and 6 of its own: all less sure.
    assert_eq!(record.scalars["ood-auroc"], 1.0);
}
