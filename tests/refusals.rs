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
    refused(&["--set", "train.label_smoothing=1"], 2, &["train.label_smoothing is 1", "0 ≤ x < 1"]);
    refused(&["--set", "augment.mixup=-0.1"], 2, &["augment.mixup is -0.1", "0 ≤ x ≤ 100"]);
    refused(&["--set", "augment.cutmix=101"], 2, &["augment.cutmix is 101", "0 ≤ x ≤ 100"]);
    refused(&["--set", "augment.erasing=1.5"], 2, &["augment.erasing is 1.5", "0 ≤ x ≤ 1"]);
    refused(&["--set", "model.drop_path=1"], 2, &["model.drop_path is 1", "0 ≤ x < 1"]);
    let above = ["--set", "train.warmup_from=0.5", "--set", "train.peak_lr=0.1"];
    refused(&above, 2, &["train.warmup_from is 0.5", "at most train.peak_lr = 0.1"]);
    let none = ["--set", "train.warmup_from=0.01", "--set", "train.warmup=0"];
    refused(&none, 2, &["train.warmup_from is 0.01", "expected 0 with train.warmup = 0"]);
}

/// What a loss or a device does not take is known before anything is trained.
#[test]
fn softened_labels_are_refused_where_they_have_no_meaning() {
    let mixed = ["--set", "augment.mixup=0.8", "--set", "train.label_smoothing=0.1"];
    let replayed = ["--methods", "deep,distilled-replayed"];
    let words =
        ["augment.mixup is set", "the augmentation of every image repeats", "set it to 0 or leave out"];
    refused(&[&mixed[..], &replayed].concat(), 2, &words);
    let device = [
        "--dry-run",
        "--set",
        "run.device=cuda",
        "--set",
        "augment.erasing=0.5",
        "--set",
        "model.drop_path=0.2",
    ];
    let words = [
        "train.label_smoothing and augment.mixup and augment.erasing and model.drop_path are set",
        "run.device=cuda does not do so far",
        "set it to 0 or run.device=cpu",
    ];
    refused(&[&mixed[..], &device].concat(), 2, &words);
}

#[test]
fn what_an_architecture_does_not_have_is_refused() {
    refused(&["--set", "model.dropout=0.1"], 2, &["dropout 0.1 for a ResNet"]);
    refused(&["--model", "vit", "--width", "0.01"], 2, &["model.width"]);
    let own_way = ["--set", "model.drop_path=0.1", "--model"];
    refused(
        &[&own_way[..], &["mlp1", "--width", "1"]].concat(),
        2,
        &["model.drop_path is 0.1", "mlp1 does not read"],
    );
    refused(&["--set", "model.drop_path=0.99999999999"], 2, &["drop path 0.99999999999", "0 ≤ rate < 1"]);
    refused(&["--set", "train.optimiser=lion"], 2, &["train.optimiser is lion", "adamw"]);
}

