//! Convolutions and dense layers on the device: what is asked of a [`super::Queue`], and the project's own kernels
//! for it (`sources/conv.cu`), which serve where a library is missing or slower.

use super::launches::{Entries, int, strided};
use super::memory::MOST_VALUES;
use super::queue::{Arg, Launch, Queue, Storage};
use super::sources::CONV;
use super::{GpuError, Precision, Span};
use basin_kernels::conv::{ConvShape, Padding};

/// Which of a convolution's three products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pass {
    /// y from x and w.
    Forward,
    /// dx from dy and w.
    InputGradient,
    /// dw from x and dy.
    WeightGradient,
}

/// A convolution of NHWC images; a dense layer is one with a kernel of one pixel. SAME padding may at stride 2 be on one side
/// only ([`ConvShape::padding`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Convolution {
    /// Channels, kernel, stride.
    pub shape: ConvShape,
    /// Zeros around the images.
    pub padding: Padding,
    /// Images.
    pub images: usize,
    /// Rows of the input.
    pub height: usize,
    /// Pixels of its rows.
    pub width: usize,
    /// Which product.
    pub pass: Pass,
    /// Storage of activations and weights, arithmetic of the product.
    pub precision: Precision,
    /// Whether the result is added to what is there instead of written.
    pub add: bool,
}

/// The three arrays of a convolution. The pass says which one is written.
#[derive(Clone, Copy, Debug)]
pub struct Operands<'m> {
    /// x or dx, `[n, h, w, cin]`, in the precision's storage.
    pub input: Span<'m>,
    /// w, `[cout, kh, kw, cin]`, in the precision's storage; dw likewise, but f32.
    pub weights: Span<'m>,
    /// y or dy, `[n, h', w', cout]` ([`Convolution::output`]), in the precision's storage.
    pub output: Span<'m>,
}

impl Convolution {
    /// Rows of the output, and pixels of one.
    pub fn output(&self) -> [usize; 2] {
        [self.height, self.width].map(|side| self.padding.output(self.shape, side))
    }

    /// Pixels of the output.
    pub fn output_rows(&self) -> usize {
        self.images * self.output().iter().product::<usize>()
    }

    /// Pixels of the input.
    pub fn input_rows(&self) -> usize {
        self.images * self.height * self.width
    }

    /// Whether the operands have room for the sizes, and the sizes fit the kernels' 31-bit counters.
    ///
    /// # Errors
    /// [`GpuError::Size`].
    pub fn check(&self, operands: &Operands<'_>) -> Result<(), GpuError> {
        let storage = self.precision.storage().bytes();
        let weight = if self.pass == Pass::WeightGradient { 4 } else { storage };
        let parts = [
            ("input", operands.input, self.input_rows() * self.shape.cin, storage),
            ("weights", operands.weights, self.shape.weights(), weight),
            ("output", operands.output, self.output_rows() * self.shape.cout, storage),
        ];
        for (name, span, values, size) in parts {
            if values == 0 || values > MOST_VALUES || span.bytes() < values * size {
                let what = format!("{name} of {self:?}");
                let expected = format!("1..={MOST_VALUES} values, here {values} of {size} bytes");
                return Err(GpuError::size(what, expected, format!("{} bytes", span.bytes())));
            }
        }
        Ok(())
    }
}

/// Rows, columns and values of k of a tile of the kernels.
const TILE: (usize, usize, usize) = (128, 64, 32);

/// Blocks that keep a large device busy; a constant, so that sums have the same order on every device.
const BUSY: usize = 264;

/// Fewest tiles of k that are worth a stretch of their own.
const STRETCH_TILES: usize = 8;

/// Stretches of pixels of a weight gradient, and pixels of one.
fn stretches(c: &Convolution) -> (usize, usize) {
    let tiles = c.shape.cout.div_ceil(TILE.0) * (c.shape.weights() / c.shape.cout).div_ceil(TILE.1);
    let deep = c.output_rows().div_ceil(TILE.2);
    let count = (BUSY / tiles).clamp(1, deep.div_ceil(STRETCH_TILES));
    let stretch = deep.div_ceil(count) * TILE.2;
    (c.output_rows().div_ceil(stretch), stretch)
}

/// Bytes of scratch memory that [`launch`] wants.
pub fn scratch(c: &Convolution) -> usize {
    match c.pass {
        Pass::WeightGradient => 4 * stretches(c).0 * c.shape.weights(),
        Pass::Forward | Pass::InputGradient => 0,
    }
}

