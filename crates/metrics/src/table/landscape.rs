//! Quantities of loss landscapes: calibration done right, foreign and corrupted images, planes, paths, curvature, runs.

use super::{ACCURACY, BARRIER, COSINE, NLL};
use crate::{
    Direction, Metric, Unit, brier, calibrated_nll, disagreement, ece, jsd, nll, ood, reliability, spectrum,
};
use std::f64::consts::LN_2;

/// In fractions of 1, shown as such: where lower is better.
const FRACTION: Metric = Metric { unit: Unit::Plain, range: (0.0, 1.0), ..NLL };

const DISAGREEMENT: Metric = Metric {
    id: "disagreement-matrix",
    title: "Disagreement of states",
    head: "disagreement",
    meaning: "share of images of which two states predict different classes, in [0, 1]",
    direction: Direction::Neutral,
    citation: Some(disagreement::CITATION),
    ..FRACTION
};

const SHARE: Metric = Metric {
    id: "plane-accuracy",
    title: "Accuracy in the plane",
    head: "accuracy in the plane",
    citation: Some(disagreement::CITATION),
    ..ACCURACY
};

const LOSS: Metric = Metric {
    id: "plane-loss",
    title: "Loss in the plane",
    head: "loss in the plane",
    meaning: "mean cross-entropy in nats of the networks in the plane",
    decimals: 3,
    citation: Some(disagreement::CITATION),
    ..NLL
};

const STATE_COSINE: Metric = Metric {
    id: "cosine-matrix",
    title: "Cosine of weights of states",
    head: "cos θ",
    meaning: "cos θ, cosine of the weights of two states",
    citation: Some(disagreement::CITATION),
    ..COSINE
};

const EMBEDDING: Metric = Metric {
    id: "embedding-x",
    title: "First coordinate of the embedding",
    head: "x",
    meaning: "x, first coordinate of an embedding of predictions in two dimensions; only distances mean something",
    range: (f64::NEG_INFINITY, f64::INFINITY),
    decimals: 2,
    ..STATE_COSINE
};

const FOREIGN: Metric = Metric {
    id: "ood-auroc",
    title: "AUROC of foreign images",
    head: "AUROC",
    meaning: "AUROC, chance that a foreign image scores as more foreign than one of the test set",
    unit: Unit::Share,
    range: (0.0, 1.0),
    direction: Direction::Higher,
    decimals: 1,
    citation: Some(ood::CITATION),
};

const TRACE: Metric = Metric {
    id: "hessian-trace",
    title: "Trace of the Hessian of the loss",
    head: "tr H",
    meaning: "tr H, trace of the Hessian of the training loss in the weights, by random probes",
    unit: Unit::Plain,
    range: (f64::NEG_INFINITY, f64::INFINITY),
    direction: Direction::Neutral,
    decimals: 1,
    citation: Some(spectrum::CITATION),
};

