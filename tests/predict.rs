//! `basin predict`: every format in which people keep a network, and every setting that it is told.

use crate::{expect_code, over, run, stderr, tiny};
use basin_core::{Array, Params, TensorFile};
use std::path::{Path, PathBuf};
use std::process::Output;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// Predictions of a file, taken for a network of that name and width, on synthetic images.
fn as_network(checkpoint: &Path, out: &Path, network: &[&str; 2]) -> Output {
    let [model, width] = *network;
    let files =
        ["predict", "--force", "--checkpoint", checkpoint.to_str().unwrap(), "--out", out.to_str().unwrap()];
    run(&[&files[..], &["--model", model, "--width", width, "--dataset", "synthetic"]].concat())
}

/// Predictions of a file by the fixtures' network on 40 synthetic images.
fn predict(checkpoint: &Path, out: &Path, more: &[&str]) -> Output {
    let files =
        ["predict", "--force", "--checkpoint", checkpoint.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let network = ["--model", "resnet8", "--width", "0.125", "--dataset", "synthetic"];
    run(&[&files[..], &network, &over(&["--set=data.test_images=40"], more)].concat())
}

fn read(out: &Path) -> Params {
    TensorFile::decode(&std::fs::read(out).unwrap()).unwrap().params
}

#[track_caller]
fn says(output: &Output, words: &[&str]) {
    words.iter().for_each(|word| assert!(stderr(output).contains(word), "{word} in {}", stderr(output)));
}

#[test]
fn every_format_of_a_network_gives_the_same_predictions() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, out) = (folder.path().join("plain.safetensors"), folder.path().join("out.safetensors"));
    let output = predict(&fixture("resnet8.safetensors"), &plain, &[]);
    expect_code(&output, 0);
    assert_eq!(stderr(&output), "");
    let expected = read(&plain);
    assert_eq!(expected.get("logits").unwrap().shape(), [40, 10]);
    let formats: [(&str, &[&str], &[&str]); 8] = [
        ("resnet8-f16.safetensors", &[], &["converted 29 tensors from f16 to f32"]),
        ("resnet8-bf16.safetensors", &[], &["converted 29 tensors from bf16 to f32"]),
        ("resnet8-f64.safetensors", &[], &["converted 29 tensors from f64 to f32"]),
        ("resnet8.pt", &[], &[]),
        ("resnet8-legacy.pth", &[], &[]),
        ("resnet8-parallel.pth", &[], &["from f16 to f32", "prefix module.", "num_batches_tracked"]),
        ("resnet8-wrapped.pt", &[], &["prefix net.", "the network has dense.bias among its weights"]),
        ("resnet8-two.pt", &["--key", "student"], &["took the network under student"]),
    ];
    for (name, more, notes) in formats {
        let output = predict(&fixture(name), &out, more);
        expect_code(&output, 0);
        assert_eq!(read(&out), expected, "{name}");
        says(&output, notes);
        assert_eq!(stderr(&output).contains(&format!("{name}: ")), !notes.is_empty(), "{}", stderr(&output));
    }
}

#[test]
fn several_networks_in_a_file_are_told_apart_by_their_key() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.safetensors");
    let output = predict(&fixture("resnet8-two.pt"), &out, &[]);
    expect_code(&output, 4);
    says(&output, &["resnet8-two.pt", "holds 2 networks", "student", "teacher", "--key"]);
    let output = predict(&fixture("resnet8-two.pt"), &out, &["--key", "pupil"]);
    expect_code(&output, 4);
    says(&output, &["resnet8-two.pt", "student", "teacher"]);
    assert!(!out.exists());
}

#[test]
fn a_network_of_another_width_or_depth_is_refused_with_all_differences() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.safetensors");
    for name in ["resnet8-f16.safetensors", "resnet8.pt", "resnet8-parallel.pth"] {
        let wider = as_network(&fixture(name), &out, &["resnet8", "0.25"]);
        expect_code(&wider, 4);
        says(&wider, &["conv1.weight is [2, 3, 3, 3], expected [4, 3, 3, 3]", name]);
        says(&wider, &["dense.weight is [10, 8], expected [10, 16]"]);
        let deeper = as_network(&fixture(name), &out, &["resnet14", "0.125"]);
        expect_code(&deeper, 4);
        says(&deeper, &["missing blockgroups.0.blocks.1.conv1.weight [2, 2, 3, 3]"]);
        says(&deeper, &["missing blockgroups.2.blocks.1.norm2.bias [8]"]);
    }
    assert!(!out.exists());
}

