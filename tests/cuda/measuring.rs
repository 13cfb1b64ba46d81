//! The commands that look and measure: `doctor`, `bench train-step`, `gpu-check`.

use crate::{command, run, stdout};
use basin_tests::{expect_code, stderr};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

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

#[test]
fn kernels_that_do_not_run_are_answers_and_a_lost_device_is_the_end() {
    // From some launch on there are too few resources for any.
    let refused = [("FAKE_CUDA_FAULTS", "cuLaunchKernel:100:701")];
    let output = run(&["doctor", "--device", "cuda"], &refused);
    expect_code(&output, 7);
    let text = stdout(&output);
    let of = |verdict: &str| text.lines().filter(|line| line.starts_with(verdict)).count();
    let (right, failed) = (of("  right "), of("  FAILED "));
    assert!(right > 0 && failed > 0 && text.contains("(701)"), "{text}");
    assert!(text.contains(&format!("{right} of {} are right", right + failed)), "{text}");
    let folder = tempfile::tempdir().unwrap();
    let (out, lost) = (folder.path().join("out"), folder.path().join("lost"));
    let output = run(&[&SMALL[..], &[out.to_str().unwrap()]].concat(), &refused);
    expect_code(&output, 7);
    let found = answers(&out);
    let failed = |found: &Value| {
        let checks = found["checks"].as_array().unwrap().iter();
        checks.filter(|check| check["ok"] == false && check["error"].is_string()).count()
    };
    assert!(failed(&found) > 1 && found["checks"][0]["ok"] == true, "{found}");
    let measured = found["failed"].as_array().unwrap();
    let told: Vec<_> = measured.iter().map(|failed| failed["what"].as_str().unwrap()).collect();
    assert_eq!(told[..3], ["an epoch of resnet20:0.25 f32", "resnet20:0.25 f32", "vit:0.125 f32"]);
    assert!(told.len() >= 3 + 21, "{told:?}");
    assert_eq!((&found["complete"], &found["left_out"]), (&false.into(), &serde_json::json!([])));
    let broken = [("FAKE_CUDA_FAULTS", "kernel:100:700")];
    let output = run(&[&SMALL[..], &[lost.to_str().unwrap()]].concat(), &broken);
    expect_code(&output, 7);
    assert!(stderr(&output).contains("the device was lost"), "{}", stderr(&output));
    let found = answers(&lost);
    assert_eq!((failed(&found), found["left_out"].as_array().unwrap().len()), (1, 3));
}

/// A shell script that speaks the peer's protocol: a PyTorch that takes a hundredth of a second for whatever it is asked.
const TORCH: &str = r#"#!/bin/sh
echo '{"program":"PyTorch of a script"}'
while read word rest; do
    case "$word" in
        case) echo '{"layouts":["channels_last","compiled"],"skipped":{}}' ;;
        round) echo '{"layout":"channels_last","seconds":[0.02]}'; echo '{"layout":"compiled","seconds":[0.01]}' ;;
    esac
done
"#;

