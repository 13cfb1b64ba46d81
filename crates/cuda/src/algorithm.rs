//! Which of cuDNN's algorithms may compute a convolution, and in which order to try them.
//!
//! cuDNN's own estimate orders them, not a measurement: a measurement may choose another algorithm, and so other
//! roundings, on every run. Algorithms that add in no fixed order are left out. The estimate is not a promise that an
//! algorithm works: that shows when it is asked for its scratch memory, or when it runs.

use super::descriptors::{Descriptors, asked_math};
use basin_gpu::{Pass, Precision};
use candle_core::cuda_backend::cudarc::cudnn::{result, sys};
use std::ffi::c_int;
use sys::cudnnConvolutionBwdDataAlgo_t as Data;
use sys::cudnnConvolutionBwdFilterAlgo_t as Filter;
use sys::cudnnConvolutionFwdAlgo_t as Fwd;
use sys::cudnnMathType_t as Math;

/// An algorithm of one of the three passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Forward(Fwd),
    InputGradient(Data),
    WeightGradient(Filter),
}

/// An algorithm and its arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) algorithm: Algorithm,
    pub(super) math: Math,
}

/// One line of cuDNN's answer, as it lies in memory: numbers, since a newer library may say some that the bindings do
/// not know.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct Answer {
    algorithm: c_int,
    status: c_int,
    time: f32,
    memory: usize,
    determinism: c_int,
    math: c_int,
    reserved: [c_int; 3],
}

const _: () = {
    assert!(size_of::<Answer>() == size_of::<sys::cudnnConvolutionFwdAlgoPerf_t>());
    assert!(size_of::<Answer>() == size_of::<sys::cudnnConvolutionBwdDataAlgoPerf_t>());
    assert!(size_of::<Answer>() == size_of::<sys::cudnnConvolutionBwdFilterAlgoPerf_t>());
};

/// Algorithms to try, the one that cuDNN expects to be fastest first, and last the one that it has had in all versions:
/// that one alone, beside its error, where cuDNN does not answer.
pub(super) fn candidates(
    handle: sys::cudnnHandle_t,
    pass: Pass,
    precision: Precision,
    descriptors: &Descriptors,
) -> (Vec<Candidate>, Result<(), result::CudnnError>) {
    let (answers, asked) = match answers(handle, pass, descriptors) {
        Ok(answers) => (answers, Ok(())),
        Err(error) => (Vec::new(), Err(error)),
    };
    (in_order(&answers, pass, precision), asked)
}

/// The answers that are of use, then the lasting algorithm, each once.
fn in_order(answers: &[Answer], pass: Pass, precision: Precision) -> Vec<Candidate> {
    let lasting = Candidate { algorithm: lasting(pass), math: asked_math(precision) };
    let mut candidates: Vec<Candidate> = Vec::new();
    for candidate in answers.iter().filter_map(|a| usable(a, pass, precision)).chain([lasting]) {
        if !candidates.contains(&candidate) {
            candidates.push(candidate);
        }
    }
    candidates
}

/// An answer that promises to work and adds in a fixed order, with an arithmetic that keeps to the precision.
fn usable(answer: &Answer, pass: Pass, precision: Precision) -> Option<Candidate> {
    let works = answer.status == sys::cudnnStatus_t::CUDNN_STATUS_SUCCESS as c_int;
    let deterministic = answer.determinism == sys::cudnnDeterminism_t::CUDNN_DETERMINISTIC as c_int;
    let algorithm = algorithm(pass, answer.algorithm)?;
    // Whatever the answer says of them: cuDNN's documentation, under Reproducibility, names these as adding in any order.
    let documented = match algorithm {
        Algorithm::InputGradient(Data::CUDNN_CONVOLUTION_BWD_DATA_ALGO_0) => false,
        Algorithm::WeightGradient(a) => {
            a != Filter::CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0
                && a != Filter::CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3
        }
        _ => true,
    };
    // Transforms round more than products do: the reference multiplies and adds as it is written.
    let direct = precision != Precision::F32 || !algorithm.transforms();
    let math = match precision {
        // Told to the algorithm, whichever the answer names: with it, f32 is never rounded.
        Precision::F32 => Math::CUDNN_FMA_MATH,
        Precision::Tf32 | Precision::Bf16 => math(answer.math)?,
    };
    (works && deterministic && documented && direct).then_some(Candidate { algorithm, math })
}

