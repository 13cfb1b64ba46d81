//! One step of the descent: a permutation, or the two of an attention layer, solved exactly while the others are held
//! fixed.

use crate::assignment::largest_from;
use crate::blocks::{Block, Scratch, State};
use crate::heads::best;
use crate::moves::{Move, moves};
use crate::{AttentionGroup, PermutationSpec};
use std::collections::BTreeMap;

/// What one step solves: a permutation, or the two of an attention group with its number of heads.
#[derive(Clone, Debug)]
pub(crate) struct Coordinate {
    pub(crate) permutations: Vec<usize>,
    heads: Option<usize>,
}

/// The coordinates of a spec, in the order of first use: each attention group, each other permutation.
pub(crate) fn coordinates(spec: &PermutationSpec, ids: &BTreeMap<&str, usize>) -> Vec<Coordinate> {
    let groups = spec.groups().iter();
    let groups = groups.map(|AttentionGroup { qk, vo, heads }| (ids[qk.as_str()], ids[vo.as_str()], *heads));
    let groups: Vec<(usize, usize, usize)> = groups.collect();
    let coordinate = |p: usize| match groups.iter().find(|(qk, vo, _)| p == *qk || p == *vo) {
        None => Some(Coordinate { permutations: vec![p], heads: None }),
        Some(&(qk, vo, heads)) if p == qk.min(vo) => {
            Some(Coordinate { permutations: vec![qk, vo], heads: Some(heads) })
        }
        Some(_) => None,
    };
    (0..ids.len()).filter_map(coordinate).collect()
}

/// Multiplications that two threads make while one looks at an entry of a matrix of gains. For the 1280 units of a MobileNetV2, whose
/// matrix is larger than a cache, it is some 70 (1.9 ns), for small ones less.
const SCANNED: u64 = 50;

/// What solving a coordinate takes and finds.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    pub(crate) coordinate: Coordinate,
    /// Blocks and duals of each of its permutations.
    pub(crate) blocks: Vec<Vec<Block<'a>>>,
    pub(crate) duals: Vec<Vec<f64>>,
    /// The gain matrix `[n, n]` of each, of n units.
    pub(crate) gains: Vec<Vec<f64>>,
    pub(crate) scratch: Scratch,
    /// Multiplications: those of products, and what assignments count for.
    pub(crate) work: u64,
    pub(crate) solved: Vec<Vec<usize>>,
    /// Whether the objective gains more than the threshold by the solution.
    pub(crate) better: bool,
}

impl Step<'_> {
    /// Computes the gain matrices, the other permutations as they are.
    pub(crate) fn multiply(&mut self, state: &State, reuse: bool) {
        let permutations = &self.coordinate.permutations;
        self.gains.resize(permutations.len(), Vec::new());
        for ((&p, blocks), gain) in permutations.iter().zip(&mut self.blocks).zip(&mut self.gains) {
            let n = state.permutations[p].len();
            gain.clear();
            gain.resize(n * n, 0.0);
            for block in blocks {
                self.work += block.bring_up_to_date(state, reuse, &mut self.scratch);
                block.add_to(gain);
            }
        }
    }

    /// Finds the best permutations for the gain matrices.
    pub(crate) fn solve(&mut self, state: &State, threshold: f64) {
        let Coordinate { permutations, heads } = &self.coordinate;
        self.solved = match (heads, &self.gains[..]) {
            (Some(heads), [qk, vo]) => {
                let units = state.permutations[permutations[0]].len();
                self.work += 2 * (units * units) as u64 * (units / heads) as u64;
                best(qk, vo, units, *heads).into()
            }
            _ => {
                let each = self.gains.iter().zip(&mut self.duals);
                let solved = each.map(|(gain, duals)| largest_from(gain, gain.len().isqrt(), duals));
                let (solved, scanned): (_, Vec<u64>) = solved.unzip();
                self.work += SCANNED * scanned.iter().sum::<u64>();
                solved
            }
        };
        self.better = self.gains_more_than(threshold, state);
    }

    /// Whether the objective gains more than this by the solution: as the gain matrices tell it, where that is certain in
    /// spite of their rounding, else in f64 from the weights themselves. Rounding can then neither lower the objective nor
    /// make the descent cycle.
    fn gains_more_than(&self, threshold: f64, state: &State) -> bool {
        let solved = self.coordinate.permutations.iter().zip(&self.solved);
        let moves: Vec<Vec<Move>> =
            solved.map(|(&p, solved)| moves(&state.permutations[p], solved)).collect();
        if moves.iter().all(|moves| moves.is_empty()) {
            return false;
        }
        let (mut told, mut doubt) = (0.0, 0.0);
        for ((moves, gain), blocks) in moves.iter().zip(&self.gains).zip(&self.blocks) {
            let n = gain.len().isqrt();
            told += moves.iter().map(|m| gain[m.unit * n + m.new] - gain[m.unit * n + m.old]).sum::<f64>();
            doubt += blocks.iter().map(Block::doubt).sum::<f64>();
        }
        if told - doubt > threshold {
            return true;
        }
        let each = moves.iter().zip(&self.blocks);
        let exact = each.flat_map(|(moves, blocks)| blocks.iter().map(|block| block.gain_of(moves, state)));
        exact.sum::<f64>() > threshold
    }
}