#[test]
fn limits_hold_for_both_splits() {
    let folder = tempfile::tempdir().unwrap();
    let (all, out) = (folder.path().join("all.safetensors"), folder.path().join("out.safetensors"));
    let file = fixture("resnet8.safetensors");
    for (split, key) in [("test", "data.test_images"), ("train", "data.train_images")] {
        expect_code(&predict(&file, &all, &["--split", split, "--set", &format!("{key}=30")]), 0);
        let output = predict(&file, &out, &["--split", split, "--set", &format!("{key}=7")]);
        expect_code(&output, 0);
        assert!(String::from_utf8_lossy(&output.stdout).starts_with("7 predictions"));
        let (seven, all) = (read(&out), read(&all));
        assert_eq!(seven.get("labels").unwrap().data(), &all.get("labels").unwrap().data()[..7]);
        assert_eq!(seven.get("logits").unwrap().data(), &all.get("logits").unwrap().data()[..70]);
    }
}

#[test]
fn a_limit_holds_for_images_from_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("cifar-100-binary");
    std::fs::create_dir(&data).unwrap();
    let record = |fine: u8| [vec![fine / 5, fine], vec![fine; 3072]].concat();
    std::fs::write(data.join("test.bin"), (0..100).flat_map(record).collect::<Vec<u8>>()).unwrap();
    let (checkpoint, out) =
        (folder.path().join("hundred.safetensors"), folder.path().join("out.safetensors"));
    let mut params = read(&fixture("resnet8.safetensors"));
    params.insert("dense.weight", Array::full(vec![100, 8], 0.5));
    params.insert("dense.bias", Array::full(vec![100], 0.5));
    std::fs::write(&checkpoint, TensorFile { params, ..Default::default() }.encode()).unwrap();
    let limited = |n: usize| {
        let (limit, dir) = (format!("data.test_images={n}"), folder.path().to_str().unwrap());
        let files = [
            "predict",
            "--force",
            "--checkpoint",
            checkpoint.to_str().unwrap(),
            "--out",
            out.to_str().unwrap(),
        ];
        let data = ["--dataset", "cifar100", "--data-dir", dir, "--set", &limit];
        run(&[&files[..], &data, &["--model", "resnet8", "--set", "model.width=0.125"]].concat())
    };
    expect_code(&limited(12), 0);
    let labels: Vec<f32> = (0..12).map(|label| label as f32).collect();
    assert_eq!(read(&out).get("labels").unwrap().data(), labels);
    let output = limited(101);
    expect_code(&output, 2);
    says(&output, &["data.test_images is 101, expected at most 100"]);
}

#[test]
fn settings_that_play_no_part_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.safetensors");
    let more = ["--set", "train.epochs=3", "--set", "data.train_images=5", "--set", "run.threads=1"];
    let output = predict(&fixture("resnet8.safetensors"), &out, &more);
    expect_code(&output, 0);
    says(&output, &["do not depend on train.epochs", "do not depend on data.train_images"]);
    assert_eq!(stderr(&output).lines().count(), 2, "{}", stderr(&output));
}

#[test]
fn predictions_never_replace_the_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.safetensors");
    std::fs::copy(fixture("resnet8.safetensors"), &file).unwrap();
    let before = std::fs::read(&file).unwrap();
    let output = predict(&file, &file, &[]);
    expect_code(&output, 2);
    says(&output, &["net.safetensors", "which is read; give the output another name"]);
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

/// The fixtures' network with the bias of its last layer in this file.
fn with_bias(path: &Path, bias: &[f32]) {
    let mut params = read(&fixture("resnet8.safetensors"));
    params.insert("dense.bias", Array::new(vec![10], bias.to_vec()).unwrap());
    std::fs::write(path, TensorFile { params, ..Default::default() }.encode()).unwrap();
}

#[test]
fn weights_must_be_finite_and_may_be_huge() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("net.safetensors"), folder.path().join("out.safetensors"));
    let mut bias = [0.0; 10];
    for wrong in [f32::NAN, f32::INFINITY] {
        bias[3] = wrong;
        with_bias(&file, &bias);
        let output = predict(&file, &out, &[]);
        expect_code(&output, 4);
        says(&output, &["net.safetensors", "tensor dense.bias holds a value that is not finite"]);
        assert!(!out.exists());
    }
    (bias[3], bias[4]) = (1e38, -1e38);
    with_bias(&file, &bias);
    expect_code(&predict(&file, &out, &[]), 0);
    let predictions = read(&out);
    for logits in predictions.get("logits").unwrap().data().chunks(10) {
        assert_eq!((logits[3], logits[4]), (1e38, -1e38));
        assert!(logits.iter().all(|logit| logit.is_finite()));
    }
}

