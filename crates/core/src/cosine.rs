//! Cosines between networks: whether they moved the same way.

use crate::{Array, Params, ParamsError};

impl Params {
    /// Cosine of the angle between two networks seen as vectors of all their scalars, in −1..=1, in f64; `None` where
    /// one of them is all zeros. `counts` says which arrays take part, by name.
    ///
    /// Cost: linear in the scalars.
    ///
    /// # Errors
    /// [`ParamsError::Mismatch`] when names or shapes differ.
    pub fn cosine(&self, other: &Params, counts: impl Fn(&str) -> bool) -> Result<Option<f64>, ParamsError> {
        self.cosine_from(other, None, counts)
    }

    /// Cosine of the displacements of two networks from a third, as [`Params::cosine`]; `None` where one of them did not
    /// move.
    ///
    /// # Errors
    /// [`ParamsError::Mismatch`] when names or shapes differ.
    pub fn displacement_cosine(
        &self,
        other: &Params,
        start: &Params,
        counts: impl Fn(&str) -> bool,
    ) -> Result<Option<f64>, ParamsError> {
        self.check_same_layout(start)?;
        self.cosine_from(other, Some(start), counts)
    }

    /// Inner product of two networks seen as vectors of all their scalars, in f64. `counts` says which arrays take part, by
    /// name.
    ///
    /// # Errors
    /// [`ParamsError::Mismatch`] when names or shapes differ.
    pub fn dot(&self, other: &Params, counts: impl Fn(&str) -> bool) -> Result<f64, ParamsError> {
        self.check_same_layout(other)?;
        let of = |(name, array): (&str, &Array)| -> f64 {
            let theirs = other.get(name).map_or(&[][..], |array| array.data());
            array.data().iter().zip(theirs).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        Ok(self.iter().filter(|(name, _)| counts(name)).map(of).sum())
    }

    fn cosine_from(
        &self,
        other: &Params,
        start: Option<&Params>,
        counts: impl Fn(&str) -> bool,
    ) -> Result<Option<f64>, ParamsError> {
        self.check_same_layout(other)?;
        let (mut product, mut own, mut others) = (0.0, 0.0, 0.0);
        for (name, array) in self.iter().filter(|(name, _)| counts(name)) {
            let theirs = other.get(name).map_or(&[][..], |array| array.data());
            let from = start.and_then(|start| start.get(name)).map(|array| array.data());
            for (i, (a, b)) in array.data().iter().zip(theirs).enumerate() {
                let from = from.map_or(0.0, |from| f64::from(from[i]));
                let (a, b) = (f64::from(*a) - from, f64::from(*b) - from);
                product += a * b;
                own += a * a;
                others += b * b;
            }
        }
        let norms = own.sqrt() * others.sqrt();
        Ok((norms > 0.0).then(|| (product / norms).clamp(-1.0, 1.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(w: [f32; 2], running: f32) -> Params {
        let array = |data: &[f32]| Array::new(vec![data.len()], data.to_vec()).unwrap();
        Params::from_iter([("w".to_owned(), array(&w)), ("running".to_owned(), array(&[running]))])
    }

    #[test]
    fn angles_are_those_of_the_arrays_that_count() {
        let (a, b) = (params([3.0, 4.0], 100.0), params([4.0, 3.0], 90.0));
        let weights = |name: &str| name == "w";
        assert_eq!(a.cosine(&b, weights).unwrap(), Some(24.0 / 25.0));
        assert_eq!((a.dot(&b, weights).unwrap(), a.dot(&a, weights).unwrap()), (24.0, 25.0));
        assert!(a.cosine(&b, |_| true).unwrap().unwrap() > 0.99);
        let start = params([3.0, 3.0], 0.0);
        assert_eq!(a.displacement_cosine(&b, &start, weights).unwrap(), Some(0.0));
        let same = a.displacement_cosine(&a, &b, weights).unwrap().unwrap();
        assert!((same - 1.0).abs() < 1e-15);
    }

    #[test]
    fn what_did_not_move_has_no_direction() {
        let (a, b) = (params([3.0, 4.0], 1.0), params([0.0, 0.0], 2.0));
        assert_eq!(a.cosine(&b, |name| name == "w").unwrap(), None);
        assert_eq!(a.displacement_cosine(&b, &a, |_| true).unwrap(), None);
    }

    #[test]
    fn networks_of_other_layouts_have_no_angle() {
        let (a, mut b) = (params([3.0, 4.0], 1.0), params([3.0, 4.0], 1.0));
        b.insert("extra", Array::full(vec![1], 0.0));
        let text = "the networks differ at parameter extra: absent against [1]";
        assert_eq!(a.cosine(&b, |_| true).unwrap_err().to_string(), text);
        assert_eq!(a.displacement_cosine(&a, &b, |_| true).unwrap_err().to_string(), text);
    }
}
