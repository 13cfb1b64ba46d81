//! Trace of an operator from its products with random signs.

use super::{ProductError, SpectrumError, check};
use basin_core::{Citation, SeedTree};

/// Where the estimator comes from.
pub const CITATION: Citation = Citation {
    key: "hutchinson1990trace",
    authors: "Hutchinson, M. F.",
    title: "A stochastic estimator of the trace of the influence matrix for Laplacian smoothing splines",
    year: 1990,
    locator: "10.1080/03610919008812866",
};

/// An estimate of a trace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trace {
    /// The mean of zᵀAz over the probes, in the unit of the operator.
    pub value: f64,
    /// Its standard error, the standard deviation over probes divided by √probes; `None` for one probe. 0 for a diagonal
    /// operator, whose trace every probe gives exactly.
    pub standard_error: Option<f64>,
    /// Number of probes.
    pub probes: usize,
}

/// Hutchinson's estimator of a symmetric operator's trace, `E zᵀAz` over z of random signs, driven product by product.
///
/// The variance of a probe is twice the sum of squares off the diagonal. Probe i is a function of the seed and i: what is
/// to be kept is [`Hutchinson::forms`] alone, a number a probe.
#[derive(Clone, Debug, PartialEq)]
pub struct Hutchinson {
    dimension: usize,
    seed: SeedTree,
    forms: Vec<f64>,
}

impl Hutchinson {
    /// Begins, or goes on after the probes whose quadratic forms are given (none to begin).
    ///
    /// # Errors
    /// [`SpectrumError::Dimension`] for dimension 0, [`SpectrumError::State`] for forms that are not finite.
    pub fn new(dimension: usize, seed: SeedTree, forms: Vec<f64>) -> Result<Self, SpectrumError> {
        if dimension == 0 {
            return Err(SpectrumError::Dimension);
        }
        if let Some(found) = forms.iter().find(|form| !form.is_finite()) {
            let (found, expected) = (found.to_string(), "finite numbers".to_owned());
            return Err(SpectrumError::State { what: "as a quadratic form", found, expected });
        }
        Ok(Self { dimension, seed, forms })
    }

    /// The next probe, `[dimension]` of 1 and −1: what the operator is to be multiplied with.
    pub fn next_direction(&self) -> Vec<f64> {
        self.signs().collect()
    }

    fn signs(&self) -> impl Iterator<Item = f64> {
        let mut rng = self.seed.index(self.forms.len() as u64).rng();
        let mut bits = 0;
        (0..self.dimension).map(move |i| {
            bits = if i % 32 == 0 { rng.next_u32() } else { bits >> 1 };
            if bits & 1 == 1 { 1.0 } else { -1.0 }
        })
    }

    /// Takes the product of the operator with [`Hutchinson::next_direction`].
    ///
    /// # Errors
    /// [`SpectrumError::Length`] or [`SpectrumError::NotFinite`]; the state is as before.
    pub fn absorb(&mut self, product: &[f64]) -> Result<(), SpectrumError> {
        check(product, self.dimension, self.forms.len())?;
        let form: f64 = self.signs().zip(product).map(|(z, az)| z * az).sum();
        if !form.is_finite() {
            return Err(SpectrumError::NotFinite { index: self.forms.len() });
        }
        self.forms.push(form);
        Ok(())
    }

    /// zᵀAz of every probe so far.
    pub fn forms(&self) -> &[f64] {
        &self.forms
    }

    /// The estimate from the probes so far; `None` before the first.
    pub fn estimate(&self) -> Option<Trace> {
        let first = *self.forms.first()?;
        let n = self.forms.len() as f64;
        // Measured from the first, so that equal forms have no error at all.
        let value = first + self.forms.iter().map(|form| form - first).sum::<f64>() / n;
        let squares: f64 = self.forms.iter().map(|form| (form - value) * (form - value)).sum();
        let standard_error = (self.forms.len() > 1).then(|| (squares / (n - 1.0) / n).sqrt());
        Some(Trace { value, standard_error, probes: self.forms.len() })
    }
}

