//! Largest eigenvalues of a symmetric operator by Lanczos' method, every new direction at right angles to all before.

use super::{ProductError, SpectrumError, check};
use crate::vector;
use basin_core::{Citation, SeedTree, symmetric_eigen};

/// Where the method comes from.
pub const CITATION: Citation = Citation {
    key: "lanczos1950iteration",
    authors: "Lanczos, Cornelius",
    title: "An iteration method for the solution of the eigenvalue problem of linear differential and integral operators",
    year: 1950,
    locator: "10.6028/jres.045.026",
};

/// A product whose rest is this small beside the operator's norm lies in the space of the directions so far.
const NOTHING_NEW: f64 = 1e-12;

/// An approximate eigenvalue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ritz {
    /// In the unit of the operator.
    pub value: f64,
    /// The length of Ay − θy for the approximate eigenvector y of unit length: an eigenvalue of a symmetric A lies within
    /// this of `value`. Holds what products that are not quite symmetric, as finite differences are, add to it.
    pub error: f64,
}

/// What is to be kept between two products: plain lists.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LanczosState {
    /// Diagonal of the tridiagonal matrix, one a product.
    pub alphas: Vec<f64>,
    /// Beside the diagonal, one a product; the last is the length of what the last product has beyond the directions. 0
    /// where a product brought nothing new, and a fresh direction was drawn.
    pub betas: Vec<f64>,
    /// Orthonormal directions, `[products + 1][dimension]`; the last is to be multiplied next. As many as products once
    /// they span the space.
    pub directions: Vec<Vec<f64>>,
    /// Sum of squares of what products have outside of the tridiagonal matrix: rounding, and the operator's asymmetry.
    pub departure: f64,
}

/// Lanczos' iteration with full reorthogonalisation (Golub and Van Loan, *Matrix Computations*, Sec. 10.3), driven product
/// by product.
///
/// Each product costs O(products · dimension) beside the product itself, and every direction is kept: 60 directions of
/// a million numbers are 480 MB. From one start each distinct eigenvalue is found once; where the products bring nothing
/// new, a fresh direction is drawn, and copies of an eigenvalue are found too.
#[derive(Clone, Debug, PartialEq)]
pub struct Lanczos {
    dimension: usize,
    seed: SeedTree,
    state: LanczosState,
}

impl Lanczos {
    /// Begins with a direction drawn from the seed, or goes on from a stored state (the default one to begin).
    ///
    /// # Errors
    /// [`SpectrumError::Dimension`] for dimension 0, [`SpectrumError::State`] for a state of other lengths or with numbers
    /// that are not finite.
    pub fn new(dimension: usize, seed: SeedTree, state: LanczosState) -> Result<Self, SpectrumError> {
        if dimension == 0 {
            return Err(SpectrumError::Dimension);
        }
        let mut lanczos = Self { dimension, seed, state };
        if lanczos.state == LanczosState::default() {
            lanczos.draw();
        }
        lanczos.check_state()?;
        Ok(lanczos)
    }

    fn check_state(&self) -> Result<(), SpectrumError> {
        let LanczosState { alphas, betas, directions, departure } = &self.state;
        let expect = |what, found: usize, expected: usize| match found == expected {
            true => Ok(()),
            false => {
                Err(SpectrumError::State { what, found: found.to_string(), expected: expected.to_string() })
            }
        };
        expect("alphas", alphas.len(), alphas.len().min(self.dimension))?;
        expect("betas", betas.len(), alphas.len())?;
        expect("directions", directions.len(), (alphas.len() + 1).min(self.dimension))?;
        for direction in directions {
            expect("numbers in a direction", direction.len(), self.dimension)?;
        }
        let numbers = alphas.iter().chain(betas).chain(directions.iter().flatten()).chain([departure]);
        expect("numbers that are not finite", numbers.filter(|x| !x.is_finite()).count(), 0)
    }

    /// What to keep so as to go on later.
    pub fn state(&self) -> &LanczosState {
        &self.state
    }

    /// Number of products so far.
    pub fn products(&self) -> usize {
        self.state.alphas.len()
    }

    /// What the operator is to be multiplied with next, `[dimension]`, of unit length; `None` once the directions span the
    /// space, and the Ritz values are all eigenvalues.
    pub fn next_direction(&self) -> Option<&[f64]> {
        self.state.directions.get(self.products()).map(Vec::as_slice)
    }

