//! The parameters of one network: an ordered table from name to array.

use crate::{Digest, Simplex, digest};
use thiserror::Error;

/// A dense `f32` array in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    shape: Vec<usize>,
    data: Vec<f32>,
}

/// Why parameters do not fit together.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParamsError {
    /// Shape and number of values disagree.
    #[error("shape {shape:?} holds {expected} values, found {found}")]
    Size {
        /// The shape.
        shape: Vec<usize>,
        /// Product of the shape.
        expected: usize,
        /// Number of values.
        found: usize,
    },
    /// Two networks have different names or shapes.
    #[error("the networks differ at {}", told(differences))]
    Mismatch {
        /// Every parameter that differs.
        differences: Vec<Difference>,
    },
    /// The number of weights is not the number of networks.
    #[error("{weights} weights for {networks} networks, expected one for each")]
    Count {
        /// How many weights.
        weights: usize,
        /// How many networks.
        networks: usize,
    },
}

/// A parameter in which two networks differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its name.
    pub name: String,
    /// Its shape in the first network, or `absent`.
    pub left: String,
    /// Its shape in the other network, or `absent`.
    pub right: String,
}

/// One difference on the line, several on lines of their own.
fn told(differences: &[Difference]) -> String {
    let line = |Difference { name, left, right }: &Difference| format!("{name}: {left} against {right}");
    match differences {
        [one] => format!("parameter {}", line(one)),
        several => {
            let lines: Vec<String> = several.iter().map(|one| format!("\n  {}", line(one))).collect();
            format!("{} parameters:{}", several.len(), lines.concat())
        }
    }
}

impl Array {
    /// An array of the given shape.
    ///
    /// # Errors
    /// [`ParamsError::Size`] when the data does not fill the shape.
    pub fn new(shape: Vec<usize>, data: Vec<f32>) -> Result<Self, ParamsError> {
        let expected = shape.iter().product();
        if expected != data.len() {
            return Err(ParamsError::Size { shape, expected, found: data.len() });
        }
        Ok(Self { shape, data })
    }

    /// An array filled with one value.
    pub fn full(shape: Vec<usize>, value: f32) -> Self {
        let data = vec![value; shape.iter().product()];
        Self { shape, data }
    }

    /// The extents of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The values, row-major.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// The values, to be changed in place.
    pub fn data_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }
}

/// The parameters of one network, in the order of insertion. Convolutions are `[out, in, kh, kw]`,
/// dense layers `[out, in]`, as in PyTorch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Params {
    entries: Vec<(String, Array)>,
}

impl Params {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an array at the end, or replaces the one of that name in its place.
    pub fn insert(&mut self, name: impl Into<String>, array: Array) {
        let name = name.into();
        match self.entries.iter_mut().find(|(n, _)| *n == name) {
            Some((_, slot)) => *slot = array,
            None => self.entries.push((name, array)),
        }
    }

    /// The array of that name. Linear in the number of arrays.
    pub fn get(&self, name: &str) -> Option<&Array> {
        self.entries.iter().find(|(n, _)| n == name).map(|(_, array)| array)
    }

