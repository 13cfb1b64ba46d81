//! Operations: results and gradients, refusals, what candle's own kernels would be needed for.

use crate::Fake;
use basin_candle::check::{LIMIT, checks};
use basin_candle::ops::{
    OpError, Padding, Window, attention, conv2d, cross_entropy, dense, max_pool2d, relu,
};
use basin_gpu::GpuError;
use candle_core::{DType, Device, Tensor};

#[test]
fn every_operation_forward_and_back_agrees_with_the_cpu() {
    let fake = Fake::new();
    // With a stream of its own, and with that of the thread.
    for device in [fake.device(), Device::new_cuda(0).unwrap()] {
        let mut wrong = Vec::new();
        for check in checks() {
            match check.run(&device) {
                Ok(error) if error <= LIMIT => {}
                Ok(error) => wrong.push(format!("{}: {error:.2e} of {LIMIT:.0e}", check.operation)),
                Err(error) => wrong.push(format!("{}: {error}", check.operation)),
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

#[test]
fn what_has_no_kernel_there_is_refused_with_its_operation_and_device() {
    let fake = Fake::new();
    let device = fake.device();
    let zeros = |dims: &[usize]| Tensor::zeros(dims, DType::F32, &device).unwrap();
    // Types.
    let wide = Tensor::zeros((2, 3), DType::F64, &device).unwrap();
    let error = relu(&wide).unwrap_err();
    let expected = OpError::Type { operation: "relu", found: "f64".into() };
    assert_eq!(OpError::within(&error), Some(&expected), "{error}");
    // Devices that differ.
    let here = Tensor::zeros((4, 3), DType::F32, &Device::Cpu).unwrap();
    let error = dense(&zeros(&[2, 3]), &here, None).unwrap_err().to_string();
    assert!(error.contains("device mismatch") && error.contains("dense"), "{error}");
    // Heads that the kernel has no room for: the CPU takes them.
    let error = attention(&zeros(&[1, 2, 3 * 130]), 1).unwrap_err();
    let refused = GpuError::within(&error).unwrap_or_else(|| panic!("untyped: {error}"));
    assert!(refused.to_string().contains("whole heads of at most 64 channels"), "{refused}");
    // Shapes and labels are looked at before anything is launched.
    let shape = |error: candle_core::Error| matches!(OpError::within(&error), Some(OpError::Shape { .. }));
    assert!(shape(max_pool2d(&zeros(&[2, 3]), Window::tiles(2)).unwrap_err()));
    assert!(shape(conv2d(&zeros(&[2, 3, 3, 2]), &zeros(&[4, 3, 3, 3]), 1, Padding::Same).unwrap_err()));
    let error = cross_entropy(&zeros(&[2, 3]), &[0, 3]).unwrap_err();
    assert!(matches!(OpError::within(&error), Some(OpError::Number { name: "label", .. })), "{error}");
    // A device that is not there.
    let error = Device::new_cuda(7).unwrap_err().to_string();
    assert!(error.contains("CUDA_ERROR_INVALID_DEVICE"), "{error}");
}

#[test]
fn parts_of_tensors_are_taken_where_they_lie_or_copied_by_the_driver() {
    let fake = Fake::new();
    let (device, values): (_, Vec<f32>) = (fake.device(), (0..40).map(|i| i as f32 - 20.0).collect());
    let (there, here) = (
        Tensor::from_slice(&values, (8, 5), &device).unwrap(),
        Tensor::from_slice(&values, (8, 5), &Device::Cpu).unwrap(),
    );
    // Rows that begin at a multiple of 16 bytes, and rows that do not.
    for first in [4, 3] {
        let part = |all: &Tensor| relu(&all.narrow(0, first, 4).unwrap()).unwrap();
        let found = part(&there).flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(found, part(&here).flatten_all().unwrap().to_vec1::<f32>().unwrap(), "row {first}");
    }
}

/// Not proven here, since there is no GPU: whatever takes one of candle's own kernels. What is seen is that candle is asked and
/// fails at loading its machine code, which the fake has no use for.
#[test]
fn what_takes_candles_own_kernels_is_not_proven_here_and_fails_with_candles_reason() {
    let fake = Fake::new();
    let x = Tensor::ones((2, 3), DType::F32, &Device::Cpu).unwrap().to_device(&fake.device()).unwrap();
    let own = [
        ("a strided copy, before an operation of ours on a transposed tensor", relu(&x.t().unwrap())),
        ("a product of tensors", &x * &x),
        ("an accumulated gradient of candle's autograd", {
            let var = candle_core::Var::from_tensor(&x).unwrap();
            relu(&var).unwrap().backward().map(|_| x.clone())
        }),
    ];
    for (what, result) in own {
        let error = result.expect_err(what).to_string();
        assert!(error.contains("CUDA_ERROR_INVALID_PTX"), "{what}: {error}");
    }
}
