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
    /// One metric against another, a point per method and seed; of more than ten methods a point each, numbered.
    Scatter {
        /// Beginning of the file's name.
        file: &'static str,
        /// Metric along the horizontal axis.
        x: &'static str,
        /// Metric along the vertical axis.
        y: &'static str,
        /// Horizontal lines to compare points with.
        levels: &'static [Level],
        /// Whether ensembles of all numbers of members stand in one figure; else there is one for each number.
        together: bool,
        /// Metric that the points' area is in proportion to. None: all of one size.
        size: Option<&'static str>,
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
    /// A metric over two keys that an experiment varies, as a matrix with the edge of the basin drawn in.
    Grid(&'static Grid),
    /// Curves that measurements left, mean over seeds.
    Curves(&'static Curves),
    /// Surfaces that measurements left, as heat maps.
    Surfaces(&'static Surfaces),
    /// Surfaces over the places of networks, as matrices.
    Matrix(&'static Matrix),
    /// Surfaces over the weights of three networks, as triangles.
    Triangle(&'static Triangle),
    /// Curves that are ways through a plane, such as embeddings of snapshots.
    Paths(&'static Paths),
    /// Points and limits in the plane of diversity and accuracy.
    Plane(&'static Plane),
    /// Loss and accuracy while training.
    Training,
}

impl Figure {
    /// The metrics that it shows, by their ids; a variable of curves is none.
    pub fn metrics(&self) -> Vec<&'static str> {
        match self {
            Self::Scatter { x, y, levels, size, .. } => {
                let levels = levels.iter().map(|level| level.metric);
                [*x, *y].into_iter().chain(levels).chain(*size).collect()
            }
            Self::Grid(grid) => {
                let edge = grid.basin.map(|basin| [basin.metric, basin.spread]);
                [grid.metric].into_iter().chain(edge.into_iter().flatten()).chain(grid.best).collect()
            }
            Self::Sweep(sweep) => sweep.quantities.iter().map(|quantity| quantity.metric).collect(),
            Self::Curves(curves) => vec![curves.metric],
            Self::Surfaces(surfaces) => vec![surfaces.metric],
            Self::Matrix(matrix) => vec![matrix.metric],
            Self::Triangle(triangle) => vec![triangle.metric],
            Self::Paths(paths) => vec![paths.metric],
            Self::Plane(plane) => vec![plane.metric],
            Self::Lines { .. } | Self::Training => Vec::new(),
        }
    }
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

/// Curves of one quantity: a figure for each data set, network and kind of images, a series for each method, case and kind of
/// subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Curves {
    /// Beginning of the file's name.
    pub file: &'static str,
    /// Metric along the vertical axis, which is the curves' quantity.
    pub metric: &'static str,
    /// Kinds of images, one figure each.
    pub data: &'static [&'static str],
    /// The curves' variable, for example `lambda`, `severity`, `position`.
    pub variable: &'static str,
    /// Whose curves: the first words of subjects, `tunnel` for `tunnel-1-2`, each a series of its own in this order. Empty: all
    /// subjects together, or each kind of its own where they stand on other points.
    pub subjects: &'static [&'static str],
    /// What the horizontal axis is called.
    pub name: &'static str,
    /// The barrier of the mean curve, which is marked and told; none where that means nothing.
    pub barrier: Option<Barrier>,
    /// The figure of the paper that it is; empty where it is none.
    pub like: &'static str,
}

/// Surfaces of one quantity: a heat map for each data set, network, method, case, kind of images and subject, of the first seed.
/// Colours are logarithmic where values are positive and span more than two decades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Surfaces {
    /// Beginning of the file's name.
    pub file: &'static str,
    /// Metric that the colours show, which is the surfaces' quantity.
    pub metric: &'static str,
    /// Kinds of images, one figure each.
    pub data: &'static [&'static str],
    /// Whose surfaces: the first words of subjects, `radial` for `radial-1-2`. Empty: all.
    pub subjects: &'static [&'static str],
    /// What the horizontal axis is called.
    pub name_x: &'static str,
    /// What the vertical axis is called.
    pub name_y: &'static str,
    /// Whether lines of equal value are drawn, at the ticks of the colour bar.
    pub contours: bool,
    /// The figure of the paper that it is; empty where it is none.
    pub like: &'static str,
    /// How to read it: sentences for the caption.
    pub reading: &'static str,
}

/// Surfaces whose variables are places of networks: a matrix for each data set, network, method, case, kind of images and subject,
/// of the first seed. Labels along the axes are the variables' values, such as epochs. A block begins where these stop
/// rising, and at each mark of the surface, whose name it then has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matrix {
    /// Beginning of the file's name.
    pub file: &'static str,
    /// Metric that the colours show, which is the surfaces' quantity.
    pub metric: &'static str,
    /// Kinds of images, one figure each; for weights the word that the surfaces have there.
    pub data: &'static [&'static str],
    /// Whose surfaces: the first words of subjects. Empty: all.
    pub subjects: &'static [&'static str],
    /// What the horizontal axis is called.
    pub name_x: &'static str,
    /// What the vertical axis is called.
    pub name_y: &'static str,
    /// The figure of the paper that it is; empty where it is none.
    pub like: &'static str,
    /// How to read it: sentences for the caption.
    pub reading: &'static str,
}

