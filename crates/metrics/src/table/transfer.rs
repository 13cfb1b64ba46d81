//! Quantities of transfer: accuracy by class, ways from a pre-trained network, what is left of what it knew.

use super::{ACCURACY, BARRIER, CONNECTIVITY, COSINE};
use crate::{Direction, Metric, Unit, class_accuracy, loss_barrier};
use basin_core::Citation;

const CLASSES: Metric = Metric {
    id: "mean-class-accuracy",
    title: "Mean accuracy of the classes",
    head: "accuracy by class",
    meaning: "accuracy by class, mean of the classes' own accuracies, each class counting the same",
    citation: Some(class_accuracy::CITATION),
    ..ACCURACY
};

const DISTANCE: Metric = Metric {
    id: "distance-travelled",
    title: "Distance from the start",
    head: "‖Δθ‖",
    meaning: "‖Δθ‖, Euclidean distance of a member's weights from those it was fine-tuned from, mean over members",
    unit: Unit::Plain,
    range: (0.0, f64::INFINITY),
    direction: Direction::Neutral,
    decimals: 2,
    citation: Some(Citation::PRETRAIN_BASIN),
};

const TASK_COSINE: Metric = Metric {
    id: "task-cosine",
    title: "Cosine of task vectors",
    head: "cos τ",
    meaning: "cos τ, cosine of the task vectors of pairs of members, each from its own start",
    citation: Some(Citation::TASK_VECTORS),
    ..COSINE
};

/// Of the worst point of a line, whose ends have q = 0.
const WORST: Metric = Metric {
    id: "first-connectivity",
    title: "Worst q between member 1 and the others",
    head: "q to member 1",
    meaning: "q to member 1, lowest q on the line from member 1 to another, mean over the others; 0 at best",
    range: (-1.0, 0.0),
    ..CONNECTIVITY
};

const ABOVE: Metric = Metric {
    id: "first-barrier",
    title: "Loss barrier between member 1 and the others",
    head: "B to member 1",
    meaning: "B to member 1, how far the test loss in nats rises above the straight line between the ends, mean over lines",
    citation: Some(loss_barrier::LINE_CITATION),
    ..BARRIER
};

const SOURCE: Metric = Metric {
    id: "source-accuracy",
    title: "Accuracy on the source after fine-tuning",
    head: "source accuracy",
    meaning: "source accuracy, of fine-tuned trunks with the source's head on the source's test images, mean over members",
    ..ACCURACY
};

const HELD_OUT: Metric = Metric {
    id: "held-out-accuracy",
    title: "Ensemble accuracy on held-out images",
    head: "held-out accuracy",
    meaning: "held-out accuracy, on training images that no member was trained on",
    ..ACCURACY
};

/// The entries, in the order in which files list them, after those of loss landscapes.
pub(super) const METRICS: &[Metric] = &[
    CLASSES,
    Metric {
        id: "mean-member-class-accuracy",
        title: "Mean accuracy of the classes, mean member",
        head: "member by class",
        meaning: "member by class, the same of a member, mean over members",
        ..CLASSES
    },
    Metric {
        id: "class-accuracy",
        title: "Accuracy of a class",
        head: "class",
        meaning: "accuracy on the images of one class",
        ..CLASSES
    },
    DISTANCE,
    Metric {
        id: "relative-distance",
        title: "Distance from the start by its length",
        head: "‖Δθ‖/‖θ₀‖",
        meaning: "‖Δθ‖/‖θ₀‖, distance from the start divided by the norm of the start's weights, mean over members",
        decimals: 3,
        ..DISTANCE
    },
    TASK_COSINE,
    Metric {
        id: "task-cosine-first",
        title: "Cosine of task vectors with member 1",
        head: "cos τ to member 1",
        meaning: "cos τ to member 1, cosine of the task vectors of member 1 and another, mean over the others",
        ..TASK_COSINE
    },
    Metric {
        id: "task-cosine-matrix",
        meaning: "cos τ, cosine of the task vectors of two members",
        ..TASK_COSINE
    },
    Metric {
        id: "line-connectivity",
        title: "Connectivity q on the line",
        head: "q on the line",
        meaning: "q, accuracy on the line minus that of the straight line between the ends",
        ..CONNECTIVITY
    },
    WORST,
    Metric {
        id: "first-connectivity-worst",
        title: "Worst q of all lines from member 1",
        head: "worst q to member 1",
        meaning: "worst q to member 1, the lowest of all these lines",
        ..WORST
    },
    ABOVE,
    Metric {
        id: "start-connectivity",
        title: "Worst q between members and their starts",
        head: "q to the start",
        meaning: "q to the start, lowest q on the line from a member to what it was fine-tuned from, mean over members; 0 at best",
        ..WORST
    },
    Metric {
        id: "start-connectivity-worst",
        title: "Worst q of all lines to starts",
        head: "worst q to the start",
        meaning: "worst q to the start, the lowest of all these lines",
        ..WORST
    },
    Metric {
        id: "start-barrier",
        title: "Loss barrier between members and their starts",
        head: "B to the start",
        meaning: "B to the start, the same of the lines from members to what they were fine-tuned from",
        ..ABOVE
    },
    SOURCE,
    Metric {
        id: "source-accuracy-before",
        title: "Accuracy on the source before fine-tuning",
        head: "source accuracy before",
        meaning: "source accuracy before, of the pre-trained networks, mean over members",
        ..SOURCE
    },
    Metric {
        id: "forgetting",
        title: "Source accuracy lost by fine-tuning",
        head: "forgetting",
        meaning: "forgetting, source accuracy before fine-tuning minus after",
        unit: Unit::Points,
        range: (-1.0, 1.0),
        direction: Direction::Lower,
        ..SOURCE
    },
    HELD_OUT,
    Metric {
        id: "held-out-member-accuracy",
        title: "Mean member accuracy on held-out images",
        head: "held-out member",
        meaning: "held-out member, accuracy of a member on the same images, mean over members",
        ..HELD_OUT
    },
    Metric {
        id: "passes-in-a-row",
        title: "Cost of training in a row",
        head: "In a row",
        meaning: "passes over the training set that must be done one after the other, where all else is done side by side",
        unit: Unit::Passes,
        range: (0.0, f64::INFINITY),
        direction: Direction::Lower,
        decimals: 1,
        citation: None,
    },
];
