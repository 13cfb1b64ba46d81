//! Shortest augmenting paths: the solver behind [`crate::linear_sum_assignment`], for rows <= columns.
//!
//! Duals v (columns) and u (rows) keep u\[i\] + v\[j\] <= c\[i\]\[j\] and, where columns are left over, v <= 0 with v = 0 on
//! those not yet taken; each step keeps these and raises the number of assigned rows, so that at the end the assignment
//! is optimal.
//! The inner loops ([`crate::scan`]) run over whole contiguous rows without branches.

use crate::scan::{Paths, reduced, relax, two_smallest};
use basin_core::Isa;

const FREE: usize = usize::MAX;

/// Bids per row before the rest is left to shortest paths. More bids leave fewer rows but fight longer over
/// the same columns; 4 is the measured optimum for Gaussian matrices of 64 to 4096 rows.
const BIDS_PER_ROW: usize = 4;

/// Column of each row, and the duals, in the sign of the caller's matrix.
pub(crate) struct Solution {
    pub(crate) column_of: Vec<usize>,
    pub(crate) row_duals: Vec<f64>,
    pub(crate) column_duals: Vec<f64>,
    /// Entries of the matrix that were looked at, each as often as it was.
    pub(crate) scanned: u64,
}

/// Minimises (or, with `MAXIMISE`, maximises) over a matrix of finite entries with `rows <= cols`.
pub(crate) fn solve<const MAXIMISE: bool>(cost: &[f64], rows: usize, cols: usize) -> Solution {
    solve_from::<MAXIMISE>(cost, rows, cols, vec![0.0; cols])
}

/// [`solve`] from other duals of the columns than 0, in the sign of the caller's matrix, which may be any for
/// `rows == cols`: every column is taken in the end, so that none has to keep the dual 0. Near those of the solution
/// they save most of the work.
pub(crate) fn solve_from<const MAXIMISE: bool>(
    cost: &[f64],
    rows: usize,
    cols: usize,
    column_duals: Vec<f64>,
) -> Solution {
    let mut v = column_duals;
    v.iter_mut().for_each(|v| *v = signed::<MAXIMISE>(*v));
    let mut state = State::<MAXIMISE> {
        isa: Isa::detect(),
        cost,
        cols,
        v,
        row_of: vec![FREE; cols],
        column_of: vec![FREE; rows],
        scanned: 0,
    };
    let free = state.bid();
    state.augment(&free);
    let State { v, column_of, scanned, .. } = state;
    let dual = |(i, &j): (usize, &usize)| signed::<MAXIMISE>(reduced::<MAXIMISE>(cost[i * cols + j], v[j]));
    Solution {
        row_duals: column_of.iter().enumerate().map(dual).collect(),
        column_duals: v.iter().map(|&v| signed::<MAXIMISE>(v)).collect(),
        column_of,
        scanned,
    }
}

struct State<'a, const MAXIMISE: bool> {
    isa: Isa,
    cost: &'a [f64],
    cols: usize,
    v: Vec<f64>,
    row_of: Vec<usize>,
    column_of: Vec<usize>,
    scanned: u64,
}

impl<'a, const MAXIMISE: bool> State<'a, MAXIMISE> {
    fn row(&self, i: usize) -> &'a [f64] {
        &self.cost[i * self.cols..][..self.cols]
    }

    /// Augmenting row reduction: a free row takes its cheapest column and lowers that column's dual until
    /// the second cheapest is as good; a displaced row bids next. Returns the rows still without a column.
    fn bid(&mut self) -> Vec<usize> {
        let mut bidders: Vec<usize> = (0..self.column_of.len()).rev().collect();
        let mut free = Vec::new();
        let mut bids = BIDS_PER_ROW * bidders.len();
        while let Some(i) = bidders.pop() {
            if bids == 0 {
                free.push(i);
                continue;
            }
            bids -= 1;
            self.scanned += self.cols as u64;
            let (first, second, j) = two_smallest::<MAXIMISE>(self.isa, self.row(i), &self.v);
            let displaced = self.row_of[j];
            // With a single column there is no second; the dual then stays.
            let lowered = if second.is_finite() { self.v[j] - (second - first) } else { self.v[j] };
            if displaced != FREE {
                // A tie would only swap one free row for another.
                if lowered >= self.v[j] {
                    free.push(i);
                    continue;
                }
                self.column_of[displaced] = FREE;
                bidders.push(displaced);
            }
            self.v[j] = lowered;
            self.row_of[j] = i;
            self.column_of[i] = j;
        }
        free
    }

    /// Dijkstra's algorithm from each free row over reduced costs to the nearest column that nobody has, then
    /// everyone along the path moves on by one.
    fn augment(&mut self, free: &[usize]) {
        let mut distance = vec![0.0; self.cols];
        let mut from = vec![0u64; self.cols];
        let mut open_v = vec![0.0; self.cols];
        let mut settled: Vec<(usize, f64)> = Vec::new();
        for &start in free {
            distance.fill(f64::INFINITY);
            open_v.copy_from_slice(&self.v);
            settled.clear();
            let (mut i, mut offset) = (start, 0.0);
            let (sink, length) = loop {
                self.scanned += self.cols as u64;
                let paths = Paths { v: &open_v, distance: &mut distance, from: &mut from };
                let near = relax::<MAXIMISE>(self.isa, self.row(i), paths, offset, i as u64);
                let j = self.nearest(&distance, near);
                if self.row_of[j] == FREE {
                    break (j, near);
                }
                settled.push((j, near));
                // An infinite dual puts the column out of reach of every later row.
                distance[j] = f64::INFINITY;
                open_v[j] = f64::NEG_INFINITY;
                i = self.row_of[j];
                offset = near - reduced::<MAXIMISE>(self.row(i)[j], self.v[j]);
            };
            settled.iter().for_each(|&(j, near)| self.v[j] += near - length);
            let mut j = sink;
            loop {
                let i = from[j] as usize;
                self.row_of[j] = i;
                let previous = std::mem::replace(&mut self.column_of[i], j);
                if i == start {
                    break;
                }
                j = previous;
            }
        }
    }

    /// A column at distance `near`: the first that nobody has, which ends the search, else the first.
    fn nearest(&self, distance: &[f64], near: f64) -> usize {
        const BLOCK: usize = 16;
        let mut first = None;
        for (k, block) in distance.chunks(BLOCK).enumerate() {
            if block.iter().fold(false, |any, &d| any | (d == near)) {
                for (j, _) in (k * BLOCK..).zip(block).filter(|(_, d)| **d == near) {
                    if self.row_of[j] == FREE {
                        return j;
                    }
                    first = first.or(Some(j));
                }
            }
        }
        first.expect("some column is at the least distance, all entries being finite")
    }
}

#[inline(always)]
fn signed<const MAXIMISE: bool>(x: f64) -> f64 {
    if MAXIMISE { -x } else { x }
}
