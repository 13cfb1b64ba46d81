//! CIFAR folders as people have them: nested, renamed, half unpacked, of another program.

use crate::cifar::{BATCH, error, folder, load, sparse};
use basin_data::{CIFAR10, CIFAR100, DataError, Dataset, Split};
use std::fs;
use std::path::Path;

/// A test batch whose first image is of class 4, in a folder that is made for it.
fn batch(dir: &Path, name: &str) {
    fs::create_dir_all(dir).unwrap();
    sparse(&dir.join(name), BATCH, &[(0, 4)]);
}

#[track_caller]
fn reads(dir: &Path) {
    assert_eq!(load(&CIFAR10, dir, Split::Test).unwrap().labels()[..2], [4, 0]);
}

/// Asserts that an error says all this, and that it is not longer than a few lines.
#[track_caller]
fn says(error: &DataError, words: &[&str]) {
    let text = error.to_string();
    words.iter().for_each(|word| assert!(text.contains(word), "{word} in {text}"));
    assert!(text.len() < 400, "{text}");
}

#[test]
fn a_folder_in_one_of_its_own_or_the_archives_name_is_found() {
    for place in [
        "cifar-10-batches-bin/cifar-10-batches-bin",
        "cifar-10-binary/cifar-10-batches-bin",
        "cifar-10-binary.tar/cifar-10-batches-bin",
        "cifar-10-binary/cifar-10-binary.tar/cifar-10-batches-bin",
        "CIFAR-10-BATCHES-BIN",
    ] {
        let dir = folder();
        batch(&dir.path().join(place), "test_batch.bin");
        reads(dir.path());
    }
}

#[test]
fn names_in_another_case_and_files_left_behind_do_not_matter() {
    let dir = folder();
    batch(dir.path(), "TEST_BATCH.BIN");
    fs::write(dir.path().join("._test_batch.bin"), b"\0\x05\x16\x07").unwrap();
    fs::create_dir(dir.path().join("__MACOSX")).unwrap();
    reads(dir.path());
}

#[test]
fn a_file_of_the_set_stands_for_its_folder() {
    let dir = folder();
    batch(dir.path(), "test_batch.bin");
    reads(&dir.path().join("test_batch.bin"));
}

#[test]
fn one_missing_training_file_is_no_fault_of_the_test_part() {
    let dir = folder();
    batch(dir.path(), "test_batch.bin");
    for i in [1, 2, 4, 5] {
        sparse(&dir.path().join(format!("data_batch_{i}.bin")), BATCH, &[]);
    }
    reads(dir.path());
    let error = load(&CIFAR10, dir.path(), Split::Train).unwrap_err();
    says(&error, &["data_batch_3.bin is missing", "restore it from cifar-10-binary.tar.gz"]);
}

#[test]
fn an_empty_folder_of_the_right_name_is_the_one_to_mend() {
    let dir = folder();
    fs::create_dir_all(dir.path().join("cifar-10-batches-bin/cifar-10-batches-bin")).unwrap();
    let error = error(&CIFAR10, dir.path());
    says(&error, &["cifar-10-batches-bin/cifar-10-batches-bin/test_batch.bin is missing", "restore it"]);
}

#[test]
fn an_archive_beside_a_half_unpacked_folder_is_read() {
    let dir = folder();
    batch(&dir.path().join("cifar-10-batches-bin"), "data_batch_1.bin");
    fs::write(dir.path().join("cifar-10-binary.tar.gz"), b"half a download").unwrap();
    // It is the archive that is looked at: what it holds is published, and checked.
    let error = error(&CIFAR10, dir.path());
    assert!(
        matches!(&error, DataError::Length { path, .. } if path.ends_with("cifar-10-binary.tar.gz")),
        "{error}"
    );
}

