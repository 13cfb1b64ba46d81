//! Multi-head softmax attention between the tokens of each image: softmax(Q Kᵀ/√s) V, head size s.
//!
//! A row of `qkv` is one token: queries, keys and values of `channels` each, head h in columns
//! `h·s..(h+1)·s` of its third. The forward pass keeps one number per query, ln Σ exp of its scores; the
//! backward pass makes the probabilities again from it (Dao et al., "FlashAttention", 2022, Alg. 4), so no
//! `tokens × tokens` matrix outlives a head.
//!
//! Scores are held transposed, keys down and queries along the vectors: softmax then runs down the
//! columns, all lanes busy with queries of their own, with no sums across lanes and nothing to mask: lanes
//! past the last query compute on zeros and are never read. A head's working set is packed into one buffer
//! (for 65 tokens of 32: 48 KiB forward, about twice that backward).
//!
//! Per image, forward is 4·T²·d floating-point operations and T²·heads exponentials, backward 10·T²·d and
//! as many exponentials. Everything runs on the calling thread, head by head; an image's results do not
//! depend on the images beside it.

mod backward;
mod forward;
mod pack;
mod product;

pub use backward::backward;
pub use forward::forward;

use crate::simd::Isa;

/// Sizes of one call.
#[derive(Clone, Copy)]
struct Sizes {
    images: usize,
    /// Channels of a head.
    head: usize,
    /// Tokens, rounded up to whole vectors.
    columns: usize,
    /// Channels of a head, rounded up to whole vectors.
    width: usize,
}

impl Sizes {
    /// # Panics
    /// When a size is zero, or heads do not divide the channels, or `qkv` is not whole images.
    fn new(qkv: &[f32], tokens: usize, channels: usize, heads: usize, isa: Isa) -> Self {
        assert!(tokens > 0 && channels > 0 && heads > 0, "{tokens} tokens of {channels}, {heads} heads");
        assert!(channels.is_multiple_of(heads), "{heads} heads on {channels} channels");
        let one = tokens.checked_mul(channels).and_then(|size| size.checked_mul(3));
        let whole = one.is_some_and(|one| qkv.len().is_multiple_of(one));
        assert!(whole, "{} values of q, k, v", qkv.len());
        let (head, lanes) = (channels / heads, isa.lanes());
        Self {
            images: qkv.len() / (tokens * 3 * channels),
            head,
            columns: tokens.next_multiple_of(lanes),
            width: head.next_multiple_of(lanes),
        }
    }

    /// 1/√s.
    fn scale(&self) -> f32 {
        1.0 / (self.head as f32).sqrt()
    }
}
