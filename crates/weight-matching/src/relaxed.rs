//! The joint objective for doubly stochastic matrices in the place of permutations: value, gradient, and its
//! course along a line.

use crate::line_polynomial::LinePolynomial;
use crate::product::{Stored, add_product};
use crate::{Permutation, PermutationSpec};
use basin_core::Params;
use permutation_spec::axis::{Run, order, runs};
use std::collections::BTreeMap;
use std::ops::Range;

/// A matrix `[units, units]` for each network and permutation of the spec.
pub(crate) type Matrices = Vec<Vec<Vec<f64>>>;

/// Some networks of one layout.
#[derive(Debug)]
pub(crate) struct Relaxed<'a> {
    tensors: Vec<Tensor<'a>>,
    networks: usize,
    units: Vec<usize>,
}

/// One parameter of all networks: its permuted axes with what each consists of, and its values.
#[derive(Debug)]
struct Tensor<'a> {
    shape: Vec<usize>,
    axes: Vec<(usize, Vec<Run>)>,
    values: Vec<&'a [f32]>,
}

impl<'a> Relaxed<'a> {
    /// Networks that were checked against the spec, with the number of units of each permutation.
    pub(crate) fn new(
        spec: &PermutationSpec,
        networks: &[&'a Params],
        sizes: &BTreeMap<String, usize>,
    ) -> Self {
        let ids = spec.ids();
        let tensor = |(index, (name, axes)): (usize, (&str, &[Option<String>]))| {
            let arrays: Vec<_> = networks.iter().filter_map(|network| network.get(name)).collect();
            let shape = arrays.first().map_or(Vec::new(), |array| array.shape().to_vec());
            let permuted = (0..axes.len().min(shape.len())).filter_map(|axis| {
                let runs = runs(&spec.segments_at((index, axis)), shape[axis], sizes, &ids);
                runs.iter().any(|run| run.permutation.is_some()).then_some((axis, runs))
            });
            let (axes, values) = (permuted.collect(), arrays.iter().map(|array| array.data()).collect());
            Tensor { shape, axes, values }
        };
        let matched = spec.iter().enumerate().filter(|(_, (name, _))| spec.is_matched(name));
        let units = spec.permutations().map(|name| sizes[name]).collect();
        Self { tensors: matched.map(tensor).collect(), networks: networks.len(), units }
    }

    /// About how many multiplications of `f32` take as long as a step with its gradient, its line and its assignments.
    pub(crate) fn work(&self) -> u64 {
        let of_tensor = |tensor: &Tensor<'_>| -> u64 {
            let degree = tensor.axes.len() as u64;
            // Mixed for the gradient, multiplied for the gradient, mixed for the line; each for some axis.
            let products = degree * degree.saturating_sub(1) + 1 + degree + degree * (degree + 1) / 2;
            let values = tensor.values.first().map_or(0, |values| values.len()) as u64;
            let of_run = |run: &Run| run.permutation.map_or(0, |_| (run.units * run.len()) as u64);
            let of_axis = |(axis, runs): &(usize, Vec<Run>)| {
                runs.iter().map(of_run).sum::<u64>() * (values / (tensor.shape[*axis] as u64).max(1))
            };
            let all: u64 = tensor.axes.iter().map(of_axis).sum();
            2 * products * (all / degree.max(1))
        };
        let assignments: u64 = self.units.iter().map(|&n| (n * n) as u64 * n as u64).sum();
        self.networks as u64 * (self.tensors.iter().map(of_tensor).sum::<u64>() + assignments)
    }

    /// F(X) = Σ_{i<j} ⟨X_i(w_i), X_j(w_j)⟩ and its gradient in every matrix. For network i and axis a,
    /// G = M_a(Σ_{j≠i} X_j(w_j)) · M_a(X_i(w_i) without X_{i,a})ᵀ, of a concatenated axis for each stretch on its own.
    pub(crate) fn slope(&self, point: &Matrices) -> (f64, Matrices) {
        let zeros = self.units.iter().map(|&n| vec![0.0; n * n]).collect();
        let mut gradient: Matrices = vec![zeros; self.networks];
        let mut objective = 0.0;
        for tensor in &self.tensors {
            let mut moved = Vec::with_capacity(self.networks);
            let mut partly: Vec<Vec<Vec<f64>>> = Vec::with_capacity(self.networks);
            for (values, matrices) in tensor.values.iter().zip(point) {
                let values: Vec<f64> = values.iter().copied().map(f64::from).collect();
                let without = |skipped: usize| {
                    let others = tensor.axes.iter().filter(|(axis, _)| *axis != skipped);
                    others.fold(values.clone(), |w, (axis, runs)| tensor.mixed(&w, *axis, runs, matrices))
                };
                let without: Vec<Vec<f64>> = tensor.axes.iter().map(|(axis, _)| without(*axis)).collect();
                moved.push(match (tensor.axes.first(), without.first()) {
                    (Some((axis, runs)), Some(rest)) => tensor.mixed(rest, *axis, runs, matrices),
                    _ => values,
                });
                partly.push(without);
            }
            let total = sum(moved.iter().map(Vec::as_slice));
            for (network, (moved, partly)) in moved.iter().zip(&partly).enumerate() {
                let others: Vec<f64> = total.iter().zip(moved).map(|(total, own)| total - own).collect();
                objective += 0.5 * inner(moved, &others);
                for ((axis, runs), rest) in tensor.axes.iter().zip(partly) {
                    let (others, rest) = (tensor.to_front(&others, *axis), tensor.to_front(rest, *axis));
                    for (range, run) in tensor.stretches(*axis, runs) {
                        let Some(p) = run.permutation else { continue };
                        let (n, others, rest) = (run.units, &others[range.clone()], &rest[range]);
                        let shape = [n, rest.len().checked_div(n).unwrap_or(0), n];
                        let sums = &mut gradient[network][p];
                        add_product(shape, Stored::Plain(others), Stored::Transposed(rest), sums);
                    }
                }
            }
        }
        (objective, gradient)
    }

