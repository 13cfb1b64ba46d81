//! Orders of channels that must agree: unification of what axes consist of.
//!
//! A layout lists the stretches of an axis, each either fixed or the units of a variable with some adjacent
//! entries per unit. Two axes that must have one order unify stretch by stretch; where stretches end at
//! different places the longer is cut, which leaves fewer permutations, never more. All sizes are known.

use std::collections::VecDeque;

/// A stretch of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Fixed(usize),
    /// All units of a variable, `each` adjacent entries per unit.
    Units {
        variable: usize,
        each: usize,
    },
}

pub(super) type Layout = Vec<Piece>;

/// Units whose order is to be found.
#[derive(Clone, Debug)]
struct Variable {
    units: usize,
    /// Name of the axis it was first made for, and where it begins there.
    root: String,
    offset: usize,
    /// Whether it is a stretch of that axis.
    part: bool,
    /// What it turned out to consist of.
    bound: Option<Layout>,
}

/// All variables of a network.
#[derive(Clone, Debug, Default)]
pub(super) struct Orders {
    variables: Vec<Variable>,
}

impl Orders {
    /// Units of an order of their own.
    pub(super) fn fresh(&mut self, units: usize, name: impl Into<String>) -> Layout {
        if units == 0 {
            return Vec::new();
        }
        vec![Piece::Units { variable: self.variable(units, name.into(), None), each: 1 }]
    }

    fn variable(&mut self, units: usize, root: String, part: Option<usize>) -> usize {
        let offset = part.unwrap_or(0);
        self.variables.push(Variable { units, root, offset, part: part.is_some(), bound: None });
        self.variables.len() - 1
    }

    fn part(&mut self, units: usize, root: String, offset: usize) -> usize {
        self.variable(units, root, Some(offset))
    }

    /// Units of a variable.
    pub(super) fn units(&self, variable: usize) -> usize {
        self.variables[variable].units
    }

    /// The name of a variable.
    pub(super) fn name(&self, variable: usize) -> String {
        let Variable { root, offset, part, .. } = &self.variables[variable];
        if *part { format!("{root}.{offset}") } else { root.clone() }
    }

    /// Gives a layout of one whole variable another name.
    pub(super) fn rename(&mut self, layout: &[Piece], name: &str) {
        if let [Piece::Units { variable, each: 1 }] = self.resolve(layout)[..] {
            let Variable { root, offset, part, .. } = &mut self.variables[variable];
            (*root, *offset, *part) = (name.to_owned(), 0, false);
        }
    }

    fn len(&self, piece: Piece) -> usize {
        match piece {
            Piece::Fixed(len) => len,
            Piece::Units { variable, each } => self.units(variable) * each,
        }
    }

    /// Entries of a layout.
    pub(super) fn total(&self, layout: &[Piece]) -> usize {
        layout.iter().map(|&piece| self.len(piece)).sum()
    }

    /// The layout in terms of variables that are still free, adjacent fixed stretches as one.
    pub(super) fn resolve(&self, layout: &[Piece]) -> Layout {
        let mut resolved = Layout::new();
        for piece in self.expand(layout) {
            match (piece, resolved.last_mut()) {
                (Piece::Fixed(len), Some(Piece::Fixed(before))) => *before += len,
                _ => resolved.push(piece),
            }
        }
        resolved
    }

    /// The same, every stretch on its own.
    fn expand(&self, layout: &[Piece]) -> Layout {
        let mut expanded = Layout::new();
        let mut open: Vec<Piece> = layout.iter().rev().copied().collect();
        while let Some(piece) = open.pop() {
            let bound = match piece {
                Piece::Fixed(_) => None,
                Piece::Units { variable, each } => self.variables[variable].bound.as_ref().zip(Some(each)),
            };
            let Some((bound, each)) = bound else {
                expanded.extend((self.len(piece) > 0).then_some(piece));
                continue;
            };
            open.extend(bound.iter().rev().map(|&part| match part {
                Piece::Fixed(len) => Piece::Fixed(len * each),
                Piece::Units { variable, each: inner } => Piece::Units { variable, each: inner * each },
            }));
        }
        expanded
    }

    fn bind(&mut self, variable: usize, layout: Layout) {
        self.variables[variable].bound = Some(layout);
    }

    /// A single unit has no order to speak of.
    pub(super) fn fix_single(&mut self) {
        for variable in 0..self.variables.len() {
            if self.units(variable) == 1 && self.variables[variable].bound.is_none() {
                self.bind(variable, vec![Piece::Fixed(1)]);
            }
        }
    }

    /// Makes the order stay.
    pub(super) fn fix(&mut self, layout: &[Piece]) {
        for piece in self.resolve(layout) {
            if let Piece::Units { variable, .. } = piece {
                let units = self.units(variable);
                self.bind(variable, vec![Piece::Fixed(units)]);
            }
        }
    }