/// The entries, in the order in which files list them, after those of ensembles.
pub(super) const METRICS: &[Metric] = &[
    Metric {
        id: "calibrated-nll",
        title: "Calibrated negative log-likelihood",
        head: "calibrated NLL",
        meaning: "calibrated NLL in nats, at a temperature fitted on the other half of the test images",
        citation: Some(calibrated_nll::CITATION),
        ..NLL
    },
    Metric {
        id: "class-wise-ece",
        title: "Class-wise calibration error",
        head: "class-wise ECE",
        meaning: "class-wise ECE, mean over classes, with equal-width bins, in [0, 1]",
        citation: Some(reliability::CITATION),
        ..FRACTION
    },
    Metric {
        id: "adaptive-ece",
        title: "Adaptive calibration error",
        head: "adaptive ECE",
        meaning: "adaptive ECE, mean over classes, with bins of equally many images, in [0, 1]",
        citation: Some(reliability::ADAPTIVE_CITATION),
        ..FRACTION
    },
    Metric {
        id: "mutual-information",
        title: "Mutual information of prediction and member",
        head: "information",
        meaning: "information that the member has about the class, in nats",
        direction: Direction::Neutral,
        citation: Some(ood::INFORMATION_CITATION),
        ..NLL
    },
    FOREIGN,
    Metric {
        id: "ood-aupr",
        title: "AUPR of foreign images",
        head: "AUPR",
        meaning: "AUPR, average precision with foreign images as the positives; chance is their share",
        ..FOREIGN
    },
    Metric {
        id: "ood-fpr95",
        title: "False alarms where 95 % of foreign images are found",
        head: "FPR95",
        meaning: "FPR95, share of test images that count as foreign where 95 % of the foreign ones do",
        direction: Direction::Lower,
        citation: Some(ood::FPR_CITATION),
        ..FOREIGN
    },
    Metric {
        id: "normalised-disagreement",
        title: "Disagreement divided by the share of errors",
        head: "d/(1 − a)",
        meaning: "d/(1 − a), disagreement with the reference divided by 1 − accuracy",
        range: (0.0, f64::INFINITY),
        decimals: 3,
        ..DISAGREEMENT
    },
    LOSS,
    SHARE,
    Metric {
        id: "plane-agreement",
        title: "Agreement with a member in the plane",
        head: "agreement",
        meaning: "agreement, share of images of which a network in the plane predicts the member's class",
        direction: Direction::Neutral,
        ..SHARE
    },
    Metric {
        id: "learning-loss",
        title: "Test loss of states of a run",
        head: "test loss",
        meaning: "mean cross-entropy in nats of states of a run on test images",
        citation: None,
        ..LOSS
    },
    Metric {
        id: "learning-accuracy",
        title: "Test accuracy of states of a run",
        head: "test accuracy",
        citation: None,
        ..SHARE
    },
    Metric {
        id: "path-loss",
        title: "Loss on the path",
        head: "loss on the path",
        meaning: "mean cross-entropy in nats of the networks on the path",
        ..LOSS
    },
    Metric { id: "path-accuracy", title: "Accuracy on the path", head: "accuracy on the path", ..SHARE },
    Metric {
        id: "path-disagreement",
        title: "Disagreement with an end of the path",
        head: "disagreement with an end",
        meaning: "share of images of which a network on the path predicts another class than an end, in [0, 1]",
        ..DISAGREEMENT
    },
    Metric {
        id: "path-cosine",
        title: "Cosine of weights with an end of the path",
        head: "cos θ with an end",
        meaning: "cosine of the weights of a network on the path and of an end",
        ..STATE_COSINE
    },
    Metric {
        id: "path-barrier",
        title: "Barrier of the path",
        head: "B of the path",
        meaning: "B of the path, its highest training loss minus that of the higher end in nats",
        citation: Some(crate::loss_barrier::CITATION),
        ..BARRIER
    },
    Metric {
        id: "straight-barrier",
        title: "Barrier of the straight line",
        head: "B of the line",
        meaning: "B of the line, the same of the straight line between the ends",
        citation: Some(crate::loss_barrier::CITATION),
        ..BARRIER
    },
    Metric {
        id: "bezier-barrier",
        title: "Barrier of the curve with a bend",
        head: "B of the curve",
        meaning: "B of the curve, the same of a trained curve with one bend",
        citation: Some(crate::loss_barrier::CITATION),
        ..BARRIER
    },
    Metric {
        id: "limit-share",
        title: "Diversity between its limits",
        head: "between limits",
        meaning: "between limits: disagreement with the first member, 0 at the lower limit for the member's accuracy, 1 at the upper",
        range: (f64::NEG_INFINITY, f64::INFINITY),
        decimals: 3,
        ..DISAGREEMENT
    },
    Metric {
        id: "cone-excess",
        title: "Agreement with the other member in accurate parts of the plane",
        head: "cone excess",
        meaning: "cone excess: mean agreement of accurate networks of the plane with the member they agree with least, minus that of the members",
        unit: Unit::Points,
        range: (-1.0, 1.0),
        direction: Direction::Neutral,
        ..SHARE
    },
    TRACE,
    Metric {
        id: "hessian-top",
        title: "Largest eigenvalues of the Hessian of the loss",
        head: "λ of H",
        meaning: "λ of H, largest eigenvalues of the Hessian of the training loss in the weights",
        decimals: 2,
        citation: Some(spectrum::LANCZOS_CITATION),
        ..TRACE
    },
    Metric {
        id: "weight-cosine-within",
        title: "Cosine of weights along a run",
        head: "cos θ along a run",
        meaning: "cosine of the weights of two states of one run",
        ..STATE_COSINE
    },
    Metric {
        id: "weight-cosine-between",
        title: "Cosine of weights between runs",
        head: "cos θ between runs",
        meaning: "cosine of the weights of states of two runs",
        ..STATE_COSINE
    },
    Metric {
        id: "disagreement-within",
        title: "Disagreement along a run",
        head: "disagreement along a run",
        meaning: "share of images of which two states of one run predict different classes, in [0, 1]",
        ..DISAGREEMENT
    },
    Metric {
        id: "disagreement-between",
        title: "Disagreement between runs",
        head: "disagreement between runs",
        meaning: "share of images of which states of two runs predict different classes, in [0, 1]",
        ..DISAGREEMENT
    },
    Metric {
        id: "weight-cosine-gap",
        title: "Cosine of weights along a run minus between runs",
        head: "cos θ, along − between",
        meaning: "cos θ, along − between: mean cosine of weights within runs minus that between them",
        range: (-2.0, 2.0),
        ..STATE_COSINE
    },
    Metric {
        id: "disagreement-gap",
        title: "Disagreement along a run minus between runs",
        head: "disagreement, along − between",
        meaning: "disagreement, along − between: mean within runs minus that between them",
        range: (-1.0, 1.0),
        ..DISAGREEMENT
    },
    Metric {
        id: "deep-equivalent",
        title: "Deep-ensemble equivalent",
        head: "DEE",
        meaning: "DEE, number of independent runs whose ensemble has the same calibrated NLL",
        unit: Unit::Plain,
        range: (1.0, f64::INFINITY),
        direction: Direction::Higher,
        decimals: 2,
        citation: Some(calibrated_nll::CITATION),
    },
    Metric {
        id: "reliability",
        title: "Accuracy of predictions of a confidence",
        head: "accuracy",
        meaning: "accuracy of the predictions in a bin of confidence",
        citation: Some(ece::CITATION),
        ..ACCURACY
    },
    Metric {
        id: "corrupted-accuracy",
        title: "Accuracy on corrupted images",
        head: "corrupted accuracy",
        ..ACCURACY
    },
    Metric {
        id: "corrupted-nll",
        title: "Negative log-likelihood on corrupted images",
        head: "corrupted NLL",
        meaning: "NLL on corrupted images in nats",
        citation: Some(nll::CITATION),
        ..NLL
    },
    Metric {
        id: "corrupted-brier",
        title: "Brier score on corrupted images",
        head: "corrupted Brier",
        meaning: "Brier on corrupted images, in [0, 2]",
        range: (0.0, 2.0),
        citation: Some(brier::CITATION),
        ..FRACTION
    },
    Metric {
        id: "corrupted-ece",
        title: "Expected calibration error on corrupted images",
        head: "corrupted ECE",
        meaning: "ECE on corrupted images with equal-width bins, in [0, 1]",
        citation: Some(ece::CITATION),
        ..FRACTION
    },
    Metric {
        id: "corrupted-jsd",
        title: "Jensen-Shannon divergence on corrupted images",
        head: "corrupted JSD",
        meaning: "JSD one-vs-all on corrupted images in nats",
        range: (0.0, LN_2),
        direction: Direction::Neutral,
        citation: Some(jsd::CITATION),
        ..NLL
    },
    STATE_COSINE,
    DISAGREEMENT,
    EMBEDDING,
    Metric {
        id: "embedding-y",
        title: "Second coordinate of the embedding",
        head: "y",
        meaning: "y, second coordinate of an embedding of predictions in two dimensions",
        ..EMBEDDING
    },
];
