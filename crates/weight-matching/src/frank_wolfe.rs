//! Matching of many networks through a common universe, relaxed to doubly stochastic matrices.

use crate::best_permutations::{Problem, best_permutations};
use crate::first_arrangement::first_arrangement;
use crate::multi_matching::{all_arranged, check, joint_objective, moved};
use crate::relaxed::{Matrices, Relaxed, inner};
use crate::searches::Searches;
use crate::{MultiMatching, MultiMatchingError, Permutation, PermutationSpec, Permutations};
use basin_core::{Params, SeedTree};

/// How [`frank_wolfe`] searches. Made by [`FrankWolfeOptions::new`]; change the fields as needed.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct FrankWolfeOptions {
    /// Decides the arrangements from which restarts begin; a single search draws nothing.
    pub seed: SeedTree,
    /// At most this many steps; 200 unless changed.
    pub max_steps: usize,
    /// A step that gains less than this does not count as progress, and a Frank–Wolfe gap of at most this ends
    /// the search; 1e-6 unless changed, in the units of the objective.
    pub tolerance: f64,
    /// The search ends after this many steps in a row without progress; 5 unless changed.
    pub patience: usize,
    /// Searches from different arrangements, as for [`crate::multi_pcd`]; the best rounded objective wins, the
    /// first among equals. `None`, the default: as many as [`crate::MatchingOptions::restarts`] says, where a step
    /// counts 2 multiplications for each of its products in `f64`.
    pub restarts: Option<usize>,
}

impl FrankWolfeOptions {
    /// The defaults of C²M³.
    pub fn new(seed: SeedTree) -> Self {
        Self { seed, max_steps: 200, tolerance: 1e-6, patience: 5, restarts: None }
    }
}

/// What [`frank_wolfe`] found.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RelaxedMatching {
    /// The permutations into the universe, after rounding. The only entry of its history is the rounded
    /// objective; its sweeps are the steps.
    pub matching: MultiMatching,
    /// The relaxed objective at the beginning and after each step. Never decreases.
    pub relaxed_history: Vec<f64>,
    /// The length of each step, in `[0, 1]`.
    pub steps: Vec<f64>,
}

/// Aligns networks through a common universe, by Frank–Wolfe on doubly stochastic matrices (Crisostomi et al.,
/// *C²M³: Cycle-Consistent Multi-Model Merging*, arXiv 2405.17897, Algorithm 1).
///
/// The map between two networks is written as a product through a universe of units, P_ij = P_i P_jᵀ, so that
/// every cycle of maps closes. With X_{i,p} doubly stochastic, X_i(w_i) for network i mixed along its axes, and
/// all networks treated alike,
///
/// ```text
/// F(X)    = Σ_{i<j} ⟨X_i(w_i), X_j(w_j)⟩
/// S_{i,p} = argmax over permutations of ⟨∂F/∂X_{i,p}, S⟩      one linear assignment each
/// X      ← (1 − t) X + t S,     t = argmax over [0, 1] of F((1 − t) X + t S)
/// ```
///
/// F is a polynomial in t, of degree four when two axes of an array are permuted. Its coefficients are computed
/// once per step, so the line search sees all of the segment and costs nothing, where the original evaluates
/// the objective up to twenty times. The search ends when ⟨∇F, S − X⟩, which bounds to first order what a step
/// can gain, is within the tolerance, or after some steps without progress. Each X_{i,p} is then rounded to the
/// permutation with the largest ⟨X_{i,p}, S⟩. F on permutations is the J of [`crate::multi_pcd`]; rounding may
/// lose some of it.
///
/// An axis that joins several permutations or keeps some entries, as padded shortcuts and attention have, is mixed
/// stretch by stretch, so F stays linear in each X. Permutations that move in blocks, such as the heads of attention,
/// are relaxed to the convex hull of those allowed: steps and rounding solve the assignments of blocks.
///
/// A step costs about eight products of 2 · numel · n operations for each network and each array of two
/// permuted axes, in f64. Memory: units² values per network and permutation, and some copies of the largest
/// array for each network. The result does not depend on the number of threads.
///
/// # Errors
/// As [`crate::multi_pcd`].
#[doc(alias = "C2M3")]
pub fn frank_wolfe(
    spec: &PermutationSpec,
    networks: &[&Params],
    options: &FrankWolfeOptions,
) -> Result<RelaxedMatching, MultiMatchingError> {
    // Inside the pool of threads: from outside, each of the many short parallel steps would wait to be woken.
    rayon::scope(|_| best_of_all(spec, networks, options))
}

