//! Sets that are published file by file: all of them or no folder, and nothing transferred twice.

use crate::samples::{noise, published};
use crate::server::{Server, cut, file};
use crate::{get, heard, names};
use basin_data::{MNIST, Source, Split};
use basin_fetch::{Archive, FetchError, FileRule, Packing};
use flate2::{Compression, write::GzEncoder};
use std::fs;
use std::io::Write;

const RULES: &[FileRule] = &[FileRule::exact("a.gz", 1, 3000), FileRule::exact("b.gz", 1, 5000)];

/// The directory of the server's files, as a list to fetch from.
fn directory(server: &Server) -> Vec<String> {
    server.url().iter().map(|url| url.replace("set.tar.gz", "")).collect()
}

fn set() -> (Archive, [Vec<u8>; 2]) {
    let contents = [noise(1, 3000), noise(2, 5000)];
    let files = vec![published("a.gz", &contents[0]), published("b.gz", &contents[1])];
    let (published, packing) = (files.leak() as &[_], Packing::Loose);
    let archive = Archive { name: "sample", published, packing, folder: "set", files: RULES, unpacked: 8000 };
    (archive, contents)
}

#[test]
fn all_files_come_into_one_folder_which_then_gets_its_name() {
    let ((archive, [a, b]), dir) = (set(), tempfile::tempdir().unwrap());
    let server = Server::start(vec![file(&a, "\"a\""), file(&b, "\"b\"")]);
    let (result, words) = heard(&archive, dir.path(), &directory(&server));
    assert_eq!(result.unwrap().folder, dir.path().join("set"));
    let one = ["asking from 0", "received", "checking"];
    assert_eq!(words, [one, one].concat());
    assert_eq!(names(dir.path()), ["set"]);
    assert_eq!(names(&dir.path().join("set")), ["a.gz", "b.gz"]);
    assert_eq!([a, b], ["a.gz", "b.gz"].map(|name| fs::read(dir.path().join("set").join(name)).unwrap()));
    let (again, words) = heard(&archive, dir.path(), &directory(&server));
    assert!(again.unwrap().was_there && words.is_empty(), "{words:?}");
}

#[test]
fn what_came_is_kept_and_the_rest_asked_for() {
    let ((archive, [a, b]), dir) = (set(), tempfile::tempdir().unwrap());
    let server = Server::start(vec![file(&a, "\"a\""), cut(&b, "\"b\"", 1000), cut(&b, "\"b\"", 0)]);
    let error = get(&archive, dir.path(), &directory(&server)).unwrap_err();
    assert!(matches!(&error, FetchError::NoSource { kept: 4000, of: 8000, .. }), "{error}");
    let place = dir.path().join("set.part/b.gz").display().to_string();
    assert!(error.to_string().contains(&place), "{error}");
    assert_eq!(names(dir.path()), ["set.part"], "no folder has its name before it is whole");
    let server = Server::start(vec![file(&b, "\"b\"")]);
    get(&archive, dir.path(), &directory(&server)).unwrap();
    assert_eq!(server.ranges(), [1000]);
    assert_eq!(names(&dir.path().join("set")), ["a.gz", "b.gz"]);
}

#[test]
fn other_files_than_the_published_ones_are_refused() {
    let ((archive, [a, b]), dir) = (set(), tempfile::tempdir().unwrap());
    fs::create_dir(dir.path().join("set.part")).unwrap();
    let put = dir.path().join("set.part/a.gz");
    fs::write(&put, noise(3, 3000)).unwrap();
    let server = Server::start(vec![file(&b, "\"b\"")]);
    let error = get(&archive, dir.path(), &directory(&server)).unwrap_err();
    assert!(matches!(&error, FetchError::Checksum { path, .. } if *path == put), "{error}");
    // One that was put there by other means is not asked for.
    fs::write(&put, &a).unwrap();
    get(&archive, dir.path(), &directory(&server)).unwrap();
    assert_eq!(server.asked().len(), 1);
    // A folder that lacks a file is told and left alone.
    fs::remove_file(dir.path().join("set/a.gz")).unwrap();
    let error = get(&archive, dir.path(), &directory(&server)).unwrap_err().to_string();
    assert!(error.contains("is there but has 0 of 1 files a.gz of the right size"), "{error}");
    let dir = tempfile::tempdir().unwrap();
    let wrong = Server::start(vec![file(&noise(4, 3000), "\"x\"")]);
    let error = get(&archive, dir.path(), &directory(&wrong)).unwrap_err();
    assert!(matches!(error, FetchError::NoSource { kept: 0, .. }), "{error}");
}

#[test]
fn a_mirror_must_be_a_directory() {
    let ((archive, _), dir) = (set(), tempfile::tempdir().unwrap());
    let error = get(&archive, dir.path(), &["http://127.0.0.1:9/a.gz".to_owned()]).unwrap_err().to_string();
    assert!(error.contains("is one file of 2, expected a directory, which ends in /"), "{error}");
    assert!(names(dir.path()).is_empty());
}

#[test]
fn mnist_is_read_from_where_it_was_put() {
    let idx = |magic: u32, sizes: &[u32], values: &[u8]| {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        let header = [magic].iter().chain(sizes).flat_map(|size| size.to_be_bytes()).collect::<Vec<u8>>();
        gzip.write_all(&[&header[..], values].concat()).unwrap();
        gzip.finish().unwrap()
    };
    let contents = [
        idx(0x803, &[2, 28, 28], &noise(1, 2 * 784)),
        idx(0x801, &[2], &[3, 9]),
        idx(0x803, &[1, 28, 28], &noise(2, 784)),
        idx(0x801, &[1], &[4]),
    ];
    let official = *MNIST.archive.unwrap();
    let files: Vec<_> =
        official.published.iter().zip(&contents).map(|(p, bytes)| published(p.file, bytes)).collect();
    let rules: Vec<_> = files.iter().map(|p| FileRule::exact(p.file, 1, p.bytes)).collect();
    let archive = Archive { published: files.leak(), files: rules.leak(), ..official };
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(contents.iter().map(|content| file(content, "\"m\"")).collect());
    get(&archive, dir.path(), &directory(&server)).unwrap();
    assert_eq!(Source::folder(&MNIST, dir.path()).load(Split::Train).unwrap().labels(), [3, 9]);
    assert_eq!(Source::folder(&MNIST, dir.path()).load(Split::Test).unwrap().labels(), [4]);
}
