//! What a paper's tables and figures show, as data: metrics by their ids, methods by theirs.

/// Tables and figures of a report, in their order.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Metrics of the first table, which stand beside the paper's numbers where it has any.
    pub compared: &'static [&'static str],
    /// Differences between ensembles of one run, which the first table ends with.
    pub within: &'static [Within],
    /// Heading of the second table.
    pub described_title: &'static str,
    /// Metrics of the second table, one a column.
    pub described: &'static [&'static str],
    /// Figures; the first is the main one.
    pub figures: &'static [Figure],
}

/// A difference that is known for every ensemble, with its standard error over test images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Within {
    /// The metric.
    pub metric: &'static str,
    /// The metric of its standard error.
    pub error: &'static str,
}

/// One kind of figure.
#[derive(Clone, Copy, Debug)]
pub enum Figure {
    /// One metric against another, a point per method and seed.
    Scatter {
        /// Beginning of the file's name.
        file: &'static str,
        /// Metric along the horizontal axis.
        x: &'static str,
        /// Metric along the vertical axis.
        y: &'static str,
        /// Horizontal lines to compare points with.
        levels: &'static [Level],
        /// The figure of the paper that it is, for example `the paper's Fig. 2c`.
        like: &'static str,
        /// How to read it: sentences for the caption.
        reading: &'static str,
    },
    /// Connectivity on the lines between two members.
    Lines {
        /// The figure of the paper that it is.
        like: &'static str,
    },
    /// Metrics over a key or a metric that an experiment varies.
    Sweep(&'static Sweep),
    /// Curves that measurements left, mean over seeds.
    Curves(&'static Curves),
    /// Loss and accuracy while training.
    Training,
}

/// The mean of a metric over the ensembles of one method, as a horizontal line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Metric.
    pub metric: &'static str,
    /// Method id.
    pub method: &'static str,
    /// What stands at the line.
    pub name: &'static str,
}

/// Curves of one quantity: a figure for each data set, network and kind of images, a series for each method and case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Curves {
    /// Beginning of the file's name.
    pub file: &'static str,
    /// Metric along the vertical axis, which is the curves' quantity.
    pub metric: &'static str,
    /// Kinds of images, one figure each.
    pub data: &'static [&'static str],
    /// The curves' variable.
    pub variable: &'static str,
    /// What the horizontal axis is called.
    pub name: &'static str,
    /// The barrier of the mean curve, which is marked and told; none where that means nothing.
    pub barrier: Option<Barrier>,
    /// The figure of the paper that it is; empty where it is none.
    pub like: &'static str,
}

/// The curves that a barrier between local minima is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Barrier {
    /// Metric of the loss.
    pub loss: &'static str,
    /// Metric of the accuracy.
    pub accuracy: &'static str,
}

/// What a sweep runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// A key with numbers for values.
    Key(&'static str),
    /// A metric that these keys change: a point for each case, at the mean over its seeds.
    Metric {
        /// The metric.
        metric: &'static str,
        /// The keys.
        keys: &'static [&'static str],
    },
}

/// Metrics over one key or metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sweep {
    /// What is varied.
    pub over: Over,
    /// Its short name, for files.
    pub symbol: &'static str,
    /// What the axis is called.
    pub name: &'static str,
    /// Whether the horizontal axis is logarithmic where all its values are positive and span a factor of ten.
    pub logarithmic: bool,
    /// One figure each.
    pub quantities: &'static [Quantity],
}

/// A horizontal line to compare points with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reference {
    /// Where, in the metric's own unit: fractions, not percentages.
    pub at: f64,
    /// What stands at the line.
    pub name: &'static str,
}

/// One figure of a sweep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantity {
    /// A line to compare with.
    pub reference: Option<Reference>,
    /// Beginning of the file's name.
    pub file: &'static str,
    /// Metric along the vertical axis.
    pub metric: &'static str,
    /// The figure of the paper that it is; empty where it is none.
    pub like: &'static str,
}
