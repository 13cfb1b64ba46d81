//! The permutation spec of a network, by unification over its operations.

use super::layout::{Layout, Orders, Piece, gcd};
use super::program::{Norm, Op, Program, Value};
use permutation_spec::{PermutationSpec, Segment, SpecBuilder, SpecError};
use std::collections::{BTreeMap, BTreeSet};

impl Program {
    /// Which axes of which arrays must be permuted together. Arrays stand in the order in which operations first
    /// read them; permutations are named after the first layer that writes their units, `{layer}.out`, with the
    /// place of the first unit behind it where only a stretch of them moves together.
    ///
    /// # Errors
    /// [`SpecError`] when a layer repeats a permutation on an array in a way that no spec can say.
    pub fn spec(&self) -> Result<PermutationSpec, SpecError> {
        self.solved(true).finish()
    }

    /// The same without units that act on two axes of one array, which matching cannot solve: they stay. There may
    /// be no permutation left.
    ///
    /// # Errors
    /// As [`Program::spec`].
    pub fn matchable_spec(&self) -> Result<PermutationSpec, SpecError> {
        self.solved(false).finish()
    }

    fn solved(&self, tied: bool) -> Solver {
        let mut solver = Solver::default();
        solver.wire(self);
        solver.keep_groups();
        solver.loosen_torn_heads();
        solver.loosen_repeated(tied);
        // What was loosened may have been one side of an attention layer.
        solver.loosen_torn_heads();
        if !tied {
            solver.orders.fix_single();
            solver.loosen_torn_heads();
        }
        solver
    }
}

/// Layouts of arrays while programs are read.
#[derive(Default)]
struct Solver {
    orders: Orders,
    /// Arrays in order of first use, with the layout of each axis.
    arrays: Vec<(String, Vec<Layout>)>,
    positions: BTreeMap<String, usize>,
    carried: BTreeSet<String>,
    /// Number of axes of each array.
    ranks: BTreeMap<String, usize>,
    /// Pairs of axes of an attention layer whose heads move together.
    heads: Vec<(Layout, Layout, usize)>,
    /// Normalised axes and over what.
    norms: Vec<(Layout, Norm)>,
}

impl Solver {
    /// States the layouts of the first axes of an array, whose others stay; what was stated before must agree.
    fn array(&mut self, name: &str, mut axes: Vec<Layout>) {
        axes.resize(self.ranks.get(name).copied().unwrap_or(0).max(axes.len()), Layout::new());
        if let Some(&at) = self.positions.get(name) {
            for (axis, layout) in axes.iter().enumerate() {
                let before = self.arrays[at].1[axis].clone();
                self.orders.unify(&before, layout);
            }
            return;
        }
        self.positions.insert(name.to_owned(), self.arrays.len());
        self.arrays.push((name.to_owned(), axes));
    }

