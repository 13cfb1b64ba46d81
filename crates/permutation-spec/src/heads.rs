//! Do permutations move attention heads as wholes?

use crate::Permutation;

/// The head from which each head is taken.
///
/// # Errors
/// A message when the units of one head come from two.
pub(crate) fn order_of_heads(permutation: &Permutation, heads: usize) -> Result<Vec<usize>, String> {
    let size = permutation.len() / heads.max(1);
    let indices = permutation.as_slice();
    let of_head = |(head, units): (usize, &[usize])| {
        let from = units[0] / size;
        match units.iter().position(|unit| unit / size != from) {
            None => Ok(from),
            Some(at) => Err(format!(
                "takes unit {} of head {head} from head {}, expected head {from} as for its first unit",
                head * size + at,
                units[at] / size
            )),
        }
    };
    indices.chunks_exact(size.max(1)).enumerate().map(of_head).collect()
}
