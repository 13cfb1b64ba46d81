//! What tables and figures show.

use basin_papers::{
    Curves, Figure, Layout, Matrix, Over, Paths, Plane, PrintedMethod, Quantity, Surfaces, Sweep, Within,
};

const fn printed(id: &'static str, name: &'static str) -> PrintedMethod {
    PrintedMethod { id, name }
}

/// Independent runs first, then what lies around one, then the ensembles of other papers.
pub(crate) const METHODS: &[PrintedMethod] = &[
    printed("deep", "Independent runs"),
    printed("averaged", "Averages of runs"),
    printed("subspace-random", "Random directions"),
    printed("subspace-dropout", "Dropout of weights"),
    printed("subspace-gaussian", "Diagonal Gaussian"),
    printed("subspace-pca", "Low-rank Gaussian"),
    printed("subspace-pca-random", "PCA of random"),
    printed("swag", "SWAG"),
    printed("constrained", "Constrained"),
    printed("distilled", "Distilled"),
    printed("swe", "SWE"),
];

/// The plane of diversity against accuracy is the paper's answer in one picture.
pub(crate) const LAYOUT: Layout = Layout {
    compared: &["ensemble-accuracy", "mean-member-accuracy", "joint-connectivity"],
    within: &[Within { metric: "minus-deep", error: "minus-deep-se" }],
    described_title: "Likeness, diversity, planes and paths",
    described: &[
        "limit-share",
        "disagreement",
        "normalised-disagreement",
        "weight-cosine-within",
        "weight-cosine-between",
        "disagreement-within",
        "disagreement-between",
        "cone-excess",
        "path-barrier",
        "straight-barrier",
        "bezier-barrier",
        "calibrated-nll",
        "deep-equivalent",
        "adaptive-ece",
        "brier",
        "ece",
        "jsd-one-vs-all",
        "corrupted-accuracy",
        "corrupted-nll",
        "ood-auroc",
        "hessian-trace",
        "hessian-top",
        "passes",
    ],
    figures: &[
        Figure::Plane(&PLANE),
        Figure::Matrix(&matrix("cosine-of-weights", "cosine-matrix", "the paper's Fig. 2a and 3a")),
        Figure::Matrix(&matrix("disagreement", "disagreement-matrix", "the paper's Fig. 2b and 3b")),
        Figure::Paths(&map("map", &["tsne"], "the paper's Fig. 2c")),
        Figure::Paths(&map("map", &["pca"], "")),
        Figure::Surfaces(&surface("accuracy-in-the-plane", "plane-accuracy")),
        Figure::Surfaces(&surface("agreement-in-the-plane", "plane-agreement")),
        Figure::Surfaces(&surface("loss-in-the-plane", "plane-loss")),
        Figure::Curves(&along("loss-on-the-path", "path-loss", &["train", "test"], PATHS)),
        Figure::Curves(&along("disagreement-on-the-path", "path-disagreement", TEST, FROM_ENDS)),
        Figure::Curves(&along("cosine-on-the-path", "path-cosine", TEST, FROM_ENDS)),
        Figure::Curves(&corrupted("accuracy-under-corruption", "corrupted-accuracy", "the paper's Fig. 8")),
        Figure::Curves(&corrupted("calibration-under-corruption", "corrupted-ece", "")),
        Figure::Curves(&corrupted("diversity-under-corruption", "corrupted-jsd", "the paper's Fig. 9")),
        Figure::Sweep(&SIZES),
        Figure::Curves(&RELIABILITY),
        Figure::Training,
    ],
};

const PLANE: Plane = Plane {
    file: "diversity-accuracy",
    metric: "normalised-disagreement",
    variable: "accuracy",
    data: TEST,
    name_x: "accuracy",
    name_y: "disagreement / (1 − accuracy)",
    like: "the paper's Fig. 5",
    reading: "A point for each network after the first of its ensemble, from which it disagrees; points far up at the same accuracy \
              are worth more to an ensemble.",
};

const fn quantity(file: &'static str, metric: &'static str, like: &'static str) -> Quantity {
    Quantity { reference: None, file, metric, like }
}

const SIZES: Sweep = Sweep {
    over: Over::Key("ensemble.members"),
    symbol: "M",
    name: "number of runs M",
    logarithmic: false,
    quantities: &[
        quantity("accuracy", "ensemble-accuracy", "the paper's Fig. 6 and 7"),
        quantity("calibrated-likelihood", "calibrated-nll", ""),
        quantity("brier", "brier", "the paper's Fig. 7"),
        quantity("diversity", "jsd-one-vs-all", ""),
    ],
};

const RELIABILITY: Curves = Curves {
    file: "reliability",
    metric: "reliability",
    data: TEST,
    variable: "confidence",
    subjects: &[],
    name: "mean confidence of the predictions in a bin",
    barrier: None,
    like: "",
};

const TEST: &[&str] = &["test"];

const fn matrix(file: &'static str, metric: &'static str, like: &'static str) -> Matrix {
    Matrix {
        file,
        metric,
        data: TEST,
        subjects: &[],
        name_x: "states of the runs, in order",
        name_y: "states of the runs, in order",
        like,
        reading: "A block on the diagonal is one run from its first state to its last; blocks beside it compare two runs.",
    }
}

const fn map(file: &'static str, data: &'static [&'static str], like: &'static str) -> Paths {
    Paths {
        file,
        metric: "embedding-y",
        variable: "embedding-x",
        data,
        subjects: &[],
        name_x: "first coordinate",
        name_y: "second coordinate",
        like,
        reading: "A line is a run, its points the states on its way; near points are states of similar predictions.",
    }
}

const fn surface(file: &'static str, metric: &'static str) -> Surfaces {
    Surfaces {
        file,
        metric,
        data: TEST,
        subjects: &["radial", "plane", "random"],
        name_x: "along the first direction",
        name_y: "along the second direction",
        contours: true,
        like: "",
        reading: "Coordinates are distances in weight space; in random directions, shares of the length of each filter.",
    }
}

const PATHS: &[&str] = &["straight", "tunnel", "bezier"];
const FROM_ENDS: &[&str] = &["tunnel-from-1", "tunnel-from-2", "bezier-from-1", "bezier-from-2"];

const fn along(
    file: &'static str,
    metric: &'static str,
    data: &'static [&'static str],
    subjects: &'static [&'static str],
) -> Curves {
    Curves {
        file,
        metric,
        data,
        variable: "position",
        subjects,
        name: "position on the way from the first run to the second",
        barrier: None,
        like: "",
    }
}

const fn corrupted(file: &'static str, metric: &'static str, like: &'static str) -> Curves {
    Curves {
        file,
        metric,
        data: &["corrupted"],
        variable: "severity",
        subjects: &[],
        name: "severity of the corruption, 0: none",
        barrier: None,
        like,
    }
}
