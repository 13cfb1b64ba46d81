//! Cycles of several lengths and rates as they might be measured, triangles between members, many methods in one plane; and a paper
//! that shows them.

use basin_core::{Citation, Rng, SeedTree};
use basin_papers::{
    Along, Basin, CaseKeys, Claim, Experiment, Figure, Grid, Layout, Paper, Preset, PrintedMethod, Published,
    PublishedError, Symbol, Triangle,
};
use basin_results::{Ensemble, Results, Surface};

/// A paper about cycles.
#[derive(Debug)]
pub(crate) struct Cycles;

const LENGTH: &str = "transfer.cycle_length";
const RATE: &str = "transfer.cycle_rate";

const ACCURACY: Grid = Grid {
    file: "accuracy-over-cycles",
    metric: "ensemble-accuracy",
    x: Along { key: LENGTH, name: "length of a cycle, × fine-tuning" },
    y: Along { key: RATE, name: "rate of a cycle, × fine-tuning" },
    basin: Some(Basin { metric: "joint-connectivity", spread: "joint-connectivity-sd", times: 2.0 }),
    best: Some("mean-member-accuracy"),
    like: "the paper's Fig. 3",
    reading: "Longer cycles to the right, hotter ones above.",
};

const fn triangle(file: &'static str, metric: &'static str) -> Triangle {
    Triangle { file, metric, data: &["test"], subjects: &["map"], like: "", reading: "" }
}

const LAYOUT: Layout = Layout {
    compared: &["ensemble-accuracy", "joint-connectivity"],
    within: &[],
    described_title: "Diversity and cost",
    described: &["disagreement", "passes"],
    figures: &[
        Figure::Grid(&ACCURACY),
        Figure::Grid(&Grid { file: "q-over-cycles", metric: "joint-connectivity", best: None, ..ACCURACY }),
        Figure::Triangle(&triangle("q-on-the-map", "map-connectivity")),
        Figure::Triangle(&triangle("accuracy-on-the-map", "map-accuracy")),
        Figure::Scatter {
            file: "plane",
            x: "joint-connectivity",
            y: "ensemble-accuracy",
            levels: &[],
            together: true,
            size: Some("passes"),
            like: "",
            reading: "Larger points cost more.",
        },
    ],
};

const METHODS: [(&str, &str); 24] = [
    ("deep", "Deep Ens."),
    ("constrained", "Con. Ens."),
    ("swe", "SW Ens."),
    ("permuted", "Perm. Ens."),
    ("distilled", "Dist. Ens."),
    ("distilled-deep", "Dist. Deep Ens."),
    ("local", "Local DE"),
    ("global", "Global DE"),
    ("sse", "SSE"),
    ("star", "StarSSE"),
    ("fge", "FGE"),
    ("swa", "SWA"),
    ("swag", "SWAG"),
    ("soup-local", "Soup of Local DE"),
    ("soup-star", "Soup of StarSSE"),
    ("soup-greedy", "Greedy soup"),
    ("stock", "Model Stock"),
    ("subspace-random", "Random directions"),
    ("subspace-dropout", "Dropout of weights"),
    ("subspace-gaussian", "Diagonal Gaussian"),
    ("subspace-pca", "Low-rank Gaussian"),
    ("averaged", "Averages of runs"),
    ("distilled-last", "Dist. Ens., last"),
    ("distilled-replayed", "Dist. Ens., replayed"),
];

const PRINTED: [PrintedMethod; 24] = {
    let mut all = [PrintedMethod { id: "", name: "" }; 24];
    let mut place = 0;
    while place < 24 {
        all[place] = PrintedMethod { id: METHODS[place].0, name: METHODS[place].1 };
        place += 1;
    }
    all
};

