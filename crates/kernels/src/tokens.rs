//! Images as tokens: patches, the class token with positions, and the first token, on a few images.
//!
//! Copies and additions of whole rows; each function passes over its arrays once.

/// Cuts images `[n, side, side, c]` into patches `[n, (side/patch)², c · patch²]`, row by row; a patch's
/// vector runs over channel, row, column, as a convolution's weights `[out, c, patch, patch]` do.
///
/// # Panics
/// When lengths disagree or `patch` does not divide `side`.
pub fn patches(x: &[f32], side: usize, c: usize, patch: usize, out: &mut [f32]) {
    assert!(side.is_multiple_of(patch) && x.len().is_multiple_of(side * side * c), "{side}, {c}, {patch}");
    assert_eq!(x.len(), out.len());
    let (grid, area) = (side / patch, patch * patch);
    for (index, vector) in out.chunks_exact_mut(c * area).enumerate() {
        let (image, at) = (index / (grid * grid), index % (grid * grid));
        let image = &x[image * side * side * c..][..side * side * c];
        let (top, left) = (at / grid * patch, at % grid * patch);
        for row in 0..patch {
            let pixels = image[((top + row) * side + left) * c..][..patch * c].chunks_exact(c);
            for (column, pixel) in pixels.enumerate() {
                for (channel, value) in pixel.iter().enumerate() {
                    vector[channel * area + row * patch + column] = *value;
                }
            }
        }
    }
}

/// Puts the class token `cls` (`[d]`) before the tokens `embedded` (`[n, T, d]`) of each image and adds the
/// `positions` (`[T + 1, d]`): `out` is `[n, T + 1, d]`.
///
/// # Panics
/// When lengths disagree.
pub fn prepend(embedded: &[f32], cls: &[f32], positions: &[f32], out: &mut [f32]) {
    let (d, image) = (cls.len(), positions.len());
    let n = images(embedded.len(), d, image);
    assert_eq!(out.len(), n * image);
    for i in 0..n {
        let (first, others) = out[i * image..][..image].split_at_mut(d);
        add(cls, &positions[..d], first);
        add(&embedded[i * (image - d)..][..image - d], &positions[d..], others);
    }
}

/// Gradients of [`prepend`] from `dout` (`[n, T + 1, d]`): adds to `dcls` (`[d]`) and `dpositions`
/// (`[T + 1, d]`), image by image, and writes `dembedded` (`[n, T, d]`).
///
/// # Panics
/// When lengths disagree.
pub fn prepend_gradient(dout: &[f32], dcls: &mut [f32], dpositions: &mut [f32], dembedded: &mut [f32]) {
    let (d, image) = (dcls.len(), dpositions.len());
    let n = images(dembedded.len(), d, image);
    assert_eq!(dout.len(), n * image);
    for i in 0..n {
        let dout = &dout[i * image..][..image];
        dcls.iter_mut().zip(&dout[..d]).for_each(|(sum, g)| *sum += g);
        dpositions.iter_mut().zip(dout).for_each(|(sum, g)| *sum += g);
        dembedded[i * (image - d)..][..image - d].copy_from_slice(&dout[d..]);
    }
}

/// The first of each image's tokens: `[n, tokens, d]` to `[n, d]`.
///
/// # Panics
/// When lengths disagree.
pub fn first_token(x: &[f32], tokens: usize, d: usize, out: &mut [f32]) {
    assert!(x.len().is_multiple_of(tokens * d) && x.len() / tokens == out.len(), "{tokens} tokens of {d}");
    for (image, out) in x.chunks_exact(tokens * d).zip(out.chunks_exact_mut(d)) {
        out.copy_from_slice(&image[..d]);
    }
}

/// Gradient of [`first_token`]: writes all of `dx` (`[n, tokens, d]`), zeros but for the first tokens.
///
/// # Panics
/// When lengths disagree.
pub fn first_token_gradient(dout: &[f32], tokens: usize, d: usize, dx: &mut [f32]) {
    assert!(dx.len().is_multiple_of(tokens * d) && dx.len() / tokens == dout.len(), "{tokens} tokens of {d}");
    for (image, dout) in dx.chunks_exact_mut(tokens * d).zip(dout.chunks_exact(d)) {
        image[..d].copy_from_slice(dout);
        image[d..].fill(0.0);
    }
}

/// How many images the tokens without a class token come from; `image` floats each with it.
fn images(embedded: usize, d: usize, image: usize) -> usize {
    assert!(d > 0 && image > d && image.is_multiple_of(d), "{image} positions for tokens of {d}");
    assert!(embedded.is_multiple_of(image - d), "{embedded} values in tokens of {d}");
    embedded / (image - d)
}

fn add(a: &[f32], b: &[f32], out: &mut [f32]) {
    out.iter_mut().zip(a.iter().zip(b)).for_each(|(out, (a, b))| *out = a + b);
}
