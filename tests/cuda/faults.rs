//! Devices that are missing, too old, full or lost: exit code 7, words that help, a run that goes on.

use crate::{libraries, run, same, stdout, tiny};
use basin_tests::{artefacts, expect_code, stderr};
use std::path::Path;

const CUDA: [&str; 4] = ["--device", "cuda", "--methods", "deep,distilled"];

#[track_caller]
fn says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} in {text}");
    }
}

/// Each before anything is written, and by every command that takes a device.
#[test]
fn a_device_that_cannot_be_used_is_refused_by_every_command_before_anything_is_written() {
    let refusals: [(&str, &str, &[&str]); 4] = [
        (
            "FAKE_CUDA_DEVICES",
            "0:9:0",
            &["device 0 was asked for, the driver sees 0", "CUDA_VISIBLE_DEVICES"],
        ),
        ("FAKE_CUDA_DEVICES", "1:7:5", &["compute capability 7.5, at least 8.0", "--device cpu"]),
        ("FAKE_CUDA_FAULTS", "cuInit:0:803", &["no NVIDIA driver", "(803)", "at least version 580"]),
        ("FAKE_CUDA_FAULTS", "cuMemAllocAsync:0:2", &["out of memory on the device"]),
    ];
    for (variable, value, words) in refusals {
        refused(&[(variable, value)], words);
    }
}

#[test]
fn a_library_that_is_missing_is_named() {
    let missing: [(&str, &[&str]); 5] = [
        ("libcuda.so.1", &["no NVIDIA driver", "libcuda.so.1", "at least version 580"]),
        ("libnvrtc.so.13", &["libnvrtc.so.13: missing (the run-time compiler)", "basin doctor"]),
        ("libcublas.so.13", &["libcublas.so.13: missing (matrix products)"]),
        ("libcublasLt.so.13", &["libcublasLt.so.13: missing (matrix products)"]),
        ("libcudnn.so.9", &["libcudnn.so.9: missing (convolutions)", "LD_LIBRARY_PATH"]),
    ];
    for (name, words) in missing {
        let folder = tempfile::tempdir().unwrap();
        for file in std::fs::read_dir(libraries()).unwrap().map(|file| file.unwrap()) {
            if file.file_name() != name {
                std::os::unix::fs::symlink(file.path(), folder.path().join(file.file_name())).unwrap();
            }
        }
        // The others need the driver, and would load it beside them.
        let variables = [("BASIN_CUDA_LIBRARIES", folder.path().to_str().unwrap())];
        refused(&variables, words);
    }
}

#[track_caller]
fn refused(faults: &[(&str, &str)], words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (out, checkpoint) = (path("out"), path("checkpoint"));
    let commands = [
        tiny(folder.path(), &CUDA),
        vec!["doctor", "--device", "cuda"],
        vec!["gpu-check", "--out", &out],
        vec!["bench", "train-step", "--device", "cuda"],
        vec!["predict", "--checkpoint", &checkpoint, "--dataset=synthetic", "--out", &out, "--device=cuda"],
    ];
    for command in commands {
        let output = run(&command, faults);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(7), "{} with {faults:?}: {text}", command[0]);
        says(&text, words);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "something was written");
    // Only looking is not a failure.
    let looked = run(&["doctor"], faults);
    expect_code(&looked, 0);
    says(&stdout(&looked), words);
}

/// Faults one after the other, each further on than the one before; every start goes on from what was kept.
#[test]
fn whatever_breaks_in_the_middle_a_run_ends_with_the_same_bytes() {
    let (whole, broken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    expect_code(&run(&tiny(whole.path(), &CUDA), &[]), 0);
    let lost: &[&str] = &["device was lost", "the same command"];
    let faults: [(&str, &[&str]); 9] = [
        ("cuMemAllocAsync:40:2", &["out of memory on the device", "1000 of 2000", "smaller batch"]),
        ("cuModuleLoadData:3:222", &["(222)", "580"]),
        ("cuLaunchKernel:150:719", lost),
        ("kernel:150:700", lost),
        ("cuGraphLaunch:0:700", lost),
        ("kernel:250:716", lost),
        ("cuMemcpyDtoHAsync:4:700", lost),
        ("cuStreamSynchronize:30:700", lost),
        ("kernel:50:719", lost),
    ];
    let mut before = Vec::new();
    for (fault, words) in faults {
        let output = run(&tiny(broken.path(), &CUDA), &[("FAKE_CUDA_FAULTS", fault)]);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(7), "{fault}: {text}");
        says(&text, words);
        assert!(["node s0-", "measuring "].iter().any(|at| text.contains(&format!("error: {at}"))), "{text}");
        // What was finished stays as it was.
        let after = finished(broken.path());
        assert!(before.iter().all(|file| after.contains(file)), "{fault} changed a finished node");
        before = after;
    }
    assert!(!before.is_empty(), "no node was finished before the last fault");
    expect_code(&run(&tiny(broken.path(), &CUDA), &[]), 0);
    same(whole.path(), broken.path());
}

/// The files of nodes that are sealed.
fn finished(runs: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut files = artefacts(&runs.join("run/nodes"));
    let sealed: Vec<_> = files.iter().filter(|(path, _)| path.ends_with("DONE")).collect();
    let sealed: Vec<_> = sealed.into_iter().map(|(path, _)| path.parent().unwrap().to_owned()).collect();
    // Logits and their seals come later, beside what training left.
    files.retain(|(path, _)| sealed.iter().any(|node| path.starts_with(node)));
    files
}
