//! What is varied, and what is measured of it. One line each in [`EXPERIMENTS`]; figures are the paper's.

use basin_papers::{CaseError, Experiment, Outcome, Settings, Symbol, Varied, measured};

/// The samplers around one solution.
const SUBSPACES: &str =
    "subspace-random,subspace-dropout,subspace-gaussian,subspace-pca,subspace-pca-random,swag";

/// All experiments; the first is the default one.
pub(crate) const EXPERIMENTS: &[Experiment] = &[
    Experiment {
        name: "similarity",
        summary: "Figures 2 and 3: cosine of weights and disagreement of predictions, along runs and between them",
        cases: |_| one("deep", "trajectories@deep"),
        outcome: Outcome::Report,
    },
    Experiment {
        name: "tsne",
        summary: "Figure 2c: the predictions of three runs on their way, as t-SNE and as principal components",
        cases: |_| {
            let three = vec![("ensemble.members", "3".to_owned())];
            Ok(vec![[measured("deep", "trajectories@deep"), three].concat()])
        },
        outcome: Outcome::Report,
    },
    Experiment {
        name: "diversity-accuracy",
        summary: "Figure 5: diversity against accuracy of samples around one solution, other runs, and the ensembles of other papers",
        cases: |_| {
            let methods = format!("deep,{SUBSPACES},constrained,distilled,swe");
            Ok(vec![[measured(&methods, "diversity-plane"), varied_samples()].concat()])
        },
        outcome: Outcome::Report,
    },
    Experiment {
        name: "radial",
        summary: "Figure 4: loss, accuracy and agreement on the plane of the origin and two runs, on that of three runs, and around one",
        cases: |_| one("deep", "radial-plane,plane,random-plane"),
        outcome: Outcome::Report,
    },
    Experiment {
        name: "tunnel",
        summary: "two runs joined by a path of low loss, straight, tuned point by point and as a Bézier curve: what changes along it",
        cases: |_| one("deep", "tunnel,bezier"),
        outcome: Outcome::Report,
    },
    Experiment {
        name: "subspace-ensembles",
        summary: "Figures 6 and 7: ensembles of two to five runs, of their averages, and of subspaces around them",
        cases: subspace_ensembles,
        outcome: Outcome::Report,
    },
    Experiment {
        name: "corruptions",
        summary: "Figures 8 and 9: accuracy, calibration and diversity under corruption, and on images of another data set",
        cases: |_| one("deep,averaged,subspace-gaussian,subspace-pca", "corruptions,calibration"),
        outcome: Outcome::Report,
    },
    Experiment {
        name: "curvature",
        summary: "not in the paper: trace and largest eigenvalue of the training loss's Hessian, of runs and of their averages",
        cases: |_| one("deep,averaged", "curvature"),
        outcome: Outcome::Report,
    },
    Experiment {
        name: "all",
        summary: "all of these in one plan, everything trained once",
        cases: all,
        outcome: Outcome::Report,
    },
];

/// How labels tell what is varied.
pub(crate) const SYMBOLS: &[Symbol] = &[
    Symbol { key: "ensemble.members", symbol: "M", usual: None },
    Symbol { key: "subspace.runs", symbol: "runs", usual: Some("0") },
    Symbol { key: "subspace.varied", symbol: "samples", usual: Some("yes") },
];

fn one(methods: &str, also: &str) -> Result<Vec<Varied>, CaseError> {
    Ok(vec![measured(methods, also)])
}

/// Every sample at a distance of its own, so that the plane is filled.
fn varied_samples() -> Varied {
    vec![("subspace.varied", "yes".to_owned())]
}

/// As many runs as members.
fn subspace_ensembles(_: &dyn Settings) -> Result<Vec<Varied>, CaseError> {
    let case = |runs: u32| {
        let methods = "deep,averaged,subspace-random,subspace-gaussian,subspace-pca,subspace-pca-random";
        let sizes = vec![("ensemble.members", runs.to_string()), ("subspace.runs", "0".to_owned())];
        [measured(methods, "calibration"), sizes].concat()
    };
    Ok((2..=5).map(case).collect())
}

/// One case with everything that is measured of the ensembles of the size asked for, and the ensembles of other sizes.
fn all(asked: &dyn Settings) -> Result<Vec<Varied>, CaseError> {
    let methods = format!("deep,averaged,{SUBSPACES},constrained,distilled,swe");
    let also = "diversity-plane,calibration,trajectories@deep,radial-plane@deep,plane@deep,random-plane@deep,tunnel@deep,\
                bezier@deep,corruptions@deep,corruptions@averaged,corruptions@subspace-gaussian,corruptions@subspace-pca,\
                curvature@deep,curvature@averaged";
    let first = [measured(&methods, also), varied_samples()].concat();
    Ok([vec![first], subspace_ensembles(asked)?].concat())
}
