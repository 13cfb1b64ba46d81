//! The joint objective for doubly stochastic matrices in the place of permutations: value, gradient, and its
//! course along a line.

use crate::line::Line;
use crate::product::{Stored, add_product};
use crate::{Permutation, PermutationSpec};
use basin_core::Params;

/// A matrix `[units, units]` for each network and permutation of the spec.
pub(crate) type Matrices = Vec<Vec<Vec<f64>>>;

/// Some networks of one layout.
#[derive(Debug)]
pub(crate) struct Relaxed<'a> {
    tensors: Vec<Tensor<'a>>,
    networks: usize,
    units: Vec<usize>,
}

/// One parameter of all networks: its permuted axes as (axis, permutation), and its values.
#[derive(Debug)]
struct Tensor<'a> {
    shape: Vec<usize>,
    axes: Vec<(usize, usize)>,
    values: Vec<&'a [f32]>,
}

impl<'a> Relaxed<'a> {
    /// Networks that were checked against the spec; `units` in the order of [`PermutationSpec::permutations`].
    pub(crate) fn new(spec: &PermutationSpec, networks: &[&'a Params], units: &[usize]) -> Self {
        let id = |name: &str| spec.permutations().position(|p| p == name);
        let tensor = |(name, axes): (&str, &[Option<String>])| {
            let arrays: Vec<_> = networks.iter().filter_map(|network| network.get(name)).collect();
            let permuted = axes.iter().enumerate().filter_map(|(axis, p)| Some((axis, id(p.as_ref()?)?)));
            Tensor {
                shape: arrays.first().map_or(Vec::new(), |array| array.shape().to_vec()),
                axes: permuted.collect(),
                values: arrays.iter().map(|array| array.data()).collect(),
            }
        };
        let matched = spec.iter().filter(|(name, _)| spec.is_matched(name));
        Self { tensors: matched.map(tensor).collect(), networks: networks.len(), units: units.to_vec() }
    }

    /// F(X) = Σ_{i<j} ⟨X_i(w_i), X_j(w_j)⟩ and its gradient in every matrix. For network i and axis a,
    /// G = M_a(Σ_{j≠i} X_j(w_j)) · M_a(X_i(w_i) without X_{i,a})ᵀ.
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
                    others.fold(values.clone(), |w, &(axis, p)| tensor.mixed(&w, axis, &matrices[p]))
                };
                let without: Vec<Vec<f64>> = tensor.axes.iter().map(|&(axis, _)| without(axis)).collect();
                moved.push(match (tensor.axes.first(), without.first()) {
                    (Some(&(axis, p)), Some(rest)) => tensor.mixed(rest, axis, &matrices[p]),
                    _ => values,
                });
                partly.push(without);
            }
            let total = sum(&moved);
            for (network, (moved, partly)) in moved.iter().zip(&partly).enumerate() {
                let others: Vec<f64> = total.iter().zip(moved).map(|(total, own)| total - own).collect();
                objective += 0.5 * inner(moved, &others);
                for (&(axis, p), rest) in tensor.axes.iter().zip(partly) {
                    let n = tensor.shape[axis];
                    let (others, rest) = (tensor.to_front(&others, axis), tensor.to_front(rest, axis));
                    let shape = [n, rest.len().checked_div(n).unwrap_or(0), n];
                    let sums = &mut gradient[network][p];
                    add_product(shape, Stored::Plain(&others), Stored::Transposed(&rest), sums);
                }
            }
        }
        (objective, gradient)
    }

    /// F((1 − t) X + t S) as a function of t, exactly. An array with d permuted axes is of degree d in t,
    /// Σ_k (1 − t)ᵈ⁻ᵏ tᵏ B_k, where B_k sums all ways to take S on k of its axes and X on the others.
    pub(crate) fn line(&self, point: &Matrices, vertices: &[Vec<Permutation>]) -> Line {
        let mut line = Line::default();
        for tensor in &self.tensors {
            let course = |network: usize| -> Vec<Vec<f64>> {
                let start: Vec<Vec<f64>> =
                    vec![tensor.values[network].iter().copied().map(f64::from).collect()];
                tensor.axes.iter().fold(start, |course, &(axis, p)| {
                    let stay = course.iter().map(|w| tensor.mixed(w, axis, &point[network][p]));
                    let mut next: Vec<Vec<f64>> = stay.collect();
                    next.push(vec![0.0; next[0].len()]);
                    for (next, w) in next.iter_mut().skip(1).zip(&course) {
                        let taken = tensor.taken(w, axis, &vertices[network][p]);
                        next.iter_mut().zip(taken).for_each(|(sum, x)| *sum += x);
                    }
                    next
                })
            };
            let courses: Vec<Vec<Vec<f64>>> = (0..self.networks).map(course).collect();
            let degree = tensor.axes.len();
            let mut coefficients = vec![0.0; 2 * degree + 1];
            // Σ_{i<j} is half of (sum with itself minus each with itself), coefficient by coefficient.
            let totals: Vec<Vec<f64>> = (0..=degree)
                .map(|k| sum(&courses.iter().map(|course| course[k].clone()).collect::<Vec<_>>()))
                .collect();
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

    /// w'[…, i, …] = Σ_j matrix[i, j] w[…, j, …].
    fn mixed(&self, values: &[f64], axis: usize, matrix: &[f64]) -> Vec<f64> {
        let [outer, n, inner] = self.extents(axis);
        let front = self.to_front(values, axis);
        let mut out = vec![0.0; front.len()];
        add_product([n, n, outer * inner], Stored::Plain(matrix), Stored::Plain(&front), &mut out);
        self.to_place(&out, axis)
    }

    /// w'[…, i, …] = w[…, π(i), …].
    fn taken(&self, values: &[f64], axis: usize, permutation: &Permutation) -> Vec<f64> {
        let [outer, n, inner] = self.extents(axis);
        let mut taken = Vec::with_capacity(values.len());
        for block in 0..outer {
            for unit in permutation.iter() {
                taken.extend_from_slice(&values[(block * n + unit) * inner..][..inner]);
            }
        }
        taken
    }
}

fn sum(arrays: &[Vec<f64>]) -> Vec<f64> {
    let mut total = vec![0.0; arrays.first().map_or(0, Vec::len)];
    arrays.iter().for_each(|array| total.iter_mut().zip(array).for_each(|(sum, x)| *sum += x));
    total
}

pub(crate) fn inner(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
