//! Bad configurations and files are refused before any work, with a message that names the way out.

use crate::{expect_code, run, stderr, tiny};
use basin_core::{Array, Params, TensorFile};

#[track_caller]
fn refused(more: &[&str], code: i32, words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let output = tiny(folder.path(), more);
    expect_code(&output, code);
    for word in words {
        assert!(stderr(&output).contains(word), "{word} in {}", stderr(&output));
    }
    assert!(!folder.path().join("run").exists(), "something was written");
}

#[test]
fn values_out_of_range_are_refused_with_key_range_and_value() {
    refused(&["--set", "beta=1.2"], 2, &["ensemble.label_weight is 1.2", "0 ≤ x ≤ 1"]);
    refused(&["--set", "tau=0"], 2, &["ensemble.temperature is 0", "0 < x"]);
    refused(&["--set", "split_epoch=3"], 2, &["split_epoch is 3", "1 ≤ t < T = 3 epochs"]);
    refused(&["--members", "1"], 2, &["ensemble.members is 1"]);
    refused(&["--seeds", "1,1"], 2, &["ensemble.seeds"]);
    refused(&["--set", "train.batch=97"], 2, &["batch of 97 images from a training set of 96"]);
    refused(&["--width", "0.3"], 2, &["width 0.3", "whole number"]);
}

#[test]
fn what_an_architecture_does_not_have_is_refused() {
    refused(&["--set", "model.dropout=0.1"], 2, &["dropout 0.1 for a ResNet"]);
    refused(&["--model", "vit", "--width", "0.01"], 2, &["model.width"]);
    refused(&["--set", "train.optimiser=lion"], 2, &["train.optimiser is lion", "adamw"]);
}

#[test]
fn unknown_names_are_refused_with_the_known_ones() {
    refused(&["--set", "train.bach=8"], 2, &["unknown key train.bach", "train.batch"]);
    refused(&["--methods", "deep,sweep"], 2, &["ensemble.methods", "distilled-deep"]);
    refused(&["--preset", "large"], 2, &["unknown preset large", "paper"]);
    refused(&["--dataset", "mnist"], 2, &["data.dataset is mnist", "cifar10"]);
}

/// Nothing is trained that cannot be finished, and a price is told of nothing that would be refused.
#[test]
fn what_a_run_would_be_refused_for_is_refused_by_its_plan() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "not a folder").unwrap();
    let (file, runs) = (file.to_str().unwrap(), folder.path().join("runs"));
    let mut params = Params::new();
    params.insert("conv1.weight", Array::full(vec![4, 3, 3], 0.0));
    let network = folder.path().join("other.safetensors");
    std::fs::write(&network, TensorFile { params, ..Default::default() }.encode()).unwrap();
    let imports = format!("ensemble.imports={0},{0}", network.display());
    let runs = runs.to_str().unwrap();
    let long = "x".repeat(300);
    let refused: [(&[&str], i32, &[&str]); 9] = [
        (&["--runs", file, "--name", "a"], 2, &["file is no folder"]),
        (&["--runs", &format!("{file}/below"), "--name", "a"], 2, &["file is no folder"]),
        (&["--runs", folder.path().to_str().unwrap(), "--name", "file"], 2, &["file is no folder"]),
        (
            &["--runs", runs, "--name", "a/b"],
            2,
            &["--name: \"a/b\" cannot be used as a name: it contains a separator"],
        ),
        (&["--runs", runs, "--name", ".."], 2, &["it stands for a directory"]),
        (&["--runs", runs, "--name", &long], 2, &["300 bytes"]),
        (
            &["--runs", runs, "--name", "a", "--methods", "deep,imported", "--set", &imports],
            4,
            &["other.safetensors", "conv1.weight is [4, 3, 3]", "missing dense.bias"],
        ),
        (
            &[
                "--runs",
                runs,
                "--name",
                "a",
                "--model",
                "vit",
                "--width",
                "0.125",
                "--set",
                "model.centred_kernels=yes",
            ],
            2,
            &["centred kernels for vit"],
        ),
        (
            &[
                "--runs",
                runs,
                "--name",
                "a",
                "--model",
                "vit",
                "--width",
                "0.125",
                "--set",
                "model.residual_scale=0.5",
            ],
            2,
            &["residual scale of 0.5 for vit"],
        ),
    ];
    let tiny = |more: &[&str]| {
        // An architecture of its own has a width of its own.
        let base = basin_tests::TINY
            .iter()
            .copied()
            .filter(|set| !(more.contains(&"--width") && set.contains("width")));
        run(&[&["reproduce"], &base.collect::<Vec<_>>()[..], more].concat())
    };
    for (arguments, code, words) in refused {
        for dry_run in [&[][..], &["--dry-run"]] {
            let output = tiny(&[arguments, dry_run].concat());
            expect_code(&output, code);
            for word in words {
                assert!(stderr(&output).contains(word), "{word} in {}", stderr(&output));
            }
        }
    }
    assert!(!folder.path().join("runs").exists(), "something was written");
}

