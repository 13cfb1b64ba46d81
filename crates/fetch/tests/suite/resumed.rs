//! Downloads in pieces: what is there is not transferred again, and what does not fit is noticed.

use crate::samples::{RULES, described, noise, sample};
use crate::server::{Server, cut, file, head, plain, said, silent};
use crate::{QUICK, assert_nothing, assert_whole, get, get_shortly, heard};
use basin_fetch::{FetchError, Packing, Patience, Request, SourceError, fetch};
use std::fs;
use std::io::Write;

#[test]
fn after_a_dropped_connection_only_the_rest_is_transferred() {
    let ((archive, content), dir) = (sample(), tempfile::tempdir().unwrap());
    let server = Server::start(vec![cut(&content, "\"a\"", 12_345), file(&content, "\"a\"")]);
    let (result, words) = heard(&archive, dir.path(), &server.url());
    result.unwrap();
    assert_whole(dir.path());
    let asked: Vec<_> = server.asked().into_iter().map(|asked| (asked.range, asked.if_range)).collect();
    assert_eq!(asked, [(None, None), (Some(12_345), Some("\"a\"".to_owned()))]);
    assert_eq!(words[..4], ["asking from 0", "received", "again", "asking from 12345"]);
}

#[test]
fn a_later_call_goes_on_where_an_earlier_one_gave_up() {
    let ((archive, content), dir) = (sample(), tempfile::tempdir().unwrap());
    let broken = Server::start(vec![cut(&content, "\"a\"", 4000), cut(&content, "\"a\"", 0)]);
    let error = get(&archive, dir.path(), &broken.url()).unwrap_err();
    let of = archive.published[0].bytes;
    assert!(
        matches!(&error, FetchError::NoSource { kept: 4000, failures, .. }
        if failures[0].1 == SourceError::BrokeOff { have: 4000, of }),
        "{error}"
    );
    assert!(error.to_string().contains(&format!("(4000 of {of} bytes are kept)")), "{error}");
    assert_nothing(dir.path());
    // Another address: its version's name means nothing there, so none is asked for.
    let good = Server::start(vec![file(&content, "\"other name\"")]);
    get(&archive, dir.path(), &good.url()).unwrap();
    assert_eq!((good.asked()[0].range, good.asked()[0].if_range.clone()), (Some(4000), None));
    assert_whole(dir.path());
}

#[test]
fn a_server_that_ignores_ranges_is_listened_to_from_the_beginning() {
    let ((archive, content), dir) = (sample(), tempfile::tempdir().unwrap());
    fs::write(dir.path().join("set.tar.gz.part"), noise(9, 7000)).unwrap();
    let server = Server::start(vec![plain(&content, content.len())]);
    get(&archive, dir.path(), &server.url()).unwrap();
    assert_eq!(server.ranges(), [7000]);
    assert_whole(dir.path());
}

#[test]
fn a_file_that_changed_in_between_is_taken_whole_where_the_server_tells() {
    let ((archive, content), dir) = (sample(), tempfile::tempdir().unwrap());
    let old = noise(9, content.len());
    let server = Server::start(vec![cut(&old, "\"old\"", 5000), file(&content, "\"new\"")]);
    get(&archive, dir.path(), &server.url()).unwrap();
    assert_eq!(server.asked()[1].if_range.as_deref(), Some("\"old\""));
    assert_eq!(server.asked().len(), 2);
    assert_whole(dir.path());
}

#[test]
fn pieces_of_two_versions_are_found_by_the_checksum_where_it_does_not() {
    let ((archive, content), dir) = (sample(), tempfile::tempdir().unwrap());
    let old = noise(9, content.len());
    let server = Server::start(vec![cut(&old, "", 5000), file(&content, "")]);
    fs::write(dir.path().join("set.tar.gz.part"), &old[..5000]).unwrap();
    let server_of_rest = Server::start(vec![file(&content, "")]);
    let (result, words) = heard(&archive, dir.path(), &server_of_rest.url());
    result.unwrap();
    assert_eq!(words[..5], ["asking from 5000", "received", "checking", "starts over", "asking from 0"]);
    assert_whole(dir.path());
    // The same within one call, where the retry that is allowed goes into the second piece.
    let dir = tempfile::tempdir().unwrap();
    let error = get(&archive, dir.path(), &server.url()).unwrap_err();
    assert!(matches!(&error, FetchError::NoSource { kept: 0, .. }), "{error}");
    get(&archive, dir.path(), &server.url()).unwrap();
    assert_whole(dir.path());
}

