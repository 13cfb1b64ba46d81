//! The two passes over a row of costs in which the assignment solver spends its time.
//!
//! All instruction sets round alike and break ties alike, so that the solver's result is the same on all of them.

#[cfg(target_arch = "x86_64")]
mod vectors;

use basin_core::{Isa, Set};

/// Lanes in which the passes run.
const LANES: usize = 8;

/// The duals of a row's columns and what is known about paths to them, all of one length.
pub(crate) struct Paths<'a> {
    /// Column duals; minus infinity puts a column out of reach.
    pub(crate) v: &'a [f64],
    /// Length of the shortest known path to each column.
    pub(crate) distance: &'a mut [f64],
    /// Row from which that path comes.
    pub(crate) from: &'a mut [u64],
}

/// Cost minus dual, the cost negated for `MAXIMISE`.
#[inline(always)]
pub(crate) fn reduced<const MAXIMISE: bool>(cost: f64, v: f64) -> f64 {
    (if MAXIMISE { -cost } else { cost }) - v
}

/// Shortens paths by those through row `i`, which is `offset` away, and returns the least distance.
#[allow(unsafe_code, reason = "the passes are compiled for instruction sets found at run time")]
pub(crate) fn relax<const MAXIMISE: bool>(
    isa: Isa,
    row: &[f64],
    paths: Paths<'_>,
    offset: f64,
    i: u64,
) -> f64 {
    let (row8, row1) = row.as_chunks::<LANES>();
    let (v8, v1) = paths.v.as_chunks::<LANES>();
    let (d8, d1) = paths.distance.as_chunks_mut::<LANES>();
    let (f8, f1) = paths.from.as_chunks_mut::<LANES>();
    let least = match isa.set() {
        Set::Portable => relax_any::<MAXIMISE>(row8, v8, d8, f8, offset, i),
        // SAFETY: an `Isa` is only ever one that this CPU has.
        #[cfg(target_arch = "x86_64")]
        Set::Avx2 => unsafe { vectors::relax_avx2::<MAXIMISE>(row8, v8, d8, f8, offset, i) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Set::Avx512 => unsafe { vectors::relax_avx512::<MAXIMISE>(row8, v8, d8, f8, offset, i) },
    };
    let mut least = least.into_iter().fold(f64::INFINITY, f64::min);
    for (((c, v), d), f) in row1.iter().zip(v1).zip(d1).zip(f1) {
        let r = reduced::<MAXIMISE>(*c, *v) + offset;
        if r < *d {
            (*d, *f) = (r, i);
        }
        least = least.min(*d);
    }
    least
}

fn relax_any<const MAXIMISE: bool>(
    row: &[[f64; LANES]],
    v: &[[f64; LANES]],
    distance: &mut [[f64; LANES]],
    from: &mut [[u64; LANES]],
    offset: f64,
    i: u64,
) -> [f64; LANES] {
    let mut least = [f64::INFINITY; LANES];
    for (((c, v), d), f) in row.iter().zip(v).zip(distance).zip(from) {
        for l in 0..LANES {
            let r = reduced::<MAXIMISE>(c[l], v[l]) + offset;
            let closer = r < d[l];
            f[l] = if closer { i } else { f[l] };
            d[l] = if closer { r } else { d[l] };
            least[l] = if d[l] < least[l] { d[l] } else { least[l] };
        }
    }
    least
}

/// Per lane the smallest and the second smallest value, and the block of the first smallest.
struct Two {
    first: [f64; LANES],
    second: [f64; LANES],
    at: [u64; LANES],
}

/// The smallest and the second smallest reduced cost of a row (infinite if there is no second), and the first
/// column of the smallest.
#[allow(unsafe_code, reason = "the passes are compiled for instruction sets found at run time")]
pub(crate) fn two_smallest<const MAXIMISE: bool>(isa: Isa, row: &[f64], v: &[f64]) -> (f64, f64, usize) {
    let ((row8, row1), (v8, v1)) = (row.as_chunks::<LANES>(), v.as_chunks::<LANES>());
    let lanes = match isa.set() {
        Set::Portable => two_any::<MAXIMISE>(row8, v8),
        // SAFETY: an `Isa` is only ever one that this CPU has.
        #[cfg(target_arch = "x86_64")]
        Set::Avx2 => unsafe { vectors::two_avx2::<MAXIMISE>(row8, v8) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Set::Avx512 => unsafe { vectors::two_avx512::<MAXIMISE>(row8, v8) },
    };
    let mut best = (f64::INFINITY, f64::INFINITY, 0);
    let mut merge = |r: f64, runner_up: f64, j: usize| {
        if r < best.0 || (r == best.0 && j < best.2) {
            best = (r, best.0.min(runner_up), j);
        } else {
            best.1 = best.1.min(r);
        }
    };
    (0..LANES).for_each(|l| merge(lanes.first[l], lanes.second[l], lanes.at[l] as usize * LANES + l));
    let rest = row8.len() * LANES..;
    rest.zip(row1.iter().zip(v1))
        .for_each(|(j, (c, v))| merge(reduced::<MAXIMISE>(*c, *v), f64::INFINITY, j));
    best
}

fn two_any<const MAXIMISE: bool>(row: &[[f64; LANES]], v: &[[f64; LANES]]) -> Two {
    let mut two = Two { first: [f64::INFINITY; LANES], second: [f64::INFINITY; LANES], at: [0; LANES] };
    for (k, (c, v)) in (0u64..).zip(row.iter().zip(v)) {
        for l in 0..LANES {
            let r = reduced::<MAXIMISE>(c[l], v[l]);
            let larger = if r > two.first[l] { r } else { two.first[l] };
            two.second[l] = if larger < two.second[l] { larger } else { two.second[l] };
            two.at[l] = if r < two.first[l] { k } else { two.at[l] };
            two.first[l] = if r < two.first[l] { r } else { two.first[l] };
        }
    }
    two
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_core::SeedTree;

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        for cols in [1, 3, 8, 19, 64, 70] {
            let mut rng = SeedTree::root(cols as u64).rng();
            // Few values make ties, whose order must agree too.
            let mut values = || (0..cols).map(|_| f64::from(rng.below(5)) - 0.1).collect::<Vec<f64>>();
            let (row, mut v, distance) = (values(), values(), values());
            v[cols / 2] = f64::NEG_INFINITY;
            let relaxed = |isa| {
                let (mut distance, mut from) = (distance.clone(), vec![7; cols]);
                let paths = Paths { v: &v, distance: &mut distance, from: &mut from };
                let least = relax::<true>(isa, &row, paths, 0.3, 9);
                (least, distance, from, two_smallest::<false>(isa, &row, &v))
            };
            let want = relaxed(Isa::PORTABLE);
            Isa::available().into_iter().for_each(|p| assert_eq!(relaxed(p), want, "{cols} on {p:?}"));
        }
    }
}