/// Three thousand networks, each of which is matched to all others of its seed.
#[test]
fn a_plan_of_many_networks_takes_seconds_and_threads_beyond_the_cores_are_not_started() {
    let begun = std::time::Instant::now();
    let output = run(&[
        "reproduce",
        "--width",
        "0.25",
        "--methods",
        "frank-wolfe",
        "--members",
        "1000",
        "--seeds",
        "0,1,2",
        "--dry-run",
        "--runs",
        "absent",
        "--set",
        "run.threads=4096",
    ]);
    expect_code(&output, 0);
    assert!(begun.elapsed().as_secs_f64() < 10.0, "{:?}", begun.elapsed());
    assert!(stderr(&output).contains("4096 threads on"), "{}", stderr(&output));
}

#[test]
fn several_problems_are_reported_together() {
    refused(&["--set", "beta=2", "--set", "nonsense=1"], 2, &["label_weight", "unknown key nonsense"]);
}

#[test]
fn a_missing_device_is_no_silent_fall_back() {
    refused(&["--device", "cuda"], 7, &["cuda", "cargo xtask cuda-toolkit", "--device cpu"]);
    refused(&["--precision", "bf16"], 2, &["run.precision is bf16", "--device cuda"]);
}

#[test]
fn divergence_stops_with_its_own_code_and_keeps_the_last_good_state() {
    let folder = tempfile::tempdir().unwrap();
    let output = tiny(folder.path(), &["--methods", "deep", "--set", "lr=1e30", "--concurrent", "2"]);
    expect_code(&output, 6);
    assert!(stderr(&output).contains("not finite at step"), "{}", stderr(&output));
    let nodes = std::fs::read_dir(folder.path().join("run/nodes")).unwrap();
    let mut files = nodes.flat_map(|node| std::fs::read_dir(node.unwrap().path()).unwrap());
    assert!(files.any(|f| f.unwrap().file_name().to_str().unwrap().starts_with("state-")));
}

#[test]
fn a_checkpoint_that_does_not_fit_lists_every_tensor() {
    let folder = tempfile::tempdir().unwrap();
    let (bad, out) = (folder.path().join("bad.safetensors"), folder.path().join("out.safetensors"));
    let mut params = Params::new();
    params.insert("conv1.weight", Array::full(vec![4, 3, 3], 0.0));
    params.insert("fc.weight", Array::full(vec![10, 4], 0.0));
    std::fs::write(&bad, TensorFile { params, ..Default::default() }.encode()).unwrap();
    let predict = |file: &std::path::Path| {
        let (file, out) = (file.to_str().unwrap(), out.to_str().unwrap());
        run(&["predict", "--checkpoint", file, "--width", "0.25", "--dataset", "synthetic", "--out", out])
    };
    let output = predict(&bad);
    expect_code(&output, 4);
    for words in
        ["conv1.weight is [4, 3, 3], expected [4, 3, 3, 3]", "missing dense.bias", "unexpected fc.weight"]
    {
        assert!(stderr(&output).contains(words), "{words} in {}", stderr(&output));
    }
    std::fs::write(&bad, b"not safetensors").unwrap();
    expect_code(&predict(&bad), 4);
    expect_code(&predict(&folder.path().join("absent")), 4);
    assert!(!out.exists());
}

#[test]
fn a_members_checkpoint_predicts_as_in_the_run() {
    let folder = tempfile::tempdir().unwrap();
    expect_code(&tiny(folder.path(), &["--methods", "deep"]), 0);
    let nodes = std::fs::read_dir(folder.path().join("run/nodes")).unwrap();
    let member =
        nodes.map(|n| n.unwrap().path()).find(|p| p.to_str().unwrap().contains("s0-deep-1.")).unwrap();
    let out = folder.path().join("preds.safetensors");
    let checkpoint = member.join("final.safetensors");
    let (checkpoint, out_text) = (checkpoint.to_str().unwrap(), out.to_str().unwrap());
    let output = run(&[
        "predict",
        "--checkpoint",
        checkpoint,
        "--width",
        "0.25",
        "--dataset",
        "synthetic",
        "--out",
        out_text,
    ]);
    expect_code(&output, 0);
    let predictions = TensorFile::decode(&std::fs::read(&out).unwrap()).unwrap().params;
    let (logits, labels) = (predictions.get("logits").unwrap(), predictions.get("labels").unwrap());
    assert_eq!((logits.shape()[1], logits.shape()[0]), (10, labels.shape()[0]));
    // The run used the first 60 test images and kept its logits.
    let mut nodes = std::fs::read_dir(folder.path().join("run/nodes")).unwrap().map(|n| n.unwrap().path());
    let measured = nodes.find(|p| p.to_str().unwrap().contains("s0-logits-deep-1.")).unwrap();
    let kept = std::fs::read(measured.join("record.safetensors")).unwrap();
    let kept = TensorFile::decode(&kept).unwrap().params;
    assert_eq!(kept.get("logits").unwrap().data(), &logits.data()[..600]);
}