#[test]
fn unknown_names_are_refused_with_the_known_ones() {
    refused(&["--set", "train.bach=8"], 2, &["unknown key train.bach", "train.batch"]);
    refused(&["--methods", "deep,sweep"], 2, &["ensemble.methods", "distilled-deep"]);
    refused(&["--preset", "large"], 2, &["unknown preset large", "paper"]);
    refused(&["--dataset", "stl10"], 2, &["data.dataset is stl10", "cifar10"]);
    let known = "expected some of learning-curves, trajectories";
    refused(&["--set", "metrics.also=radial-plan"], 2, &["metrics.also names \"radial-plan\"", known]);
    refused(&["--set", "metrics.also=plane@depe"], 2, &["metrics.also names \"plane@depe\"", known]);
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
        (&["--runs", file, "--name", "a"], 2, &["file is not a folder"]),
        (&["--runs", &format!("{file}/below"), "--name", "a"], 2, &["file is not a folder"]),
        (&["--runs", folder.path().to_str().unwrap(), "--name", "file"], 2, &["file is not a folder"]),
        (
            &["--runs", runs, "--name", "a/b"],
            2,
            &["--name: \"a/b\" cannot be used as a name: it contains a separator"],
        ),
        (&["--runs", runs, "--name", ".."], 2, &["it stands for a directory"]),
        (&["--runs", runs, "--name", &long], 2, &["it has more than 255 bytes"]),
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
    let tiny =
        |more: &[&str]| run(&[&["reproduce"], &basin_tests::over(basin_tests::TINY, more)[..]].concat());
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

/// The later of two values is nobody's wish.
#[test]
fn a_key_that_is_given_twice_is_refused_with_both_places() {
    refused(
        &["--set", "train.epochs=8", "--set=train.epochs=9", "--set", "epochs=3"],
        2,
        &[
            "train.epochs is given 3 times, by --set train.epochs=8, by --set train.epochs=9 and by --set epochs=3; give it once",
        ],
    );
    let width = ["--width", "1", "--set", "model.width=0.25"];
    refused(&width, 2, &["model.width is given twice, by --width 1 and by --set model.width=0.25"]);
    // Also where they agree: which of the two was meant to be changed the next time?
    refused(
        &["--members", "2", "--set", "M=2"],
        2,
        &["ensemble.members is given twice, by --members 2 and by --set M=2"],
    );
    let twice = ["--dataset", "synthetic", "--set", "data.dataset=synthetic-100"];
    refused(
        &twice,
        2,
        &["data.dataset is given twice, by --dataset synthetic and by --set data.dataset=synthetic-100"],
    );
    let output = run(&[&["predict", "--checkpoint", "absent", "--out", "absent"], &twice[..]].concat());
    expect_code(&output, 2);
    assert!(stderr(&output).contains("by --dataset synthetic and by --set data.dataset=synthetic-100"));
}

/// Whatever kinds of errors there are, one list has them all, and nothing that only follows from them.
#[test]
fn all_errors_of_all_kinds_stand_in_one_list() {
    let all = [
        "--set",
        "beta=2",
        "--set",
        "nonsense=1",
        "--set",
        "bare",
        "--set",
        "tau=1",
        "--set",
        "tau=2",
        "--methods",
        "foo,bar,swe",
        "--set",
        "swe_floor=7",
        "--set",
        "train.batch=999",
        "--set",
        "metrics.repair_images=500",
        "--model",
        "vit",
        "--name",
        "a/b",
    ];
    let words: &[&str] = &[
        "ensemble.label_weight is 2",
        "unknown key nonsense",
        "--set bare, expected KEY=VALUE",
        "ensemble.temperature is given twice",
        "ensemble.methods names \"foo\" and \"bar\"",
        "ensemble.swe_floor is 7",
        "metrics.repair_images is 500",
        "width 0.25",
        "--name: \"a/b\" cannot be used as a name",
    ];
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs");
    let base = [
        "reproduce",
        "--runs",
        runs.to_str().unwrap(),
        "--set",
        "data.train_images=96",
        "--set",
        "data.test_images=60",
        "--width",
        "0.26",
    ];
    for dry_run in [&[][..], &["--dry-run"]] {
        let output = run(&[&base[..], &all, dry_run].concat());
        expect_code(&output, 2);
        let text = stderr(&output);
        for word in words.iter().map(|word| word.replace("0.25", "0.26")) {
            assert!(text.contains(&word), "{word} in {text}");
        }
        assert!(text.contains("batch of 999 images from a training set of 96"), "{text}");
        assert!(!runs.exists());
    }
    // Values that are each in their range, together.
    let sound = [
        "--methods",
        "foo,bar,constrained",
        "--set",
        "split_epoch=99",
        "--set",
        "batch=97",
        "--set",
        "draws=4",
    ];
    let output = run(&[&base[..7], &sound, &["--set", "train.epochs=3"]].concat());
    expect_code(&output, 2);
    for word in ["\"foo\" and \"bar\"", "split_epoch is 99", "batch of 97 images from a training set of 96"] {
        assert!(stderr(&output).contains(word), "{word} in {}", stderr(&output));
    }
    // What only follows from a refused value is not told: nobody knows how long training is meant to be.
    let output = run(&[
        &base[..7],
        &["--methods", "constrained", "--set", "train.epochs=1", "--set", "split_epoch=99"],
    ]
    .concat());
    expect_code(&output, 2);
    assert!(
        stderr(&output).contains("train.epochs is 1") && !stderr(&output).contains("split_epoch"),
        "{}",
        stderr(&output)
    );
    // Two names that are none.
    let output = run(&["reproduce", "--preset", "large", "--experiment", "table9"]);
    expect_code(&output, 2);
    assert!(
        stderr(&output).contains("unknown preset large")
            && stderr(&output).contains("unknown experiment table9")
    );
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
