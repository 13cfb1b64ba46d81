//! CIFAR folders: the files are made sparse or small, with the official names and lengths.

use basin_data::{CIFAR10, CIFAR100, DataError, Dataset, ImageSet, Source, Split};
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use tempfile::TempDir;

pub(crate) const BATCH: u64 = 10_000 * 3073;

/// A batch file of zeros but for some bytes; sparse, so it costs no disk.
pub(crate) fn sparse(path: &Path, length: u64, bytes: &[(u64, u8)]) {
    let mut file = File::create(path).unwrap();
    file.set_len(length).unwrap();
    for &(at, value) in bytes {
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(&[value]).unwrap();
    }
}

/// Balanced CIFAR-100 records: `per_class` images of each fine class, pixel bytes equal to the label.
fn cifar100_records(per_class: usize) -> Vec<u8> {
    let record = |fine: u8| [vec![fine / 5, fine], vec![fine; 3072]].concat();
    (0..per_class).flat_map(|_| (0..100).flat_map(record)).collect()
}

pub(crate) fn load(dataset: &'static Dataset, dir: &Path, split: Split) -> Result<ImageSet, DataError> {
    Source::folder(dataset, dir).load(split)
}

pub(crate) fn error(dataset: &'static Dataset, dir: &Path) -> DataError {
    load(dataset, dir, Split::Test).unwrap_err()
}

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_cifar10_test_batch_is_read_from_the_folder_or_its_parent() {
    let parent = folder();
    let dir = parent.path().join("cifar-10-batches-bin");
    fs::create_dir(&dir).unwrap();
    // Record 2: label 9, first red 5, first green 6, first blue 7.
    let at = 2 * 3073;
    sparse(
        &dir.join("test_batch.bin"),
        BATCH,
        &[(at, 9), (at + 1, 5), (at + 1 + 1024, 6), (at + 1 + 2048, 7)],
    );
    for dir in [parent.path(), &dir] {
        let set = load(&CIFAR10, dir, Split::Test).unwrap();
        assert_eq!((set.len(), set.size(), set.classes()), (10_000, 32, 10));
        assert_eq!(set.labels()[..4], [0, 0, 9, 0]);
        assert_eq!(set.image(2)[..4], [5, 6, 7, 0]);
    }
}

#[test]
fn a_missing_batch_is_named() {
    let dir = folder();
    sparse(&dir.path().join("data_batch_1.bin"), BATCH, &[]);
    let error = load(&CIFAR10, dir.path(), Split::Train).unwrap_err();
    assert!(
        matches!(&error, DataError::Missing { path, .. } if path.ends_with("data_batch_2.bin")),
        "{error}"
    );
    assert!(error.to_string().contains("restore it from cifar-10-binary.tar.gz"), "{error}");
}

#[test]
fn truncated_and_over_long_batches_are_rejected_with_both_lengths() {
    let dir = folder();
    let path = dir.path().join("test_batch.bin");
    for (length, word) in
        [(BATCH - 1, "truncated"), (BATCH + 1, "over-long"), (0, "truncated"), (BATCH + 3073, "over-long")]
    {
        sparse(&path, length, &[]);
        let error = error(&CIFAR10, dir.path());
        assert!(matches!(error, DataError::Length { found, .. } if found == length), "{error}");
        let text = error.to_string();
        assert!(
            text.contains(word) && text.contains("30730000") && text.contains("test_batch.bin"),
            "{text}"
        );
    }
}

#[test]
fn a_label_out_of_range_is_named_with_its_record() {
    let dir = folder();
    sparse(&dir.path().join("test_batch.bin"), BATCH, &[(7 * 3073, 10)]);
    let error = error(&CIFAR10, dir.path());
    assert!(matches!(error, DataError::Label { record: 7, label: 10, classes: 10, .. }), "{error}");
}

#[test]
fn one_cifar_given_as_the_other_is_named_by_folder_file_and_length() {
    let check = |dir: &Path, asked: &'static Dataset, found: &Dataset| match error(asked, dir) {
        DataError::WrongDataset { expected, found: f, .. } => {
            assert_eq!((expected, f), (asked.name, found.name))
        }
        other => panic!("{other}"),
    };
    let by_folder = folder();
    fs::create_dir(by_folder.path().join("cifar-100-binary")).unwrap();
    check(by_folder.path(), &CIFAR10, &CIFAR100);
    let by_file = folder();
    sparse(&by_file.path().join("test_batch.bin"), BATCH, &[]);
    check(by_file.path(), &CIFAR100, &CIFAR10);
    let by_archive = folder();
    fs::write(by_archive.path().join("cifar-10-binary.tar.gz"), b"x").unwrap();
    check(by_archive.path(), &CIFAR100, &CIFAR10);
    let renamed = folder();
    sparse(&renamed.path().join("test_batch.bin"), 10_000 * 3074, &[]);
    check(renamed.path(), &CIFAR10, &CIFAR100);
    sparse(&renamed.path().join("test.bin"), BATCH, &[]);
    check(renamed.path(), &CIFAR100, &CIFAR10);
}

