//! The orders that the paper reports, each with the comparison that decides it. Bounds that are not zero are ours.

use basin_papers::{Claim, Comparison, Contrast, Expected, Scope};

const SEEDS: usize = 3;

const fn of(metric: &'static str, terms: &'static [(f64, &'static str)], expected: Expected) -> Contrast {
    Contrast { metric, terms, error: None, expected }
}

const DEEP: &[(f64, &str)] = &[(1.0, "deep")];
const ABOVE: Expected = Expected::Above(0.0);

/// Independent runs minus each kind of sample around one.
const fn beyond(metric: &'static str) -> [Contrast; 5] {
    [
        of(metric, &[(1.0, "deep"), (-1.0, "subspace-random")], ABOVE),
        of(metric, &[(1.0, "deep"), (-1.0, "subspace-dropout")], ABOVE),
        of(metric, &[(1.0, "deep"), (-1.0, "subspace-gaussian")], ABOVE),
        of(metric, &[(1.0, "deep"), (-1.0, "subspace-pca")], ABOVE),
        of(metric, &[(1.0, "deep"), (-1.0, "subspace-pca-random")], ABOVE),
    ]
}

const PLANE: &[Contrast] = &beyond("limit-share");
const ACCURATE: &[Contrast] = &beyond("ensemble-accuracy");

const fn claim(
    id: &'static str,
    sentence: &'static str,
    source: &'static str,
    contrasts: &'static [Contrast],
) -> Claim {
    let comparison = Comparison::All(contrasts);
    Claim { id, sentence, source, scope: Scope::ANY, given: &[], comparison, seeds: SEEDS, share: None }
}

/// In the order of the paper.
pub(crate) const CLAIMS: &[Claim] = &[
    claim(
        "weights-alike-within",
        "States of one run point in a more similar direction than states of different runs.",
        "Figure 2a, 3",
        &[of("weight-cosine-gap", DEEP, ABOVE)],
    ),
    claim(
        "predictions-alike-within",
        "States of one run disagree less than states of different runs.",
        "Figure 2b, 3",
        &[of("disagreement-gap", DEEP, Expected::Below(0.0))],
    ),
    claim(
        "cones",
        "Around a run there is a cone of accurate networks, which agree with another run no more than the two runs do.",
        "Figure 4",
        &[of("cone-excess", DEEP, Expected::Below(0.05))],
    ),
    claim(
        "samples-less-diverse",
        "At their accuracy, samples around one run are less diverse than other runs.",
        "Figure 5",
        PLANE,
    ),
    claim(
        "low-loss-path",
        "A path of low loss joins two runs, though their predictions differ.",
        "Section 4.1, after Fort and Jastrzębski",
        &[of("path-barrier", DEEP, Expected::Below(0.1)), of("disagreement", DEEP, Expected::Above(0.01))],
    ),
    claim(
        "runs-beat-samples",
        "An ensemble of runs is more accurate than an ensemble of samples around one.",
        "Figure 6",
        ACCURATE,
    ),
    claim(
        "averages-add",
        "An ensemble of averages of each run's last states is more accurate than one of last states.",
        "Figure 7",
        &[of("ensemble-accuracy", &[(1.0, "averaged"), (-1.0, "deep")], ABOVE)],
    ),
    claim(
        "runs-beat-samples-corrupted",
        "Under corruption, an ensemble of runs is more accurate than an ensemble of samples around one.",
        "Figure 8",
        &[
            of("corrupted-accuracy", &[(1.0, "deep"), (-1.0, "subspace-gaussian")], ABOVE),
            of("corrupted-accuracy", &[(1.0, "deep"), (-1.0, "subspace-pca")], ABOVE),
        ],
    ),
];
