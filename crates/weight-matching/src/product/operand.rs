//! An operand of a product: read where it lies, a value of each unit at a time.

use std::borrow::Cow;

/// Terms that lie in one array. Each term has a value of every unit, `stride` values apart, and neighbouring terms lie
/// side by side, `stride` of them; the next ones begin `block` values later.
#[derive(Clone, Debug)]
pub(crate) struct Part<'a, T: Clone> {
    pub(crate) values: Cow<'a, [T]>,
    /// Place of the first unit of the first term.
    pub(crate) start: usize,
    pub(crate) stride: usize,
    pub(crate) block: usize,
    /// Number of terms: whole blocks.
    pub(crate) terms: usize,
}

impl<T: Clone> Part<'_, T> {
    /// Place of the first unit of a term.
    fn place(&self, term: usize) -> usize {
        self.start + term / self.stride * self.block + term % self.stride
    }
}

/// A matrix of `units` units and the terms of all parts, one part after the other.
#[derive(Clone, Debug)]
pub(crate) struct Operand<'a, T: Clone> {
    units: usize,
    parts: Vec<Part<'a, T>>,
    /// Number of terms of the parts up to and with each one.
    ends: Vec<usize>,
}

/// Where the first unit of a term lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) part: usize,
    pub(crate) at: usize,
}

impl<'a, T: Clone> Operand<'a, T> {
    /// # Panics
    /// When a part does not lie within its values.
    pub(crate) fn new(units: usize, parts: Vec<Part<'a, T>>) -> Self {
        let parts: Vec<Part<'a, T>> = parts.into_iter().filter(|part| part.terms > 0 && units > 0).collect();
        let (mut ends, mut terms) = (Vec::with_capacity(parts.len()), 0);
        for part in &parts {
            assert!(part.stride > 0 && part.terms % part.stride == 0, "whole blocks of terms");
            // The last term has the last block and the last place within it: no other one lies further on.
            let last = part.place(part.terms - 1) + (units - 1) * part.stride;
            assert!(last < part.values.len(), "terms within their array");
            terms += part.terms;
            ends.push(terms);
        }
        Self { units, parts, ends }
    }

    /// Columns of the matrix.
    pub(crate) fn units(&self) -> usize {
        self.units
    }

    /// Rows of the matrix.
    pub(crate) fn terms(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// The values of a part and how far apart its units are.
    pub(crate) fn part(&self, part: usize) -> (&[T], usize) {
        (&self.parts[part].values, self.parts[part].stride)
    }

    /// Looks terms up, fast where they are mostly of one part.
    pub(crate) fn places(&self) -> Places<'_, 'a, T> {
        Places { of: self, part: 0 }
    }
}

/// Finds the places of an operand's terms.
#[derive(Clone, Debug)]
pub(crate) struct Places<'o, 'a, T: Clone> {
    of: &'o Operand<'a, T>,
    /// Part of the last term.
    part: usize,
}

impl<T: Clone> Places<'_, '_, T> {
    /// The place of a term: that of its first unit, and with it those of all others, lie in the part's values.
    ///
    /// # Panics
    /// When there is no such term.
    pub(crate) fn of(&mut self, term: usize) -> Place {
        let before = |part: usize| if part == 0 { 0 } else { self.of.ends[part - 1] };
        let here = self.of.ends.get(self.part).is_some_and(|end| term < *end);
        if !here || term < before(self.part) {
            self.part = self.of.ends.partition_point(|end| *end <= term);
        }
        assert!(self.part < self.of.parts.len(), "a term that the operand has");
        Place { part: self.part, at: self.of.parts[self.part].place(term - before(self.part)) }
    }
}
