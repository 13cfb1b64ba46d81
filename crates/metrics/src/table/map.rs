//! Quantities of the triangle between three members.

use super::{ACCURACY, CONNECTIVITY, NLL};
use crate::Metric;

const Q: Metric = Metric {
    id: "map-connectivity",
    title: "Connectivity q on the map",
    head: "q on the map",
    meaning: "q on the map, accuracy of a network between three members minus theirs, weighted as they are in it",
    ..CONNECTIVITY
};

/// The entries, in the order in which files list them.
pub(super) const METRICS: &[Metric] = &[
    Metric { id: "map-accuracy", title: "Accuracy on the map", head: "accuracy on the map", ..ACCURACY },
    Metric {
        id: "map-loss",
        title: "Loss on the map",
        head: "loss on the map",
        meaning: "mean cross-entropy in nats of the networks on the map",
        decimals: 3,
        ..NLL
    },
    Q,
    Metric {
        id: "map-worst",
        title: "Least connectivity q on the map",
        head: "least q",
        meaning: "least q, of the network between three members that falls furthest below them",
        ..Q
    },
    Metric {
        id: "map-mean",
        title: "Mean connectivity q on the map",
        head: "mean q",
        meaning: "mean q, over a grid of networks between three members",
        ..Q
    },
];
