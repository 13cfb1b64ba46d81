//! Curves that measurements left, sweeps over a metric, and training on the sides of a partition, beside a made-up paper.

use crate::{check_nesting, text};
use basin_core::{Citation, SeedTree};
use basin_papers::{
    Barrier, CaseKeys, Claim, Curves, Experiment, Figure, Layout, Over, Paper, Preset, PrintedMethod,
    Published, PublishedError, Quantity, Reference, Sweep, Symbol,
};
use basin_report::{ReportError, render};
use basin_results::{Curve, Ensemble, Results, ResultsError, Subject, TrainingCurve, TrainingPoint};

/// A paper about lines between networks.
#[derive(Debug)]
pub(crate) struct Shifts;

const LINE: Curves = Curves {
    file: "line-loss",
    metric: "line-loss",
    data: &["test", "train"],
    variable: "lambda",
    subjects: &[],
    name: "λ between the two networks",
    barrier: Some(Barrier { loss: "line-loss", accuracy: "line-accuracy" }),
    like: "the paper's Fig. 3, top",
};

const fn over_noise(file: &'static str, metric: &'static str, reference: Option<Reference>) -> Quantity {
    Quantity { file, metric, reference, like: "" }
}

const LAYOUT: Layout = Layout {
    compared: &["barrier", "accuracy-difference"],
    within: &[],
    described_title: "Similarity",
    described: &["weight-cosine", "displacement-cosine", "shared-errors", "cka"],
    figures: &[
        Figure::Curves(&LINE),
        Figure::Curves(&Curves {
            file: "line-accuracy",
            metric: "line-accuracy",
            data: &["test"],
            like: "the paper's Fig. 3, bottom",
            ..LINE
        }),
        Figure::Sweep(&Sweep {
            over: Over::Metric { metric: "noise-scale", keys: &["train.batch", "train.peak_lr"] },
            symbol: "g",
            name: "noise scale g",
            logarithmic: true,
            quantities: &[
                over_noise("barrier", "barrier", None),
                over_noise(
                    "difference",
                    "accuracy-difference",
                    Some(Reference { at: -0.05, name: "−5 %, the paper's threshold" }),
                ),
            ],
        }),
        Figure::Training,
    ],
};

impl Paper for Shifts {
    fn id(&self) -> &'static str {
        "shifts"
    }
    fn citation(&self) -> Citation {
        Citation::DATA_SHIFTS
    }
    fn question(&self) -> &'static str {
        "Do networks trained on data that differ end in one basin?"
    }
    fn methods(&self) -> &'static [PrintedMethod] {
        &[
            PrintedMethod { id: "shifted", name: "fixed noise" },
            PrintedMethod { id: "free", name: "independent noise" },
        ]
    }
    fn symbols(&self) -> &'static [Symbol] {
        &[
            Symbol { key: "train.batch", symbol: "B", usual: None },
            Symbol { key: "train.peak_lr", symbol: "ε", usual: None },
            Symbol { key: "model.norm", symbol: "norm", usual: None },
        ]
    }
    fn experiments(&self) -> &'static [Experiment] {
        &[]
    }
    fn presets(&self) -> &'static [Preset] {
        &[]
    }
    fn published(&self) -> Result<Published, PublishedError> {
        Ok(Published::none())
    }
    fn setup(&self, _: &serde_json::Value, _: &str, _: &str, _: usize) -> String {
        String::new()
    }
    fn layout(&self) -> &'static Layout {
        &LAYOUT
    }
    fn claims(&self) -> &'static [Claim] {
        &[]
    }
}

/// A double hill of this height on the loss, in a basin of this depth, over 26 points, and the accuracy that goes with it.
fn line(height: f64, depth: f64, jitter: f64) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let at: Vec<f64> = (0..26).map(|i| f64::from(i) / 25.0).collect();
    let loss = |x: f64| {
        let (hill, basin) = ((std::f64::consts::PI * x).sin().powi(4), (4.0 * x * (1.0 - x)).sqrt());
        0.6 + (height + jitter) * hill - depth * basin + 0.05 * jitter
    };
    let loss: Vec<f64> = at.iter().map(|x| loss(*x)).collect();
    let accuracy = loss.iter().map(|loss| 0.95 - 0.2 * loss).collect();
    (at, loss, accuracy)
}

