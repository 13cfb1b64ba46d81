//! Dense layers by cuBLAS.
//!
//! cuBLAS counts columns first, so a row-major `[rows, columns]` array is to it a `[columns, rows]` one, and
//! C = A B is asked for as Cᵀ = Bᵀ Aᵀ.

use super::error::{blas, driver};
use super::turn::Turn;
use basin_gpu::{Convolution, GpuError, Operands, Pass, Precision, Storage};
use basin_kernels::conv::Padding;
use candle_core::cuda_backend::cudarc::cublas::{result, sys};
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaStream, DevicePtr};
use std::ffi::c_void;
use std::sync::Arc;

/// Bytes of scratch memory of cuBLAS, NVIDIA's advice for Hopper. Given to it once, so that it neither allocates inside
/// captured work nor shares any with other streams, which would make its results depend on them.
const WORKSPACE: usize = 32 << 20;

/// A handle of cuBLAS on one stream, with scratch memory of its own.
pub(super) struct Blas {
    // Dropped before the memory and the stream.
    handle: Handle,
    _workspace: CudaSlice<u8>,
    _stream: Arc<CudaStream>,
}

impl Blas {
    pub(super) fn new(stream: Arc<CudaStream>) -> Result<Self, GpuError> {
        let handle = Handle(result::create_handle().map_err(|error| blas(error, "start"))?);
        // SAFETY: scratch memory is written before it is read, and every byte pattern is a u8.
        let workspace = unsafe { stream.alloc::<u8>(WORKSPACE) };
        let workspace = workspace.map_err(|error| driver(error, "allocate cuBLAS's scratch memory"))?;
        let address = workspace.device_ptr(&stream).0 as *mut c_void;
        // Partial sums of bf16 products stay f32.
        let mode = sys::cublasMath_t::CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION;
        // The stream first: setting it takes the library back to scratch memory of its own.
        // SAFETY: the handle is alive; stream and memory live as long as `Self`, which alone uses the handle.
        unsafe {
            result::set_stream(handle.0, stream.cu_stream().cast())
                .and_then(|()| sys::cublasSetWorkspace_v2(handle.0, address, WORKSPACE).result())
                .and_then(|()| sys::cublasSetMathMode(handle.0, mode).result())
                .map_err(|error| blas(error, "take its stream, scratch memory and mode"))?;
        }
        Ok(Self { handle, _workspace: workspace, _stream: stream })
    }

    /// Whether a convolution is a matrix product.
    pub(super) fn takes(convolution: &Convolution) -> bool {
        let shape = convolution.shape;
        shape.kernel == 1 && shape.stride == 1 && convolution.padding.of(shape) == Padding::Same
    }

    /// The product of a dense layer's pass.
    pub(super) fn product(&self, convolution: &Convolution, operands: Operands<'_>) -> Result<(), GpuError> {
        let product = Product::of(convolution);
        let address = |operand| match operand {
            Operand::Input => operands.input.address(),
            Operand::Weights => operands.weights.address(),
            Operand::Output => operands.output.address(),
        };
        let storage = match convolution.precision.storage() {
            Storage::F32 => sys::cudaDataType_t::CUDA_R_32F,
            Storage::Bf16 => sys::cudaDataType_t::CUDA_R_16BF,
        };
        let to = match product.c {
            Operand::Weights => sys::cudaDataType_t::CUDA_R_32F,
            _ => storage,
        };
        let compute = match convolution.precision {
            Precision::Tf32 => sys::cublasComputeType_t::CUBLAS_COMPUTE_32F_FAST_TF32,
            Precision::F32 | Precision::Bf16 => sys::cublasComputeType_t::CUBLAS_COMPUTE_32F,
        };
        let transposed = |is: bool| match is {
            true => sys::cublasOperation_t::CUBLAS_OP_T,
            false => sys::cublasOperation_t::CUBLAS_OP_N,
        };
        let (alpha, beta) = (1.0f32, if convolution.add { 1.0f32 } else { 0.0 });
        let [m, n, k] = product.sizes;
        // SAFETY: `Convolution::check` has seen that the three arrays are as large as these sizes say; the factors are
        // read before the call returns.
        let done = unsafe {
            result::gemm_ex(
                self.handle.0,
                transposed(product.transposed.0),
                transposed(product.transposed.1),
                m as i32,
                n as i32,
                k as i32,
                (&raw const alpha).cast(),
                address(product.a) as *const c_void,
                storage,
                product.leading[0] as i32,
                address(product.b) as *const c_void,
                storage,
                product.leading[1] as i32,
                (&raw const beta).cast(),
                address(product.c) as *mut c_void,
                to,
                product.leading[2] as i32,
                compute,
                sys::cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT,
            )
        };
        done.map_err(|error| blas(error, &format!("multiply for {convolution:?}")))
    }
}

