#![doc = include_str!("DESIGN.md")]

mod blocks;
mod direct;
mod geometry;
mod image;
mod pack;
mod winograd;

pub use geometry::ConvShape;
pub use pack::{Algorithm, PackedConv};

use pack::Form;

/// Images in `x`, after checking that input and output have whole images of these sizes.
fn images(s: ConvShape, x: usize, y: usize, (h, w): (usize, usize)) -> usize {
    assert!(h > 0 && w > 0 && s.weights() > 0 && s.stride > 0, "{s:?} at {h}x{w}");
    let size = |h: usize, w: usize, c: usize| h.checked_mul(w).and_then(|hw| hw.checked_mul(c));
    let sizes = size(h, w, s.cin).zip(size(s.output(h), s.output(w), s.cout));
    let fits = sizes.filter(|(i, o)| x.is_multiple_of(*i) && (x / i).checked_mul(*o) == Some(y));
    let Some((one, _)) = fits else { panic!("{x} inputs and {y} outputs for {s:?} at {h}x{w}") };
    x / one
}

/// Output `[n, h', w', cout]` for input `[n, h, w, cin]`; every element of `out` is written.
///
/// # Panics
/// When a length does not fit `h`, `w` and the packed shape.
pub fn forward(conv: &PackedConv, x: &[f32], h: usize, w: usize, out: &mut [f32]) {
    forward_then(conv, x, h, w, out, |_, _| {});
}

/// As [`forward`]; `finished(first, pixels)` is called with every run of finished output pixels (`first` counts
/// pixels from the start of `out`), while they are still in cache.
///
/// # Panics
/// As [`forward`].
pub fn forward_then(
    conv: &PackedConv,
    x: &[f32],
    h: usize,
    w: usize,
    out: &mut [f32],
    finished: impl FnMut(usize, &mut [f32]),
) {
    let s = conv.shape();
    let n = images(s, x.len(), out.len(), (h, w));
    match &conv.form {
        Form::Direct(direct) => direct.forward(s, x, (n, h, w), out, finished),
        Form::Winograd(winograd) => winograd.forward(x, (n, h, w), out, finished),
    }
}

/// Gradient with respect to the input, `[n, h, w, cin]`, for the output gradient `[n, h', w', cout]`;
/// added to `dx` where `add`, otherwise every element of `dx` is written.
///
/// # Panics
/// When a length does not fit, or the weights were packed without the input gradient.
pub fn input_gradient(conv: &PackedConv, dy: &[f32], h: usize, w: usize, dx: &mut [f32], add: bool) {
    let s = conv.shape();
    let n = images(s, dx.len(), dy.len(), (h, w));
    assert!(conv.has_input_gradient(), "packed without the input gradient");
    match &conv.form {
        Form::Direct(direct) => direct.input_gradient(s, dy, (n, h, w), dx, add),
        Form::Winograd(winograd) => winograd.input_gradient(dy, (n, h, w), dx, add),
    }
}

/// The weight gradient summed over `n` images, in packed order (`[kh, kw, cin, padded cout]`, see
/// [`PackedConv::gradient_len`]); added to `dw` where `add`, otherwise written.
///
/// # Panics
/// When a length does not fit.
pub fn weight_gradient(
    conv: &PackedConv,
    x: &[f32],
    dy: &[f32],
    h: usize,
    w: usize,
    dw: &mut [f32],
    add: bool,
) {
    let s = conv.shape();
    let n = images(s, x.len(), dy.len(), (h, w));
    assert_eq!(dw.len(), conv.gradient_len());
    if n == 0 {
        // No image: the sum is zero.
        if !add {
            dw.fill(0.0);
        }
        return;
    }
    match &conv.form {
        Form::Direct(direct) => direct.weight_gradient(s, x, dy, (n, h, w), dw, add),
        Form::Winograd(winograd) => winograd.weight_gradient(x, dy, (n, h, w), dw, add),
    }
}