#[test]
fn a_part_that_is_whole_needs_no_network_and_one_that_is_too_long_goes() {
    let ((archive, content), dir) = (sample(), tempfile::tempdir().unwrap());
    fs::write(dir.path().join("set.tar.gz.part"), &content).unwrap();
    let server = Server::start(vec![file(&content, "\"a\"")]);
    get(&archive, dir.path(), &server.url()).unwrap();
    assert!(server.asked().is_empty());
    assert_whole(dir.path());
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("set.tar.gz.part"), [&content[..], b"x"].concat()).unwrap();
    get(&archive, dir.path(), &server.url()).unwrap();
    assert_eq!(server.ranges(), [0]);
    assert_whole(dir.path());
}

#[test]
fn an_answer_that_continues_elsewhere_is_not_appended() {
    let ((archive, content), dir) = (sample(), tempfile::tempdir().unwrap());
    let rest = &content[9000..];
    let wrong = |range: Option<String>| {
        let mut headers = vec![("Content-Length", rest.len().to_string())];
        headers.extend(range.map(|range| ("Content-Range", range)));
        said(&head("206 Partial Content", &headers), rest)
    };
    let elsewhere = format!("bytes 9000-{}/{}", content.len() - 1, content.len());
    for answer in [wrong(Some(elsewhere)), wrong(None), said(&head("416 Range Not Satisfiable", &[]), b"")] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("set.tar.gz.part"), &content[..8000]).unwrap();
        let server = Server::start(vec![answer, file(&content, "\"a\"")]);
        get(&archive, dir.path(), &server.url()).unwrap();
        assert_eq!(server.ranges(), [8000, 0]);
        assert_whole(dir.path());
    }
    fs::write(dir.path().join("set.tar.gz.part"), &content[..8000]).unwrap();
    let other_total = format!("bytes 8000-99999/{}", content.len() + 1);
    let server = Server::start(vec![wrong(Some(other_total))]);
    let error = get(&archive, dir.path(), &server.url()).unwrap_err();
    assert!(
        matches!(&error, FetchError::NoSource { kept: 8000, failures, .. }
        if matches!(failures[0].1, SourceError::Size { .. })),
        "{error}"
    );
}

#[test]
fn a_server_that_starts_over_and_over_is_given_up() {
    let (dir, content) = (tempfile::tempdir().unwrap(), noise(4, 3 << 20));
    let archive = described(&content, Packing::TarGz, RULES);
    let (begins, refuses) = (cut(&content, "", 2 << 20), head("416 Range Not Satisfiable", &[]));
    let server = Server::start(vec![Box::new(move |asked, stream| match asked.range {
        None => begins(asked, stream),
        Some(_) => stream.write_all(refuses.as_bytes()),
    })]);
    let patience = Patience { retries: 3, ..QUICK };
    let mirrors = server.url();
    let request = Request { mirrors: &mirrors, patience, ..Request::new(&archive, dir.path()) };
    let error = fetch(&request, &|| false, &mut |_| {}).unwrap_err();
    assert!(matches!(error, FetchError::NoSource { .. }), "{error}");
    assert_eq!(server.ranges(), [0, 2 << 20, 0, 2 << 20]);
}

#[test]
fn progress_renews_patience() {
    let (dir, content) = (tempfile::tempdir().unwrap(), noise(4, 5 << 20));
    let archive = described(&content, Packing::TarGz, RULES);
    let server = Server::start(vec![cut(&content, "\"a\"", 1 << 20)]);
    // One retry is allowed, and four are needed; that the noise is not an archive is found after that.
    let error = get(&archive, dir.path(), &server.url()).unwrap_err();
    assert!(matches!(error, FetchError::Broken { .. }), "{error}");
    assert_eq!(server.ranges(), [0, 1 << 20, 2 << 20, 3 << 20, 4 << 20]);
}

#[test]
fn silence_in_the_middle_is_a_reason_to_ask_for_the_rest() {
    let ((archive, content), dir) = (sample(), tempfile::tempdir().unwrap());
    let server = Server::start(vec![silent(&content, Some(6000)), file(&content, "\"a\"")]);
    get_shortly(&archive, dir.path(), &server.url()).unwrap();
    assert_eq!(server.ranges(), [0, 6000]);
    assert_whole(dir.path());
}