fn best_of_all(
    spec: &PermutationSpec,
    networks: &[&Params],
    options: &FrankWolfeOptions,
) -> Result<RelaxedMatching, MultiMatchingError> {
    let sizes = check(spec, networks)?;
    let names: Vec<&str> = spec.permutations().collect();
    let units: Vec<usize> = names.iter().map(|&name| sizes[name]).collect();
    let relaxed = Relaxed::new(spec, networks, &sizes);
    let before: Vec<Params> = networks.iter().map(|&network| network.clone()).collect();
    let objective_before = joint_objective(spec, &before);
    let mut best: Option<(f64, RelaxedMatching)> = None;
    let mut searches = Searches::new(options.restarts);
    while searches.another() {
        let (families, work) = first_arrangement(spec, &sizes, networks, &options.seed, searches.made());
        let matrix = |family: &Permutations| -> Vec<Vec<f64>> {
            names.iter().map(|&name| vertex(family.get(name))).collect()
        };
        let search = Search { spec, names: &names, units: &units, relaxed: &relaxed };
        let found = search.run(families.iter().map(matrix).collect(), options);
        let rounded = |matrices: &Vec<Vec<f64>>| -> Permutations {
            let solved = search.solved(matrices);
            names.iter().map(|&name| name.to_owned()).zip(solved).collect()
        };
        let permutations: Vec<Permutations> = found.point.iter().map(rounded).collect();
        let aligned = all_arranged(spec, networks, &permutations);
        let objective = joint_objective(spec, &aligned);
        let enough = |(best, _): &(f64, _)| objective > best + options.tolerance.max(0.0);
        let better = best.as_ref().is_none_or(enough);
        searches.count(better, work + relaxed.work() * (found.steps.len() as u64 + 1));
        if !better {
            continue;
        }
        let matching = MultiMatching {
            moved: moved(&permutations),
            permutations,
            objective_before,
            objective_history: vec![objective],
            sweeps: found.steps.len(),
            searches: 0,
            converged: found.converged,
        };
        let found = RelaxedMatching { matching, relaxed_history: found.history, steps: found.steps };
        best = Some((objective, found));
        if aligned.windows(2).all(|pair| pair[0] == pair[1]) {
            break;
        }
    }
    let (_, mut found) = best.expect("the first search always counts");
    found.matching.searches = searches.made();
    Ok(found)
}

/// The permutation as a matrix: 1 at (i, π(i)).
fn vertex(permutation: Option<&Permutation>) -> Vec<f64> {
    let n = permutation.map_or(0, Permutation::len);
    let mut matrix = vec![0.0; n * n];
    permutation.into_iter().flat_map(|p| p.iter().enumerate()).for_each(|(i, j)| matrix[i * n + j] = 1.0);
    matrix
}

struct Search<'a> {
    spec: &'a PermutationSpec,
    names: &'a [&'a str],
    units: &'a [usize],
    relaxed: &'a Relaxed<'a>,
}

struct Found {
    point: Matrices,
    history: Vec<f64>,
    steps: Vec<f64>,
    converged: bool,
}

impl Search<'_> {
    /// The best permutations of one network for these gains.
    fn solved(&self, gains: &[Vec<f64>]) -> Vec<Permutation> {
        let problems = self.names.iter().zip(self.units).zip(gains);
        let problems: Vec<Problem<'_>> =
            problems.map(|((name, &units), gain)| (*name, units, gain.clone())).collect();
        best_permutations(self.spec, &problems)
    }

    fn run(&self, point: Matrices, options: &FrankWolfeOptions) -> Found {
        let (objective, mut gradient) = self.relaxed.slope(&point);
        let mut found = Found { point, history: vec![objective], steps: Vec::new(), converged: false };
        let mut idle = 0;
        while found.steps.len() < options.max_steps {
            let vertices: Vec<Vec<Permutation>> = gradient.iter().map(|gains| self.solved(gains)).collect();
            if gap(&gradient, &found.point, &vertices) <= options.tolerance {
                found.converged = true;
                break;
            }
            let (step, gained) = self.relaxed.line(&found.point, &vertices).maximise();
            // A step that only rounding sees would let the history sink.
            let next = stepped(&found.point, &vertices, step);
            let (objective, slope) = self.relaxed.slope(&next);
            let last = found.history.last().copied().unwrap_or(objective);
            if gained <= 0.0 || objective <= last {
                found.converged = true;
                break;
            }
            (found.point, gradient) = (next, slope);
            found.history.push(objective);
            found.steps.push(step);
            idle = if gained < options.tolerance { idle + 1 } else { 0 };
            if idle >= options.patience.max(1) {
                found.converged = true;
                break;
            }
        }
        found
    }
}