/// The arithmetic of a number. One is left out: it would round f32 to f16.
fn math(number: c_int) -> Option<Math> {
    let known = [Math::CUDNN_DEFAULT_MATH, Math::CUDNN_TENSOR_OP_MATH, Math::CUDNN_FMA_MATH];
    known.into_iter().find(|math| *math as c_int == number)
}

fn algorithm(pass: Pass, number: c_int) -> Option<Algorithm> {
    let of = |algorithm: &Algorithm| match algorithm {
        Algorithm::Forward(a) => *a as c_int,
        Algorithm::InputGradient(a) => *a as c_int,
        Algorithm::WeightGradient(a) => *a as c_int,
    };
    named(pass).map(|(algorithm, _)| algorithm).find(|algorithm| of(algorithm) == number)
}

/// The algorithm of a pass that cuDNN has for every layout and on tensor cores, and that adds in a fixed order.
fn lasting(pass: Pass) -> Algorithm {
    match pass {
        Pass::Forward => Algorithm::Forward(Fwd::CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM),
        Pass::InputGradient => Algorithm::InputGradient(Data::CUDNN_CONVOLUTION_BWD_DATA_ALGO_1),
        Pass::WeightGradient => Algorithm::WeightGradient(Filter::CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1),
    }
}

impl Algorithm {
    /// Whether it goes by Fourier's or Winograd's transforms.
    fn transforms(self) -> bool {
        use {Data::*, Filter::*, Fwd::*};
        !matches!(
            self,
            Self::Forward(
                CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM
                    | CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM
                    | CUDNN_CONVOLUTION_FWD_ALGO_GEMM
                    | CUDNN_CONVOLUTION_FWD_ALGO_DIRECT
            ) | Self::InputGradient(CUDNN_CONVOLUTION_BWD_DATA_ALGO_0 | CUDNN_CONVOLUTION_BWD_DATA_ALGO_1)
                | Self::WeightGradient(
                    CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0
                        | CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1
                        | CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3
                )
        )
    }

    /// Its name, for people.
    pub(super) fn name(self) -> &'static str {
        let all = [Pass::Forward, Pass::InputGradient, Pass::WeightGradient];
        let found = all.into_iter().flat_map(named).find(|(algorithm, _)| *algorithm == self);
        found.map_or("cuDNN", |(_, name)| name)
    }
}

/// All algorithms of a pass with their names.
fn named(pass: Pass) -> impl Iterator<Item = (Algorithm, &'static str)> {
    let forward = [
        (Fwd::CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM, "cuDNN (implicit gemm)"),
        (Fwd::CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, "cuDNN (implicit precomputed gemm)"),
        (Fwd::CUDNN_CONVOLUTION_FWD_ALGO_GEMM, "cuDNN (gemm)"),
        (Fwd::CUDNN_CONVOLUTION_FWD_ALGO_DIRECT, "cuDNN (direct)"),
        (Fwd::CUDNN_CONVOLUTION_FWD_ALGO_FFT, "cuDNN (fft)"),
        (Fwd::CUDNN_CONVOLUTION_FWD_ALGO_FFT_TILING, "cuDNN (fft of tiles)"),
        (Fwd::CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD, "cuDNN (winograd)"),
        (Fwd::CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD_NONFUSED, "cuDNN (winograd, not fused)"),
    ];
    let data = [
        (Data::CUDNN_CONVOLUTION_BWD_DATA_ALGO_0, "cuDNN (algorithm 0)"),
        (Data::CUDNN_CONVOLUTION_BWD_DATA_ALGO_1, "cuDNN (algorithm 1)"),
        (Data::CUDNN_CONVOLUTION_BWD_DATA_ALGO_FFT, "cuDNN (fft)"),
        (Data::CUDNN_CONVOLUTION_BWD_DATA_ALGO_FFT_TILING, "cuDNN (fft of tiles)"),
        (Data::CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD, "cuDNN (winograd)"),
        (Data::CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD_NONFUSED, "cuDNN (winograd, not fused)"),
    ];
    let filter = [
        (Filter::CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0, "cuDNN (algorithm 0)"),
        (Filter::CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1, "cuDNN (algorithm 1)"),
        (Filter::CUDNN_CONVOLUTION_BWD_FILTER_ALGO_FFT, "cuDNN (fft)"),
        (Filter::CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3, "cuDNN (algorithm 3)"),
        (Filter::CUDNN_CONVOLUTION_BWD_FILTER_ALGO_WINOGRAD, "cuDNN (winograd)"),
        (Filter::CUDNN_CONVOLUTION_BWD_FILTER_ALGO_WINOGRAD_NONFUSED, "cuDNN (winograd, not fused)"),
        (Filter::CUDNN_CONVOLUTION_BWD_FILTER_ALGO_FFT_TILING, "cuDNN (fft of tiles)"),
    ];
    let forward = forward.into_iter().map(|(a, name)| (Algorithm::Forward(a), name));
    let data = data.into_iter().map(|(a, name)| (Algorithm::InputGradient(a), name));
    let filter = filter.into_iter().map(|(a, name)| (Algorithm::WeightGradient(a), name));
    let all = forward.chain(data).chain(filter);
    all.filter(move |(algorithm, _)| match algorithm {
        Algorithm::Forward(_) => pass == Pass::Forward,
        Algorithm::InputGradient(_) => pass == Pass::InputGradient,
        Algorithm::WeightGradient(_) => pass == Pass::WeightGradient,
    })
}

