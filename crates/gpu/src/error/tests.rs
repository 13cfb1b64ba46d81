//! What the errors say, and that none is lost on its way through a forward pass.

use super::*;

#[test]
fn an_error_passes_through_a_forward_pass_as_it_is() {
    let lost = GpuError::Lost { during: "add".into(), found: "CUDA_ERROR_X (700)".into() };
    let wrapped = candle_core::Error::from(lost.clone()).bt().context("the step");
    assert_eq!(GpuError::within(&wrapped), Some(&lost));
    assert!(wrapped.to_string().contains("run the same command again"));
    assert_eq!(GpuError::from(wrapped), lost);
    let other = candle_core::Error::Msg("sizes".into());
    assert_eq!(GpuError::within(&other), None);
    assert_eq!(GpuError::from(other), GpuError::Network { found: "sizes".into() });
}

/// A new variant does not compile here until it has a line in the test.
fn place(error: &GpuError) -> usize {
    match error {
        GpuError::NoDriver { .. } => 0,
        GpuError::NoDevice { .. } => 1,
        GpuError::Capability { .. } => 2,
        GpuError::NoLibrary { .. } => 3,
        GpuError::Library { .. } => 4,
        GpuError::OutOfMemory { .. } => 5,
        GpuError::Lost { .. } => 6,
        GpuError::Compile { .. } => 7,
        GpuError::Launch { .. } => 8,
        GpuError::Size { .. } => 9,
        GpuError::Network { .. } => 10,
        GpuError::Captured { .. } => 11,
    }
}

#[test]
fn every_error_says_what_where_and_what_to_do() {
    let told = [
        (
            GpuError::NoDriver { found: "no libcuda.so.1".into() },
            "no NVIDIA driver: no libcuda.so.1. Install a driver of at least version 580, or use --device cpu",
        ),
        (
            GpuError::NoDevice { wanted: 2, found: 1 },
            "device 2 was asked for, the driver sees 1, numbered from 0. Choose one of them (CUDA_VISIBLE_DEVICES may hide some), or use --device cpu",
        ),
        (
            GpuError::Capability { device: "GTX".into(), found: (7, 5), needed: (8, 0) },
            "GTX has compute capability 7.5, at least 8.0 is needed. Use a newer device or --device cpu",
        ),
        (
            GpuError::NoLibrary { library: "libcudnn.so.9".into(), found: "missing".into() },
            "libcudnn.so.9: missing. Put one that fits where the loader finds it (LD_LIBRARY_PATH); `basin doctor` lists all",
        ),
        (
            GpuError::Library { library: "cuDNN".into(), found: "BAD_PARAM while it was to start".into() },
            "cuDNN: BAD_PARAM while it was to start. `basin doctor` tells which libraries and versions were found",
        ),
        (
            GpuError::OutOfMemory { wanted: 400, found: "100 of 2000 are free".into() },
            "out of memory on the device when 400 more bytes were asked for: 100 of 2000 are free. Use a smaller batch, fewer members side by side, or --precision bf16",
        ),
        (
            GpuError::OutOfMemory { wanted: 0, found: "cuDNN answers ALLOC_FAILED".into() },
            "out of memory on the device: cuDNN answers ALLOC_FAILED. Use a smaller batch, fewer members side by side, or --precision bf16",
        ),
        (
            GpuError::Lost { during: "run add".into(), found: "CUDA_ERROR_X (700)".into() },
            "the device was lost while it was to run add: CUDA_ERROR_X (700). Checkpoints are good: run the same command again",
        ),
        (
            GpuError::Compile {
                source_name: "a.cu".into(),
                target: "sm_90".into(),
                log: "line 1: no\n".into(),
            },
            "kernel source a.cu does not compile for sm_90: line 1: no\n`basin doctor` checks compiler and driver; --device cpu needs neither",
        ),
        (
            GpuError::Launch { kernel: "add".into(), found: "700 threads".into() },
            "kernel add: 700 threads. `basin doctor` checks the device's kernels; if it finds them right, please report this",
        ),
        (GpuError::size("a copy to the device", 8, 9), "a copy to the device: expected 8, found 9"),
        (
            GpuError::Network { found: "shapes [1] and [2]".into() },
            "the network's forward pass failed: shapes [1] and [2]",
        ),
        (
            GpuError::Captured { what: "a copy to the device".into() },
            "a copy to the device inside captured work, which may only launch kernels; do it before or after",
        ),
    ];
    let mut seen = [false; 12];
    for (error, text) in &told {
        assert_eq!(error.to_string(), *text);
        seen[place(error)] = true;
    }
    assert_eq!(seen, [true; 12], "every variant is told");
}
