//! Servers that do not deliver: what is said, and that nothing wrong is left behind.

use crate::samples::{noise, sample};
use crate::server::{Answer, Server, cut, file, head, plain, said, silent};
use crate::{SHORT, assert_nothing, get, get_shortly};
use basin_fetch::{FetchError, SourceError};
use std::io::Write;
use std::time::Instant;

/// The one reason why a server did not deliver, the number of requests it took, the bytes that are kept.
fn reason(script: Vec<Answer>) -> (SourceError, usize, u64) {
    let ((archive, _), dir) = (sample(), tempfile::tempdir().unwrap());
    let server = Server::start(script);
    let error = get_shortly(&archive, dir.path(), &server.url()).unwrap_err();
    assert_nothing(dir.path());
    let text = error.to_string();
    assert!(text.contains(&server.url()[0]) && text.contains("run the same command again"), "{text}");
    assert!(text.contains("--mirror") && text.contains("set.tar.gz by other means"), "{text}");
    match error {
        FetchError::NoSource { mut failures, kept, .. } => (failures.remove(0).1, server.asked().len(), kept),
        other => panic!("{other}"),
    }
}

fn status(line: &str) -> Answer {
    said(&head(line, &[("Content-Length", "5".to_owned())]), b"sorry")
}

#[test]
fn a_file_that_is_not_there_is_not_asked_for_again() {
    assert_eq!(reason(vec![status("404 Not Found")]), (SourceError::Status(404), 1, 0));
    assert_eq!(reason(vec![status("403 Forbidden")]), (SourceError::Status(403), 1, 0));
}

#[test]
fn a_server_in_trouble_is_asked_again_and_then_given_up() {
    assert_eq!(reason(vec![status("500 Internal Server Error")]), (SourceError::Status(500), 2, 0));
    assert_eq!(reason(vec![status("429 Too Many Requests")]), (SourceError::Status(429), 2, 0));
    let ((archive, content), dir) = (sample(), tempfile::tempdir().unwrap());
    let server = Server::start(vec![status("503 Service Unavailable"), file(&content, "\"a\"")]);
    get(&archive, dir.path(), &server.url()).unwrap();
}

#[test]
fn a_web_page_with_status_200_is_no_archive() {
    let page = b"<html>please log in</html>";
    let length = ("Content-Length", page.len().to_string());
    let html = head("200 OK", &[("Content-Type", "text/html; charset=utf-8".to_owned()), length.clone()]);
    assert_eq!(reason(vec![said(&html, page)]), (SourceError::WebPage, 1, 0));
    // Without a type its length gives it away.
    let untold = reason(vec![said(&head("200 OK", &[length]), page)]);
    let found = page.len().to_string();
    assert_eq!(untold, (SourceError::Size { expected: sample().0.bytes(), found }, 1, 0));
}

#[test]
fn a_wrong_announcement_of_the_length_is_refused_before_anything_is_transferred() {
    let (archive, content) = sample();
    for length in [content.len() - 1, content.len() + 1, 0] {
        let (error, requests, kept) = reason(vec![plain(&content, length)]);
        assert_eq!(
            error,
            SourceError::Size { expected: archive.published[0].bytes, found: length.to_string() }
        );
        assert_eq!((requests, kept), (1, 0));
    }
}

#[test]
fn a_body_that_never_ends_is_cut_at_the_size_of_the_archive() {
    let (archive, content) = sample();
    let endless = said(&head("200 OK", &[]), &[&content[..], &content].concat());
    let (error, requests, kept) = reason(vec![endless]);
    let found = format!("more than {}", archive.published[0].bytes);
    assert_eq!(error, SourceError::Size { expected: archive.published[0].bytes, found });
    assert_eq!((requests, kept), (1, 0));
}

#[test]
fn a_body_without_length_that_ends_early_counts_as_broken_off() {
    let (archive, content) = sample();
    let short = || said(&head("200 OK", &[]), &content[..700]);
    let (error, requests, kept) = reason(vec![short(), cut(&content, "", 0)]);
    assert_eq!(error, SourceError::BrokeOff { have: 700, of: archive.published[0].bytes });
    assert_eq!((requests, kept), (2, 700));
}

#[test]
fn another_file_of_the_same_size_is_known_by_its_checksum_and_thrown_away() {
    let (archive, content) = sample();
    let (error, requests, kept) = reason(vec![file(&noise(9, content.len()), "\"a\"")]);
    assert!(matches!(error, SourceError::Checksum { expected, .. } if expected == archive.published[0].md5));
    assert_eq!((requests, kept), (1, 0));
}

#[test]
fn a_server_that_says_nothing_is_left_after_the_stall_time() {
    let start = Instant::now();
    let (error, requests, kept) = reason(vec![silent(&[], None)]);
    assert_eq!((error, requests, kept), (SourceError::Stalled(SHORT.stall), 2, 0));
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

#[test]
fn what_is_no_http_and_redirects_without_end_are_told() {
    let (error, ..) = reason(vec![said("SSH-2.0-OpenSSH_9.6\r\n", b"")]);
    assert!(matches!(&error, SourceError::Network(_) | SourceError::Refused(_)), "{error}");
    let around = head("302 Found", &[("Location", "/".to_owned()), ("Content-Length", "0".to_owned())]);
    let (error, ..) = reason(vec![said(&around, b"")]);
    assert!(error.to_string().contains("redirects"), "{error}");
}

#[test]
fn a_server_that_cannot_encrypt_is_told() {
    let ((archive, _), dir) = (sample(), tempfile::tempdir().unwrap());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = vec![format!("https://{}/", listener.local_addr().unwrap())];
    let plain = std::thread::spawn(move || {
        (0..2).for_each(|_| listener.accept().unwrap().0.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap());
    });
    let error = get(&archive, dir.path(), &url).unwrap_err().to_string();
    assert!(error.contains("could not be reached") || error.contains("cannot be used"), "{error}");
    drop(plain);
}

#[test]
fn nobody_at_the_address_is_told() {
    let ((archive, _), dir) = (sample(), tempfile::tempdir().unwrap());
    let url = Server::start(vec![silent(&[], None)]).url();
    let error = get(&archive, dir.path(), &url).unwrap_err().to_string();
    assert!(error.contains("could not be reached"), "{error}");
}

#[test]
fn an_address_that_is_none_is_refused_before_anything_is_done() {
    let ((archive, _), dir) = (sample(), tempfile::tempdir().unwrap());
    for address in ["ftp://host/set.tar.gz", "set.tar.gz", ""] {
        let place = dir.path().join("data");
        let error = get(&archive, &place, &[address.to_owned()]).unwrap_err();
        assert!(matches!(error, FetchError::Address { .. }), "{error}");
        assert!(!place.exists());
    }
}
