//! Invented results of the shape a real run has, with known answers.

use basin_core::{Rng, SeedTree};
use basin_papers::CaseKeys;
use basin_results::{Cost, Ensemble, PairwiseLine, Results, Subject, TrainingCurve, TrainingPoint};
use serde_json::json;

/// Method, ensemble accuracy, member accuracy, q̄.
const METHODS: [(&str, f64, f64, f64); 6] = [
    ("deep", 0.941, 0.926, -0.702),
    ("constrained", 0.936, 0.927, -0.002),
    ("swe", 0.934, 0.929, 0.012),
    ("permuted", 0.941, 0.926, -0.281),
    ("distilled", 0.9405, 0.932, -0.003),
    ("distilled-deep", 0.9425, 0.933, -0.689),
];

/// Six methods on one data set, `seeds` seeds, five members, curves and lines included.
pub(crate) fn results(name: &str, dataset: &str, seeds: u64) -> Results {
    let root = SeedTree::root(7).child("made-up");
    let mut results = Results {
        name: name.to_owned(),
        config: json!({
            "data": {"dataset": dataset},
            "model": {"name": "resnet20", "width": 1},
            "train": {"epochs": 20, "batch": 128, "peak_lr": 0.1, "momentum": 0.9},
            "ensemble": {"methods": METHODS.map(|m| m.0), "members": 5},
        }),
        cost: Cost { epochs: 390.0, images: 19_500_000 },
        environment: json!({"cpu": "two Zen 3 cores", "threads": 2, "basin": "0.1.0", "os": "linux x86_64"}),
        ..Results::default()
    };
    for seed in 0..seeds {
        for (m, method) in METHODS.iter().enumerate() {
            let mut rng = root.index(seed).child("method").index(m as u64).rng();
            results.ensembles.push(row(dataset, seed, *method, &mut rng));
            results.training.extend(curves(seed, *method, &mut rng));
            results.pairwise.extend(lines(seed, *method, &mut rng));
        }
    }
    results
}

fn noise(rng: &mut Rng) -> f64 {
    rng.exponential() - rng.exponential()
}

fn row(
    dataset: &str,
    seed: u64,
    (method, ensemble, member, q): (&str, f64, f64, f64),
    rng: &mut Rng,
) -> Ensemble {
    let names = Ensemble {
        case: CaseKeys::new(),
        sources: vec!["nodes/s0-measure-deep.0123abcd".into(), "nodes/s0-deep-1.89ab4567".into()],
        dataset: dataset.into(),
        model: "resnet20".into(),
        method: method.into(),
        seed,
        members: 5,
        ..Ensemble::default()
    };
    let numbers = [
        ("ensemble-accuracy", ensemble + 0.001 * noise(rng)),
        ("mean-member-accuracy", member + 0.001 * noise(rng)),
        ("joint-connectivity", q * (1.0 + 0.03 * noise(rng))),
        ("joint-connectivity-sd", 0.01),
        ("nll", 0.2 + 0.01 * noise(rng)),
        ("brier", 0.09 + 0.002 * noise(rng)),
        ("ece", 0.012 + 0.001 * noise(rng)),
        ("jsd-one-vs-all", 0.02 + 0.001 * noise(rng)),
        ("true-class-variance", 0.01 + 0.0005 * noise(rng)),
        ("disagreement", 0.06 + 0.002 * noise(rng)),
        ("passes", 12.5),
    ];
    let all = numbers.iter().fold(names, |all, (metric, value)| all.with(metric, *value));
    (1..=5).fold(all, |all, i| all.with_of(Subject::Member(i), "member-accuracy", member))
}

fn curves(seed: u64, (method, _, member, _): (&str, f64, f64, f64), rng: &mut Rng) -> Vec<TrainingCurve> {
    let (count, epochs) = match method {
        "swe" => (1, 100),
        "permuted" => (0, 0),
        _ => (5, 20),
    };
    let mut curve = |i: usize| {
        let jitter = 1.0 + 0.05 * noise(rng);
        let point = |e: usize| {
            let t = e as f64 / 20.0 * jitter;
            let loss = 2.3 * (-3.5 * t).exp() + 0.02 + 0.01 * noise(rng).abs();
            let accuracy = (0.1 + (member - 0.1) * (1.0 - (-4.0 * t).exp())).min(1.0);
            TrainingPoint { epoch: e as f64, loss, accuracy, learning_rate: 0.1 }
        };
        let points = (0..=epochs).map(point).collect();
        TrainingCurve {
            node: format!("{method}-{i}"),
            method: method.into(),
            seed,
            points,
            ..Default::default()
        }
    };
    (1..=count).map(&mut curve).collect()
}

fn lines(seed: u64, (method, _, _, q): (&str, f64, f64, f64), rng: &mut Rng) -> Vec<PairwiseLine> {
    let alphas: Vec<f64> = (0..=10).map(|i| f64::from(i) / 10.0).collect();
    let mut line = |pair: (usize, usize)| {
        let depth = 1.05 * q * (1.0 + 0.05 * noise(rng));
        let q = alphas.iter().map(|a| depth * (1.0 - (2.0 * a - 1.0).abs().powi(3))).collect();
        PairwiseLine {
            case: CaseKeys::new(),
            model: "resnet20".into(),
            method: method.into(),
            seed,
            pair,
            alphas: alphas.clone(),
            q,
        }
    };
    [(0, 1), (0, 4), (1, 3), (2, 3), (2, 4)].map(&mut line).to_vec()
}