/// ⟨∇F, S − X⟩ over all matrices.
fn gap(gradient: &Matrices, point: &Matrices, vertices: &[Vec<Permutation>]) -> f64 {
    let mut gap = 0.0;
    for ((gradient, point), vertices) in gradient.iter().zip(point).zip(vertices) {
        for ((gradient, point), vertex) in gradient.iter().zip(point).zip(vertices) {
            let best: f64 = vertex.iter().enumerate().map(|(i, j)| gradient[i * vertex.len() + j]).sum();
            gap += best - inner(gradient, point);
        }
    }
    gap
}

/// (1 − t) X + t S.
fn stepped(point: &Matrices, vertices: &[Vec<Permutation>], t: f64) -> Matrices {
    let mix = |(matrix, vertex): (&Vec<f64>, &Permutation)| {
        let mut mixed: Vec<f64> = matrix.iter().map(|x| (1.0 - t) * x).collect();
        vertex.iter().enumerate().for_each(|(i, j)| mixed[i * vertex.len() + j] += t);
        mixed
    };
    point
        .iter()
        .zip(vertices)
        .map(|(point, vertices)| point.iter().zip(vertices).map(mix).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Segment;
    use crate::best_permutations::random_permutations;
    use basin_core::Array;
    use std::collections::BTreeMap;

    #[test]
    fn course_and_gradient_are_those_of_the_objective() {
        let spec = PermutationSpec::builder()
            .dense("0", None, Some("a"))
            .conv("1", Some("a"), Some("b"))
            .parameter("2", &[None, Some("b"), Some("c"), Some("a")])
            // Twice one permutation, entries that stay, and units of two entries.
            .concatenated(
                "3",
                &[
                    vec![Segment::units("c"), Segment::Fixed(1), Segment::units("a"), Segment::units("c")],
                    vec![Segment::blocks("b", 2), Segment::Fixed(2)],
                ],
            )
            .build()
            .unwrap();
        let units = BTreeMap::from([("a", 4), ("b", 3), ("c", 2)].map(|(name, n)| (name.to_owned(), n)));
        let network = |seed: u64| -> Params {
            let len = |segment: &Segment| match segment {
                Segment::Fixed(len) => *len,
                Segment::Units { name, each } => units[name] * each,
            };
            let array = |(name, axes): (&str, &[Option<String>])| {
                let axis = |axis: usize| match &spec.segments(name, axis).unwrap()[..] {
                    [] => 2,
                    segments => segments.iter().map(len).sum(),
                };
                let shape: Vec<usize> = (0..axes.len()).map(axis).collect();
                let mut rng = SeedTree::root(seed).child(name).rng();
                let values = (0..shape.iter().product()).map(|_| rng.normal() as f32).collect();
                (name.to_owned(), Array::new(shape, values).unwrap())
            };
            spec.iter().map(array).collect()
        };
        let networks: Vec<Params> = (0..3).map(network).collect();
        let relaxed = Relaxed::new(&spec, &networks.iter().collect::<Vec<_>>(), &units);
        let corner = |seed: u64| -> Vec<Vec<Permutation>> {
            let family = |i: u64| random_permutations(&spec, &units, &SeedTree::root(seed).index(i));
            (0..3).map(|i| family(i).iter().map(|(_, p)| p.clone()).collect()).collect()
        };
        let start = corner(0).iter().map(|all| all.iter().map(|p| vertex(Some(p))).collect()).collect();
        // At a corner the relaxed objective is the joint objective.
        let families = (0..3).map(|i| random_permutations(&spec, &units, &SeedTree::root(0).index(i)));
        let networks: Vec<&Params> = networks.iter().collect();
        let at_corner =
            joint_objective(&spec, &all_arranged(&spec, &networks, &families.collect::<Vec<_>>()));
        assert!((relaxed.slope(&start).0 - at_corner).abs() < 1e-9);
        let point = stepped(&stepped(&start, &corner(1), 0.4), &corner(2), 0.3);
        let vertices = corner(3);
        let line = relaxed.line(&point, &vertices);
        for t in [0.0, 0.2, 0.7, 1.0] {
            let value = relaxed.slope(&stepped(&point, &vertices, t)).0;
            assert!((line.at(t) - value).abs() < 1e-9, "{t}: {} {value}", line.at(t));
        }
        let slope = gap(&relaxed.slope(&point).1, &point, &vertices);
        let difference = (line.at(1e-5) - line.at(-1e-5)) / 2e-5;
        assert!((slope - difference).abs() < 1e-5 * slope.abs().max(1.0), "{slope} {difference}");
    }
}
