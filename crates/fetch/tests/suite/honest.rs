//! The ways in which it works.

use crate::samples::{RULES, described, files, sample, zip, zipped_file};
use crate::server::{Server, file, head, said, slow};
use crate::{QUICK, SHORT, assert_nothing, assert_whole, get, get_shortly, heard, names};
use basin_fetch::{FetchError, Packing, Request, fetch};
use basin_store::RealFs;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[test]
fn an_archive_is_downloaded_checked_unpacked_and_put_in_place() {
    let ((archive, content), dir) = (sample(), tempfile::tempdir().unwrap());
    let server = Server::start(vec![file(&content, "\"a\"")]);
    let place = dir.path().join("made/as needed");
    let (result, words) = heard(&archive, &place, &server.url());
    let fetched = result.unwrap();
    assert_eq!((fetched.folder, fetched.was_there), (place.join("set"), false));
    assert_eq!(words, ["asking from 0", "received", "checking", "unpacking"]);
    assert_whole(&place);
    assert_eq!(names(&place.join("set")), ["b.bin", "images", "readme.html"], "what is unknown stays out");
    assert_eq!(fs::read(place.join("set.tar.gz")).unwrap(), content);
}

#[test]
fn a_zip_archive_gives_the_same_folder() {
    let dir = tempfile::tempdir().unwrap();
    let content = zip(|zip| {
        zip.add_directory("set/images/", zip::write::SimpleFileOptions::default()).unwrap();
        files().iter().for_each(|(name, content)| zipped_file(zip, name, content));
    });
    let server = Server::start(vec![file(&content, "\"a\"")]);
    get(&described(&content, Packing::Zip, RULES), dir.path(), &server.url()).unwrap();
    assert_eq!(fs::read(dir.path().join("set/images/n1_0.JPEG")).unwrap(), files()[1].1);
    assert_eq!(names(dir.path()), ["set", "set.zip"]);
}

#[test]
fn a_second_call_finds_everything_there_and_asks_nobody() {
    let ((archive, content), dir) = (sample(), tempfile::tempdir().unwrap());
    let server = Server::start(vec![file(&content, "\"a\"")]);
    get(&archive, dir.path(), &server.url()).unwrap();
    let (again, words) = heard(&archive, dir.path(), &server.url());
    assert!(again.unwrap().was_there && words.is_empty(), "{words:?}");
    assert_eq!(server.asked().len(), 1);
    // The archive may go, and files nobody reads.
    fs::remove_file(dir.path().join("set.tar.gz")).unwrap();
    fs::remove_file(dir.path().join("set/readme.html")).unwrap();
    assert!(get(&archive, dir.path(), &server.url()).unwrap().was_there);
}

#[test]
fn an_archive_that_was_put_there_by_hand_is_unpacked_without_network() {
    let ((archive, content), dir) = (sample(), tempfile::tempdir().unwrap());
    fs::write(dir.path().join("set.tar.gz"), content).unwrap();
    let (result, words) = heard(&archive, dir.path(), &["http://127.0.0.1:9/".to_owned()]);
    assert!(!result.unwrap().was_there);
    assert_eq!(words, ["checking", "unpacking"]);
    assert_whole(dir.path());
}

#[test]
fn redirects_are_followed_and_keep_the_range() {
    let ((archive, content), dir) = (sample(), tempfile::tempdir().unwrap());
    fs::write(dir.path().join("set.tar.gz.part"), &content[..1000]).unwrap();
    let moved =
        head("302 Found", &[("Location", "/elsewhere".to_owned()), ("Content-Length", "0".to_owned())]);
    let server = Server::start(vec![said(&moved, b""), file(&content, "\"a\"")]);
    get(&archive, dir.path(), &server.url()).unwrap();
    assert_whole(dir.path());
    let asked: Vec<_> = server.asked().into_iter().map(|asked| (asked.path, asked.range)).collect();
    assert_eq!(asked, [("/files/set.tar.gz".to_owned(), Some(1000)), ("/elsewhere".to_owned(), Some(1000))]);
}

