//! Which of cuDNN's algorithms computes a convolution.
//!
//! cuDNN's own estimate chooses, not a measurement: a measurement may choose another algorithm, and so other
//! roundings, on every run. Algorithms that add in no fixed order are left out.

use super::descriptors::Descriptors;
use super::error::dnn;
use crate::gpu::{Convolution, GpuError, Pass, Precision};
use candle_core::cuda_backend::cudarc::cudnn::{result, sys};

/// Most scratch memory that an algorithm may want.
const MOST_SCRATCH: usize = 1 << 30;

/// An algorithm of one of the three passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Forward(sys::cudnnConvolutionFwdAlgo_t),
    InputGradient(sys::cudnnConvolutionBwdDataAlgo_t),
    WeightGradient(sys::cudnnConvolutionBwdFilterAlgo_t),
}

/// A chosen algorithm, its arithmetic, the scratch memory it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) algorithm: Algorithm,
    pub(super) math: sys::cudnnMathType_t,
    pub(super) scratch: usize,
}

/// An algorithm as cuDNN judges it.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    choice: Choice,
    works: bool,
    deterministic: bool,
}

/// The best algorithm, or none where cuDNN has none that is deterministic and keeps to the precision.
pub(super) fn choose(
    handle: sys::cudnnHandle_t,
    convolution: &Convolution,
    descriptors: &Descriptors,
) -> Result<Option<Choice>, GpuError> {
    let candidates = match candidates(handle, convolution.pass, descriptors) {
        Ok(candidates) => candidates,
        // The library's way to say that it has no algorithm for these types and this layout.
        Err(error) if unsupported(&error) => return Ok(None),
        Err(error) => return Err(dnn(error, &format!("name algorithms for {convolution:?}"))),
    };
    Ok(first_usable(&candidates, convolution.precision))
}

pub(super) fn unsupported(error: &result::CudnnError) -> bool {
    format!("{:?}", error.0).contains("NOT_SUPPORTED")
}

/// The first that works, adds in a fixed order, keeps to the precision and is content with the scratch memory.
fn first_usable(candidates: &[Candidate], precision: Precision) -> Option<Choice> {
    let exact = |math| precision != Precision::F32 || math == sys::cudnnMathType_t::CUDNN_FMA_MATH;
    let usable = |candidate: &&Candidate| {
        let Choice { math, scratch, .. } = candidate.choice;
        candidate.works && candidate.deterministic && scratch <= MOST_SCRATCH && exact(math)
    };
    candidates.iter().find(usable).map(|candidate| candidate.choice)
}

/// All algorithms of a pass, those that cuDNN expects to be fastest first.
fn candidates(
    handle: sys::cudnnHandle_t,
    pass: Pass,
    d: &Descriptors,
) -> Result<Vec<Candidate>, result::CudnnError> {
    /// More than any pass has.
    const MOST: usize = 16;
    let mut count = 0;
    /// Asks with the given function and puts what it fills into candidates.
    macro_rules! ask {
        ($function:path, $answer:ty, $algorithm:path, $($descriptor:expr),*) => {{
            let mut answers = [const { std::mem::MaybeUninit::<$answer>::uninit() }; MOST];
            // SAFETY: handle and descriptors are alive; there is room for as many answers as are asked for.
            let answers = unsafe {
                $function(handle, $($descriptor,)* MOST as i32, &mut count, answers.as_mut_ptr().cast())?;
                let count = (count.max(0) as usize).min(MOST);
                std::slice::from_raw_parts(answers.as_ptr().cast::<$answer>(), count)
            };
            answers
                .iter()
                .map(|answer| Candidate {
                    choice: Choice {
                        algorithm: $algorithm(answer.algo),
                        math: answer.mathType,
                        scratch: answer.memory,
                    },
                    works: answer.status == sys::cudnnStatus_t::CUDNN_STATUS_SUCCESS,
                    deterministic: answer.determinism == sys::cudnnDeterminism_t::CUDNN_DETERMINISTIC,
                })
                .collect()
        }};
    }
    Ok(match pass {
        Pass::Forward => ask!(
            result::get_convolution_forward_algorithm,
            sys::cudnnConvolutionFwdAlgoPerf_t,
            Algorithm::Forward,
            d.input,
            d.weights,
            d.geometry,
            d.output
        ),
        Pass::InputGradient => ask!(
            result::get_convolution_backward_data_algorithm,
            sys::cudnnConvolutionBwdDataAlgoPerf_t,
            Algorithm::InputGradient,
            d.weights,
            d.output,
            d.geometry,
            d.input
        ),
        Pass::WeightGradient => ask!(
            result::get_convolution_backward_filter_algorithm,
            sys::cudnnConvolutionBwdFilterAlgoPerf_t,
            Algorithm::WeightGradient,
            d.input,
            d.output,
            d.geometry,
            d.weights
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sys::cudnnMathType_t::{CUDNN_DEFAULT_MATH, CUDNN_FMA_MATH, CUDNN_TENSOR_OP_MATH};

    #[test]
    fn speed_never_buys_another_order_of_sums_or_a_coarser_product() {
        use sys::cudnnConvolutionBwdFilterAlgo_t::*;
        let candidate = |algorithm, math, deterministic, works, scratch| Candidate {
            choice: Choice { algorithm: Algorithm::WeightGradient(algorithm), math, scratch },
            works,
            deterministic,
        };
        let all = [
            candidate(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0, CUDNN_TENSOR_OP_MATH, false, true, 0),
            candidate(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_FFT, CUDNN_TENSOR_OP_MATH, true, false, 0),
            candidate(
                CUDNN_CONVOLUTION_BWD_FILTER_ALGO_WINOGRAD_NONFUSED,
                CUDNN_FMA_MATH,
                true,
                true,
                1 << 31,
            ),
            candidate(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1, CUDNN_DEFAULT_MATH, true, true, 10),
            candidate(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1, CUDNN_FMA_MATH, true, true, 20),
        ];
        let chosen = |precision| first_usable(&all, precision).map(|choice| (choice.math, choice.scratch));
        assert_eq!(chosen(Precision::F32), Some((CUDNN_FMA_MATH, 20)));
        assert_eq!(chosen(Precision::Tf32), Some((CUDNN_DEFAULT_MATH, 10)));
        assert_eq!(first_usable(&all[..4], Precision::F32), None);
    }
}
