//! The two directions of a plane, its grid, and the network at each of its points.

use crate::similarity::is_weight;
use basin_core::{Array, Citation, Params, ParamsError, Rng, SeedTree};

/// Source of filter-normalised directions.
pub(super) const LI: Citation = Citation {
    key: "li2018visualizing",
    authors: "Li, Hao and Xu, Zheng and Taylor, Gavin and Studer, Christoph and Goldstein, Tom",
    title: "Visualizing the Loss Landscape of Neural Nets",
    year: 2018,
    locator: "1712.09913",
};

/// Below this share of a vector's length, what is left of it beside another direction is rounding.
const DISTINCT: f64 = 1e-6;

/// A grid of a plane. The network at (x, y) is Σᵢ (x·aᵢ + y·bᵢ + cᵢ) θᵢ over the networks that span it, so that no direction is
/// ever rounded to a network's precision, and the members lie on it to the bit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Basis {
    /// Horizontal coordinates.
    pub(super) x: Vec<f64>,
    /// Vertical coordinates.
    pub(super) y: Vec<f64>,
    /// What lies where.
    pub(super) marks: Vec<(String, [f64; 2])>,
    /// `[a, b, c]` of each network.
    coefficients: Vec<[f64; 3]>,
}

impl Basis {
    /// Through the origin and two networks.
    pub(super) fn radial(members: &[Params], points: usize) -> Result<Self, String> {
        let [first, second] = members else { return Err(format!("{} networks, expected 2", members.len())) };
        let dot = |a: &Params, b: &Params| a.dot(b, is_weight).map_err(told);
        let (long, other) = (dot(first, first)?.sqrt(), dot(second, second)?.sqrt());
        if !(long > 0.0 && other > 0.0) {
            return Err("a network of zeros has no direction, expected two directions from the origin".into());
        }
        // Of the second network along the first, and beside it.
        let along = dot(first, second)? / long;
        let beside = (other * other - along * along).max(0.0).sqrt();
        apart(beside, other)?;
        let reach = long.max(other);
        let axis = spread(-0.25 * reach, 1.25 * reach, points);
        Ok(Self {
            x: axis.clone(),
            y: axis,
            marks: vec![
                ("member-1".into(), [long, 0.0]),
                ("member-2".into(), [along, beside]),
                ("origin".into(), [0.0, 0.0]),
            ],
            coefficients: vec![[1.0 / long, -along / (beside * long), 0.0], [0.0, 1.0 / beside, 0.0]],
        })
    }

    /// Through three networks.
    pub(super) fn through(members: &[Params], points: usize) -> Result<Self, String> {
        let [first, second, third] = members else {
            return Err(format!("{} networks, expected 3", members.len()));
        };
        // Products of differences, from those of the networks: in f64, of which hardly a digit cancels here.
        let difference = |to: &Params| -> Result<Params, String> {
            Params::linear_combination(&[to, first], &[1.0, -1.0]).map_err(told)
        };
        let (u, v) = (difference(second)?, difference(third)?);
        let dot = |a: &Params, b: &Params| a.dot(b, is_weight).map_err(told);
        let (wide, other) = (dot(&u, &u)?.sqrt(), dot(&v, &v)?.sqrt());
        apart(wide, dot(first, first)?.sqrt())?;
        let along = dot(&u, &v)? / wide;
        let beside = (other * other - along * along).max(0.0).sqrt();
        apart(beside, other)?;
        let ends = |values: [f64; 3]| {
            let (low, high) =
                values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
            let margin = 0.2 * (high - low);
            spread(low - margin, high + margin, points)
        };
        let (of_u, of_v) = ([1.0 / wide, -along / (beside * wide), 0.0], [0.0, 1.0 / beside, 0.0]);
        let of_first = [-of_u[0] - of_v[0], -of_u[1] - of_v[1], 1.0];
        Ok(Self {
            x: ends([0.0, wide, along]),
            y: ends([0.0, 0.0, beside]),
            marks: vec![
                ("member-1".into(), [0.0, 0.0]),
                ("member-2".into(), [wide, 0.0]),
                ("member-3".into(), [along, beside]),
            ],
            coefficients: vec![of_first, of_u, of_v],
        })
    }