    /// Gives two axes of one length one order.
    pub(super) fn unify(&mut self, left: &[Piece], right: &[Piece]) {
        let mut left: VecDeque<Piece> = self.resolve(left).into();
        let mut right: VecDeque<Piece> = self.resolve(right).into();
        while let (Some(&a), Some(&b)) = (left.front(), right.front()) {
            let (a_len, b_len) = (self.len(a), self.len(b));
            if a_len == b_len {
                left.pop_front();
                right.pop_front();
                self.join(a, b);
            } else {
                let longer = if a_len > b_len { &mut left } else { &mut right };
                let piece = longer.pop_front().unwrap_or(Piece::Fixed(0));
                for part in self.cut(piece, a_len.min(b_len)).into_iter().rev() {
                    longer.push_front(part);
                }
            }
            // What was bound may stand further on, on either side.
            left = self.expand(left.make_contiguous()).into();
            right = self.expand(right.make_contiguous()).into();
        }
    }

    /// Cuts the axis at an entry, so that what is before and behind has orders of its own, and answers with both.
    pub(super) fn split(&mut self, layout: &[Piece], at: usize) -> [Layout; 2] {
        let mut before = Layout::new();
        let mut rest: VecDeque<Piece> = self.resolve(layout).into();
        let mut left = at;
        while left > 0 {
            let Some(piece) = rest.pop_front() else { break };
            if self.len(piece) <= left {
                left -= self.len(piece);
                before.push(piece);
            } else {
                for part in self.cut(piece, left).into_iter().rev() {
                    rest.push_front(part);
                }
                // A variable that was cut may stand on both sides.
                before = self.expand(&before);
                rest = self.expand(rest.make_contiguous()).into();
            }
        }
        [before, rest.into()]
    }

    /// Cuts the variable of a piece so that a stretch ends at that entry of it.
    fn cut(&mut self, piece: Piece, at: usize) -> Layout {
        match piece {
            Piece::Fixed(len) => vec![Piece::Fixed(at), Piece::Fixed(len - at)],
            Piece::Units { variable, each } => {
                let Variable { units, root, offset, .. } = self.variables[variable].clone();
                let (whole, rest) = (at / each, at % each);
                let mut parts = Layout::new();
                if whole > 0 {
                    let first = self.part(whole, root.clone(), offset);
                    parts.push(Piece::Units { variable: first, each: 1 });
                }
                // A unit that the cut goes through stays.
                let stays = usize::from(rest > 0);
                parts.extend((rest > 0).then_some(Piece::Fixed(1)));
                if units > whole + stays {
                    let last = self.part(units - whole - stays, root, offset + whole + stays);
                    parts.push(Piece::Units { variable: last, each: 1 });
                }
                self.bind(variable, parts);
                self.expand(&[piece])
            }
        }
    }

    /// Cuts the axis at every multiple of `block`.
    pub(super) fn partition(&mut self, layout: &[Piece], block: usize) {
        let mut start = 0;
        for piece in self.resolve(layout) {
            let len = self.len(piece);
            // One of the pieces may have been cut already, as a variable that stands on the axis twice.
            let Piece::Units { variable, each } = piece else {
                start += len;
                continue;
            };
            let ends = (start / block + 1..).map(|i| i * block - start).take_while(|&end| end < len);
            let mut ends: Vec<usize> = ends.collect();
            ends.push(len);
            if self.variables[variable].bound.is_none() && ends.iter().all(|end| end.is_multiple_of(each)) {
                let Variable { root, offset, .. } = self.variables[variable].clone();
                if ends.len() > 1 {
                    let mut from = 0;
                    let mut parts = Layout::new();
                    for end in ends.iter().map(|end| end / each) {
                        let part = self.part(end - from, root.clone(), offset + from);
                        parts.push(Piece::Units { variable: part, each: 1 });
                        from = end;
                    }
                    self.bind(variable, parts);
                }
            } else {
                for end in ends {
                    self.split(&[piece], end);
                }
            }
            start += len;
        }
    }

    /// Gives two pieces of one length one order.
    fn join(&mut self, a: Piece, b: Piece) {
        match (a, b) {
            (Piece::Fixed(_), Piece::Fixed(_)) => {}
            (Piece::Fixed(_), units) | (units, Piece::Fixed(_)) => self.fix(&[units]),
            (Piece::Units { variable: i, each: j }, Piece::Units { variable: k, each: l }) => {
                if i == k {
                    return;
                }
                // The older name stays when both are of one kind.
                let ((i, j), (k, l)) = if i < k { ((i, j), (k, l)) } else { ((k, l), (i, j)) };
                if j.is_multiple_of(l) {
                    self.bind(k, vec![Piece::Units { variable: i, each: j / l }]);
                } else if l.is_multiple_of(j) {
                    self.bind(i, vec![Piece::Units { variable: k, each: l / j }]);
                } else {
                    let step = j / gcd(j, l) * l;
                    let units = self.units(i) * j / step;
                    let name = format!("{}.blocks", self.variables[i].root);
                    let Variable { offset, part, .. } = self.variables[i];
                    let common = self.variable(units, name, part.then_some(offset));
                    self.bind(i, vec![Piece::Units { variable: common, each: step / j }]);
                    self.bind(k, vec![Piece::Units { variable: common, each: step / l }]);
                }
            }
        }
    }
}

/// Greatest common divisor.
pub(super) fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