#[test]
fn an_archive_downloaded_twice_is_found_and_an_unfinished_one_named() {
    for name in ["cifar-10-binary (1).tar.gz", "CIFAR-10-BINARY.TAR.GZ", "cifar-10-binary.tgz"] {
        let dir = folder();
        fs::write(dir.path().join(name), b"half a download").unwrap();
        let error = error(&CIFAR10, dir.path());
        assert!(matches!(&error, DataError::Length { path, .. } if path.ends_with(name)), "{error}");
    }
    let dir = folder();
    fs::write(dir.path().join("cifar-10-binary.tar.gz.crdownload"), b"half a download").unwrap();
    says(&error(&CIFAR10, dir.path()), &["tar.gz.crdownload is an unfinished download"]);
}

#[test]
fn a_folder_in_place_of_a_file_is_named() {
    let dir = folder();
    sparse(&dir.path().join("data_batch_1.bin"), BATCH, &[]);
    fs::create_dir(dir.path().join("test_batch.bin")).unwrap();
    says(&error(&CIFAR10, dir.path()), &["test_batch.bin is a folder, expected a file"]);
    let dir = folder();
    fs::write(dir.path().join("cifar-10-batches-bin"), b"x").unwrap();
    says(&error(&CIFAR10, dir.path()), &["cifar-10-batches-bin is not a folder, expected a folder"]);
}

#[test]
fn versions_for_other_programs_are_named_with_the_right_one() {
    type Make = fn(&Path);
    let cases: [(&'static Dataset, &str, Make); 6] = [
        (&CIFAR10, "the Python version of cifar10", |dir| {
            fs::create_dir(dir.join("cifar-10-batches-py")).unwrap();
        }),
        (&CIFAR10, "the Python version of cifar10", |dir| {
            fs::write(dir.join("data_batch_1"), b"\x80\x02").unwrap();
        }),
        (&CIFAR10, "the Python version of cifar10", |dir| {
            fs::write(dir.join("cifar-10-python.tar.gz"), b"\x1f\x8b").unwrap();
        }),
        (&CIFAR100, "the Python version of cifar100", |dir| {
            fs::write(dir.join("meta"), b"\x80\x02").unwrap();
        }),
        (&CIFAR10, "the MATLAB version of cifar10", |dir| {
            fs::write(dir.join("cifar-10-matlab.tar.gz"), b"\x1f\x8b").unwrap();
        }),
        (&CIFAR10, "the archive without its compression", |dir| {
            fs::write(dir.join("cifar-10-binary.tar"), b"x").unwrap();
        }),
    ];
    for (dataset, found, make) in cases {
        let dir = folder();
        make(dir.path());
        let error = error(dataset, dir.path());
        assert!(matches!(error, DataError::Form { .. }), "{error}");
        says(&error, &[found, "expected", "-binary.tar.gz", dir.path().to_str().unwrap()]);
    }
    let dir = folder();
    let archive = dir.path().join("cifar-10-python.tar.gz");
    fs::write(&archive, b"\x1f\x8b").unwrap();
    says(&error(&CIFAR10, &archive), &["the Python version", "cargo xtask fetch cifar10"]);
}

#[test]
fn the_other_set_is_named_when_its_file_is_given() {
    let dir = folder();
    batch(dir.path(), "test_batch.bin");
    let error = error(&CIFAR100, &dir.path().join("test_batch.bin"));
    assert!(matches!(error, DataError::WrongDataset { found: "cifar10", .. }), "{error}");
}

#[test]
fn a_home_that_the_shell_did_not_expand_is_named() {
    let error = error(&CIFAR10, Path::new("~/nowhere"));
    says(&error, &["~/nowhere is missing", "the shell did not expand ~", "$HOME/nowhere"]);
}

#[cfg(unix)]
#[test]
fn a_link_to_nothing_is_told_as_such() {
    let dir = folder();
    fs::write(dir.path().join("readme.html"), b"x").unwrap();
    sparse(&dir.path().join("data_batch_1.bin"), BATCH, &[]);
    std::os::unix::fs::symlink("/nowhere/test_batch.bin", dir.path().join("test_batch.bin")).unwrap();
    let error = error(&CIFAR10, dir.path());
    says(&error, &["test_batch.bin is missing", "a link to /nowhere/test_batch.bin, which is not there"]);
}
