#![doc = include_str!("DESIGN.md")]

mod blocks;
mod direct;
mod geometry;
mod image;
mod pack;
mod winograd;

pub(crate) use blocks::Blocks;
pub(crate) use geometry::Geometry;
pub use geometry::{ConvShape, Padding};
pub use pack::{Algorithm, PackedConv};

use candle_core::Result;
use pack::Form;

/// Images in `x`, after checking that the weights are there and that input and output have whole images of these sizes.
fn images(conv: &PackedConv, x: usize, y: usize, (h, w): (usize, usize)) -> Result<usize> {
    let (g, s) = (conv.geometry(), conv.shape());
    if h == 0 || w == 0 || s.weights() == 0 || s.stride == 0 || g.output(h) * g.output(w) == 0 {
        candle_core::bail!("{s:?} at {h}x{w}, expected sizes above 0");
    }
    if !conv.is_packed() {
        candle_core::bail!("{s:?}: its weights were never packed");
    }
    let size = |h: usize, w: usize, c: usize| h.checked_mul(w).and_then(|hw| hw.checked_mul(c));
    let sizes = size(h, w, s.cin).zip(size(g.output(h), g.output(w), s.cout));
    let fits = sizes.filter(|(i, o)| x.is_multiple_of(*i) && (x / i).checked_mul(*o) == Some(y));
    match fits {
        Some((one, _)) => Ok(x / one),
        None => candle_core::bail!("{x} inputs and {y} outputs for {s:?} at {h}x{w}"),
    }
}

/// Output `[n, h', w', cout]` for input `[n, h, w, cin]`; every element of `out` is written.
///
/// # Errors
/// When a length does not fit `h`, `w` and the packed shape, or nothing was packed.
pub fn forward(conv: &PackedConv, x: &[f32], h: usize, w: usize, out: &mut [f32]) -> Result<()> {
    forward_then(conv, x, h, w, out, |_, _| {})
}

/// As [`forward`]; `finished(first, pixels)` is called with every run of finished output pixels (`first` counts
/// pixels from the start of `out`), while they are still in cache.
///
/// # Errors
/// As [`forward`].
pub fn forward_then(
    conv: &PackedConv,
    x: &[f32],
    h: usize,
    w: usize,
    out: &mut [f32],
    finished: impl FnMut(usize, &mut [f32]),
) -> Result<()> {
    let n = images(conv, x.len(), out.len(), (h, w))?;
    match &conv.form {
        Form::Direct(direct) => direct.forward(conv.geometry(), x, (n, h, w), out, finished),
        Form::Winograd(winograd) => winograd.forward(x, (n, h, w), out, finished),
    }
    Ok(())
}

/// Gradient with respect to the input, `[n, h, w, cin]`, for the output gradient `[n, h', w', cout]`;
/// added to `dx` where `add`, otherwise every element of `dx` is written.
///
/// # Errors
/// As [`forward`], or when the weights were packed without the input gradient.
pub fn input_gradient(
    conv: &PackedConv,
    dy: &[f32],
    h: usize,
    w: usize,
    dx: &mut [f32],
    add: bool,
) -> Result<()> {
    let n = images(conv, dx.len(), dy.len(), (h, w))?;
    if !conv.has_input_gradient() {
        candle_core::bail!("{:?} was packed without the input gradient: for evaluation", conv.shape());
    }
    match &conv.form {
        Form::Direct(direct) => direct.input_gradient(conv.geometry(), dy, (n, h, w), dx, add),
        Form::Winograd(winograd) => winograd.input_gradient(dy, (n, h, w), dx, add),
    }
    Ok(())
}

/// The weight gradient summed over `n` images, in packed order (`[kh, kw, cin, padded cout]`, see
/// [`PackedConv::gradient_len`]); added to `dw` where `add`, otherwise written.
///
/// # Errors
/// As [`forward`].
pub fn weight_gradient(
    conv: &PackedConv,
    x: &[f32],
    dy: &[f32],
    h: usize,
    w: usize,
    dw: &mut [f32],
    add: bool,
) -> Result<()> {
    let n = images(conv, x.len(), dy.len(), (h, w))?;
    if dw.len() != conv.gradient_len() {
        candle_core::bail!("{} sums of the weight gradient of {:?}", dw.len(), conv.shape());
    }
    if n == 0 {
        // No image: the sum is zero.
        if !add {
            dw.fill(0.0);
        }
        return Ok(());
    }
    match &conv.form {
        Form::Direct(direct) => direct.weight_gradient(conv.geometry(), x, dy, (n, h, w), dw, add),
        Form::Winograd(winograd) => winograd.weight_gradient(x, dy, (n, h, w), dw, add),
    }
    Ok(())
}
