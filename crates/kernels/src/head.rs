//! The head of a classifier: global mean pool and a dense layer, on a few images.

/// Mean over the pixels of each image: `[n, pixels, c]` to `[n, c]`, pixels in order.
///
/// # Panics
/// When lengths disagree.
pub fn mean_pool(x: &[f32], pixels: usize, c: usize) -> Vec<f32> {
    assert!(x.len().is_multiple_of(pixels * c), "{} values for {pixels} pixels of {c} channels", x.len());
    let mut out = vec![0.0; x.len() / pixels];
    for (image, sum) in x.chunks_exact(pixels * c).zip(out.chunks_exact_mut(c)) {
        for pixel in image.chunks_exact(c) {
            sum.iter_mut().zip(pixel).for_each(|(s, v)| *s += v);
        }
        sum.iter_mut().for_each(|s| *s /= pixels as f32);
    }
    out
}

/// Gradient of [`mean_pool`]: `[n, c]` to `[n, pixels, c]`.
pub fn mean_pool_gradient(dy: &[f32], pixels: usize, c: usize) -> Vec<f32> {
    let mut dx = Vec::with_capacity(dy.len() * pixels);
    for row in dy.chunks_exact(c) {
        let share: Vec<f32> = row.iter().map(|g| g / pixels as f32).collect();
        (0..pixels).for_each(|_| dx.extend_from_slice(&share));
    }
    dx
}

/// y = x Wᵀ + b: `[n, in]` to `[n, out]` with W `[out, in]`, b `[out]`.
///
/// # Panics
/// When lengths disagree.
pub fn dense(x: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
    let (outputs, inputs) = (bias.len(), weight.len() / bias.len());
    assert!(
        weight.len() == outputs * inputs && x.len().is_multiple_of(inputs),
        "dense layer {outputs}×{inputs}"
    );
    let row = |x: &[f32], o: usize| {
        let w = &weight[o * inputs..][..inputs];
        bias[o] + x.iter().zip(w).map(|(a, b)| a * b).sum::<f32>()
    };
    x.chunks_exact(inputs).flat_map(|x| (0..outputs).map(move |o| row(x, o))).collect()
}

/// Gradients of [`dense`]: returns dx and adds to `dweight` and `dbias`, image by image.
///
/// # Panics
/// When lengths disagree.
pub fn dense_gradient(
    x: &[f32],
    weight: &[f32],
    dy: &[f32],
    dweight: &mut [f32],
    dbias: &mut [f32],
) -> Vec<f32> {
    let (outputs, inputs) = (dbias.len(), weight.len() / dbias.len());
    assert!(weight.len() == outputs * inputs && dweight.len() == weight.len());
    assert_eq!(x.len() / inputs * outputs, dy.len(), "dense layer {outputs}×{inputs}");
    let mut dx = vec![0.0; x.len()];
    for ((x, dy), dx) in x.chunks_exact(inputs).zip(dy.chunks_exact(outputs)).zip(dx.chunks_exact_mut(inputs))
    {
        for (o, &g) in dy.iter().enumerate() {
            dbias[o] += g;
            let (w, dw) = (&weight[o * inputs..][..inputs], &mut dweight[o * inputs..][..inputs]);
            for i in 0..inputs {
                dx[i] += g * w[i];
                dw[i] += g * x[i];
            }
        }
    }
    dx
}