/// Everything that cuDNN says of a pass, those algorithms first that it expects to be fastest.
fn answers(
    handle: sys::cudnnHandle_t,
    pass: Pass,
    d: &Descriptors,
) -> Result<Vec<Answer>, result::CudnnError> {
    /// More than any pass has.
    const MOST: usize = 16;
    let mut answers = [Answer::default(); MOST];
    let (room, to, mut count) = (MOST as c_int, answers.as_mut_ptr(), 0);
    // SAFETY: handle and descriptors are alive; there is room for as many answers as are asked for, laid out as the
    // library's own.
    unsafe {
        match pass {
            Pass::Forward => result::get_convolution_forward_algorithm(
                handle,
                d.input,
                d.weights,
                d.geometry,
                d.output,
                room,
                &mut count,
                to.cast(),
            ),
            Pass::InputGradient => result::get_convolution_backward_data_algorithm(
                handle,
                d.weights,
                d.output,
                d.geometry,
                d.input,
                room,
                &mut count,
                to.cast(),
            ),
            Pass::WeightGradient => result::get_convolution_backward_filter_algorithm(
                handle,
                d.input,
                d.output,
                d.geometry,
                d.weights,
                room,
                &mut count,
                to.cast(),
            ),
        }?;
    }
    Ok(answers[..(count.max(0) as usize).min(MOST)].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(algorithm: Filter, math: Math, deterministic: bool, status: c_int) -> Answer {
        let (algorithm, math) = (algorithm as c_int, math as c_int);
        Answer { algorithm, status, determinism: c_int::from(deterministic), math, ..Answer::default() }
    }

    #[test]
    fn speed_never_buys_another_order_of_sums_or_a_coarser_product() {
        use Filter::*;
        use Math::*;
        let all = [
            answer(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_FFT, CUDNN_TENSOR_OP_MATH, true, 3000),
            answer(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_WINOGRAD, CUDNN_TENSOR_OP_MATH, false, 0),
            answer(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3, CUDNN_TENSOR_OP_MATH, true, 0),
            answer(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1, CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION, true, 0),
            answer(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_WINOGRAD_NONFUSED, CUDNN_DEFAULT_MATH, true, 0),
            Answer { algorithm: 77, determinism: 1, ..Answer::default() },
        ];
        let chosen = |precision| -> Vec<(Algorithm, Math)> {
            let candidates = in_order(&all, Pass::WeightGradient, precision);
            candidates.into_iter().map(|c| (c.algorithm, c.math)).collect()
        };
        let one = Algorithm::WeightGradient(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1);
        let winograd = Algorithm::WeightGradient(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_WINOGRAD_NONFUSED);
        // Exact products are demanded of whatever is named, and no transforms.
        assert_eq!(chosen(Precision::F32), [(one, CUDNN_FMA_MATH)]);
        let coarse = [(winograd, CUDNN_DEFAULT_MATH), (one, CUDNN_TENSOR_OP_MATH)];
        assert_eq!(chosen(Precision::Tf32), coarse);
        assert_eq!(chosen(Precision::Bf16), coarse);
    }

    #[test]
    fn without_an_answer_there_is_still_one_to_try_and_each_has_a_name_of_its_own() {
        for pass in [Pass::Forward, Pass::InputGradient, Pass::WeightGradient] {
            let candidates = in_order(&[], pass, Precision::F32);
            assert_eq!(candidates, [Candidate { algorithm: lasting(pass), math: Math::CUDNN_FMA_MATH }]);
            let names: std::collections::BTreeSet<_> = named(pass).map(|(a, _)| a.name()).collect();
            assert_eq!(names.len(), named(pass).count());
        }
    }
}
