//! The commands that look and measure: `doctor`, `bench train-step`, `gpu-check`.

use crate::{run, stdout};
use basin_tests::{expect_code, stderr};

/// A kernel of the sum of two paths' gradients.
const IDLE: [(&str, &str); 1] = [("FAKE_CUDA_IDLE", "add_f32")];

#[test]
fn doctor_names_everything_and_finds_every_kernel_right_or_the_one_that_is_wrong() {
    let output = run(&["doctor", "--device", "cuda"], &[]);
    expect_code(&output, 0);
    let text = stdout(&output);
    for words in [
        "libcudnn.so.9 (convolutions): /",
        "driver     CUDA 13.0",
        "cuda:0 Fake H200, compute capability 9.0, 128 GiB, 132 multiprocessors",
        "every kernel of Fake H200 (cuda:0)",
    ] {
        assert!(text.contains(words), "{words} in {text}");
    }
    let checks = text.lines().filter(|line| line.starts_with("  right ")).count();
    assert!(checks > 40 && !text.contains("WRONG"), "{text}");
    assert!(text.contains(&format!("{checks} of {checks} are right")), "{text}");
    let output = run(&["doctor", "--device", "cuda"], &IDLE);
    expect_code(&output, 7);
    let wrong = stdout(&output);
    assert!(wrong.contains("  WRONG    sum of gradients             f32"), "{wrong}");
    assert!(stderr(&output).contains("do not train on it"), "{}", stderr(&output));
    // Only looking does not make wrong kernels right.
    expect_code(&run(&["doctor"], &IDLE), 7);
}