    fn vectors<'n>(&mut self, names: impl IntoIterator<Item = &'n String>, layout: &Layout) {
        names.into_iter().for_each(|name| self.array(name, vec![layout.clone()]));
    }

    fn wire(&mut self, program: &Program) {
        self.ranks.extend(program.ranks.clone());
        let mut values: Vec<Layout> = Vec::with_capacity(program.len());
        for (op, &width) in program.ops.iter().zip(&program.widths) {
            let value = self.apply(op, width, &values);
            values.push(value);
        }
        for Value(output) in &program.outputs {
            self.orders.fix(&values[*output]);
        }
        for name in &program.kept {
            self.carried.insert(name.clone());
            self.array(name, Vec::new());
        }
    }

    /// The layout of what an operation computes.
    fn apply(&mut self, op: &Op, width: usize, values: &[Layout]) -> Layout {
        let of = |value: &Value| values[value.0].clone();
        match op {
            Op::Input => vec![Piece::Fixed(width)],
            Op::Conv { weight, bias, x, groups } => {
                let (out, read) = self.convolution(weight, width, &of(x), *groups);
                self.array(weight, vec![out.clone(), read]);
                self.vectors(bias, &out);
                out
            }
            Op::Dense { weight, bias, x } => {
                let out = self.fresh(weight, width);
                self.array(weight, vec![out.clone(), of(x)]);
                self.vectors(bias, &out);
                out
            }
            Op::Norm { scale, shift, statistics, x, kind } => {
                let layout = of(x);
                self.vectors(scale.iter().chain(shift).chain(statistics.iter().flatten()), &layout);
                self.carried.extend(statistics.iter().flatten().cloned());
                self.norms.push((layout.clone(), *kind));
                layout
            }
            Op::Activation { x } | Op::Pool { x } => of(x),
            Op::Add { a, b } | Op::Multiply { a, b } => {
                self.orders.unify(&of(a), &of(b));
                of(a)
            }
            Op::Pad { x, low, high } => {
                let name = self.name_of(&of(x));
                let [low, high] = [("low", *low), ("high", *high)]
                    .map(|(side, len)| self.orders.fresh(len, format!("{name}.{side}")));
                [low, of(x), high].concat()
            }
            Op::Concat { parts } => parts.iter().flat_map(of).collect(),
            Op::Slice { x, start, len } => {
                let [_, rest] = self.orders.split(&of(x), *start);
                self.orders.split(&rest, *len)[0].clone()
            }
            Op::Flatten { x, pixels } => {
                let block = |piece: Piece| match piece {
                    Piece::Fixed(len) => Piece::Fixed(len * pixels),
                    Piece::Units { variable, each } => Piece::Units { variable, each: each * pixels },
                };
                of(x).into_iter().map(block).collect()
            }
            Op::Scale { parameter, axis, x }
            | Op::Shift { parameter, axis, x }
            | Op::Prepend { parameter, axis, x } => {
                let mut axes = vec![Layout::new(); *axis];
                axes.push(of(x));
                self.array(parameter, axes);
                of(x)
            }
            Op::Embed { weight } => {
                let out = self.fresh(weight, width);
                self.array(weight, vec![Layout::new(), out.clone()]);
                out
            }
            Op::Attention { q, k, v, heads, rigid, name } => {
                let all = [of(q), of(k), of(v)];
                match heads {
                    Some(heads) if *rigid => self.attend_in_wholes(all, *heads, name, width),
                    heads => self.attend(all, *heads, name, width),
                }
            }
            Op::Recurrent { input, state, biases, x, gates } => {
                let out = self.fresh(input, width);
                let rows = out.repeat(*gates);
                self.array(input, vec![rows.clone(), of(x)]);
                self.array(state, vec![rows.clone(), out.clone()]);
                self.vectors(biases, &rows);
                out
            }
        }
    }

    /// New units, named after the layer of the weight.
    fn fresh(&mut self, weight: &str, units: usize) -> Layout {
        let layer =
            weight.strip_suffix(".weight").or_else(|| weight.strip_suffix("_weight")).unwrap_or(weight);
        self.orders.fresh(units, format!("{layer}.out"))
    }

    fn name_of(&self, layout: &Layout) -> String {
        let name = layout.iter().find_map(|piece| match piece {
            Piece::Units { variable, .. } => Some(self.orders.name(*variable)),
            Piece::Fixed(_) => None,
        });
        name.unwrap_or_else(|| "input".into())
    }

    /// The output of a convolution, and the axis of its weight that reads.
    fn convolution(&mut self, weight: &str, out: usize, x: &Layout, groups: usize) -> (Layout, Layout) {
        if groups == 1 {
            return (self.fresh(weight, out), x.clone());
        }
        let read = self.total(x) / groups;
        if read == 1 {
            // Depthwise: a channel goes with those that are made of it.
            let each = out / groups;
            let block = |piece: Piece| match piece {
                Piece::Fixed(len) => Piece::Fixed(len * each),
                Piece::Units { variable, each: inner } => Piece::Units { variable, each: inner * each },
            };
            return (x.iter().map(|&piece| block(piece)).collect(), Layout::new());
        }
        // The entries along the axis that reads belong to the channels of another group in every row, so
        // channels keep their place in a group, and groups move as wholes.
        let layer = weight.strip_suffix(".weight").unwrap_or(weight);
        let whole = self.orders.fresh(groups, format!("{layer}.groups"));
        let blocks = |each: usize| -> Layout {
            whole
                .iter()
                .map(|&piece| match piece {
                    Piece::Units { variable, .. } => Piece::Units { variable, each },
                    fixed @ Piece::Fixed(_) => fixed,
                })
                .collect()
        };
        self.orders.unify(x, &blocks(read));
        (blocks(out / groups), Layout::new())
    }

    fn attend(&mut self, [q, k, v]: [Layout; 3], heads: Option<usize>, name: &str, width: usize) -> Layout {
        let equal = self.total(&q) == self.total(&k) && self.total(&v) == width;
        match heads {
            Some(heads) if equal => {
                self.orders.unify(&q, &k);
                let [qk, vo] = [(q, "qk"), (v, "vo")].map(|(rows, kind)| {
                    self.orders.rename(&rows, &format!("{name}.{kind}"));
                    rows
                });
                self.heads.push((qk, vo.clone(), heads));
                vo
            }
            _ => {
                [&q, &k, &v].iter().for_each(|rows| self.orders.fix(rows));
                vec![Piece::Fixed(width)]
            }
        }
    }

    /// Heads of keys change places as wholes, with the heads of queries that share them.
    fn attend_in_wholes(&mut self, [q, k, v]: [Layout; 3], heads: usize, name: &str, width: usize) -> Layout {
        let shared = (self.total(&k) * heads).checked_div(self.total(&q)).unwrap_or(1).max(1);
        let order = self.orders.fresh(shared, format!("{name}.heads"));
        let blocks = |len: usize| -> Layout {
            let each = |&piece: &Piece| match piece {
                Piece::Units { variable, .. } => Piece::Units { variable, each: len / shared },
                fixed @ Piece::Fixed(_) => fixed,
            };
            order.iter().map(each).collect()
        };
        for rows in [q, k, v] {
            let len = self.total(&rows);
            self.orders.unify(&rows, &blocks(len));
        }
        blocks(width)
    }

    fn total(&self, layout: &Layout) -> usize {
        self.orders.total(layout)
    }

    /// Restricts units to what normalisations over groups of channels allow.
    fn keep_groups(&mut self) {
        for (layout, kind) in std::mem::take(&mut self.norms) {
            let width = self.total(&layout);
            match kind {
                Norm::Batch | Norm::Layer => {}
                Norm::Groups(groups) => {
                    if groups > 1 && groups < width {
                        self.orders.partition(&layout, width / groups);
                    }
                }
                Norm::UnknownGroups => self.orders.partition(&layout, smallest_block(width)),
            }
        }
    }

    /// Heads can be moved only where their units are one permutation each.
    fn loosen_torn_heads(&mut self) {
        for (qk, vo, _) in self.heads.clone() {
            let whole =
                |rows: &Layout| matches!(self.orders.resolve(rows)[..], [Piece::Units { each: 1, .. }]);
            if !whole(&qk) || !whole(&vo) {
                self.orders.fix(&qk);
                self.orders.fix(&vo);
            }
        }
    }

    /// An array on two axes of which one permutation acts cannot be matched: those units stay, unless `tied` ones
    /// are all there is.
    fn loosen_repeated(&mut self, tied: bool) {
        let all: Vec<Vec<BTreeSet<usize>>> = self
            .arrays
            .iter()
            .map(|(_, axes)| axes.iter().map(|axis| free(&self.orders.resolve(axis))).collect())
            .collect();
        let mut repeated = BTreeSet::new();
        for axes in &all {
            for (i, axis) in axes.iter().enumerate() {
                repeated.extend(axes[i + 1..].iter().flat_map(|other| axis.intersection(other)).copied());
            }
        }
        let others = all.iter().flatten().flatten().any(|variable| !repeated.contains(variable));
        if others || !tied {
            for variable in repeated {
                self.orders.fix(&[Piece::Units { variable, each: 1 }]);
            }
        }
    }

    fn finish(self) -> Result<PermutationSpec, SpecError> {
        let mut spec = SpecBuilder::default();
        let segments = |layout: &Layout| -> Vec<Segment> {
            let pieces = self.orders.resolve(layout);
            if pieces.iter().all(|piece| matches!(piece, Piece::Fixed(_))) {
                return Vec::new();
            }
            let segment = |piece: &Piece| match *piece {
                Piece::Fixed(len) => Segment::Fixed(len),
                Piece::Units { variable, each } => Segment::blocks(self.orders.name(variable), each),
            };
            pieces.iter().map(segment).collect()
        };
        // Permutations with an axis of their own have its size.
        let mut shown = BTreeSet::new();
        let mut used = BTreeSet::new();
        for piece in self.arrays.iter().flat_map(|(_, axes)| axes) {
            let pieces = self.orders.resolve(piece);
            if let [Piece::Units { variable, each: 1 }] = pieces[..] {
                shown.insert(variable);
            }
            used.extend(free(&pieces));
        }
        for &variable in used.difference(&shown) {
            spec = spec.sized(self.orders.name(variable), self.orders.units(variable));
        }
        for (name, axes) in &self.arrays {
            let axes: Vec<Vec<Segment>> = axes.iter().map(segments).collect();
            let mut seen = BTreeSet::new();
            let repeats = axes.iter().any(|axis| {
                let names: BTreeSet<&str> = axis.iter().filter_map(Segment::name).collect();
                names.into_iter().any(|name| !seen.insert(name.to_owned()))
            });
            spec = spec.described(name.clone(), &axes, self.carried.contains(name), repeats);
        }
        for (qk, vo, heads) in &self.heads {
            let name = |layout: &Layout| match segments(layout).as_slice() {
                [Segment::Units { name, each: 1 }] => Some(name.clone()),
                _ => None,
            };
            if let Some((qk, vo)) = name(qk).zip(name(vo)) {
                spec = spec.heads(qk, vo, *heads);
            }
        }
        spec.build()
    }
}

/// The variables of a layout.
fn free(layout: &[Piece]) -> BTreeSet<usize> {
    let variable = |piece: &Piece| match piece {
        Piece::Units { variable, .. } => Some(*variable),
        Piece::Fixed(_) => None,
    };
    layout.iter().filter_map(variable).collect()
}

/// The smallest block of channels that every number of groups keeps together: what all sizes of groups above one
/// have in common.
pub(super) fn smallest_block(width: usize) -> usize {
    (2..=width).filter(|size| width.is_multiple_of(*size)).fold(0, gcd).max(1)
}
