//! Damaged data sets end the run before it starts, with the data code.

use crate::{expect_code, stderr, tiny};
use std::path::Path;

fn records(folder: &Path, file: &str, count: usize, label: u8, length: usize) {
    let record: Vec<u8> = std::iter::once(label).chain(std::iter::repeat_n(7, length - 1)).collect();
    std::fs::write(folder.join(file), record.repeat(count)).unwrap();
}

#[track_caller]
fn refused(dataset: &str, folder: &Path, words: &[&str]) {
    let runs = tempfile::tempdir().unwrap();
    let output = tiny(runs.path(), &["--dataset", dataset, "--data-dir", folder.to_str().unwrap()]);
    expect_code(&output, 3);
    for word in words {
        assert!(stderr(&output).contains(word), "{word} in {}", stderr(&output));
    }
    assert!(!runs.path().join("run").exists(), "something was written");
}

#[test]
fn missing_truncated_and_foreign_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    refused("cifar10", folder.path(), &["cifar-10-batches-bin is missing", "cifar-10-binary.tar.gz"]);
    for i in 1..=5 {
        records(folder.path(), &format!("data_batch_{i}.bin"), 10_000, 3, 3073);
    }
    records(folder.path(), "test_batch.bin", 9_999, 3, 3073);
    refused("cifar10", folder.path(), &["test_batch.bin", "30730000", "30726927"]);
    records(folder.path(), "data_batch_2.bin", 10_000, 10, 3073);
    refused("cifar10", folder.path(), &["data_batch_2.bin", "label 10"]);
    refused("tiny-imagenet", folder.path(), &["wnids.txt"]);
    refused("eurosat", folder.path(), &["AnnualCrop is missing", "EuroSAT.zip"]);
    refused("mnist", folder.path(), &["train-images-idx3-ubyte.gz is missing", "four IDX files"]);
    let header = [0u8, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28];
    std::fs::write(folder.path().join("train-images-idx3-ubyte"), header).unwrap();
    std::fs::write(folder.path().join("train-labels-idx1-ubyte"), [0, 0, 8, 1, 0, 0, 0, 1, 3]).unwrap();
    refused(
        "mnist",
        folder.path(),
        &["train-images-idx3-ubyte: found an end after 0 bytes of images, expected 1568"],
    );
}