impl Paper for Cycles {
    fn id(&self) -> &'static str {
        "cycles"
    }
    fn citation(&self) -> Citation {
        Citation::PRETRAIN_BASIN
    }
    fn question(&self) -> &'static str {
        "How far can members go?"
    }
    fn methods(&self) -> &'static [PrintedMethod] {
        &PRINTED
    }
    fn symbols(&self) -> &'static [Symbol] {
        &[
            Symbol { key: LENGTH, symbol: "length", usual: Some("1") },
            Symbol { key: RATE, symbol: "rate", usual: Some("1") },
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

fn noise(rng: &mut Rng) -> f64 {
    rng.exponential() - rng.exponential()
}

fn ensemble(method: &str, seed: u64, case: &[(&str, f64)]) -> Ensemble {
    // What is usual is not told.
    let told = case.iter().filter(|(_, value)| *value != 1.0);
    Ensemble {
        dataset: "cifar10".into(),
        model: "resnet20".into(),
        method: method.into(),
        case: told.map(|(key, value)| ((*key).to_owned(), value.to_string())).collect(),
        seed,
        members: 5,
        ..Ensemble::default()
    }
}

/// Cycles of two methods: every length with every rate but one, and one without cycles.
pub(crate) fn cycles(seeds: u64) -> Results {
    let mut ensembles = Vec::new();
    for (method, bonus) in [("sse", 0.0), ("star", 0.004)] {
        for (length, rate) in
            [0.5, 1.0, 2.0, 4.0].iter().flat_map(|l| [0.25, 0.5, 1.0, 2.0, 4.0].map(|r| (*l, r)))
        {
            if method == "sse" && (length, rate) == (4.0, 4.0) {
                continue;
            }
            for seed in 0..seeds {
                let mut rng = SeedTree::root(seed).index((97.0 * length + 13.0 * rate) as u64).rng();
                let far = f64::ln(length * rate);
                let accuracy = 0.934 + bonus + 0.004 * far - 0.004 * far * far + 0.001 * noise(&mut rng);
                let q = -0.002 - 0.02 * (far - 0.2).max(0.0).powi(2) + 0.001 * noise(&mut rng);
                let found = ensemble(method, seed, &[(LENGTH, length), (RATE, rate)])
                    .with("ensemble-accuracy", accuracy)
                    .with("mean-member-accuracy", accuracy - 0.008 - 0.001 * far)
                    .with("joint-connectivity", q)
                    .with("joint-connectivity-sd", 0.004)
                    .with("passes", 5.0 * (1.0 + 4.0 * length));
                ensembles.push(found);
            }
        }
    }
    ensembles.extend((0..seeds).map(|seed| {
        ensemble("local", seed, &[]).with("ensemble-accuracy", 0.93).with("joint-connectivity", -0.001)
    }));
    Results {
        name: "cycles".into(),
        paper: "cycles".into(),
        experiment: "grid".into(),
        ensembles,
        ..Results::default()
    }
}

/// Accuracy and q between three members, with a hollow off the middle that has no output where it is deepest.
pub(crate) fn triangles(side: usize, gap: bool) -> Results {
    let steps = side - 1;
    let axis: Vec<f64> = (0..side).map(|step| step as f64 / steps as f64).collect();
    let points = || (0..side).flat_map(|row| (0..side - row).map(move |column| (column, row)));
    let share = |(column, row): (usize, usize)| (column as f64 / steps as f64, row as f64 / steps as f64);
    let q = move |(x, y): (f64, f64)| {
        let z = 1.0 - x - y;
        let hollow = -0.35 * (27.0 * x * y * z).max(0.0).powf(0.8) + 0.08 * (4.0 * x * z) * (1.0 - y);
        if gap && (x - 0.4).abs() < 0.03 && (y - 0.4).abs() < 0.03 { f64::NAN } else { hollow }
    };
    let worth = |(x, y): (f64, f64)| 0.93 * (1.0 - x - y) + 0.91 * x + 0.92 * y;
    let surface = |quantity: &str, values: Vec<f64>| basin_core::Surface {
        subject: "map-1-2-3".into(),
        data: "test".into(),
        quantity: quantity.into(),
        variables: ["lambda-2".into(), "lambda-3".into()],
        x: axis.clone(),
        y: axis.clone(),
        values,
        marks: Vec::new(),
    };
    let star = ensemble("star", 3, &[]).with("ensemble-accuracy", 0.94);
    let all = [
        surface("map-connectivity", points().map(share).map(q).collect()),
        surface("map-accuracy", points().map(share).map(|at| worth(at) + q(at)).collect()),
    ];
    let surfaces = all.map(|surface| Surface::new(&star, surface)).to_vec();
    Results {
        name: "map".into(),
        paper: "cycles".into(),
        ensembles: vec![star],
        surfaces,
        ..Results::default()
    }
}

/// Every method of the paper on one plane, so many seeds.
pub(crate) fn plane(seeds: u64) -> Results {
    let mut ensembles = Vec::new();
    for (place, (method, _)) in METHODS.iter().enumerate() {
        for seed in 0..seeds {
            let mut rng = SeedTree::root(seed).index(place as u64).rng();
            let group = [0.0, -0.02, -0.35, -0.7][(place * 7) % 4];
            let q = group + 0.03 * (place as f64 / 24.0 - 0.5) * (1.0 + 5.0 * f64::abs(group));
            let found = ensemble(method, seed, &[])
                .with(
                    "ensemble-accuracy",
                    0.93 - 0.012 * q + 0.0006 * ((place * 5) % 11) as f64 + 0.0004 * noise(&mut rng),
                )
                .with("joint-connectivity", (q + 0.004 * noise(&mut rng)).clamp(-1.0, 0.03))
                .with("passes", [5.0, 12.5, 25.0, 50.0][(place * 3) % 4]);
            ensembles.push(found);
        }
    }
    Results { name: "plane".into(), paper: "cycles".into(), ensembles, ..Results::default() }
}

/// The case of one cell.
pub(crate) fn case(length: &str, rate: &str) -> CaseKeys {
    [(LENGTH, length), (RATE, rate)].map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}