#[test]
fn a_balanced_subset_of_cifar100_is_a_set_with_fine_labels() {
    let dir = folder();
    fs::create_dir(dir.path().join("cifar-100-binary")).unwrap();
    fs::write(dir.path().join("cifar-100-binary/test.bin"), cifar100_records(2)).unwrap();
    let set = load(&CIFAR100, dir.path(), Split::Test).unwrap();
    assert_eq!((set.len(), set.classes(), set.labels()[142]), (200, 100, 42));
    assert!(set.image(142).iter().all(|&byte| byte == 42));
}

#[test]
fn a_cifar100_file_that_broke_off_is_no_subset() {
    let dir = folder();
    let path = dir.path().join("test.bin");
    let records = cifar100_records(2);
    fs::write(&path, &records[..records.len() - 5]).unwrap();
    let torn = error(&CIFAR100, dir.path());
    assert!(matches!(torn, DataError::Length { .. }), "{torn}");
    fs::write(&path, &records[..records.len() - 3074]).unwrap();
    let uneven = error(&CIFAR100, dir.path());
    assert!(matches!(uneven, DataError::Layout { .. }), "{uneven}");
    assert!(uneven.to_string().contains("between 1 and 2 images of a class"), "{uneven}");
    sparse(&path, 10_001 * 3074, &[]);
    let long = error(&CIFAR100, dir.path());
    assert!(long.to_string().contains("over-long"), "{long}");
}

#[test]
fn an_archive_that_is_not_the_published_one_is_refused() {
    let dir = folder();
    let path = dir.path().join("cifar-10-binary.tar.gz");
    fs::write(&path, b"half a download").unwrap();
    for place in [dir.path(), &path] {
        let error = error(&CIFAR10, place);
        assert!(matches!(&error, DataError::Length { least: 170_052_171, found: 15, .. }), "{error}");
    }
    sparse(&path, 170_052_171, &[]);
    let error = error(&CIFAR10, dir.path());
    assert!(
        matches!(&error, DataError::Checksum { expected, .. } if expected == "c32a1d4ab5d03f1284b67883e8d87530"),
        "{error}"
    );
}

/// What is told of a set that can be read.
fn told(source: &Source, split: Split) -> Vec<String> {
    let mut notes = Vec::new();
    source.load_and_tell(split, &mut |note| notes.push(note.to_owned())).unwrap();
    notes
}

#[test]
fn a_file_with_another_content_and_a_subset_are_told() {
    let dir = folder();
    sparse(&dir.path().join("test_batch.bin"), BATCH, &[(7, 1)]);
    let notes = told(&Source::folder(&CIFAR10, dir.path()), Split::Test);
    let [note] = &notes[..] else { panic!("{notes:?}") };
    for word in ["test_batch.bin is not the published file", "803d5f7f4d78ea53de84dbe85f74fb6d"] {
        assert!(note.contains(word), "{word} in {note}");
    }
    fs::write(dir.path().join("test.bin"), cifar100_records(2)).unwrap();
    let notes = told(&Source::folder(&CIFAR100, dir.path()), Split::Test);
    assert_eq!(notes, ["cifar100 is a subset: 200 of 10000 test images"]);
    let synthetic = Source { train_images: 20, ..Source::synthetic(0) };
    assert_eq!(told(&synthetic, Split::Train), Vec::<String>::new());
}

#[test]
fn an_empty_folder_and_no_folder_say_what_to_put_where() {
    let dir = folder();
    let empty = error(&CIFAR10, dir.path()).to_string();
    assert!(empty.contains("cifar-10-batches-bin") && empty.contains("cifar-10-binary.tar.gz"), "{empty}");
    let absent = error(&CIFAR10, &dir.path().join("nowhere")).to_string();
    assert!(absent.contains("nowhere is missing; pass an existing folder to --data-dir"), "{absent}");
    let none = Source { dir: None, ..Source::folder(&CIFAR100, "") };
    assert!(matches!(none.load(Split::Train), Err(DataError::NoFolder { .. })));
}