    /// From one network in two random directions, which are added to `members`.
    pub(super) fn random(members: &mut Vec<Params>, points: usize, seeds: &SeedTree) -> Result<Self, String> {
        let center = members.first().ok_or("no network, expected one")?.clone();
        for axis in ["x", "y"] {
            members.push(direction(&center, &mut seeds.child("direction").child(axis).rng()));
        }
        let axis = spread(-1.0, 1.0, points);
        Ok(Self {
            x: axis.clone(),
            y: axis,
            marks: vec![("member-1".into(), [0.0, 0.0])],
            coefficients: vec![[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
        })
    }

    /// The network at a point.
    pub(super) fn network(&self, spanning: &[Params], (x, y): (f64, f64)) -> Result<Params, String> {
        let all: Vec<&Params> = spanning.iter().collect();
        let coefficients: Vec<f64> = self.coefficients.iter().map(|[a, b, c]| x * a + y * b + c).collect();
        Params::linear_combination(&all, &coefficients).map_err(told)
    }
}

/// A random direction as long as the network, filter by filter; zero for biases, normalisations and running statistics.
fn direction(center: &Params, rng: &mut Rng) -> Params {
    let of = |(name, array): (&str, &Array)| {
        let filters = array.shape().first().copied().filter(|_| array.shape().len() > 1 && is_weight(name));
        let mut drawn = vec![0.0f32; array.data().len()];
        let length = drawn.len() / filters.unwrap_or(1).max(1);
        if filters.is_some() && length > 0 {
            for (drawn, filter) in drawn.chunks_mut(length).zip(array.data().chunks(length)) {
                let values: Vec<f64> = filter.iter().map(|_| rng.normal()).collect();
                let norm = values.iter().map(|v| v * v).sum::<f64>().sqrt();
                let wanted = filter.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
                drawn.iter_mut().zip(values).for_each(|(d, v)| *d = (v * wanted / norm) as f32);
            }
        }
        let array = Array::new(array.shape().to_vec(), drawn).expect("as many values as before");
        (name.to_owned(), array)
    };
    center.iter().map(of).collect()
}

/// Evenly, ends included.
fn spread(low: f64, high: f64, points: usize) -> Vec<f64> {
    (0..points).map(|i| low + (high - low) * i as f64 / (points - 1) as f64).collect()
}

/// Refuses networks that leave no second direction.
fn apart(beside: f64, length: f64) -> Result<(), String> {
    match beside > DISTINCT * length {
        true => Ok(()),
        false => Err("the networks are the same or lie on one line, expected two directions".into()),
    }
}

fn told(error: ParamsError) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(w: &[f32]) -> Params {
        let weights = Array::new(vec![2, w.len() / 2], w.to_vec()).unwrap();
        let running = Array::new(vec![1], vec![9.0]).unwrap();
        Params::from_iter([("w".to_owned(), weights), ("bn.running_mean".to_owned(), running)])
    }

    fn values(network: &Params) -> Vec<f32> {
        network.get("w").unwrap().data().to_vec()
    }

    fn at(basis: &Basis, members: &[Params], name: &str) -> Vec<f32> {
        let (_, [x, y]) = basis.marks.iter().find(|(mark, _)| mark == name).unwrap();
        values(&basis.network(members, (*x, *y)).unwrap())
    }

    fn close(a: &[f32], b: &[f32]) {
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5), "{a:?} against {b:?}");
    }

    #[test]
    fn the_radial_plane_holds_both_members_and_the_origin() {
        let members = [params(&[3.0, 4.0, 0.0, 0.0]), params(&[1.0, 2.0, 2.0, 0.0])];
        let basis = Basis::radial(&members, 7).unwrap();
        close(&at(&basis, &members, "member-1"), &[3.0, 4.0, 0.0, 0.0]);
        close(&at(&basis, &members, "member-2"), &[1.0, 2.0, 2.0, 0.0]);
        close(&at(&basis, &members, "origin"), &[0.0; 4]);
        // 5 is the longer one; distances in the plane are distances of networks.
        assert_eq!((basis.x[0], basis.x[6]), (-1.25, 6.25));
        let [one, two] = [basis.marks[0].1, basis.marks[1].1];
        let apart = (one[0] - two[0]).hypot(one[1] - two[1]);
        assert!((apart - (4.0f64 + 4.0 + 4.0).sqrt()).abs() < 1e-12, "{apart}");
        // The direction of the axes: a point on the horizontal one is a multiple of the first member.
        close(&values(&basis.network(&members, (10.0, 0.0)).unwrap()), &[6.0, 8.0, 0.0, 0.0]);
    }

    #[test]
    fn the_plane_of_three_holds_them_and_keeps_distances() {
        let members =
            [params(&[1.0, 1.0, 0.0, 0.0]), params(&[3.0, 1.0, 0.0, 0.0]), params(&[2.0, 4.0, 1.0, 0.0])];
        let basis = Basis::through(&members, 3).unwrap();
        for (i, member) in members.iter().enumerate() {
            close(&at(&basis, &members, &format!("member-{}", i + 1)), &values(member));
        }
        assert_eq!(basis.marks[1].1, [2.0, 0.0]);
        assert!(
            (basis.marks[2].1[0] - 1.0).abs() < 1e-12 && (basis.marks[2].1[1] - 10f64.sqrt()).abs() < 1e-12
        );
        assert_eq!((basis.x[0], basis.x[2]), (-0.4, 2.4));
    }

    #[test]
    fn random_directions_are_as_long_as_each_filter() {
        let mut members = vec![params(&[3.0, 4.0, 0.0, 2.0])];
        let basis = Basis::random(&mut members, 5, &SeedTree::root(1)).unwrap();
        for direction in &members[1..] {
            let w = values(direction);
            assert!((f64::from(w[0]).hypot(f64::from(w[1])) - 5.0).abs() < 1e-5);
            assert!((f64::from(w[2]).hypot(f64::from(w[3])) - 2.0).abs() < 1e-5);
            assert_eq!(direction.get("bn.running_mean").unwrap().data(), [0.0]);
        }
        assert_ne!(values(&members[1]), values(&members[2]));
        let there = basis.network(&members, (0.0, 0.0)).unwrap();
        assert_eq!(there.content_hash(), members[0].content_hash());
    }

    #[test]
    fn networks_that_span_no_plane_are_refused() {
        let one = params(&[3.0, 4.0, 0.0, 0.0]);
        let twice = params(&[6.0, 8.0, 0.0, 0.0]);
        let zero = params(&[0.0; 4]);
        let expected = "the networks are the same or lie on one line, expected two directions";
        assert_eq!(Basis::radial(&[one.clone(), one.clone()], 3).unwrap_err(), expected);
        assert_eq!(Basis::radial(&[one.clone(), twice.clone()], 3).unwrap_err(), expected);
        assert_eq!(Basis::through(&[one.clone(), twice, zero.clone()], 3).unwrap_err(), expected);
        assert!(Basis::radial(&[one.clone(), zero], 3).unwrap_err().contains("a network of zeros"));
        let other = Params::from_iter([("v".to_owned(), Array::full(vec![2], 1.0))]);
        assert!(Basis::radial(&[one, other], 3).unwrap_err().contains("parameters"));
    }
}