    /// F((1 − t) X + t S) as a function of t, exactly. An array with d permuted axes is of degree d in t,
    /// Σ_k (1 − t)ᵈ⁻ᵏ tᵏ B_k, where B_k sums all ways to take S on k of its axes and X on the others.
    pub(crate) fn line(&self, point: &Matrices, vertices: &[Vec<Permutation>]) -> LinePolynomial {
        let mut line = LinePolynomial::default();
        for tensor in &self.tensors {
            let course = |network: usize| -> Vec<Vec<f64>> {
                let start: Vec<Vec<f64>> =
                    vec![tensor.values[network].iter().copied().map(f64::from).collect()];
                tensor.axes.iter().fold(start, |course, (axis, runs)| {
                    let stay = course.iter().map(|w| tensor.mixed(w, *axis, runs, &point[network]));
                    let mut next: Vec<Vec<f64>> = stay.collect();
                    next.push(vec![0.0; next[0].len()]);
                    for (next, w) in next.iter_mut().skip(1).zip(&course) {
                        let taken = tensor.taken(w, *axis, runs, &vertices[network]);
                        next.iter_mut().zip(taken).for_each(|(sum, x)| *sum += x);
                    }
                    next
                })
            };
            let courses: Vec<Vec<Vec<f64>>> = (0..self.networks).map(course).collect();
            let degree = tensor.axes.len();
            let mut coefficients = vec![0.0; 2 * degree + 1];
            // Σ_{i<j} is half of (sum with itself minus each with itself), coefficient by coefficient.
            let totals: Vec<Vec<f64>> =
                (0..=degree).map(|k| sum(courses.iter().map(|course| &course[k][..]))).collect();
            for k in 0..=degree {
                for l in 0..=degree {
                    let own: f64 = courses.iter().map(|course| inner(&course[k], &course[l])).sum();
                    coefficients[k + l] += 0.5 * (inner(&totals[k], &totals[l]) - own);
                }
            }
            line.add(&coefficients);
        }
        line
    }
}

impl Tensor<'_> {
    /// Sizes before, at and after an axis.
    fn extents(&self, axis: usize) -> [usize; 3] {
        let product = |sizes: &[usize]| sizes.iter().product();
        [product(&self.shape[..axis]), self.shape[axis], product(&self.shape[axis + 1..])]
    }

    /// M_axis: the axis first, the others behind it in their order.
    fn to_front(&self, values: &[f64], axis: usize) -> Vec<f64> {
        let [outer, n, inner] = self.extents(axis);
        let mut front = Vec::with_capacity(values.len());
        for unit in 0..n {
            for block in 0..outer {
                front.extend_from_slice(&values[(block * n + unit) * inner..][..inner]);
            }
        }
        front
    }

    /// Undoes [`Tensor::to_front`].
    fn to_place(&self, front: &[f64], axis: usize) -> Vec<f64> {
        let [outer, n, inner] = self.extents(axis);
        let mut values = Vec::with_capacity(front.len());
        for block in 0..outer {
            for unit in 0..n {
                values.extend_from_slice(&front[(unit * outer + block) * inner..][..inner]);
            }
        }
        values
    }

    /// The runs of an axis, each with its place in the values with that axis first, where the entries of a unit lie
    /// one after the other.
    fn stretches<'r>(
        &self,
        axis: usize,
        runs: &'r [Run],
    ) -> impl Iterator<Item = (Range<usize>, &'r Run)> + use<'r> {
        let [outer, _, inner] = self.extents(axis);
        let mut end = 0;
        runs.iter().map(move |run| {
            let start = end;
            end += run.len() * outer * inner;
            (start..end, run)
        })
    }

    /// w'[…, i, …] = Σ_j matrix[i, j] w[…, j, …], with the matrix of each run, and the identity for those that are fixed.
    fn mixed(&self, values: &[f64], axis: usize, runs: &[Run], matrices: &[Vec<f64>]) -> Vec<f64> {
        let front = self.to_front(values, axis);
        let mut out = vec![0.0; front.len()];
        for (range, run) in self.stretches(axis, runs) {
            let (from, to) = (&front[range.clone()], &mut out[range]);
            match run.permutation {
                None => to.copy_from_slice(from),
                Some(p) => {
                    let shape = [run.units, run.units, from.len().checked_div(run.units).unwrap_or(0)];
                    add_product(shape, Stored::Plain(&matrices[p]), Stored::Plain(from), to);
                }
            }
        }
        self.to_place(&out, axis)
    }

    /// w'[…, i, …] = w[…, π(i), …], with the permutation of each run.
    fn taken(&self, values: &[f64], axis: usize, runs: &[Run], permutations: &[Permutation]) -> Vec<f64> {
        let [outer, n, inner] = self.extents(axis);
        let order = order(runs, |p| permutations[p].as_slice());
        let mut taken = Vec::with_capacity(values.len());
        for block in 0..outer {
            for entry in &order {
                taken.extend_from_slice(&values[(block * n + entry) * inner..][..inner]);
            }
        }
        taken
    }
}

fn sum<'a>(mut arrays: impl Iterator<Item = &'a [f64]>) -> Vec<f64> {
    let mut total = arrays.next().map_or(Vec::new(), <[f64]>::to_vec);
    arrays.for_each(|array| total.iter_mut().zip(array).for_each(|(sum, x)| *sum += x));
    total
}

pub(crate) fn inner(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
