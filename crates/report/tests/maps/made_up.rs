//! Landscapes as they might be measured, and a paper that shows them.

use crate::curves::Shifts;
use basin_core::{Citation, Rng, SeedTree};
use basin_papers::{
    Claim, Curves, Experiment, Figure, Layout, Matrix, Paper, Paths, Plane, Preset, PrintedMethod, Published,
    PublishedError, Surfaces, Symbol,
};
use basin_results::{Curve, Ensemble, Results, Surface};

/// A paper about landscapes.
#[derive(Debug)]
pub(crate) struct Landscapes;

const LAYOUT: Layout = Layout {
    compared: &["ensemble-accuracy"],
    within: &[],
    described_title: "",
    described: &[],
    figures: &[
        Figure::Surfaces(&Surfaces {
            file: "plane-loss",
            metric: "line-loss",
            data: &["test"],
            subjects: &["radial"],
            name_x: "along θ₁, in units of |θ₁|",
            name_y: "towards θ₂",
            contours: true,
            like: "the paper's Fig. 5",
            reading: "Between the two lies a hill.",
        }),
        Figure::Matrix(&Matrix {
            file: "cosine",
            metric: "weight-cosine",
            data: &["test"],
            subjects: &[],
            name_x: "state",
            name_y: "state",
            like: "the paper's Fig. 2",
            reading: "Runs are alike only with themselves.",
        }),
        Figure::Matrix(&Matrix {
            file: "agreement",
            metric: "disagreement",
            data: &["test"],
            subjects: &["ends"],
            name_x: "run",
            name_y: "run",
            like: "",
            reading: "",
        }),
        Figure::Paths(&Paths {
            file: "embedding",
            metric: "embedding-y",
            variable: "embedding-x",
            data: &["tsne"],
            subjects: &["run"],
            name_x: "t-SNE 1",
            name_y: "t-SNE 2",
            like: "the paper's Fig. 2c",
            reading: "A point an epoch.",
        }),
        Figure::Plane(&Plane {
            file: "diversity",
            metric: "normalised-disagreement",
            variable: "accuracy",
            data: &["test"],
            name_x: "accuracy",
            name_y: "disagreement / (1 − accuracy)",
            like: "",
            reading: "Higher is more diverse.",
        }),
        Figure::Curves(&Curves {
            file: "way",
            metric: "line-loss",
            data: &["test"],
            variable: "position",
            subjects: &["tunnel", "bezier", "line"],
            name: "position between the two networks",
            barrier: None,
            like: "",
        }),
    ],
};

impl Paper for Landscapes {
    fn id(&self) -> &'static str {
        "landscapes"
    }
    fn citation(&self) -> Citation {
        Shifts.citation()
    }
    fn question(&self) -> &'static str {
        "What does the landscape look like?"
    }
    fn methods(&self) -> &'static [PrintedMethod] {
        &[
            PrintedMethod { id: "deep", name: "Independent runs" },
            PrintedMethod { id: "subspace-random", name: "Random directions" },
            PrintedMethod { id: "subspace-gaussian", name: "Diagonal Gaussian" },
        ]
    }
    fn symbols(&self) -> &'static [Symbol] {
        &[]
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

fn grid(n: usize, from: f64, to: f64) -> Vec<f64> {
    (0..n).map(|i| from + (to - from) * i as f64 / (n - 1) as f64).collect()
}

/// Two wells at θ₁ = (1, 0) and θ₂ = (0.3, 0.95) in a plateau that overflows in a corner.
fn radial() -> basin_core::Surface {
    let (x, y) = (grid(31, -0.5, 1.6), grid(31, -0.5, 1.6));
    let well = |x: f64, y: f64, at: (f64, f64)| (-7.0 * ((x - at.0).powi(2) + (y - at.1).powi(2))).exp();
    let loss = |x: f64, y: f64| {
        let plateau = 2.3 * (1.0 + 0.8 * (x * x + y * y));
        let wells = well(x, y, (1.0, 0.0)) + well(x, y, (0.3, 0.95));
        let loss = plateau * (1.0 - wells).max(0.0).powi(2) + 0.02;
        if x > 1.45 && y > 1.45 { [f64::INFINITY, f64::NAN][usize::from(x > 1.55)] } else { loss }
    };
    let values = y.iter().flat_map(|y| x.iter().map(|x| loss(*x, *y)).collect::<Vec<_>>()).collect();
    let marks = [("origin", [0.0, 0.0]), ("member-1", [1.0, 0.0]), ("member-2", [0.3, 0.95])];
    basin_core::Surface {
        subject: "radial-1-2".into(),
        data: "test".into(),
        quantity: "line-loss".into(),
        variables: ["x".into(), "y".into()],
        x,
        y,
        values,
        marks: marks.map(|(name, at)| (name.to_owned(), at)).to_vec(),
    }
}

