//! Plasma by diamonds and squares, on a map whose edges meet.

use basin_core::Rng;

/// Values from 0 to 1, `[side, side]` of the smallest power of two that is not smaller. Each new point is the mean of its
/// four neighbours and a draw from ±w², where w begins at 100 and is divided by `decay` after every level.
pub(super) fn plasma(side: usize, decay: f64, rng: &mut Rng) -> Vec<f64> {
    let n = side.next_power_of_two();
    let (mut map, mut step, mut wibble) = (vec![0.0; n * n], n, 100.0);
    while step >= 2 {
        let half = step / 2;
        // A point at (y, x), from those at these four offsets.
        let mut fill = |first: (usize, usize), around: [(usize, usize); 4]| {
            for y in (first.0..n).step_by(step) {
                for x in (first.1..n).step_by(step) {
                    let near = |(dy, dx): (usize, usize)| map[(y + dy) % n * n + (x + dx) % n];
                    let [a, b, c, d] = around.map(near);
                    map[y * n + x] = (a + b + c + d) / 4.0 + wibble * rng.uniform_in(-wibble, wibble);
                }
            }
        };
        let back = n - half;
        fill((half, half), [(back, back), (back, half), (half, back), (half, half)]);
        let cross = [(back, 0), (half, 0), (0, back), (0, half)];
        fill((0, half), cross);
        fill((half, 0), cross);
        (step, wibble) = (half, wibble / decay);
    }
    let low = map.iter().copied().fold(f64::INFINITY, f64::min);
    map.iter_mut().for_each(|x| *x -= low);
    let high = map.iter().copied().fold(0.0, f64::max);
    if high > 0.0 {
        map.iter_mut().for_each(|x| *x /= high);
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_core::SeedTree;

    #[test]
    fn a_plasma_fills_its_range_and_is_smoother_the_faster_it_decays() {
        let roughness = |decay| {
            let map = plasma(28, decay, &mut SeedTree::root(1).rng());
            assert_eq!(map.len(), 32 * 32);
            assert!(map.contains(&0.0) && map.contains(&1.0));
            map.windows(2).map(|pair| (pair[1] - pair[0]).powi(2)).sum::<f64>()
        };
        assert!(roughness(3.0) < roughness(1.75));
    }
}