    /// Takes the product of the operator with [`Lanczos::next_direction`].
    ///
    /// # Errors
    /// [`SpectrumError::Exhausted`], [`SpectrumError::Length`] or [`SpectrumError::NotFinite`]; the state is as before.
    pub fn absorb(&mut self, product: &[f64]) -> Result<(), SpectrumError> {
        let step = self.products();
        if step == self.dimension {
            return Err(SpectrumError::Exhausted { dimension: self.dimension });
        }
        check(product, self.dimension, step)?;
        let mut rest = product.to_vec();
        let along = self.part_from_directions(&mut rest);
        let length = vector::normalise(&mut rest);
        if !(length.is_finite() && along.iter().all(|x| x.is_finite())) {
            return Err(SpectrumError::NotFinite { index: step });
        }
        // What the tridiagonal matrix leaves out: nothing, were products symmetric and arithmetic exact.
        let (before, alpha) = (&along[..step], along[step]);
        let beside = |i: usize| if i + 1 == step { self.state.betas[i] } else { 0.0 };
        let mut departure: f64 = before.iter().enumerate().map(|(i, x)| (x - beside(i)).powi(2)).sum();

        let state = &self.state;
        let scale = state.alphas.iter().chain(&state.betas).fold(alpha.abs(), |top, x| top.max(x.abs()));
        let last = step + 1 == self.dimension;
        let nothing_new = last || length <= NOTHING_NEW * scale.max(length);
        if nothing_new {
            departure += length * length;
        }
        self.state.departure += departure;
        self.state.alphas.push(alpha);
        self.state.betas.push(if nothing_new { 0.0 } else { length });
        match (last, nothing_new) {
            (true, _) => {}
            (false, true) => self.draw(),
            (false, false) => self.state.directions.push(rest),
        }
        Ok(())
    }

    /// Takes the parts along all directions out of a vector, twice, as once leaves rounding where little is left. Returns
    /// what was taken along each.
    fn part_from_directions(&self, rest: &mut [f64]) -> Vec<f64> {
        let mut along = vec![0.0; self.state.directions.len()];
        for _ in 0..2 {
            for (direction, sum) in self.state.directions.iter().zip(&mut along) {
                let part = vector::dot(direction, rest);
                vector::subtract(rest, part, direction);
                *sum += part;
            }
        }
        along
    }

    /// Adds a random direction at right angles to those so far, of which there are fewer than dimensions.
    fn draw(&mut self) {
        let place = self.seed.index(self.state.directions.len() as u64);
        let mut fresh = Vec::new();
        // A draw that nearly lies in their span is as good as impossible; it would be drawn anew.
        for attempt in 0.. {
            let mut rng = place.index(attempt).rng();
            fresh = (0..self.dimension).map(|_| rng.normal()).collect();
            vector::normalise(&mut fresh);
            self.part_from_directions(&mut fresh);
            if vector::normalise(&mut fresh) > 1e-8 {
                self.part_from_directions(&mut fresh);
                vector::normalise(&mut fresh);
                break;
            }
        }
        self.state.directions.push(fresh);
    }

    /// The Ritz values from the products so far, the largest first. Those at both ends of the spectrum converge first.
    /// Cost: O(products³).
    pub fn ritz(&self) -> Vec<Ritz> {
        let LanczosState { alphas, betas, departure, .. } = &self.state;
        let n = alphas.len();
        let mut matrix = vec![0.0; n * n];
        for (i, alpha) in alphas.iter().enumerate() {
            matrix[i * n + i] = *alpha;
            if i + 1 < n {
                (matrix[i * n + i + 1], matrix[(i + 1) * n + i]) = (betas[i], betas[i]);
            }
        }
        let eigen = symmetric_eigen(&matrix, n);
        let last = |vector: &[f64]| betas[n - 1] * vector[n - 1].abs();
        let error = |vector: &Vec<f64>| last(vector) + departure.sqrt();
        eigen
            .values
            .iter()
            .zip(&eigen.vectors)
            .map(|(value, vector)| Ritz { value: *value, error: error(vector) })
            .collect()
    }
}

/// Ritz values of a symmetric operator from `steps` products, the largest first (fewer where the space is smaller).
/// `operator` returns its product with the given direction. Cost: `steps` products and O(steps² · dimension).
///
/// ```
/// use basin_core::SeedTree;
/// use basin_metrics::spectrum::lanczos;
/// // 1, 2, …, 100 on the diagonal.
/// let operator = |v: &[f64]| Ok::<_, std::fmt::Error>(v.iter().zip(1u8..).map(|(v, k)| v * f64::from(k)).collect());
/// let top = lanczos(100, 40, SeedTree::root(0), operator).unwrap()[0];
/// assert!((top.value - 100.0).abs() <= top.error && top.error < 0.01, "{top:?}");
/// ```
///
/// # Errors
/// [`ProductError::Operator`] with the operator's own error, [`ProductError::Spectrum`] for no steps, dimension 0 and
/// products that are of another length or not finite.
pub fn lanczos<E>(
    dimension: usize,
    steps: usize,
    seed: SeedTree,
    mut operator: impl FnMut(&[f64]) -> Result<Vec<f64>, E>,
) -> Result<Vec<Ritz>, ProductError<E>> {
    let mut state = Lanczos::new(dimension, seed, LanczosState::default())?;
    if steps == 0 {
        return Err(SpectrumError::Products.into());
    }
    for index in 0..steps {
        let Some(direction) = state.next_direction() else { break };
        let product = operator(direction).map_err(|source| ProductError::Operator { index, source })?;
        state.absorb(&product)?;
    }
    Ok(state.ritz())
}
