//! The global mean pool before a classifier's dense layer, on a few images.

/// Mean over the pixels of each image: `[n, pixels, c]` to `[n, c]`, pixels in order.
///
/// # Panics
/// When lengths disagree.
pub fn mean_pool(x: &[f32], pixels: usize, c: usize, out: &mut [f32]) {
    let fits = c > 0 && pixels > 0 && out.len().is_multiple_of(c) && x.len() / pixels == out.len();
    assert!(fits && x.len().is_multiple_of(pixels), "{} values for {pixels} pixels of {c} channels", x.len());
    for (image, sum) in x.chunks_exact(pixels * c).zip(out.chunks_exact_mut(c)) {
        sum.fill(0.0);
        for pixel in image.chunks_exact(c) {
            sum.iter_mut().zip(pixel).for_each(|(s, v)| *s += v);
        }
        sum.iter_mut().for_each(|s| *s /= pixels as f32);
    }
}

/// Gradient of [`mean_pool`]: `[n, c]` to `[n, pixels, c]`.
///
/// # Panics
/// When lengths disagree.
pub fn mean_pool_gradient(dy: &[f32], pixels: usize, c: usize, dx: &mut [f32]) {
    let fits = c > 0 && pixels > 0 && dy.len().is_multiple_of(c) && dx.len() / pixels == dy.len();
    assert!(fits && dx.len().is_multiple_of(pixels), "{} gradients for {pixels}×{c}", dy.len());
    for (row, image) in dy.chunks_exact(c).zip(dx.chunks_exact_mut(pixels * c)) {
        for pixel in image.chunks_exact_mut(c) {
            pixel.iter_mut().zip(row).for_each(|(p, g)| *p = g / pixels as f32);
        }
    }
}
