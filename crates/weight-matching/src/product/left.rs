//! The left operand of a product: read where it lies, a value of each unit at a time.

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
    pub(crate) fn place(&self, term: usize) -> usize {
        self.start + term / self.stride * self.block + term % self.stride
    }
}

/// A matrix of `units` units and the terms of all parts, one part after the other.
#[derive(Clone, Debug)]
pub(crate) struct Left<'a, T: Clone> {
    units: usize,
    terms: usize,
    parts: Vec<Part<'a, T>>,
}

/// Some neighbouring terms of one part.
#[derive(Clone, Debug)]
pub(super) struct Stretch {
    pub(super) part: usize,
    /// Which of the chosen terms they are.
    pub(super) from: usize,
    /// Place of the first unit of each of them.
    pub(super) places: Vec<usize>,
}

impl<'a, T: Clone> Left<'a, T> {
    /// # Panics
    /// When a part does not lie within its values.
    pub(crate) fn new(units: usize, parts: Vec<Part<'a, T>>) -> Self {
        let parts: Vec<Part<'a, T>> = parts.into_iter().filter(|part| part.terms > 0 && units > 0).collect();
        for part in &parts {
            assert!(part.stride > 0 && part.terms % part.stride == 0, "whole blocks of terms");
            let last = part.place(part.terms - 1) + (units - 1) * part.stride;
            assert!(last < part.values.len(), "terms within their array");
        }
        Self { units, terms: parts.iter().map(|part| part.terms).sum(), parts }
    }

    /// Columns of the matrix.
    pub(crate) fn units(&self) -> usize {
        self.units
    }

    /// The values of all parts and how far apart the units of each lie.
    pub(super) fn part(&self, part: usize) -> (&[T], usize) {
        (&self.parts[part].values, self.parts[part].stride)
    }

    /// These terms, which rise, in stretches of at most so many.
    ///
    /// # Panics
    /// When there is no such term, or they do not rise.
    pub(super) fn stretches(&self, terms: &[usize], most: usize) -> Vec<Stretch> {
        // Loops without checks rest on it.
        assert!(terms.is_sorted(), "terms of the left operand, rising");
        let (mut stretches, mut done, mut before) = (Vec::new(), 0, 0);
        for (at, part) in self.parts.iter().enumerate() {
            let end = before + part.terms;
            let own = &terms[done..];
            let own = &own[..own.partition_point(|term| *term < end)];
            for (chunk, terms) in own.chunks(most).enumerate() {
                let places = terms.iter().map(|term| part.place(term - before)).collect();
                stretches.push(Stretch { part: at, from: done + chunk * most, places });
            }
            (done, before) = (done + own.len(), end);
        }
        assert_eq!(done, terms.len(), "terms that the left operand has");
        stretches
    }

    /// The terms from this one on, as many as there are.
    pub(crate) fn neighbours<const N: usize>(&self, from: usize) -> Neighbours<'_, T, N> {
        let mut all = [None; N];
        let (mut part, mut before) = (0, 0);
        for (term, slot) in (from..self.terms).zip(&mut all) {
            while term - before >= self.parts[part].terms {
                before += self.parts[part].terms;
                part += 1;
            }
            let own = &self.parts[part];
            *slot = Some((&own.values[own.place(term - before)..], own.stride));
        }
        Neighbours(all)
    }
}

/// A few neighbouring terms: for each the values from its first unit on, and how far apart units lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Neighbours<'a, T, const N: usize>([Option<(&'a [T], usize)>; N]);

impl<T: Copy + Default, const N: usize> Neighbours<'_, T, N> {
    /// The values of a unit; 0 where there is no term.
    pub(crate) fn of(&self, unit: usize) -> [T; N] {
        self.0.map(|term| term.map_or(T::default(), |(values, stride)| values[unit * stride]))
    }
}
