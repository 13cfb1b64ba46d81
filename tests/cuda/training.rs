//! All six ensembles on the device, against the CPU; interrupted, killed, and moved from one to the other.

use crate::{command, run, same, started, states, tiny};
use basin_core::{Params, TensorFile};
use basin_tests::{expect_code, stderr};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

const CUDA: [&str; 2] = ["--device", "cuda"];

/// Fewer images, for what takes long in the emulator.
const FEW: [&str; 4] = [
    "--set=data.train_images=8",
    "--set=train.batch=4",
    "--set=data.test_images=8",
    "--set=connectivity_images=8",
];

const SIX: [&str; 6] = ["deep", "constrained", "swe", "permuted", "distilled", "distilled-deep"];

/// A tiny run that must succeed.
#[track_caller]
fn finished(runs: &Path, more: &[&str]) {
    expect_code(&run(&tiny(runs, more), &[]), 0);
}

fn json(runs: &Path, file: &str) -> Value {
    serde_json::from_slice(&std::fs::read(runs.join("run").join(file)).unwrap()).unwrap()
}

/// The methods of the report.
fn methods(runs: &Path) -> Vec<String> {
    assert!(runs.join("run/report/index.html").is_file());
    let results = json(runs, "results.json");
    let rows = results["ensembles"].as_array().unwrap().iter();
    rows.map(|row| row["method"].as_str().unwrap().to_owned()).collect()
}