fn torch(folder: &Path, script: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join("python");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

const SMALL: [&str; 7] = [
    "gpu-check",
    "--networks=resnet20:0.25,vit:0.125",
    "--precisions=f32",
    "--images=2",
    "--batch=1",
    "--seconds=0.01",
    "--out",
];

/// The one file beneath a folder.
fn answers(out: &Path) -> Value {
    let folders: Vec<_> = std::fs::read_dir(out).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [folder] = &folders[..] else { panic!("{folders:?}") };
    assert!(folder.to_str().unwrap().ends_with("-fake-h200-cuda-0"), "{}", folder.display());
    serde_json::from_slice(&std::fs::read(folder.join("gpu-check.json")).unwrap()).unwrap()
}

#[test]
fn gpu_check_writes_what_is_promised_also_of_wrong_kernels_and_without_a_peer_that_lives() {
    let folder = tempfile::tempdir().unwrap();
    let (out, dead) = (folder.path().join("out"), folder.path().join("dead"));
    let python = torch(folder.path(), TORCH);
    let peer = ["--peer", &python];
    expect_code(&run(&[&SMALL[..], &[out.to_str().unwrap()], &peer].concat(), &[]), 0);
    let found = answers(&out);
    assert_eq!(found["device"], "Fake H200 (cuda:0)");
    assert_eq!((&found["complete"], &found["peer"]), (&true.into(), &"PyTorch of a script".into()));
    for check in found["checks"].as_array().unwrap() {
        assert!(check["kernel"].is_string() && check["precision"].is_string(), "{check}");
        assert!(check["max_rel_error"].is_number() && check["ok"] == true, "{check}");
    }
    assert!(found["checks"].as_array().unwrap().len() > 40);
    // Operations on candle's tensors among them.
    let kernels = found["checks"].as_array().unwrap().iter().map(|check| check["kernel"].as_str().unwrap());
    assert!(kernels.filter(|kernel| kernel.starts_with("candle ")).count() > 20);
    let throughput = found["throughput"].as_array().unwrap();
    let told: Vec<_> =
        throughput.iter().map(|row| (&row["model"], row["width"].as_f64(), &row["precision"])).collect();
    let [resnet, vit, f32] = ["resnet20", "vit", "f32"].map(Value::from);
    assert_eq!(told, [(&resnet, Some(0.25), &f32), (&vit, Some(0.125), &f32)]);
    for row in throughput {
        let of = |key: &str| row[key].as_f64().unwrap_or_else(|| panic!("{key} in {row}"));
        // A step of the script's is one round of so many updates; the faster layout counts.
        assert!((of("torch_compiled") / of("torch_eager") - 2.0).abs() < 1e-9, "{row}");
        assert!((of("ratio") / (of("images_per_second") / of("torch_compiled")) - 1.0).abs() < 0.01, "{row}");
    }
    assert!(found["epoch_seconds"].as_f64().unwrap() > 0.0);
    let convolutions = found["convolutions"].as_array().unwrap();
    assert_eq!((convolutions.len(), &found["failed"]), (7 * 3, &serde_json::json!([])));
    assert!(convolutions.iter().all(|timed| timed["own_microseconds"].as_f64().unwrap() > 0.0));
    assert!(convolutions.iter().any(|timed| timed["computed_by"] != "own kernels"), "{convolutions:?}");
    // A wrong kernel, and a peer that dies when it is to compile: both are in the file.
    let python = torch(
        folder.path(),
        "#!/bin/sh\necho '{\"program\":\"PyTorch that dies\"}'; read request; echo boom >&2; exit 3",
    );
    let output = run(&[&SMALL[..], &[dead.to_str().unwrap(), "--peer", &python]].concat(), &IDLE);
    expect_code(&output, 7);
    assert!(stderr(&output).contains("do not train on it"), "{}", stderr(&output));
    let found = answers(&dead);
    let wrong = found["checks"].as_array().unwrap().iter().filter(|check| check["ok"] == false);
    let wrong: Vec<_> = wrong.map(|check| check["kernel"].as_str().unwrap()).collect();
    // What adds up weight gradients uses it, too.
    assert!(wrong.contains(&"sum of gradients") && wrong.len() < 5, "{wrong:?}");
    let row = &found["throughput"][0];
    assert!(row["images_per_second"].is_number() && row["ratio"].is_null(), "{row}");
    assert!(row["skipped"]["peer"].as_str().unwrap().contains("boom"), "{row}");
    assert_eq!(found["failed"][0]["what"], "the peer at resnet20:0.25 f32");
}

#[test]
fn gpu_check_that_is_killed_leaves_what_it_has_measured() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = command(&[&SMALL[..], &[folder.path().to_str().unwrap()]].concat(), &[]);
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // The first convolution: all checks, the epoch and the networks are in the file.
    let told = lines.map(|line| line.unwrap()).filter(|line| line.contains("computed_by")).take(1).count();
    child.kill().unwrap();
    child.wait().unwrap();
    let found = answers(folder.path());
    assert_eq!((told, &found["complete"]), (1, &false.into()));
    assert!(found["checks"].as_array().unwrap().len() > 40 && found["epoch_seconds"].is_number());
    assert_eq!(found["throughput"].as_array().unwrap().len(), 2);
    assert_eq!(found["left_out"], serde_json::json!(["convolutions f32"]));
}

#[test]
fn bench_measures_a_training_step_on_the_device() {
    let small = ["bench", "train-step", "--device", "cuda", "--width", "0.25", "--batch", "1"];
    for precision in ["f32", "bf16"] {
        let output = run(&[&small[..], &["--precision", precision]].concat(), &[]);
        expect_code(&output, 0);
        let line: Value = serde_json::from_str(stdout(&output).trim()).unwrap();
        assert_eq!((&line["precision"], &line["model"]), (&precision.into(), &"resnet20".into()));
        assert!(line["images_per_second"].as_f64().unwrap() > 0.0 && line["ratio"].is_null(), "{line}");
    }
}