const FORWARD: [Entries; 3] = [
    Entries(CONV, ["conv_forward_f32", "conv_forward_bf16"]),
    Entries(CONV, ["conv_forward_f32_single", "conv_forward_bf16_single"]),
    Entries(CONV, ["conv_forward_tf32"; 2]),
];
const INPUT_GRADIENT: [Entries; 3] = [
    Entries(CONV, ["conv_input_gradient_f32", "conv_input_gradient_bf16"]),
    Entries(CONV, ["conv_input_gradient_f32_single", "conv_input_gradient_bf16_single"]),
    Entries(CONV, ["conv_input_gradient_tf32"; 2]),
];
const WEIGHT_GRADIENT: [Entries; 3] = [
    Entries(CONV, ["conv_weight_gradient_f32", "conv_weight_gradient_bf16"]),
    Entries(CONV, ["conv_weight_gradient_f32_single", "conv_weight_gradient_bf16_single"]),
    Entries(CONV, ["conv_weight_gradient_tf32"; 2]),
];

/// Runs a convolution with the project's own kernels.
///
/// # Errors
/// [`GpuError::Size`] where operands or scratch are too small, and those of [`Queue::launch`].
pub fn launch(
    queue: &dyn Queue,
    c: &Convolution,
    operands: Operands<'_>,
    scratch: Span<'_>,
) -> Result<(), GpuError> {
    c.check(&operands)?;
    if scratch.bytes() < self::scratch(c) {
        return Err(GpuError::size(format!("scratch of {c:?}"), self::scratch(c), scratch.bytes()));
    }
    let (s, storage) = (c.shape, c.precision.storage());
    let run = if storage == Storage::F32 { 4 } else { 8 };
    // Single values are too few for the tensor cores' tf32 to be worth a kernel: at `tf32` they are those of f32.
    let which = match s.cin.is_multiple_of(run) && s.cout.is_multiple_of(run) {
        false => 1,
        true if c.precision == Precision::Tf32 => 2,
        true => 0,
    };
    let [before_rows, before_columns] = [c.height, c.width].map(|side| c.padding.around(s, side).0);
    let [rows, columns] = c.output();
    let sizes = [
        c.images,
        c.height,
        c.width,
        s.cin,
        rows,
        columns,
        s.cout,
        s.kernel,
        s.stride,
        before_rows,
        before_columns,
    ];
    let grid = |rows: usize, columns: usize, stretches: usize| {
        let tiles = [columns.div_ceil(TILE.1), rows.div_ceil(TILE.0), stretches];
        match tiles[1] <= 65_535 && tiles[2] <= 65_535 {
            true => Ok(Launch { grid: tiles.map(|t| t as u32), threads: 256 }),
            false => Err(GpuError::size(format!("tiles of {c:?}"), "at most 65535", tiles[1].max(tiles[2]))),
        }
    };
    let Operands { input, weights, output } = operands;
    let (input, weights, output) = (Arg::Memory(input), Arg::Memory(weights), Arg::Memory(output));
    match c.pass {
        Pass::Forward if c.add => {
            Err(GpuError::size("a forward convolution", "a result that is written", "add"))
        }
        Pass::Forward => {
            let (args, grid) =
                (with_sizes(&[output, input, weights], sizes), grid(c.output_rows(), s.cout, 1)?);
            // SAFETY: the spans were checked to hold the sizes, within which the kernels stay.
            unsafe { queue.launch(FORWARD[which].of(storage), grid, &args) }
        }
        Pass::InputGradient => {
            let add = int(usize::from(c.add));
            let (args, grid) =
                (with_sizes(&[input, output, weights, add], sizes), grid(c.input_rows(), s.cin, 1)?);
            // SAFETY: the spans were checked to hold the sizes, within which the kernels stay.
            unsafe { queue.launch(INPUT_GRADIENT[which].of(storage), grid, &args) }
        }
        Pass::WeightGradient => {
            let (count, stretch) = stretches(c);
            let args = with_sizes(&[Arg::Memory(scratch), input, output, int(stretch)], sizes);
            let grid = grid(s.cout, s.weights() / s.cout, count)?;
            // SAFETY: the spans hold the sizes, the scratch all stretches.
            unsafe { queue.launch(WEIGHT_GRADIENT[which].of(storage), grid, &args) }?;
            let args = [weights, Arg::Memory(scratch), int(count), int(s.weights()), int(usize::from(c.add))];
            // SAFETY: the spans were checked to hold the sizes, within which the kernels stay.
            unsafe { queue.launch(Entries(CONV, ["conv_sum"; 2]).of(storage), strided(s.weights()), &args) }
        }
    }
}

fn with_sizes<'m>(first: &[Arg<'m>], sizes: [usize; 11]) -> Vec<Arg<'m>> {
    first.iter().copied().chain(sizes.map(int)).collect()
}
