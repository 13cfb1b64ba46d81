//! The largest value of a polynomial on the segment from 0 to 1.

/// A sum of homogeneous polynomials in (1 − t) and t: entry m of a list of n + 1 is the coefficient of
/// (1 − t)ⁿ⁻ᵐ tᵐ.
#[derive(Clone, Debug, Default)]
pub(crate) struct LinePolynomial {
    parts: Vec<Vec<f64>>,
}

/// Intervals of the first scan; a polynomial of degree four has at most one maximum in most of them.
const INTERVALS: usize = 64;
/// Steps of the golden section, which shrink an interval by 0.618 each, to 1e-11.
const SECTIONS: usize = 44;

impl LinePolynomial {
    /// Adds a polynomial of degree `coefficients.len() - 1`.
    pub(crate) fn add(&mut self, coefficients: &[f64]) {
        match self.parts.iter_mut().find(|part| part.len() == coefficients.len()) {
            Some(part) => part.iter_mut().zip(coefficients).for_each(|(sum, c)| *sum += c),
            None => self.parts.push(coefficients.to_vec()),
        }
    }

    /// Its value at `t`.
    pub(crate) fn at(&self, t: f64) -> f64 {
        let value = |part: &Vec<f64>| -> f64 {
            let degree = part.len().saturating_sub(1) as i32;
            part.iter().zip(0..).map(|(c, m)| c * (1.0 - t).powi(degree - m) * t.powi(m)).sum()
        };
        self.parts.iter().map(value).sum()
    }

    /// Where in `[0, 1]` it is largest, and by how much it then exceeds its value at 0.
    pub(crate) fn maximise(&self) -> (f64, f64) {
        let at = |index: usize| index as f64 / INTERVALS as f64;
        let mut best = (0.0, self.at(0.0));
        let mut consider = |t: f64| {
            let value = self.at(t);
            if value > best.1 {
                best = (t, value);
            }
        };
        (1..=INTERVALS).for_each(|index| consider(at(index)));
        let (mut low, mut high) = ((best.0 - at(1)).max(0.0), (best.0 + at(1)).min(1.0));
        let golden = 0.5 * (5f64.sqrt() - 1.0);
        for _ in 0..SECTIONS {
            let (left, right) = (high - golden * (high - low), low + golden * (high - low));
            if self.at(left) < self.at(right) { low = left } else { high = right }
        }
        let inside = 0.5 * (low + high);
        let value = self.at(inside);
        if value > best.1 {
            best = (inside, value);
        }
        (best.0, best.1 - self.at(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maxima_inside_and_at_the_ends_are_found() {
        // 4 t (1 − t), largest in the middle.
        let mut line = LinePolynomial::default();
        line.add(&[0.0, 4.0, 0.0]);
        let (t, gained) = line.maximise();
        assert!((t - 0.5).abs() < 1e-6 && (gained - 1.0).abs() < 1e-12, "{t} {gained}");
        // Adding t moves it to 5/8, adding 9 t to the end.
        line.add(&[0.0, 1.0]);
        assert!((line.maximise().0 - 0.625).abs() < 1e-6);
        line.add(&[0.0, 8.0]);
        assert_eq!(line.maximise(), (1.0, 9.0));
        line.add(&[0.0, -30.0]);
        assert_eq!(line.maximise(), (0.0, 0.0));
        assert_eq!(LinePolynomial::default().maximise(), (0.0, 0.0));
    }
}