/// Two networks, two methods; MLPs at five noise scales and with two normalisations.
fn results(seeds: u64) -> Results {
    let mut results = Results {
        name: "lines".into(),
        paper: "shifts".into(),
        experiment: "all".into(),
        ..Results::default()
    };
    let case = |keys: &[(&str, &str)]| -> CaseKeys {
        keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    for seed in 0..seeds {
        let mut rng = SeedTree::root(3).index(seed).rng();
        for (place, batch) in [16, 32, 64, 128, 256].into_iter().enumerate() {
            let g = 0.1 * (5_000.0 / f64::from(batch) - 1.0);
            let height = 0.12 * g.sqrt();
            add(
                &mut results,
                "mlp3",
                "shifted",
                &case(&[("train.batch", &batch.to_string())]),
                seed,
                height,
                0.25,
                &mut rng,
            );
            let last = results.ensembles.last_mut().unwrap();
            last.set(Subject::Ensemble, "noise-scale", g);
            last.set(Subject::Ensemble, "barrier", (height - 0.1).max(0.0) + 0.02 * rng.uniform());
            let difference = -0.2 * (height - 0.1).max(0.0) - 0.01 * place as f64 * rng.uniform();
            last.set(Subject::Ensemble, "accuracy-difference", difference);
        }
        for norm in ["none", "batch"] {
            let height = if norm == "none" { 0.7 } else { 0.1 };
            for method in ["shifted", "free"] {
                let height = if method == "free" { height + 0.4 } else { height };
                add(
                    &mut results,
                    "vgg11",
                    method,
                    &case(&[("model.norm", norm)]),
                    seed,
                    height,
                    0.2,
                    &mut rng,
                );
            }
        }
    }
    results
}

#[allow(clippy::too_many_arguments)]
fn add(
    results: &mut Results,
    model: &str,
    method: &str,
    case: &CaseKeys,
    seed: u64,
    height: f64,
    depth: f64,
    rng: &mut basin_core::Rng,
) {
    let ensemble = Ensemble {
        dataset: "cifar10".into(),
        model: model.into(),
        case: case.clone(),
        method: method.into(),
        seed,
        members: 2,
        ..Ensemble::default()
    };
    for data in ["test", "train"] {
        let (at, loss, accuracy) = line(height, depth, 0.3 * height * (rng.uniform() - 0.5));
        for (quantity, values) in [("line-loss", loss), ("line-accuracy", accuracy)] {
            let curve = basin_core::Curve {
                subject: "pair-1-2".into(),
                data: data.into(),
                quantity: quantity.into(),
                variable: "lambda".into(),
                at: at.clone(),
                values,
            };
            results.curves.push(Curve::new(&ensemble, curve));
        }
    }
    for (side, share) in [(1, "train, share 0"), (2, "train, share 1")] {
        let speed = 0.2 + 0.03 * f64::from(side) + 0.02 * rng.uniform();
        let point = |epoch: u32| {
            let loss = 2.3 * (-speed * f64::from(epoch)).exp() + 0.01;
            TrainingPoint { epoch: epoch.into(), loss, accuracy: 1.0 - 0.4 * loss, learning_rate: 0.1 }
        };
        results.training.push(TrainingCurve {
            node: format!("{method}-{side}"),
            model: model.into(),
            case: case.clone(),
            method: method.into(),
            seed,
            data: format!("{share} of 2 by seed {seed}"),
            points: (0..=20).map(point).collect(),
        });
    }
    results.ensembles.push(ensemble.with("ensemble-accuracy", 0.8));
}

#[test]
fn curves_have_figures_and_a_file() {
    let results = results(5);
    let artifacts = render(&results, &Shifts, &[]).unwrap();
    let paths: Vec<&str> = artifacts.iter().map(|artifact| artifact.path.as_str()).collect();
    let figures: Vec<&str> =
        paths.iter().filter_map(|path| path.strip_prefix("report/figures/")?.strip_suffix(".png")).collect();
    let expected = [
        "line-loss-test-cifar10-mlp3",
        "line-loss-test-cifar10-vgg11",
        "line-loss-train-cifar10-mlp3",
        "line-loss-train-cifar10-vgg11",
        "line-accuracy-test-cifar10-mlp3",
        "line-accuracy-test-cifar10-vgg11",
        "barrier-over-g-cifar10-mlp3",
        "difference-over-g-cifar10-mlp3",
        "training-loss",
        "training-accuracy",
    ];
    assert_eq!(figures, expected);
    assert_eq!(paths[..3], ["results.json", "results.csv", "curves.csv"]);
    let csv = text(&artifacts, "curves.csv");
    assert_eq!(csv.lines().count(), 1 + 26 * results.curves.len());
    assert!(
        csv.contains("shifts,all,cifar10,mlp3,train.batch=32,shifted,4,pair-1-2,line-loss,test,lambda,0,")
    );
    for artifact in artifacts.iter().filter(|artifact| artifact.path.ends_with(".svg")) {
        let svg = std::str::from_utf8(&artifact.bytes).unwrap();
        check_nesting(svg, &artifact.path);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{}", artifact.path);
    }
    assert!(render(&results, &Shifts, &[]).unwrap() == artifacts);
}

#[test]
fn results_with_curves_read_back() {
    let mut results = results(2);
    results.curves[0].values[3] = f64::NAN;
    let first = render(&results, &Shifts, &[]).unwrap();
    let back: Results = serde_json::from_str(text(&first, "results.json")).unwrap();
    assert!(back.curves[0].values[3].is_nan() && back.training == results.training);
    assert!(render(&back, &Shifts, &[]).unwrap() == first);
}

/// The caption of a figure in the page.
fn caption(page: &str, begins: &str) -> String {
    let at = page.find(begins).unwrap_or_else(|| panic!("no caption begins with {begins}"));
    page[at..].split("</figcaption>").next().unwrap().to_owned()
}

#[test]
fn a_caption_tells_the_barrier_of_the_mean_beside_the_seeds_own() {
    let mut results = results(2);
    results
        .curves
        .retain(|curve| curve.model == "vgg11" && curve.method == "shifted" && curve.data == "test");
    results.curves.retain(|curve| curve.case["model.norm"] == "none");
    // Hills at λ = ½ of heights 1 and 3, then one at another place: the mean has lower hills than its seeds.
    let hills: [&[f64]; 2] = [&[0.0, 1.0, 0.0, 0.0, 0.0], &[0.0, 0.0, 0.0, 3.0, 0.0]];
    for curve in &mut results.curves {
        curve.at = vec![0.0, 0.25, 0.5, 0.75, 1.0];
        let hill = hills[curve.seed as usize];
        curve.values = match curve.quantity.as_str() {
            "line-loss" => hill.to_vec(),
            _ => hill.iter().map(|loss| 0.9 - loss / 10.0).collect(),
        };
    }
    let artifacts = render(&results, &Shifts, &[]).unwrap();
    let told = caption(text(&artifacts, "report/index.html"), "Loss on the line, nats on test images");
    let expected = "norm = none: barrier 1.5000, Δ −15.00 at λ* 0.75 [2.0000; −20.00].";
    assert!(told.contains(expected) && told.contains("bands: from the lowest to the highest seed"), "{told}");
}

#[test]
fn a_curve_without_a_hill_says_so_and_one_seed_has_no_band() {
    let mut results = results(1);
    results.curves.retain(|curve| curve.model == "vgg11" && curve.case["model.norm"] == "batch");
    results.curves.iter_mut().for_each(|curve| curve.values = curve.at.clone());
    let artifacts = render(&results, &Shifts, &[]).unwrap();
    let told = caption(text(&artifacts, "report/index.html"), "Loss on the line, nats on test images");
    assert!(
        told.contains("One seed.") && told.contains("no maximum between the ends, barrier 0 [0.0000; 0.00]"),
        "{told}"
    );
    let svg = text(&artifacts, "report/figures/line-loss-test-cifar10-vgg11.svg");
    assert!(!svg.contains("opacity=\"0.14\""), "{svg}");
}

#[test]
fn many_series_have_a_figure_for_each_case() {
    let mut results = results(2);
    let (mut more, mut curves) = (results.ensembles.clone(), results.curves.clone());
    more.retain(|ensemble| ensemble.model == "mlp3");
    curves.retain(|curve| curve.model == "mlp3");
    more.iter_mut().for_each(|ensemble| ensemble.method = "free".into());
    curves.iter_mut().for_each(|curve| curve.method = "free".into());
    results.ensembles.extend(more);
    results.curves.extend(curves);
    let artifacts = render(&results, &Shifts, &[]).unwrap();
    let mine = artifacts.iter().filter(|a| a.path.contains("line-loss-test-cifar10-mlp3-b-"));
    assert_eq!(mine.count(), 2 * 5);
}

#[test]
fn ragged_curves_are_refused_as_a_whole() {
    let mut results = results(1);
    results.curves[0].values.pop();
    let error = render(&results, &Shifts, &[]).unwrap_err();
    assert!(
        matches!(error, ReportError::Results(ResultsError::CurveLength { at: 26, values: 25, .. })),
        "{error}"
    );
    assert!(error.to_string().starts_with("curve line-loss on test of shifted, seed 0, pair-1-2: 26 points"));
}

#[test]
fn a_sweep_over_a_metric_has_a_point_for_each_case_and_a_line_to_compare_with() {
    let artifacts = render(&results(3), &Shifts, &[]).unwrap();
    let svg = text(&artifacts, "report/figures/difference-over-g-cifar10-mlp3.svg");
    let bare = text(&artifacts, "report/figures/barrier-over-g-cifar10-mlp3.svg");
    // A circle is two arcs.
    let circles = |svg: &str| svg.matches("A3.5 3.5").count() / 2;
    assert_eq!((circles(svg), circles(bare)), (5, 5));
    let dashed = |svg: &str| svg.matches("stroke-dasharray").count();
    assert_eq!((dashed(svg), dashed(bare)), (1, 0));
}

#[test]
fn sides_of_the_data_are_told_apart_while_training() {
    let mut results = results(2);
    let artifacts = render(&results, &Shifts, &[]).unwrap();
    let page = text(&artifacts, "report/index.html");
    assert!(caption(page, "Training loss against epoch.").contains("in the colour of its side of the data"));
    let dashed = |svg: &str| svg.matches("stroke-dasharray").count();
    // A dashed line for each second side, and its key.
    assert_eq!(dashed(text(&artifacts, "report/figures/training-loss.svg")), results.training.len() / 2 + 1);
    results.training.iter_mut().for_each(|curve| curve.data.clear());
    let artifacts = render(&results, &Shifts, &[]).unwrap();
    assert_eq!(dashed(text(&artifacts, "report/figures/training-loss.svg")), 0);
}
