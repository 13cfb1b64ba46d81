//! Disks that fail, at every operation in turn, and other processes.

use crate::samples::sample;
use crate::server::{Server, file};
use crate::{assert_whole, get, get_on, names};
use basin_fetch::FetchError;
use basin_store::faulty::{Failure, Fault, FaultyFs};
use std::fs;
use std::path::Path;

/// A folder that has its final name is whole; so is the archive.
fn assert_no_ruin(dir: &Path, content: &[u8]) {
    for name in names(dir) {
        match name.as_str() {
            "set" => assert_eq!(names(&dir.join("set")), ["b.bin", "images", "readme.html"]),
            "set.tar.gz" => assert!(fs::read(dir.join(name)).unwrap() == content),
            part => assert!(part.starts_with("set.tar.gz.part") || part.starts_with('.'), "{part}"),
        }
    }
}

#[test]
fn whichever_operation_fails_the_next_call_finishes() {
    let (archive, content) = sample();
    let server = Server::start(vec![file(&content, "\"a\"")]);
    for failure in [Failure::DiskFull, Failure::Denied] {
        for lasting in [false, true] {
            for at in 1.. {
                let dir = tempfile::tempdir().unwrap();
                let fault = Fault { lasting, ..Fault::once(at, failure) };
                let fs = FaultyFs::new(fault);
                let result = get_on(&fs, &archive, dir.path(), &server.url());
                if !fs.fired() {
                    result.unwrap();
                    break;
                }
                assert_no_ruin(dir.path(), &content);
                if let Err(error) = result {
                    assert!(matches!(error, FetchError::Disk { .. }), "operation {at}: {error}");
                    let text = error.to_string();
                    assert!(text.contains("free some space") || text.contains("writable"), "{text}");
                }
                get(&archive, dir.path(), &server.url()).unwrap();
                // The file of a lock that could not be removed is in nobody's way.
                let _ = fs::remove_file(dir.path().join(".set.tar.gz.lock"));
                assert_whole(dir.path());
            }
        }
    }
}

#[test]
fn short_writes_are_completed_and_lost_ones_are_noticed() {
    let (archive, content) = sample();
    let server = Server::start(vec![file(&content, "\"a\"")]);
    for failure in [Failure::ShortWrite, Failure::SilentLoss] {
        for at in 1.. {
            let dir = tempfile::tempdir().unwrap();
            let fs = FaultyFs::new(Fault::once(at, failure));
            let result = get_on(&fs, &archive, dir.path(), &server.url());
            if !fs.fired() {
                break;
            }
            match result {
                // What was lost while unpacking shows in the sizes, at the next call.
                Ok(_) if failure == Failure::SilentLoss => match get(&archive, dir.path(), &server.url()) {
                    Ok(_) => assert_no_ruin(dir.path(), &content),
                    Err(error) => assert!(matches!(error, FetchError::Occupied { .. }), "{error}"),
                },
                Ok(_) => assert_whole(dir.path()),
                Err(error) => {
                    assert!(failure == Failure::SilentLoss, "{error}");
                    assert_no_ruin(dir.path(), &content);
                }
            }
        }
    }
}

#[test]
fn a_directory_that_cannot_be_is_told() {
    let ((archive, _), dir) = (sample(), tempfile::tempdir().unwrap());
    let file = dir.path().join("file");
    fs::write(&file, "x").unwrap();
    for place in [file.clone(), file.join("data")] {
        let error = get(&archive, &place, &[]).unwrap_err();
        assert!(matches!(&error, FetchError::Disk { path, .. } if *path == place), "{error}");
    }
}

#[test]
fn a_second_fetch_at_the_same_time_is_refused() {
    let ((archive, content), dir) = (sample(), tempfile::tempdir().unwrap());
    let server = Server::start(vec![file(&content, "\"a\"")]);
    let lock = fs::File::create(dir.path().join(".set.tar.gz.lock")).unwrap();
    lock.lock().unwrap();
    let error = get(&archive, dir.path(), &server.url()).unwrap_err();
    assert!(matches!(error, FetchError::InUse { .. }), "{error}");
    assert!(server.asked().is_empty());
    // The lock of a killed process is free, its file and its half-filled folder are in nobody's way.
    drop(lock);
    fs::create_dir_all(dir.path().join(".set.unpacking/images")).unwrap();
    fs::write(dir.path().join(".set.unpacking/b.bin"), "half").unwrap();
    get(&archive, dir.path(), &server.url()).unwrap();
    assert_whole(dir.path());
}
