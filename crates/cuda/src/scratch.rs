//! The scratch memory of a convolution by cuDNN.

use super::descriptors::Extent;
use basin_gpu::{Convolution, GpuError, Pass, Span, Storage};

/// Bytes of the parts of a convolution's scratch memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parts {
    /// Outputs with a row or column more.
    output: usize,
    /// bf16 weight gradients.
    weights: usize,
    /// The same in f32, to be added.
    sum: usize,
    /// cuDNN's own.
    work: usize,
}

/// The parts of a span.
pub(super) struct Cut<'m> {
    pub(super) output: Span<'m>,
    pub(super) weights: Span<'m>,
    pub(super) sum: Span<'m>,
    pub(super) work: Span<'m>,
}

impl Parts {
    /// Those of a convolution by an algorithm that wants `work` bytes.
    pub(super) fn of(convolution: &Convolution, work: usize) -> Self {
        let (shape, storage) = (convolution.shape, convolution.precision.storage());
        let extent = Extent::of(convolution);
        let pixels = convolution.images * extent.output[0] * extent.output[1];
        let narrow = convolution.pass == Pass::WeightGradient && storage == Storage::Bf16;
        Self {
            output: if extent.added == [0, 0] { 0 } else { pixels * shape.cout * storage.bytes() },
            weights: if narrow { shape.weights() * storage.bytes() } else { 0 },
            sum: if narrow && convolution.add { shape.weights() * 4 } else { 0 },
            work,
        }
    }

    /// Whether cuDNN adds to what is there: not where its result is only on the way to where it belongs.
    pub(super) fn adds(&self, convolution: &Convolution) -> bool {
        convolution.add && self.weights == 0
    }

    /// Where each part begins, and where the last ends, on the alignment of allocations.
    fn places(&self) -> [usize; 5] {
        const ALIGNMENT: usize = 256;
        let mut places = [0; 5];
        for (i, part) in [self.output, self.weights, self.sum, self.work].into_iter().enumerate() {
            places[i + 1] = places[i] + part.next_multiple_of(ALIGNMENT);
        }
        places
    }

    /// Bytes of all.
    pub(super) fn total(&self) -> usize {
        self.places()[4]
    }

    /// The parts of a span.
    ///
    /// # Errors
    /// [`GpuError::Size`] where it is too short.
    pub(super) fn cut<'m>(&self, convolution: &Convolution, scratch: Span<'m>) -> Result<Cut<'m>, GpuError> {
        let part = |place: usize, bytes: usize| {
            scratch.part(self.places()[place], bytes).map_err(|_| {
                GpuError::size(format!("scratch of {convolution:?}"), self.total(), scratch.bytes())
            })
        };
        Ok(Cut {
            output: part(0, self.output)?,
            weights: part(1, self.weights)?,
            sum: part(2, self.sum)?,
            work: part(3, self.work)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_gpu::{Memory, Precision};
    use basin_kernels::conv::{ConvShape, Padding};

    #[test]
    fn scratch_has_room_for_what_a_pass_needs_and_no_more() {
        let shape = ConvShape { cin: 8, cout: 16, kernel: 3, stride: 2 };
        let of = |stride, pass, precision, add| {
            let shape = ConvShape { stride, ..shape };
            Convolution {
                shape,
                padding: Padding::Same,
                images: 4,
                height: 32,
                width: 32,
                pass,
                precision,
                add,
            }
        };
        let plain = Parts::of(&of(1, Pass::Forward, Precision::Bf16, false), 100);
        assert_eq!(plain, Parts { output: 0, weights: 0, sum: 0, work: 100 });
        assert_eq!(plain.total(), 256);
        let strided = of(2, Pass::WeightGradient, Precision::Bf16, true);
        let parts = Parts::of(&strided, 10);
        assert_eq!((parts.output, parts.weights, parts.sum), (4 * 17 * 17 * 16 * 2, 1152 * 2, 1152 * 4));
        let memory = Memory::new(256, parts.total(), Box::new(()));
        let cut = parts.cut(&strided, memory.span()).unwrap();
        let ends = [cut.output, cut.weights, cut.sum, cut.work]
            .map(|s| (s.address(), s.address() + s.bytes() as u64));
        assert!(ends.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{ends:?}");
        assert!(ends.iter().all(|(first, _)| first % 256 == 0), "{ends:?}");
        assert!(parts.cut(&strided, memory.span().part(0, parts.total() - 256).unwrap()).is_err());
        let full = Parts::of(&of(2, Pass::WeightGradient, Precision::F32, true), 0);
        assert_eq!((full.weights, full.sum), (0, 0));
    }
}
