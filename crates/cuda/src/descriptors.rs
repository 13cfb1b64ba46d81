//! cuDNN's descriptors of one convolution, freed when dropped.

use basin_gpu::{Convolution, Precision, Storage};
use basin_kernels::conv::Padding;
use candle_core::cuda_backend::cudarc::cudnn::{result, sys};

const LAYOUT: sys::cudnnTensorFormat_t = sys::cudnnTensorFormat_t::CUDNN_TENSOR_NHWC;

/// What cuDNN sees of a convolution. It pads both sides alike: where SAME padding is larger after the image than before
/// it, the image gets a stride more before it, and so the output one row or column more, which is none of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// Rows and columns of the output, with what is added.
    pub(super) output: [usize; 2],
    /// Rows and columns added before.
    pub(super) added: [usize; 2],
    /// Padding on both sides, rows and columns.
    pub(super) padding: [usize; 2],
}

impl Extent {
    pub(super) fn of(convolution: &Convolution) -> Self {
        let (shape, sides) = (convolution.shape, [convolution.height, convolution.width]);
        let padding = match convolution.padding {
            Padding::Same => sides.map(|side| shape.padding(side)),
            Padding::Each(pad) => [(pad, pad); 2],
        };
        let added = padding.map(|(before, after)| usize::from(after > before));
        let output = [0, 1].map(|axis| convolution.output()[axis] + added[axis]);
        Self { output, added, padding: [0, 1].map(|axis| padding[axis].0 + added[axis] * shape.stride) }
    }
}

/// Input, weights, output and geometry of a convolution.
#[derive(Debug)]
pub(super) struct Descriptors {
    pub(super) extent: Extent,
    pub(super) input: sys::cudnnTensorDescriptor_t,
    pub(super) output: sys::cudnnTensorDescriptor_t,
    pub(super) weights: sys::cudnnFilterDescriptor_t,
    pub(super) geometry: sys::cudnnConvolutionDescriptor_t,
}

impl Descriptors {
    pub(super) fn new(convolution: &Convolution) -> Result<Self, result::CudnnError> {
        let (shape, extent) = (convolution.shape, Extent::of(convolution));
        let kind = match convolution.precision.storage() {
            Storage::F32 => sys::cudnnDataType_t::CUDNN_DATA_FLOAT,
            Storage::Bf16 => sys::cudnnDataType_t::CUDNN_DATA_BFLOAT16,
        };
        // Sizes fit: `Convolution::check` has seen that their products do.
        let four = |sizes: [usize; 4]| sizes.map(|size| size as i32);
        let input = four([convolution.images, shape.cin, convolution.height, convolution.width]);
        let output = four([convolution.images, shape.cout, extent.output[0], extent.output[1]]);
        let weights = four([shape.cout, shape.cin, shape.kernel, shape.kernel]);
        let stride = shape.stride as i32;
        let [down, across] = extent.padding.map(|padding| padding as i32);
        // Each is put into `made` as soon as it is there, so that a failure frees those before it.
        let mut made = Self {
            extent,
            input: std::ptr::null_mut(),
            output: std::ptr::null_mut(),
            weights: std::ptr::null_mut(),
            geometry: std::ptr::null_mut(),
        };
        made.input = result::create_tensor_descriptor()?;
        made.output = result::create_tensor_descriptor()?;
        made.weights = result::create_filter_descriptor()?;
        made.geometry = result::create_convolution_descriptor()?;
        let cross_correlation = sys::cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION;
        // Sums are f32 whatever the storage.
        let sums = sys::cudnnDataType_t::CUDNN_DATA_FLOAT;
        // SAFETY: all four descriptors were just created and are freed only by `drop`.
        unsafe {
            result::set_tensor4d_descriptor(made.input, LAYOUT, kind, input)?;
            result::set_tensor4d_descriptor(made.output, LAYOUT, kind, output)?;
            result::set_filter4d_descriptor(made.weights, kind, LAYOUT, weights)?;
            result::set_convolution2d_descriptor(
                made.geometry,
                down,
                across,
                stride,
                stride,
                1,
                1,
                cross_correlation,
                sums,
            )?;
        }
        made.set_math(asked_math(convolution.precision))?;
        Ok(made)
    }