/// Cosines of three runs of 14 snapshots, and disagreement of their ends.
fn matrices() -> [basin_core::Surface; 2] {
    let at: Vec<f64> = (1..=42).map(f64::from).collect();
    let cosine = |i: usize, j: usize| {
        let (a, b) = ((i % 14) as f64 / 13.0, (j % 14) as f64 / 13.0);
        if i / 14 == j / 14 { (-1.2 * (a - b).abs()).exp() } else { 0.05 + 0.2 * (1.0 - a) * (1.0 - b) }
    };
    let values = (0..42).flat_map(|j| (0..42).map(|i| cosine(i, j)).collect::<Vec<_>>()).collect();
    let marks = [("run-1", 1.0), ("run-2", 15.0), ("run-3", 29.0)];
    let cosines = basin_core::Surface {
        subject: "runs".into(),
        data: "test".into(),
        quantity: "weight-cosine".into(),
        variables: ["state".into(), "other-state".into()],
        x: at.clone(),
        y: at,
        values,
        marks: marks.map(|(name, at)| (name.to_owned(), [at, at])).to_vec(),
    };
    let ends = [0.0, 0.12, 0.13, 0.12, 0.0, 0.11, 0.13, 0.11, 0.0];
    let ends = basin_core::Surface {
        subject: "ends".into(),
        data: "test".into(),
        quantity: "disagreement".into(),
        x: vec![1.0, 2.0, 3.0],
        y: vec![1.0, 2.0, 3.0],
        values: ends.to_vec(),
        marks: Vec::new(),
        ..cosines.clone()
    };
    [cosines, ends]
}

fn curve(subject: &str, quantity: &str, variable: &str, at: Vec<f64>, values: Vec<f64>) -> basin_core::Curve {
    let [subject, quantity, variable] = [subject, quantity, variable].map(str::to_owned);
    basin_core::Curve { subject, quantity, variable, data: "test".into(), at, values }
}

/// Three runs that leave one cloud.
fn paths(rng: &mut Rng) -> Vec<basin_core::Curve> {
    let run = |run: usize| {
        let angle = 0.4 + 2.1 * run as f64;
        let step = |epoch: usize| {
            let (way, turn) = (30.0 * (1.0 - (-(epoch as f64) / 9.0).exp()), angle + 0.03 * epoch as f64);
            (way * turn.cos() + rng.uniform(), way * turn.sin() + rng.uniform())
        };
        let (at, values) = (0..40).map(step).unzip();
        let run = curve(&format!("run-{}", run + 1), "embedding-y", "embedding-x", at, values);
        basin_core::Curve { data: "tsne".into(), ..run }
    };
    (0..3).map(run).collect()
}

/// Members of one method around an accuracy, so far from the base.
fn members(rng: &mut Rng, accuracy: f64, spread: f64) -> basin_core::Curve {
    let member = |i: usize| {
        let far = spread * (i + 1) as f64 / 10.0;
        let at = accuracy - 0.5 * far * far + 0.01 * rng.uniform();
        let y = 0.25 + 0.9 * far / spread.max(0.3);
        (at, y)
    };
    let (at, values) = (0..10).map(member).unzip();
    curve("members", "normalised-disagreement", "accuracy", at, values)
}

fn limits() -> [basin_core::Curve; 2] {
    let at = grid(81, 0.1, 0.9);
    let of = |name: &str, limit: fn(f64) -> f64| {
        let values = at.iter().map(|accuracy| limit(*accuracy)).collect();
        curve(name, "normalised-disagreement", "accuracy", at.clone(), values)
    };
    [of("upper-limit", |a| (1.0 - 0.9 * a) / (1.0 - a)), of("lower-limit", |a| (0.9 - a) / (1.0 - a))]
}

/// A tunnel with more points than the curve and the line beside it.
fn ways(rng: &mut Rng) -> Vec<basin_core::Curve> {
    let of = |(subject, n, height): (&str, usize, f64), rng: &mut Rng| {
        let at = grid(n, 0.0, 1.0);
        let hill = |x: &f64| 0.2 + height * (std::f64::consts::PI * x).sin().powi(2);
        let values = at.iter().map(|x| hill(x) + 0.05 * rng.uniform()).collect();
        curve(subject, "line-loss", "position", at, values)
    };
    let all =
        [("tunnel-1-2", 9, 0.1), ("tunnel-1-3", 9, 0.15), ("bezier-1-2", 21, 0.3), ("line-1-2", 11, 2.0)];
    all.map(|one| of(one, rng)).to_vec()
}

/// Everything of so many seeds.
pub(crate) fn results(seeds: u64) -> Results {
    let mut results = Results {
        name: "landscapes".into(),
        paper: "landscapes".into(),
        experiment: "all".into(),
        ..Results::default()
    };
    for seed in 0..seeds {
        let mut rng = SeedTree::root(5).index(seed).rng();
        let ensemble = |method: &str| Ensemble {
            dataset: "cifar10".into(),
            model: "resnet20".into(),
            method: method.into(),
            seed,
            members: 3,
            ..Ensemble::default()
        };
        let deep = ensemble("deep");
        let [cosines, ends] = matrices();
        for surface in [radial(), cosines, ends] {
            results.surfaces.push(Surface::new(&deep, surface));
        }
        let mut left = paths(&mut rng);
        left.extend(limits());
        left.extend(ways(&mut rng));
        let clouds = [("subspace-random", 0.88, 0.9), ("subspace-gaussian", 0.9, 0.3)];
        results.curves.extend(left.into_iter().map(|curve| Curve::new(&deep, curve)));
        results.ensembles.push(deep.with("ensemble-accuracy", 0.9));
        for (method, accuracy, spread) in clouds {
            let ensemble = ensemble(method);
            results.curves.push(Curve::new(&ensemble, members(&mut rng, accuracy, spread)));
            results.ensembles.push(ensemble.with("ensemble-accuracy", accuracy));
        }
    }
    results
}
