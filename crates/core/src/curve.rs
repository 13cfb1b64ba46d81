//! Curves in records: a quantity over a variable, with what names it.

use crate::Record;

/// A quantity over a variable, measured of some part of an ensemble on some images. All names are lower-case words with
/// hyphens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    /// What it is of, for example `pair-1-2`; members count from 1.
    pub subject: String,
    /// Which images, for example `test-a`.
    pub data: String,
    /// Id of the metric along the curve, for example `line-loss`.
    pub quantity: String,
    /// Name of the variable, for example `lambda`.
    pub variable: String,
    /// Values of the variable.
    pub at: Vec<f64>,
    /// The quantity at each, in the metric's own unit; NaN where it could not be measured.
    pub values: Vec<f64>,
}

/// Begins the names of lists that are curves: `curve pair-1-2 test-a line-loss lambda`, and the same with ` at` for the
/// values of the variable. Readers that know of no curves see two lists more.
const CURVE: &str = "curve ";
const AT: &str = " at";

impl Curve {
    /// The name of its list. A blank in a name is written as a hyphen, so that names stay apart.
    fn name(&self) -> String {
        let parts = [&self.subject, &self.data, &self.quantity, &self.variable];
        let words = parts.map(|part| part.replace(' ', "-"));
        format!("{CURVE}{}", words.join(" "))
    }
}

impl Record {
    /// Adds a curve, or replaces the one of those names: two lists, so that it is stored as they are.
    #[must_use]
    pub fn with_curve(self, curve: Curve) -> Self {
        let name = curve.name();
        self.with_list(format!("{name}{AT}"), curve.at).with_list(name, curve.values)
    }

    /// The curves, ordered by their names. Lists that are named like a curve but lack its other half, or part of the name,
    /// are none.
    pub fn curves(&self) -> Vec<Curve> {
        let curve = |(name, values): (&String, &Vec<f64>)| {
            let words: Vec<&str> = name.strip_prefix(CURVE)?.split(' ').collect();
            let &[subject, data, quantity, variable] = &words[..] else { return None };
            let at = self.lists.get(&format!("{name}{AT}"))?.clone();
            let [subject, data, quantity, variable] = [subject, data, quantity, variable].map(str::to_owned);
            Some(Curve { subject, data, quantity, variable, at, values: values.clone() })
        };
        self.lists.iter().filter_map(curve).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(data: &str) -> Curve {
        Curve {
            subject: "pair-1-2".into(),
            data: data.into(),
            quantity: "line-loss".into(),
            variable: "lambda".into(),
            at: vec![0.0, 0.5, 1.0],
            values: vec![0.1, f64::INFINITY, 0.2],
        }
    }

    #[test]
    fn curves_stand_among_the_lists_and_read_back() {
        let record = Record::default().with_curve(curve("test-b")).with_curve(curve("test-a"));
        let record = record.with_list("q 0-1", vec![1.0]).with_list("curve alone lambda", vec![2.0]);
        assert_eq!(record.curves(), [curve("test-a"), curve("test-b")]);
        assert_eq!(record.lists["curve pair-1-2 test-a line-loss lambda at"], [0.0, 0.5, 1.0]);
        assert_eq!(record.clone().with_curve(curve("test-a")).curves(), record.curves());
        assert!(Record::default().with_list("q 0-1", vec![1.0]).curves().is_empty());
    }

    #[cfg(feature = "tensor-files")]
    #[test]
    fn a_stored_curve_keeps_its_bits() {
        let record = Record::default().with_curve(curve("test of a"));
        let read = Record::decode(&record.encode()).unwrap();
        assert_eq!(read.curves(), [curve("test-of-a")]);
    }
}