/// Surfaces whose variables are the weights λ₂ and λ₃ of the second and the third of three networks, on one axis with equal steps from
/// 0 to 1: a triangle for each data set, network, method, case, kind of images and subject, of the first seed. Colours part at zero where
/// the metric has values on both sides of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Triangle {
    /// Beginning of the file's name.
    pub file: &'static str,
    /// Metric that the colours show, which is the surfaces' quantity.
    pub metric: &'static str,
    /// Kinds of images, one figure each.
    pub data: &'static [&'static str],
    /// Whose surfaces: the first words of subjects. Empty: all.
    pub subjects: &'static [&'static str],
    /// The figure of the paper that it is; empty where it is none.
    pub like: &'static str,
    /// How to read it: sentences for the caption.
    pub reading: &'static str,
}

/// Ways through a plane: curves whose values are the vertical coordinate and whose variable is the horizontal one, points in order,
/// for example of epochs. A figure for each data set, network, method, case and kind of images, of the first seed, with a path for
/// each subject. Their grids need not agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paths {
    /// Beginning of the file's name.
    pub file: &'static str,
    /// The curves' quantity, for example `embedding-y`.
    pub metric: &'static str,
    /// The curves' variable, for example `embedding-x`.
    pub variable: &'static str,
    /// Kinds of images, one figure each.
    pub data: &'static [&'static str],
    /// Whose curves: the first words of subjects. Empty: all.
    pub subjects: &'static [&'static str],
    /// What the horizontal axis is called.
    pub name_x: &'static str,
    /// What the vertical axis is called.
    pub name_y: &'static str,
    /// The figure of the paper that it is; empty where it is none.
    pub like: &'static str,
    /// How to read it: sentences for the caption.
    pub reading: &'static str,
}

/// Diversity against accuracy: curves of one quantity over an accuracy, which is shown in per cent. Those of subjects whose names begin with
/// `member` are points, in the colours of their methods, of all seeds; those of `upper-limit` and `lower-limit` are lines, of the first
/// ensemble that has them. A figure for each data set, network, case and kind of images. Their grids need not agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plane {
    /// Beginning of the file's name.
    pub file: &'static str,
    /// The curves' quantity, for example `normalised-disagreement`.
    pub metric: &'static str,
    /// The curves' variable, for example `accuracy`.
    pub variable: &'static str,
    /// Kinds of images, one figure each.
    pub data: &'static [&'static str],
    /// What the horizontal axis is called, without its unit.
    pub name_x: &'static str,
    /// What the vertical axis is called.
    pub name_y: &'static str,
    /// The figure of the paper that it is; empty where it is none.
    pub like: &'static str,
    /// How to read it: sentences for the caption.
    pub reading: &'static str,
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

/// One metric over two keys: a matrix for each data set, network, method, number of members and setting of the other keys, with the
/// mean over seeds in each cell, and half of its 95 % interval where there are several. The keys' values stand in the order of their
/// numbers, at equal distances. Colours part at zero where the metric has values on both sides of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// Beginning of the file's name.
    pub file: &'static str,
    /// Metric in the cells.
    pub metric: &'static str,
    /// What is varied from left to right.
    pub x: Along,
    /// What is varied from the bottom up.
    pub y: Along,
    /// How cells inside the basin are told from those outside, between which a line is drawn. None: no line.
    pub basin: Option<Basin>,
    /// The metric by which the best cell is marked; none where no cell is.
    pub best: Option<&'static str>,
    /// The figure of the paper that it is; empty where it is none.
    pub like: &'static str,
    /// How to read it: sentences for the caption.
    pub reading: &'static str,
}

/// One axis of a grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Along {
    /// The key that is varied.
    pub key: &'static str,
    /// What the axis is called.
    pub name: &'static str,
}

/// When an ensemble has left the basin: when the mean of a metric over seeds lies below zero by more than so many times the mean of
/// another one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Basin {
    /// Metric that is about zero inside, for example `joint-connectivity`.
    pub metric: &'static str,
    /// Metric of its spread, for example `joint-connectivity-sd`.
    pub spread: &'static str,
    /// How many times the spread.
    pub times: f64,
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