/// Trace of a symmetric operator from `probes` products (Hutchinson 1990). `operator` returns its product with the given
/// direction. Cost: `probes` products.
///
/// ```
/// use basin_core::SeedTree;
/// use basin_metrics::spectrum::hutchinson_trace;
/// // [[2, 1], [1, 3]]: zᵀAz is 3 or 7.
/// let operator = |z: &[f64]| Ok::<_, std::fmt::Error>(vec![2.0 * z[0] + z[1], z[0] + 3.0 * z[1]]);
/// let trace = hutchinson_trace(2, 400, SeedTree::root(0), operator).unwrap();
/// assert!((trace.value - 5.0).abs() < 4.0 * trace.standard_error.unwrap());
/// ```
///
/// # Errors
/// [`ProductError::Operator`] with the operator's own error, [`ProductError::Spectrum`] for no probes, dimension 0 and
/// products that are of another length or not finite.
pub fn hutchinson_trace<E>(
    dimension: usize,
    probes: usize,
    seed: SeedTree,
    mut operator: impl FnMut(&[f64]) -> Result<Vec<f64>, E>,
) -> Result<Trace, ProductError<E>> {
    let mut state = Hutchinson::new(dimension, seed, Vec::new())?;
    for index in 0..probes {
        let product =
            operator(&state.next_direction()).map_err(|source| ProductError::Operator { index, source })?;
        state.absorb(&product)?;
    }
    state.estimate().ok_or(SpectrumError::Products.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt;

    #[test]
    fn every_probe_gives_the_trace_of_a_diagonal() {
        let scale =
            |z: &[f64]| Ok::<_, fmt::Error>(z.iter().zip(1u32..).map(|(z, k)| z * f64::from(k)).collect());
        let trace = hutchinson_trace(70, 3, SeedTree::root(1), scale).unwrap();
        assert_eq!(trace, Trace { value: 2485.0, standard_error: Some(0.0), probes: 3 });
        assert_eq!(hutchinson_trace(70, 1, SeedTree::root(1), scale).unwrap().standard_error, None);
    }

    #[test]
    fn signs_are_even_and_differ_from_probe_to_probe() {
        let mut state = Hutchinson::new(4000, SeedTree::root(2), vec![]).unwrap();
        let first = state.next_direction();
        assert!(first.iter().all(|z| z.abs() == 1.0));
        assert!(first.iter().sum::<f64>().abs() < 4.0 * 4000f64.sqrt());
        state.absorb(&first).unwrap();
        let both: f64 = first.iter().zip(state.next_direction()).map(|(a, b)| a * b).sum();
        assert!(both.abs() < 4.0 * 4000f64.sqrt(), "{both}");
    }

    /// A sum of all entries: zᵀAz = (Σz)², with mean d and variance 2 d (d − 1).
    #[test]
    fn the_standard_error_is_that_of_theory() {
        let ones = |z: &[f64]| Ok::<_, fmt::Error>(vec![z.iter().sum(); z.len()]);
        let trace = hutchinson_trace(10, 4000, SeedTree::root(3), ones).unwrap();
        let theory = (2.0f64 * 10.0 * 9.0 / 4000.0).sqrt();
        assert!((trace.standard_error.unwrap() / theory - 1.0).abs() < 0.1, "{trace:?} {theory}");
        assert!((trace.value - 10.0).abs() < 4.0 * theory);
    }

    #[test]
    fn a_state_goes_on_where_it_stopped() {
        let mut whole = Hutchinson::new(5, SeedTree::root(4), vec![]).unwrap();
        let product = |z: &[f64]| vec![z[4], z[3], z[2], z[1], z[0]];
        for _ in 0..6 {
            let mut again = Hutchinson::new(5, SeedTree::root(4), whole.forms().to_vec()).unwrap();
            let direction = whole.next_direction();
            assert_eq!(direction, again.next_direction());
            whole.absorb(&product(&direction)).unwrap();
            again.absorb(&product(&direction)).unwrap();
            assert_eq!(whole, again);
        }
    }

    #[test]
    fn bad_products_are_refused_and_leave_no_trace() {
        let mut state = Hutchinson::new(2, SeedTree::root(0), vec![]).unwrap();
        assert_eq!(state.absorb(&[1.0]), Err(SpectrumError::Length { index: 0, found: 1, expected: 2 }));
        assert_eq!(state.absorb(&[1.0, f64::NAN]), Err(SpectrumError::NotFinite { index: 0 }));
        assert!(state.forms().is_empty() && state.estimate().is_none());
        assert_eq!(Hutchinson::new(0, SeedTree::root(0), vec![]), Err(SpectrumError::Dimension));
        let broken = Hutchinson::new(2, SeedTree::root(0), vec![f64::INFINITY]).unwrap_err();
        assert_eq!(
            broken.to_string(),
            "the stored state holds inf as a quadratic form, expected finite numbers"
        );
        let none = hutchinson_trace(2, 0, SeedTree::root(0), |z: &[f64]| Ok::<_, fmt::Error>(z.to_vec()));
        assert_eq!(none, Err(ProductError::Spectrum(SpectrumError::Products)));
        let failing = hutchinson_trace(2, 3, SeedTree::root(0), |_| Err::<Vec<f64>, _>(fmt::Error));
        assert_eq!(failing, Err(ProductError::Operator { index: 0, source: fmt::Error }));
    }
}