#[test]
fn a_slow_server_is_waited_for_as_long_as_it_sends_something() {
    let ((archive, content), dir) = (sample(), tempfile::tempdir().unwrap());
    let server = Server::start(vec![slow(&content, 8, SHORT.stall / 6)]);
    let start = Instant::now();
    get_shortly(&archive, dir.path(), &server.url()).unwrap();
    assert!(start.elapsed() > SHORT.stall, "not slow enough to prove anything");
    assert_whole(dir.path());
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_body_of_unknown_length_is_taken() {
    let ((archive, content), dir) = (sample(), tempfile::tempdir().unwrap());
    let chunked = head("200 OK", &[("Transfer-Encoding", "chunked".to_owned())]);
    let mut body = format!("{:x}\r\n", content.len()).into_bytes();
    body.extend([&content[..], b"\r\n0\r\n\r\n"].concat());
    let server = Server::start(vec![said(&chunked, &body)]);
    get(&archive, dir.path(), &server.url()).unwrap();
    assert_whole(dir.path());
}

#[test]
fn the_next_address_is_tried_and_a_directory_stands_for_the_file_in_it() {
    let ((archive, content), dir) = (sample(), tempfile::tempdir().unwrap());
    let gone = Server::start(vec![said(&head("404 Not Found", &[("Content-Length", "0".to_owned())]), b"")]);
    let good = Server::start(vec![file(&content, "\"a\"")]);
    let directory = good.url()[0].replace("set.tar.gz", "");
    let (result, words) = heard(&archive, dir.path(), &[gone.url(), vec![directory]].concat());
    result.unwrap();
    assert_whole(dir.path());
    assert_eq!(words[..3], ["asking from 0", "given up", "asking from 0"]);
    assert_eq!((gone.asked().len(), &*good.asked()[0].path), (1, "/files/set.tar.gz"));
}

#[test]
fn a_stop_ends_a_wait_at_once_and_keeps_the_part() {
    let ((archive, content), dir) = (sample(), tempfile::tempdir().unwrap());
    let server = Server::start(vec![crate::server::silent(&content, Some(5000)), file(&content, "\"a\"")]);
    let stop = AtomicBool::new(false);
    let mirrors = server.url();
    let request =
        Request { archive: &archive, dir: dir.path(), mirrors: &mirrors, patience: QUICK, fs: &RealFs };
    let start = Instant::now();
    let asked_to_stop = || stop.load(Ordering::SeqCst);
    let error = fetch(&request, &asked_to_stop, &mut |event| {
        // From now on the server is silent, and the client waits for it.
        if matches!(event, basin_fetch::Event::Received { have: 5000, .. }) {
            stop.store(true, Ordering::SeqCst);
        }
    });
    let error = error.unwrap_err();
    assert!(matches!(error, FetchError::Interrupted { kept: 5000, .. }), "{error}");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert_nothing(dir.path());
    get(&archive, dir.path(), &server.url()).unwrap();
    assert_eq!(server.ranges(), [0, 5000]);
    assert_whole(dir.path());
}

#[test]
fn a_stop_while_unpacking_leaves_no_half_filled_folder() {
    let ((archive, content), dir) = (sample(), tempfile::tempdir().unwrap());
    fs::write(dir.path().join("set.tar.gz"), content).unwrap();
    let stop = AtomicBool::new(false);
    let request = Request { patience: QUICK, ..Request::new(&archive, dir.path()) };
    let error = fetch(&request, &|| stop.load(Ordering::SeqCst), &mut |event| {
        let unpacking = matches!(event, basin_fetch::Event::Unpacking { .. });
        stop.fetch_or(unpacking, Ordering::SeqCst);
    });
    assert!(matches!(error, Err(FetchError::Interrupted { kept, of }) if kept == of));
    assert_eq!(names(dir.path()), ["set.tar.gz"]);
}
