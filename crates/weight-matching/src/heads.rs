//! Permutations that move whole attention heads: which are the best ones.

use crate::{Objective, linear_sum_assignment};

/// The best permutations of an attention group for gains `qk` and `vo`, `[units, units]` each: both take whole
/// heads in one common order. Exact, since the gain of a pair of heads does not depend on the other pairs:
/// for each pair the best inner assignments give its value, then an assignment over heads picks the pairs
/// (Verma & Elbayad, "Merging Text Transformer Models from Different Initializations", do so for correlations
/// of activations). With h heads of k units: 2 h² assignments of size k and one of size h, O(h² k³ + h³).
pub(crate) fn best(qk: &[f64], vo: &[f64], units: usize, heads: usize) -> [Vec<usize>; 2] {
    let size = units / heads;
    if size == 0 {
        // No units are a multiple of any number of heads, which may then be out of all proportion.
        return [Vec::new(), Vec::new()];
    }
    let inner = |gain: &[f64], i: usize, j: usize| {
        let rows = (0..size).flat_map(|row| &gain[(i * size + row) * units + j * size..][..size]);
        let (order, value) = assign(&rows.copied().collect::<Vec<f64>>(), size);
        (order.into_iter().map(move |unit| j * size + unit).collect::<Vec<usize>>(), value)
    };
    let pairs = (0..heads * heads).map(|pair| [qk, vo].map(|gain| inner(gain, pair / heads, pair % heads)));
    let pairs: Vec<[(Vec<usize>, f64); 2]> = pairs.collect();
    let values: Vec<f64> = pairs.iter().map(|[qk, vo]| qk.1 + vo.1).collect();
    let (head_of, _) = assign(&values, heads);
    [0, 1].map(|side| {
        let heads = head_of.iter().enumerate().map(|(i, j)| &pairs[i * heads + j][side].0);
        heads.flatten().copied().collect()
    })
}

/// Column of each row, and the value.
pub(crate) fn assign(gain: &[f64], n: usize) -> (Vec<usize>, f64) {
    let solved = linear_sum_assignment(gain, n, n, Objective::Maximise)
        .expect("sums of products of finite f32 are below 1e300 in f64");
    (solved.pairs().iter().map(|&(_, column)| column).collect(), solved.value())
}
