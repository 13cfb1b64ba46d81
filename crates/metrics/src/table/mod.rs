//! All quantities that a run can report, one entry each: what tables, legends, checks and files say of a number.

use crate::{Direction, Metric, Unit, shared_errors, true_class_variance};
use crate::{brier, cka, disagreement, ece, joint_connectivity, jsd, loss_barrier, minima, nll, noise_scale};

mod landscape;
mod map;
mod transfer;

const ACCURACY: Metric = Metric {
    id: "ensemble-accuracy",
    title: "Ensemble accuracy",
    head: "accuracy",
    meaning: "",
    unit: Unit::Share,
    range: (0.0, 1.0),
    direction: Direction::Higher,
    decimals: 2,
    citation: None,
};

const CONNECTIVITY: Metric = Metric {
    id: "joint-connectivity",
    title: "Joint connectivity q̄",
    head: "q̄",
    unit: Unit::Points,
    range: (-1.0, 1.0),
    citation: Some(joint_connectivity::CITATION),
    ..ACCURACY
};

const NLL: Metric = Metric {
    id: "nll",
    title: "Negative log-likelihood",
    head: "NLL",
    meaning: "NLL in nats",
    unit: Unit::Nats,
    range: (0.0, f64::INFINITY),
    direction: Direction::Lower,
    decimals: 4,
    citation: Some(nll::CITATION),
};

const MINUS_DEEP: Metric = Metric {
    id: "minus-deep",
    title: "Ensemble accuracy minus the deep ensemble's",
    head: "minus deep",
    meaning: "Minus the deep ensemble of the same seed, on the same images",
    unit: Unit::Points,
    range: (-1.0, 1.0),
    ..ACCURACY
};

const BARRIER: Metric = Metric {
    id: "barrier",
    title: "Barrier between local minima",
    head: "B",
    meaning: "B, barrier of the loss on the line in nats, measured from the minima beside it",
    unit: Unit::Nats,
    range: (0.0, f64::INFINITY),
    direction: Direction::Lower,
    decimals: 4,
    citation: Some(minima::CITATION),
};

const FROM_ENDS: Metric = Metric {
    id: "barrier-endpoints",
    title: "Barrier between the ends",
    head: "B of ends",
    meaning: "B of ends, the same measured from the networks themselves",
    citation: Some(loss_barrier::CITATION),
    ..BARRIER
};

const DIFFERENCE: Metric = Metric {
    id: "accuracy-difference",
    title: "Accuracy difference Δ",
    head: "Δ",
    meaning: "Δ, accuracy at the barrier minus that of the minima beside it",
    unit: Unit::Points,
    range: (-1.0, 1.0),
    direction: Direction::Higher,
    decimals: 2,
    citation: Some(minima::CITATION),
};

const COSINE: Metric = Metric {
    id: "weight-cosine",
    title: "Cosine of weights",
    head: "cos θ",
    meaning: "cos θ, cosine of the weights of pairs of members",
    unit: Unit::Plain,
    range: (-1.0, 1.0),
    direction: Direction::Neutral,
    decimals: 3,
    citation: Some(minima::CITATION),
};

const SHARED: Metric = Metric {
    id: "shared-errors",
    title: "Shared errors of pairs of members",
    head: "shared errors",
    meaning: "shared errors, images that both of a pair get wrong among those that either does",
    unit: Unit::Share,
    range: (0.0, 1.0),
    decimals: 1,
    citation: Some(shared_errors::CITATION),
    ..COSINE
};

/// Every quantity, in the order in which files list them. A new one is a new entry of a part.
pub const METRICS: &[Metric] = &joined::<{ count() }>();

/// The parts, one after the other.
const PARTS: [&[Metric]; 4] = [ENSEMBLES, landscape::METRICS, transfer::METRICS, map::METRICS];

const fn count() -> usize {
    let (mut all, mut part) = (0, 0);
    while part < PARTS.len() {
        all += PARTS[part].len();
        part += 1;
    }
    all
}