/// Destroyed when dropped.
struct Handle(sys::cublasHandle_t);

impl Drop for Handle {
    fn drop(&mut self) {
        // Waits for the whole device.
        let _turn = Turn::wait();
        // SAFETY: made by `Blas::new`, destroyed here alone. After a fault of the device it fails, and leaks.
        let _ = unsafe { result::destroy_handle(self.0) };
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operand {
    Input,
    Weights,
    Output,
}

/// What cuBLAS is asked for: C `[m, n]` = op(A) `[m, k]` op(B) `[k, n]`, all counted columns first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Product {
    a: Operand,
    b: Operand,
    c: Operand,
    transposed: (bool, bool),
    /// m, n, k.
    sizes: [usize; 3],
    /// Rows of A, B and C as they lie in memory.
    leading: [usize; 3],
}

impl Product {
    fn of(convolution: &Convolution) -> Self {
        use Operand::{Input, Output, Weights};
        let (rows, cin, cout) = (convolution.input_rows(), convolution.shape.cin, convolution.shape.cout);
        match convolution.pass {
            // y [rows, cout] = x wᵀ
            Pass::Forward => Self {
                a: Weights,
                b: Input,
                c: Output,
                transposed: (true, false),
                sizes: [cout, rows, cin],
                leading: [cin, cin, cout],
            },
            // dx [rows, cin] = dy w
            Pass::InputGradient => Self {
                a: Weights,
                b: Output,
                c: Input,
                transposed: (false, false),
                sizes: [cin, rows, cout],
                leading: [cin, cout, cin],
            },
            // dw [cout, cin] = dyᵀ x
            Pass::WeightGradient => Self {
                a: Input,
                b: Output,
                c: Weights,
                transposed: (false, true),
                sizes: [cin, cout, rows],
                leading: [cin, cout, cin],
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_kernels::conv::ConvShape;

    /// What cuBLAS would do, in its own way of counting.
    fn column_major(product: &Product, a: &[f32], b: &[f32]) -> Vec<f32> {
        let ([m, n, k], [lda, ldb, ldc]) = (product.sizes, product.leading);
        let mut c = vec![0.0; ldc * n];
        for (i, j, l) in (0..m).flat_map(|i| (0..n).flat_map(move |j| (0..k).map(move |l| (i, j, l)))) {
            let a = if product.transposed.0 { a[l + i * lda] } else { a[i + l * lda] };
            let b = if product.transposed.1 { b[j + l * ldb] } else { b[l + j * ldb] };
            c[i + j * ldc] += a * b;
        }
        c
    }

    #[test]
    fn the_three_products_are_those_of_a_dense_layer() {
        let (rows, cin, cout) = (3, 4, 2);
        let numbers = |n: usize, first: f32| (0..n).map(|i| first + i as f32).collect::<Vec<f32>>();
        let (x, w, y) = (numbers(rows * cin, 1.0), numbers(cout * cin, -3.0), numbers(rows * cout, 2.0));
        let product = |pass| {
            let shape = ConvShape::dense(cin, cout);
            let precision = Precision::F32;
            let convolution = Convolution {
                shape,
                padding: Padding::Same,
                images: rows,
                height: 1,
                width: 1,
                pass,
                precision,
                add: false,
            };
            let product = Product::of(&convolution);
            let operand = |which| match which {
                Operand::Input => &x,
                Operand::Weights => &w,
                Operand::Output => &y,
            };
            column_major(&product, operand(product.a), operand(product.b))
        };
        let sum = |n: usize, term: &dyn Fn(usize) -> f32| (0..n).map(term).sum::<f32>();
        let grid =
            |rows: usize, columns: usize| (0..rows).flat_map(move |r| (0..columns).map(move |c| (r, c)));
        let forward: Vec<f32> =
            grid(rows, cout).map(|(r, o)| sum(cin, &|i| x[r * cin + i] * w[o * cin + i])).collect();
        assert_eq!(product(Pass::Forward), forward);
        let input: Vec<f32> =
            grid(rows, cin).map(|(r, i)| sum(cout, &|o| y[r * cout + o] * w[o * cin + i])).collect();
        assert_eq!(product(Pass::InputGradient), input);
        let weights: Vec<f32> =
            grid(cout, cin).map(|(o, i)| sum(rows, &|r| y[r * cout + o] * x[r * cin + i])).collect();
        assert_eq!(product(Pass::WeightGradient), weights);
    }
}
