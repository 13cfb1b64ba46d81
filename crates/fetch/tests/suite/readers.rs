//! What was fetched is what the data set crate reads: synthetic images in the official layouts.

use crate::get;
use crate::samples::{described, file, tar_gz, zip, zipped_file};
use crate::server::{self, Server};
use basin_data::{CIFAR10, CIFAR100, DataError, Dataset, Source, Split, TINY_IMAGENET};
use basin_fetch::{Archive, FileRule, Packing};
use std::fs;

const RED: &[u8] = include_bytes!("../../../data/tests/fixtures/red.JPEG");

/// What is published of a data set.
fn archive(dataset: &Dataset) -> Archive {
    *dataset.archive.unwrap()
}

/// The official description of a data set, for an archive that holds less.
fn smaller(official: Archive, content: &[u8], files: &'static [FileRule]) -> Archive {
    let found = described(content, official.packing, files);
    Archive { published: found.published, files, ..official }
}

#[test]
fn the_table_and_the_readers_agree_on_names_and_checksums() {
    for dataset in Dataset::BUILT_IN {
        let Some(archive) = dataset.archive else { continue };
        assert_eq!(archive.name, dataset.name);
        let dir = tempfile::tempdir().unwrap();
        let missing = Source::folder(dataset, dir.path()).load(Split::Test).unwrap_err().to_string();
        let told = archive.packing == Packing::Loose || missing.contains(archive.folder);
        let named = archive.published.iter().any(|published| missing.contains(published.file));
        assert!(told && named, "{missing}");
        if archive.packing == Packing::TarGz {
            fs::File::create(dir.path().join(archive.published[0].file))
                .unwrap()
                .set_len(archive.published[0].bytes)
                .unwrap();
            let error = Source::folder(dataset, dir.path()).load(Split::Test).unwrap_err();
            assert!(
                matches!(&error, DataError::Checksum { expected, .. } if expected == archive.published[0].md5),
                "{error}"
            );
        }
    }
}

#[test]
fn cifar10_is_read_from_where_it_was_put() {
    const FILES: &[FileRule] = &[FileRule::exact("test_batch.bin", 1, 10_000 * 3073)];
    assert!(archive(&CIFAR10).files.contains(&FILES[0]));
    let mut batch = vec![7; 10_000 * 3073];
    batch.iter_mut().step_by(3073).zip((0..10).cycle()).for_each(|(label, class)| *label = class);
    let content = tar_gz(|tar| file(tar, "cifar-10-batches-bin/test_batch.bin", &batch));
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(vec![server::file(&content, "\"a\"")]);
    get(&smaller(archive(&CIFAR10), &content, FILES), dir.path(), &server.url()).unwrap();
    let set = Source::folder(&CIFAR10, dir.path()).load(Split::Test).unwrap();
    assert_eq!((set.len(), &set.labels()[8..12]), (10_000, &[8, 9, 0, 1][..]));
    assert!(set.image(9_999).iter().all(|&byte| byte == 7));
}

#[test]
fn cifar100_is_read_from_where_it_was_put() {
    const FILES: &[FileRule] =
        &[FileRule::exact("train.bin", 1, 200 * 3074), FileRule::exact("test.bin", 1, 100 * 3074)];
    let records = |count: u8| -> Vec<u8> {
        let record = |fine: u8| [vec![fine / 5, fine], vec![fine; 3072]].concat();
        (0..count).flat_map(|_| (0..100).flat_map(record)).collect()
    };
    let content = tar_gz(|tar| {
        file(tar, "cifar-100-binary/train.bin", &records(2));
        file(tar, "cifar-100-binary/test.bin", &records(1));
    });
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(vec![server::file(&content, "\"a\"")]);
    get(&smaller(archive(&CIFAR100), &content, FILES), dir.path(), &server.url()).unwrap();
    let source = Source::folder(&CIFAR100, dir.path());
    assert_eq!(source.load(Split::Train).unwrap().len(), 200);
    assert_eq!(source.load(Split::Test).unwrap().labels()[42], 42);
}

#[test]
fn tiny_imagenet_is_read_from_where_it_was_put() {
    const MOST: u64 = 1 << 20;
    const FILES: &[FileRule] = &[
        FileRule::needed("wnids.txt", 1, MOST),
        FileRule::needed("train/n#/images/n#_#.JPEG", 4, MOST),
        FileRule::needed("val/images/val_#.JPEG", 2, MOST),
        FileRule::needed("val/val_annotations.txt", 1, MOST),
    ];
    let official = archive(&TINY_IMAGENET).files.iter().map(|rule| rule.pattern);
    assert!(FILES.iter().all(|rule| official.clone().any(|pattern| pattern == rule.pattern)));
    let content = zip(|zip| {
        let mut put =
            |name: &str, bytes: &[u8]| zipped_file(zip, &format!("tiny-imagenet-200/{name}"), bytes);
        put("wnids.txt", b"n02000002\nn01000001\n");
        for class in ["n02000002", "n01000001"] {
            put(&format!("train/{class}/{class}_boxes.txt"), b"not needed");
            (0..2).for_each(|i| put(&format!("train/{class}/images/{class}_{i}.JPEG"), RED));
        }
        (0..2).for_each(|i| put(&format!("val/images/val_{i}.JPEG"), RED));
        put(
            "val/val_annotations.txt",
            b"val_0.JPEG\tn01000001\t0\t0\t9\t9\nval_1.JPEG\tn02000002\t0\t0\t9\t9\n",
        );
    });
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(vec![server::file(&content, "\"a\"")]);
    get(&smaller(archive(&TINY_IMAGENET), &content, FILES), dir.path(), &server.url()).unwrap();
    let source = Source::folder(&TINY_IMAGENET, dir.path());
    assert_eq!(source.load(Split::Train).unwrap().labels(), [0, 1, 0, 1]);
    assert_eq!(source.load(Split::Test).unwrap().len(), 2);
}