fn nodes(runs: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(runs.join("run/nodes")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The only node whose name begins so.
fn node(runs: &Path, beginning: &str) -> PathBuf {
    let named: Vec<_> = nodes(runs).into_iter().filter(|name| name.starts_with(beginning)).collect();
    let [name] = &named[..] else { panic!("{beginning}: {named:?}") };
    runs.join("run/nodes").join(name)
}

fn params(file: &Path) -> Params {
    TensorFile::decode(&std::fs::read(file).unwrap()).unwrap().params
}

/// The largest difference of two networks' parameters over the largest of them.
fn distance(a: &Params, b: &Params) -> f32 {
    let (mut largest, mut difference) = (0f32, 0f32);
    for (name, array) in a.iter() {
        for (x, y) in array.data().iter().zip(b.get(name).unwrap().data()) {
            largest = largest.max(x.abs());
            difference = difference.max((x - y).abs());
        }
    }
    difference / largest
}

/// Row by row: accuracies of the ensemble and its members may differ by one image, the mean negative log-likelihood by
/// `tolerance` of it.
#[track_caller]
fn rows_agree(a: &Value, b: &Value, tolerance: f64) {
    let one = 1.001 / a["config"]["data"]["test_images"].as_f64().unwrap();
    let (a, b) = (a["ensembles"].as_array().unwrap(), b["ensembles"].as_array().unwrap());
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert_eq!(a["method"], b["method"]);
        let of = |row: &Value, metric: &str| row["scalars"]["ensemble"][metric].as_f64().unwrap();
        for key in ["ensemble-accuracy", "mean-member-accuracy"] {
            assert!((of(a, key) - of(b, key)).abs() < one, "{key}: {a} against {b}");
        }
        let (x, y) = (of(a, "nll"), of(b, "nll"));
        assert!((x - y).abs() < tolerance * x, "nll: {a} against {b}");
    }
}

#[test]
fn all_six_ensembles_agree_with_the_cpus_from_training_to_the_report() {
    let folders = [0; 2].map(|_| tempfile::tempdir().unwrap());
    let [cpu, cuda] = folders.each_ref().map(tempfile::TempDir::path);
    finished(cpu, &[]);
    finished(cuda, &CUDA);
    assert_eq!(methods(cpu), SIX);
    assert_eq!(methods(cuda), SIX);
    // Differences of rounding alone, which four updates do not blow up.
    rows_agree(&json(cpu, "results.json"), &json(cuda, "results.json"), 1e-3);
    let trained = |runs| params(&node(runs, "s0-distilled-2.").join("final.safetensors"));
    assert!(distance(&trained(cpu), &trained(cuda)) < 1e-3, "{}", distance(&trained(cpu), &trained(cuda)));
    assert_eq!(nodes(cpu), nodes(cuda));
}

#[test]
fn all_six_ensembles_in_bf16_have_nodes_of_their_own_and_agree_to_its_precision() {
    let folders = [0; 2].map(|_| tempfile::tempdir().unwrap());
    let [cpu, cuda] = folders.each_ref().map(tempfile::TempDir::path);
    finished(cpu, &FEW);
    finished(cuda, &[&FEW[..], &CUDA, &["--precision", "bf16"]].concat());
    assert_eq!(methods(cuda), SIX);
    rows_agree(&json(cpu, "results.json"), &json(cuda, "results.json"), 0.05);
    let shared: Vec<_> = nodes(cpu).intersection(&nodes(cuda)).cloned().collect();
    assert!(shared.iter().all(|name| name.contains("-init.")), "{shared:?}");
    let environment = json(cuda, "environment.json");
    assert_eq!([&environment["device"], &environment["precision"]], ["Fake H200 (cuda:0)", "bf16"]);
}

/// On candle's device, which is behind the queue: all operations of these networks are ours.
#[test]
fn networks_that_candle_runs_agree_with_the_cpus_from_training_to_the_report() {
    let folders = [0; 2].map(|_| tempfile::tempdir().unwrap());
    let [cpu, cuda] = folders.each_ref().map(tempfile::TempDir::path);
    let network = ["--model=resnet8", "--set=model.norm=batch", "--methods=deep,distilled"];
    let asked = [&network[..], &FEW].concat();
    finished(cpu, &asked);
    finished(cuda, &[&asked[..], &CUDA].concat());
    rows_agree(&json(cpu, "results.json"), &json(cuda, "results.json"), 1e-3);
    let trained = |runs| params(&node(runs, "s0-deep-1.").join("final.safetensors"));
    assert!(distance(&trained(cpu), &trained(cuda)) < 1e-3, "{}", distance(&trained(cpu), &trained(cuda)));
    assert_eq!(nodes(cpu), nodes(cuda));
}

#[test]
fn transformers_train_with_adam_and_dropout_and_predict_as_in_the_run() {
    let folders = [0; 2].map(|_| tempfile::tempdir().unwrap());
    let [cpu, cuda] = folders.each_ref().map(tempfile::TempDir::path);
    let vit = ["--model=vit", "--width=0.125", "--set=train.optimiser=adamw", "--set=model.dropout=0.1"];
    let vit = [&vit[..], &FEW, &["--set=lr=0.001", "--methods=deep,distilled"]].concat();
    finished(cpu, &vit);
    finished(cuda, &[&vit[..], &CUDA].concat());
    rows_agree(&json(cpu, "results.json"), &json(cuda, "results.json"), 1e-3);
    // One checkpoint's logits again, as a command of its own.
    let member = node(cuda, "s0-deep-1.");
    let (checkpoint, out) = (member.join("final.safetensors"), cuda.join("predictions.safetensors"));
    let predict = |precision: &str| {
        let files = ["--checkpoint", checkpoint.to_str().unwrap(), "--out", out.to_str().unwrap()];
        let network = ["--model", "vit", "--width", "0.125", "--dataset", "synthetic"];
        let data = ["--set=data.halved=yes", "--set=data.test_images=8", "--device", "cuda"];
        let all =
            [&["predict", "--force"], &files[..], &network, &data, &["--precision", precision]].concat();
        expect_code(&run(&all, &[]), 0);
        params(&out)
    };
    let kept = params(&node(cuda, "s0-logits-deep-1.").join("record.safetensors"));
    let (exact, coarse) = (predict("f32"), predict("bf16"));
    let [kept, exact, coarse] = [&kept, &exact, &coarse].map(|params| params.get("logits").unwrap().data());
    assert_eq!(kept, exact);
    let largest = exact.iter().fold(0f32, |most, x| most.max(x.abs()));
    let apart = exact.iter().zip(coarse).fold(0f32, |most, (x, y)| most.max((x - y).abs()));
    assert!(apart > 0.0 && apart < 0.03 * largest, "{apart} of {largest}");
}

/// Two ensembles, one of which has teachers.
const SOME: [&str; 4] = ["--device", "cuda", "--methods", "deep,distilled"];

#[test]
fn killed_and_interrupted_on_the_device_a_run_ends_with_the_same_bytes() {
    let (whole, stopped) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    finished(whole.path(), &SOME);
    for round in 0..5u64 {
        // One network after the other, or three at a time.
        let concurrent = ["--concurrent", if round % 2 == 0 { "3" } else { "1" }];
        let mut child = started(stopped.path(), &[&SOME[..], &concurrent].concat());
        // From at once to the next node.
        std::thread::sleep(std::time::Duration::from_millis(150 * round));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let mut child = started(stopped.path(), &[&SOME[..], &["--concurrent", "2"]].concat());
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(75));
    finished(stopped.path(), &[&SOME[..], &["--concurrent", "3"]].concat());
    same(whole.path(), stopped.path());
}

#[test]
fn several_devices_work_side_by_side_and_the_bytes_are_those_of_one() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    finished(one.path(), &SOME);
    let devices = [("FAKE_CUDA_DEVICES", "2:9:0")];
    let both = [&SOME[..], &["--devices", "0,1"]].concat();
    expect_code(&run(&tiny(two.path(), &both), &devices), 0);
    same(one.path(), two.path());
    let missing = run(&tiny(two.path(), &[&SOME[..], &["--devices", "2"]].concat()), &devices);
    expect_code(&missing, 7);
}

#[test]
fn checkpoints_move_freely_between_cpu_and_gpu() {
    let [cpu, moved, back] = [0; 3].map(|_| tempfile::tempdir().unwrap());
    let on = |device: &'static str| ["--methods", "deep,distilled", "--device", device];
    finished(cpu.path(), &on("cpu"));
    let expected = json(cpu.path(), "results.json");
    // Killed in the middle of a node, whose state the other one takes up.
    for (runs, first, then) in [(moved.path(), "cpu", "cuda"), (back.path(), "cuda", "cpu")] {
        let mut child = started(runs, &on(first));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!states(runs).is_empty(), "{first}: the node was over before it was killed");
        let output = command(&tiny(runs, &on(then)), &[]).output().unwrap();
        expect_code(&output, 0);
        assert!(stderr(&output).contains("deep-"), "{}", stderr(&output));
        rows_agree(&expected, &json(runs, "results.json"), 1e-3);
    }
}