const fn joined<const N: usize>() -> [Metric; N] {
    let mut all = [ACCURACY; N];
    let (mut place, mut part) = (0, 0);
    while part < PARTS.len() {
        let mut own = 0;
        while own < PARTS[part].len() {
            all[place] = PARTS[part][own];
            (place, own) = (place + 1, own + 1);
        }
        part += 1;
    }
    all
}

/// Of ensembles, of their members, and of the lines between these.
const ENSEMBLES: &[Metric] = &[
    ACCURACY,
    Metric { id: "mean-member-accuracy", title: "Mean member accuracy", head: "mean member", ..ACCURACY },
    Metric { id: "member-accuracy", title: "Accuracy of a member", head: "member", ..ACCURACY },
    CONNECTIVITY,
    Metric {
        id: "joint-connectivity-sd",
        title: "Standard deviation of q over the draws",
        head: "q̄ sd",
        range: (0.0, 1.0),
        direction: Direction::Neutral,
        ..CONNECTIVITY
    },
    NLL,
    Metric {
        id: "brier",
        title: "Brier score",
        head: "Brier",
        meaning: "Brier in [0, 2]",
        unit: Unit::Plain,
        range: (0.0, 2.0),
        citation: Some(brier::CITATION),
        ..NLL
    },
    Metric {
        id: "ece",
        title: "Expected calibration error",
        head: "ECE",
        meaning: "ECE with equal-width bins, in [0, 1]",
        unit: Unit::Plain,
        range: (0.0, 1.0),
        citation: Some(ece::CITATION),
        ..NLL
    },
    Metric {
        id: "jsd-one-vs-all",
        title: "Jensen-Shannon divergence",
        head: "JSD",
        meaning: "JSD one-vs-all in nats",
        range: (0.0, std::f64::consts::LN_2),
        direction: Direction::Neutral,
        citation: Some(jsd::CITATION),
        ..NLL
    },
    Metric {
        id: "true-class-variance",
        title: "Variance of the true class's probability",
        head: "Variance",
        meaning: "variance of the true class's probability over members",
        unit: Unit::Plain,
        range: (0.0, 0.25),
        direction: Direction::Neutral,
        citation: Some(true_class_variance::CITATION),
        ..NLL
    },
    Metric {
        id: "disagreement",
        title: "Disagreement of pairs of members",
        head: "Disagreement",
        meaning: "disagreement of pairs of members, in [0, 1]",
        unit: Unit::Plain,
        range: (0.0, 1.0),
        direction: Direction::Neutral,
        citation: Some(disagreement::CITATION),
        ..NLL
    },
    MINUS_DEEP,
    Metric {
        id: "minus-deep-se",
        title: "Standard error of that difference over test images",
        head: "minus deep se",
        meaning: "",
        range: (0.0, 1.0),
        direction: Direction::Neutral,
        ..MINUS_DEEP
    },
    Metric {
        id: "passes",
        title: "Cost of training",
        head: "Passes",
        meaning: "passes over the training set if nothing were shared, a teacher's forward pass counting a third, pre-training not counted",
        unit: Unit::Passes,
        range: (0.0, f64::INFINITY),
        direction: Direction::Lower,
        decimals: 1,
        citation: None,
    },
    Metric {
        id: "line-loss",
        title: "Loss on the line",
        head: "loss",
        meaning: "mean cross-entropy in nats",
        decimals: 3,
        citation: None,
        ..BARRIER
    },
    Metric { id: "line-accuracy", title: "Accuracy on the line", head: "accuracy on the line", ..ACCURACY },
    BARRIER,
    DIFFERENCE,
    Metric {
        id: "lambda-max",
        title: "Place λ* of the barrier",
        head: "λ*",
        meaning: "λ*, where on the line the barrier is",
        range: (0.0, 1.0),
        decimals: 2,
        ..COSINE
    },
    Metric {
        id: "interior-maximum",
        title: "Pairs with a maximum between them",
        head: "with a maximum",
        meaning: "with a maximum, share of pairs between which the loss has a maximum; the others' barrier is 0",
        unit: Unit::Share,
        range: (0.0, 1.0),
        decimals: 0,
        ..COSINE
    },
    FROM_ENDS,
    Metric {
        id: "accuracy-difference-endpoints",
        title: "Accuracy difference Δ between the ends",
        head: "Δ of ends",
        meaning: "Δ of ends, accuracy at the highest loss minus that of the networks themselves",
        citation: Some(loss_barrier::CITATION),
        ..DIFFERENCE
    },
    Metric {
        id: "curvature-ends",
        title: "Curvature of the loss at the ends of the line",
        head: "curvature",
        meaning: "curvature, second difference of the loss in λ at the ends of the line, in nats",
        unit: Unit::Nats,
        range: (f64::NEG_INFINITY, f64::INFINITY),
        decimals: 2,
        ..COSINE
    },
    Metric {
        id: "train-barrier",
        title: "Barrier between local minima, training images",
        head: "B, training",
        meaning: "B on the training images of all sides",
        ..BARRIER
    },
    Metric {
        id: "train-barrier-endpoints",
        title: "Barrier between the ends, training images",
        head: "B of ends, training",
        meaning: "B of ends on the training images of all sides",
        ..FROM_ENDS
    },
    Metric {
        id: "train-accuracy-difference",
        title: "Accuracy difference Δ, training images",
        head: "Δ, training",
        meaning: "Δ on the training images of all sides",
        ..DIFFERENCE
    },
    COSINE,
    Metric {
        id: "displacement-cosine",
        title: "Cosine of displacements from the common start",
        head: "cos Δθ",
        meaning: "cos Δθ, cosine of the displacements of pairs of members from their common start",
        ..COSINE
    },
    SHARED,
    Metric {
        id: "cka",
        title: "Linear CKA of the last hidden layer",
        head: "CKA",
        meaning: "CKA, linear centred kernel alignment of what goes into the last layer",
        range: (0.0, 1.0),
        citation: Some(cka::CITATION),
        ..COSINE
    },
    Metric {
        id: "noise-scale",
        title: "Noise scale g of SGD",
        head: "g",
        meaning: "g = ε (N/B − 1), noise scale of SGD",
        range: (0.0, f64::INFINITY),
        citation: Some(noise_scale::CITATION),
        ..COSINE
    },
    Metric {
        id: "paired-share",
        title: "Paired places in batches",
        head: "paired",
        meaning: "paired, share of places in batches at which all sides see images of one class",
        unit: Unit::Share,
        decimals: 1,
        ..SHARED
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_words_with_hyphens_and_stand_once() {
        for (place, metric) in METRICS.iter().enumerate() {
            let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(!metric.id.is_empty() && metric.id.chars().all(letters), "{}", metric.id);
            assert_eq!(METRICS.iter().position(|other| other.id == metric.id), Some(place), "{}", metric.id);
            assert!(metric.range.0 < metric.range.1 && !metric.title.is_empty(), "{}", metric.id);
        }
    }

    #[test]
    fn the_parts_follow_each_other() {
        assert_eq!((METRICS[0].id, METRICS[ENSEMBLES.len() - 1].id), ("ensemble-accuracy", "paired-share"));
        assert_eq!(METRICS, PARTS.concat());
    }

    #[test]
    fn a_percentage_is_no_share() {
        let accuracy = Metric::find("ensemble-accuracy").unwrap();
        assert!(accuracy.allows(0.944) && accuracy.allows(f64::NAN) && accuracy.allows(1.0 + 1e-12));
        assert!(!accuracy.allows(94.4) && !accuracy.allows(-0.1));
        assert_eq!(accuracy.title_with_unit(), "Ensemble accuracy, %");
        assert_eq!(
            Metric::find("true-class-variance").unwrap().title_with_unit(),
            "Variance of the true class's probability"
        );
    }
}