#[test]
fn a_network_with_batch_norm_is_refused_by_its_names_without_the_wrappers_prefix() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("other.safetensors"), folder.path().join("out.safetensors"));
    let shapes = [("conv1.weight", vec![2, 3, 3, 3]), ("bn1.weight", vec![2]), ("bn1.running_mean", vec![2])];
    let entry = |(name, shape)| (format!("module.{name}"), Array::full(shape, 0.5));
    let params = shapes.into_iter().map(entry).collect();
    std::fs::write(&file, TensorFile { params, ..Default::default() }.encode()).unwrap();
    let output = predict(&file, &out, &[]);
    expect_code(&output, 4);
    says(
        &output,
        &["missing norm1.weight [2]", "unexpected bn1.weight [2]", "unexpected bn1.running_mean [2]"],
    );
    assert!(!stderr(&output).contains("conv1.weight [2, 3, 3, 3]"), "{}", stderr(&output));
}

#[test]
fn what_is_no_checkpoint_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.safetensors");
    let page = folder.path().join("page.pt");
    std::fs::write(&page, "<html><body>Not found</body></html>").unwrap();
    let cases: [(&Path, &[&str]); 3] = [
        (&page, &["page.pt: is an HTML page, expected safetensors or a PyTorch file"]),
        (folder.path(), &["is a folder, expected a file: give page.pt"]),
        (&folder.path().join("absent.pt"), &["absent.pt: it cannot be read", "check the name"]),
    ];
    for (path, words) in cases {
        let output = predict(path, &out, &[]);
        expect_code(&output, 4);
        says(&output, words);
    }
}

#[test]
fn a_home_that_the_shell_did_not_expand_is_named_wherever_a_path_is_given() {
    let file = fixture("resnet8.safetensors");
    let file = file.to_str().unwrap();
    let data = ["--dataset", "cifar10", "--data-dir"];
    let cases: [(i32, Vec<&str>); 5] = [
        (2, vec!["predict", "--checkpoint=~/net.pt", "--dataset", "synthetic", "--out", "p.safetensors"]),
        (2, vec!["predict", "--checkpoint", file, "--dataset", "synthetic", "--out=~/p.safetensors"]),
        (3, [&["predict", "--checkpoint", file, "--out", "p.safetensors"], &data[..], &["~/data"]].concat()),
        (2, vec!["reproduce", "--runs=~/runs"]),
        (2, vec!["fetch", "cifar10", "--dir=~/data"]),
    ];
    for (code, arguments) in cases {
        let output = run(&arguments);
        expect_code(&output, code);
        says(&output, &["the shell did not expand ~", "$HOME/"]);
    }
    let folder = tempfile::tempdir().unwrap();
    let imports = ["--methods", "imported", "--set", "ensemble.imports=~/a.pt,~/b.pt"];
    let output = tiny(folder.path(), &imports);
    expect_code(&output, 4);
    says(&output, &["checkpoint ~/a.pt: the shell did not expand ~", "$HOME/a.pt"]);
}

/// Networks of others are measured in a run, whatever precision they were kept in; what was converted is said.
#[test]
fn imported_networks_may_have_any_format() {
    let folder = tempfile::tempdir().unwrap();
    let import = |a: &str, b: &str| {
        let files = [a, b].map(|name| fixture(name).to_str().unwrap().to_owned()).join(",");
        let imports = format!("ensemble.imports={files}");
        let network = ["--model", "resnet8", "--width", "0.125", "--methods", "imported"];
        tiny(folder.path(), &[&network[..], &["--set", &imports]].concat())
    };
    let output = import("resnet8-bf16.safetensors", "resnet8-parallel.pth");
    expect_code(&output, 0);
    says(&output, &["resnet8-bf16.safetensors: converted 29 tensors from bf16 to f32"]);
    says(&output, &["resnet8-parallel.pth: took the prefix module."]);
    let output = import("resnet8.pt", "resnet8-two.pt");
    expect_code(&output, 4);
    says(&output, &["resnet8-two.pt: it holds 2 networks", "save the one that is meant alone"]);
}
