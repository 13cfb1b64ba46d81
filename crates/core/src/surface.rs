//! Surfaces in records: a quantity over a grid of two variables, with what names it and what is marked on it.

use crate::Record;

/// A quantity over a grid, measured of some part of an ensemble on some images: a plane through weight space, a matrix over pairs of
/// networks, where both variables are their places, or a triangle, where both are weights that sum to at most one. All names are
/// lower-case words with hyphens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Surface {
    /// What it is of, for example `radial-1-2`; members count from 1.
    pub subject: String,
    /// Which images, for example `test`.
    pub data: String,
    /// Id of the metric over the grid, for example `plane-loss`.
    pub quantity: String,
    /// Names of the horizontal and the vertical variable.
    pub variables: [String; 2],
    /// Values of the horizontal variable, n.
    pub x: Vec<f64>,
    /// Values of the vertical variable, m.
    pub y: Vec<f64>,
    /// The quantity at each point, in the metric's own unit: m rows of n, the row of `y[0]` first; NaN or infinite where the
    /// network there has none. Of a triangle, where m is n, rows of n, n − 1, …, 1, each from `x[0]` on: n(n + 1)/2 values, by which
    /// it is known.
    pub values: Vec<f64>,
    /// Named places, for example `member-1` at its coordinates.
    pub marks: Vec<(String, [f64; 2])>,
}

/// Begins the names of lists that are surfaces: `surface radial-1-2 test plane-loss x y` holds the values; the same with ` at-x`
/// and ` at-y` those of the variables; with ` mark member-1` a place. Readers that know of no surfaces see more lists.
const SURFACE: &str = "surface ";
const AT_X: &str = " at-x";
const AT_Y: &str = " at-y";
const MARK: &str = " mark ";

/// A blank in a name is written as a hyphen, so that names stay apart.
fn word(name: &str) -> String {
    name.replace(' ', "-")
}

impl Surface {
    /// The name of its list.
    fn name(&self) -> String {
        let parts = [&self.subject, &self.data, &self.quantity, &self.variables[0], &self.variables[1]];
        format!("{SURFACE}{}", parts.map(|part| word(part)).join(" "))
    }

    /// Whether so many values are those of a triangle with so many points along its axes, at least two.
    pub fn is_triangle(x: usize, y: usize, values: usize) -> bool {
        x == y && x > 1 && x.checked_add(1).and_then(|next| x.checked_mul(next)) == values.checked_mul(2)
    }

    /// Whether so many values fill a rectangle with so many points along its axes, or a triangle.
    pub fn fits(x: usize, y: usize, values: usize) -> bool {
        x.checked_mul(y) == Some(values) || Self::is_triangle(x, y, values)
    }
}

impl Record {
    /// Adds a surface, or replaces the one of those names, marks apart: lists, so that it is stored as they are.
    #[must_use]
    pub fn with_surface(mut self, surface: Surface) -> Self {
        let name = surface.name();
        for (mark, place) in &surface.marks {
            self = self.with_list(format!("{name}{MARK}{}", word(mark)), place.to_vec());
        }
        self.with_list(format!("{name}{AT_X}"), surface.x)
            .with_list(format!("{name}{AT_Y}"), surface.y)
            .with_list(name, surface.values)
    }

    /// The surfaces, ordered by their names, marks by theirs. Lists that are named like a surface but lack its other parts, or
    /// hold another number of values than its grid has points, are none.
    pub fn surfaces(&self) -> Vec<Surface> {
        let surface = |(name, values): (&String, &Vec<f64>)| {
            let words: Vec<&str> = name.strip_prefix(SURFACE)?.split(' ').collect();
            let &[subject, data, quantity, across, up] = &words[..] else { return None };
            let axis = |end: &str| self.lists.get(&format!("{name}{end}")).cloned();
            let (x, y) = (axis(AT_X)?, axis(AT_Y)?);
            let prefix = format!("{name}{MARK}");
            let marks = self.lists.iter().filter_map(|(list, place)| {
                let &[x, y] = &place[..] else { return None };
                Some((list.strip_prefix(&prefix)?.to_owned(), [x, y]))
            });
            let [subject, data, quantity] = [subject, data, quantity].map(str::to_owned);
            let (variables, values) = ([across, up].map(str::to_owned), values.clone());
            let fits = Surface::fits(x.len(), y.len(), values.len());
            fits.then(|| Surface { subject, data, quantity, variables, x, y, values, marks: marks.collect() })
        };
        self.lists.iter().filter_map(surface).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surface(data: &str) -> Surface {
        Surface {
            subject: "radial-1-2".into(),
            data: data.into(),
            quantity: "plane-loss".into(),
            variables: ["x".into(), "y".into()],
            x: vec![-0.5, 0.5, 1.5],
            y: vec![0.0, 1.0],
            values: vec![0.1, f64::INFINITY, 0.2, 0.3, 0.4, 0.5],
            marks: vec![("member-1".into(), [1.0, 0.0]), ("origin".into(), [0.0, 0.0])],
        }
    }

    #[test]
    fn surfaces_stand_among_the_lists_and_read_back() {
        let record = Record::default().with_surface(surface("train")).with_surface(surface("test"));
        assert_eq!(record.surfaces(), [surface("test"), surface("train")]);
        assert_eq!(record.lists["surface radial-1-2 test plane-loss x y mark member-1"], [1.0, 0.0]);
        assert!(record.curves().is_empty());
        let mut short = record.clone();
        short.lists.insert("surface radial-1-2 test plane-loss x y at-y".into(), vec![0.0]);
        assert_eq!(short.surfaces(), [surface("train")]);
    }

    #[test]
    fn a_triangle_has_rows_that_shrink_and_is_known_by_the_number_of_its_values() {
        let axis = vec![0.0, 0.5, 1.0];
        let triangle = Surface {
            x: axis.clone(),
            y: axis,
            values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            ..surface("test")
        };
        assert_eq!(
            Record::default().with_surface(triangle.clone()).surfaces(),
            std::slice::from_ref(&triangle)
        );
        for (values, expected) in [(5, 0), (7, 0), (9, 1)] {
            let other = Surface { values: vec![0.0; values], ..triangle.clone() };
            assert_eq!(Record::default().with_surface(other).surfaces().len(), expected, "{values} values");
        }
        assert!(
            Surface::is_triangle(2, 2, 3) && !Surface::is_triangle(3, 3, 9) && !Surface::is_triangle(3, 2, 6)
        );
        // One point is a rectangle.
        assert!(
            Surface::fits(1, 1, 1)
                && !Surface::is_triangle(1, 1, 1)
                && !Surface::fits(usize::MAX, usize::MAX, 1)
        );
    }

    #[cfg(feature = "tensor-files")]
    #[test]
    fn a_stored_surface_keeps_its_bits() {
        let record = Record::default().with_surface(surface("test of a"));
        let read = Record::decode(&record.encode()).unwrap();
        assert_eq!(read.surfaces(), [surface("test-of-a")]);
    }
}