    /// Names and arrays in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Array)> + Clone {
        self.entries.iter().map(|(name, array)| (name.as_str(), array))
    }

    /// Names and arrays in order, to be changed in place.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (&str, &mut Array)> {
        self.entries.iter_mut().map(|(name, array)| (name.as_str(), array))
    }

    /// Number of arrays.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no arrays.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Number of scalars over all arrays.
    pub fn scalar_count(&self) -> usize {
        self.entries.iter().map(|(_, array)| array.data.len()).sum()
    }

    /// Same names and shapes, new values from a function of (name, values).
    ///
    /// # Panics
    /// When the function changes the number of values.
    #[must_use]
    pub fn map(&self, mut f: impl FnMut(&str, &[f32]) -> Vec<f32>) -> Params {
        let entries = self.entries.iter().map(|(name, array)| {
            let data = f(name, &array.data);
            assert_eq!(data.len(), array.data.len(), "{name}");
            (name.clone(), Array { shape: array.shape.clone(), data })
        });
        Params { entries: entries.collect() }
    }

    /// Checks that both networks have the same names and shapes, whatever their order.
    ///
    /// # Errors
    /// [`ParamsError::Mismatch`] with everything that differs: in the order of these parameters, then of those that only the
    /// others have.
    pub fn check_same_layout(&self, other: &Params) -> Result<(), ParamsError> {
        let same =
            |name: &str, array: &Array| other.get(name).is_some_and(|theirs| theirs.shape == array.shape);
        if self.len() == other.len() && self.iter().all(|(name, array)| same(name, array)) {
            return Ok(());
        }
        let shape =
            |p: &Params, name: &str| p.get(name).map_or("absent".into(), |a| format!("{:?}", a.shape));
        let added = other.iter().filter(|(name, _)| self.get(name).is_none());
        let all = self.iter().chain(added).map(|(name, _)| Difference {
            name: name.to_owned(),
            left: shape(self, name),
            right: shape(other, name),
        });
        let differences: Vec<Difference> = all.filter(|one| one.left != one.right).collect();
        if differences.is_empty() { Ok(()) } else { Err(ParamsError::Mismatch { differences }) }
    }

    /// Σᵢ λᵢ θᵢ, accumulated in f64 in the order of the networks. A vertex λ returns that network's bits.
    ///
    /// # Errors
    /// [`ParamsError`] when counts, names or shapes differ.
    pub fn convex_combination(networks: &[&Params], weights: &Simplex) -> Result<Params, ParamsError> {
        Self::linear_combination(networks, weights.weights())
    }

    /// Σᵢ cᵢ θᵢ for any coefficients, as [`Params::convex_combination`].
    ///
    /// # Errors
    /// [`ParamsError`] when counts, names or shapes differ.
    pub fn linear_combination(networks: &[&Params], coefficients: &[f64]) -> Result<Params, ParamsError> {
        if networks.len() != coefficients.len() || networks.is_empty() {
            return Err(ParamsError::Count { weights: coefficients.len(), networks: networks.len() });
        }
        for other in &networks[1..] {
            networks[0].check_same_layout(other)?;
        }
        Ok(networks[0].map(|name, values| {
            let arrays =
                networks.iter().map(|network| network.get(name).expect("layouts were compared above"));
            let slices: Vec<&[f32]> = arrays.map(|array| &array.data[..]).collect();
            let mut sum = vec![0.0; values.len()];
            mix(&slices, coefficients, &mut sum);
            sum
        }))
    }

    /// Euclidean distance over all scalars, in f64.
    ///
    /// # Errors
    /// [`ParamsError::Mismatch`] when names or shapes differ.
    pub fn l2_distance(&self, other: &Params) -> Result<f64, ParamsError> {
        self.check_same_layout(other)?;
        let square = |(name, array): (&str, &Array)| -> f64 {
            let theirs = other.get(name).expect("layouts were compared above");
            array.data.iter().zip(&theirs.data).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
        };
        Ok(self.iter().map(square).sum::<f64>().sqrt())
    }

    /// The first parameter that holds NaN or an infinity, if any.
    pub fn first_non_finite(&self) -> Option<&str> {
        // The largest magnitude, compared as bits, needs no branches; those of infinities and NaN are the largest.
        let largest = |array: &Array| array.data.iter().fold(0, |m, x| x.abs().to_bits().max(m));
        self.iter().find(|(_, array)| largest(array) >= f32::INFINITY.to_bits()).map(|(name, _)| name)
    }

    /// Digest of names, shapes and bits.
    pub fn content_hash(&self) -> Digest {
        let mut bytes = Vec::with_capacity(4 * self.scalar_count());
        for (name, array) in self.iter() {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(format!("{:?}", array.shape).as_bytes());
            array.data.iter().for_each(|x| bytes.extend_from_slice(&x.to_le_bytes()));
        }
        digest([&bytes[..]])
    }
}

impl FromIterator<(String, Array)> for Params {
    fn from_iter<I: IntoIterator<Item = (String, Array)>>(entries: I) -> Self {
        let mut params = Params::new();
        entries.into_iter().for_each(|(name, array)| params.insert(name, array));
        params
    }
}