    /// Which arithmetic the next algorithm uses.
    pub(super) fn set_math(&self, math: sys::cudnnMathType_t) -> Result<(), result::CudnnError> {
        // SAFETY: the descriptor lives as long as `self`.
        unsafe { result::set_convolution_math_type(self.geometry, math) }
    }
}

/// The arithmetic to ask for: the default would round f32 to TF32.
pub(super) fn asked_math(precision: Precision) -> sys::cudnnMathType_t {
    match precision {
        Precision::F32 => sys::cudnnMathType_t::CUDNN_FMA_MATH,
        Precision::Tf32 | Precision::Bf16 => sys::cudnnMathType_t::CUDNN_TENSOR_OP_MATH,
    }
}

impl Drop for Descriptors {
    fn drop(&mut self) {
        // SAFETY: each was created by `new` or is null, and nothing keeps it. A failure leaks a few bytes.
        unsafe {
            if !self.input.is_null() {
                let _ = result::destroy_tensor_descriptor(self.input);
            }
            if !self.output.is_null() {
                let _ = result::destroy_tensor_descriptor(self.output);
            }
            if !self.weights.is_null() {
                let _ = result::destroy_filter_descriptor(self.weights);
            }
            if !self.geometry.is_null() {
                let _ = result::destroy_convolution_descriptor(self.geometry);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_gpu::Pass;
    use basin_kernels::conv::ConvShape;

    #[test]
    fn more_padding_behind_than_before_becomes_a_stride_before_and_one_more_of_the_output() {
        let of = |padding, shape, [height, width]: [usize; 2]| {
            let (pass, precision) = (Pass::Forward, Precision::F32);
            Convolution { shape, padding, images: 2, height, width, pass, precision, add: false }
        };
        let extent = |kernel, stride, height, width| {
            let shape = ConvShape { cin: 4, cout: 4, kernel, stride };
            let convolution = of(Padding::Same, shape, [height, width]);
            let extent = Extent::of(&convolution);
            for (axis, side) in [height, width].into_iter().enumerate() {
                // cuDNN's own formula for the output's size.
                let output = (side + 2 * extent.padding[axis] - kernel) / stride + 1;
                assert_eq!(output, extent.output[axis], "{convolution:?}");
                // The first window of ours begins where SAME padding has it begin.
                let first = (extent.added[axis] * stride) as isize - extent.padding[axis] as isize;
                assert_eq!(-first, shape.padding(side).0 as isize, "{convolution:?}");
            }
            extent
        };
        assert_eq!(extent(3, 1, 32, 32), Extent { output: [32, 32], added: [0, 0], padding: [1, 1] });
        assert_eq!(extent(3, 2, 32, 7), Extent { output: [17, 4], added: [1, 0], padding: [2, 1] });
        assert_eq!(extent(4, 1, 8, 9), Extent { output: [9, 10], added: [1, 1], padding: [2, 2] });
        assert_eq!(extent(1, 2, 9, 8).added, [0, 0]);
        for (kernel, stride, side) in [(5, 2, 8), (3, 3, 32), (2, 1, 5), (7, 2, 224)] {
            extent(kernel, stride, side, side + 1);
        }
        // The same on all sides is cuDNN's own way, also where the last window ends before the padding does.
        let shape = ConvShape { cin: 4, cout: 4, kernel: 7, stride: 2 };
        let stem = Extent::of(&of(Padding::Each(3), shape, [224, 9]));
        assert_eq!(stem, Extent { output: [112, 5], added: [0, 0], padding: [3, 3] });
    }
}
