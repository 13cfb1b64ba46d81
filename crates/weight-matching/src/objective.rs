//! The objective from the weights themselves, in f64.

use crate::PermutationSpec;
use crate::blocks::State;
use crate::dot::Dot;
use crate::pair::{Magnitude, Pair};
use basin_core::{Array, Params};
use permutation_spec::axis::{Run, order};
use rayon::prelude::*;

/// Σ⟨w_A, w_B⟩ over the matched parameters of two networks of one layout, in f64. Each array is summed on its own, and
/// the sums are added in their order.
pub(crate) fn inner_product(spec: &PermutationSpec, a: &Params, b: &Params) -> f64 {
    let product = |(name, a): &(&str, &Array)| -> f64 {
        let mut dot = Dot::new(a.data());
        dot.add(b.get(name).map_or(&[], |b| b.data()));
        dot.sum()
    };
    let matched: Vec<(&str, &Array)> = a.iter().filter(|(name, _)| spec.is_matched(name)).collect();
    let products: Vec<f64> = matched.par_iter().map(product).collect();
    products.iter().sum()
}

/// A parameter that counts: its arrays with their magnitudes, and the runs of each of its axes.
#[derive(Debug)]
pub(crate) struct Parameter<'a> {
    pub(crate) reference: (&'a Array, Magnitude),
    pub(crate) target: (&'a Array, Magnitude),
    pub(crate) axes: Vec<Vec<Run>>,
    permutations: Vec<usize>,
    /// The inner product for these versions of the permutations.
    product: Option<(Vec<u64>, f64)>,
}

impl<'a> Parameter<'a> {
    pub(crate) fn new(reference: &'a Array, target: &'a Array, axes: Vec<Vec<Run>>, pair: Pair) -> Self {
        let mut permutations: Vec<usize> =
            axes.iter().flatten().filter_map(|run: &Run| run.permutation).collect();
        permutations.sort_unstable();
        permutations.dedup();
        let [of_reference, of_target] = pair.magnitudes;
        // As nothing has moved yet.
        let product = Some((vec![0; permutations.len()], pair.product));
        let (reference, target) = ((reference, of_reference), (target, of_target));
        Self { reference, target, axes, permutations, product }
    }

    /// The inner product of the reference and the arranged target, to the last bit that of the two arrays.
    fn product(&self, permutations: &[Vec<usize>]) -> f64 {
        let mut orders: Vec<Vec<usize>> =
            self.axes.iter().map(|axis| order(axis, |p| &permutations[p])).collect();
        // Axes behind the last that is permuted keep their entries side by side.
        let permuted = |axis: &Vec<Run>| axis.iter().any(|run| run.permutation.is_some());
        let outer = self.axes.iter().rposition(permuted).map_or(0, |last| last + 1);
        let inner: usize = orders.drain(outer..).map(|order| order.len()).product();
        let last = orders.pop().unwrap_or_else(|| vec![0]);
        let mut starts = vec![0];
        for order in &orders {
            starts =
                starts.iter().flat_map(|start| order.iter().map(move |i| start * order.len() + i)).collect();
        }
        let target = self.target.0.data();
        let mut dot = Dot::new(self.reference.0.data());
        // Read from the first to the last value, then taken apart: memory is fast only in its order.
        let mut row = vec![0.0; last.len() * inner];
        for start in starts {
            let whole = start * row.len()..(start + 1) * row.len();
            row.copy_from_slice(&target[whole]);
            let (target, pieces) = (&row[..], last.iter().map(|i| i * inner));
            match inner {
                // Of a length that is known beforehand, small pieces take no calls. These are the usual ones.
                1 => dot.add_small::<1>(target, pieces),
                4 => dot.add_small::<4>(target, pieces),
                9 => dot.add_small::<9>(target, pieces),
                25 => dot.add_small::<25>(target, pieces),
                49 => dot.add_small::<49>(target, pieces),
                _ => pieces.for_each(|at| dot.add(&target[at..][..inner])),
            }
        }
        dot.sum()
    }
}

/// The objective of where the descent stands. Only parameters with an axis that changed since the last time are multiplied.
pub(crate) fn objective(parameters: &mut [Parameter<'_>], state: &State) -> f64 {
    parameters.par_iter_mut().with_max_len(1).for_each(|parameter| {
        let versions = state.versions_of(&parameter.permutations);
        if parameter.product.as_ref().is_none_or(|(of, _)| *of != versions) {
            parameter.product = Some((versions, parameter.product(&state.permutations)));
        }
    });
    parameters.iter().filter_map(|parameter| parameter.product.as_ref()).map(|(_, product)| product).sum()
}