impl IntoIterator for Params {
    type Item = (String, Array);
    type IntoIter = std::vec::IntoIter<(String, Array)>;

    /// Names and arrays in order, given away.
    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

/// Σ weightᵢ · sliceᵢ, summed in f64 in the order given, into a buffer that is written in full.
///
/// # Panics
/// When a slice is not as long as `out`, or there are not as many weights as slices.
pub fn mix(slices: &[&[f32]], weights: &[f64], out: &mut [f32]) {
    assert!(slices.len() == weights.len() && slices.iter().all(|slice| slice.len() == out.len()));
    const STRETCH: usize = 256;
    for (stretch, out) in out.chunks_mut(STRETCH).enumerate() {
        let mut sums = [0.0f64; STRETCH];
        for (slice, weight) in slices.iter().zip(weights) {
            let values = &slice[stretch * STRETCH..][..out.len()];
            sums.iter_mut().zip(values).for_each(|(s, &x)| *s += weight * f64::from(x));
        }
        out.iter_mut().zip(sums).for_each(|(o, s)| *o = s as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(values: &[f32]) -> Params {
        let array = Array::new(vec![values.len()], values.to_vec()).unwrap();
        [("w".to_owned(), array)].into_iter().collect()
    }

    #[test]
    fn a_vertex_returns_the_network_bit_for_bit() {
        let (a, b) = (params(&[0.1, -7.3e-12]), params(&[3.0e30, 2.0]));
        let at_a = Params::convex_combination(&[&a, &b], &Simplex::vertex(2, 0)).unwrap();
        assert_eq!(at_a.content_hash(), a.content_hash());
    }

    #[test]
    fn layouts_that_differ_are_refused_by_name() {
        let error = params(&[1.0]).check_same_layout(&params(&[1.0, 2.0])).unwrap_err();
        assert_eq!(error.to_string(), "the networks differ at parameter w: [1] against [2]");
        let (mut left, mut right) = (params(&[1.0]), params(&[1.0, 2.0]));
        left.insert("mine", Array::full(vec![2, 2], 0.0));
        right.insert("theirs", Array::full(vec![3], 0.0));
        let Err(ParamsError::Mismatch { differences }) = left.check_same_layout(&right) else {
            panic!("they differ")
        };
        let expected = [
            difference("w", "[1]", "[2]"),
            difference("mine", "[2, 2]", "absent"),
            difference("theirs", "absent", "[3]"),
        ];
        assert_eq!(differences, expected);
        left.check_same_layout(&left.clone()).unwrap();
    }

    fn difference(name: &str, left: &str, right: &str) -> Difference {
        let text = str::to_owned;
        Difference { name: text(name), left: text(left), right: text(right) }
    }

    #[test]
    fn data_must_fill_the_shape() {
        assert!(Array::new(vec![2, 3], vec![0.0; 5]).is_err());
    }

    /// A new variant does not compile here until it has a line in the test.
    fn place(error: &ParamsError) -> usize {
        match error {
            ParamsError::Size { .. } => 0,
            ParamsError::Mismatch { .. } => 1,
            ParamsError::Count { .. } => 2,
        }
    }

    #[test]
    fn every_error_says_what_where_and_what_to_do() {
        let told = [
            (
                ParamsError::Size { shape: vec![2, 3], expected: 6, found: 5 },
                "shape [2, 3] holds 6 values, found 5",
            ),
            (
                ParamsError::Mismatch { differences: vec![difference("a", "[2]", "absent")] },
                "the networks differ at parameter a: [2] against absent",
            ),
            (
                ParamsError::Mismatch {
                    differences: vec![difference("a", "[2]", "[3]"), difference("b", "absent", "[1]")],
                },
                "the networks differ at 2 parameters:\n  a: [2] against [3]\n  b: absent against [1]",
            ),
            (
                ParamsError::Count { weights: 3, networks: 2 },
                "3 weights for 2 networks, expected one for each",
            ),
        ];
        let mut seen = [false; 3];
        for (error, text) in &told {
            assert_eq!(error.to_string(), *text);
            seen[place(error)] = true;
        }
        assert_eq!(seen, [true; 3], "every variant is told");
    }
}
