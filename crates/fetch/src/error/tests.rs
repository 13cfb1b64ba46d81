//! What is told when a data set cannot be fetched, and what to do about it.

use super::*;
use std::io::ErrorKind;

/// A new variant does not compile here until it has a line in the test.
fn place(error: &FetchError) -> usize {
    match error {
        FetchError::Address { .. } => 0,
        FetchError::InUse { .. } => 1,
        FetchError::Disk { .. } => 2,
        FetchError::Occupied { .. } => 3,
        FetchError::Size { .. } => 4,
        FetchError::Checksum { .. } => 5,
        FetchError::NoSource { .. } => 6,
        FetchError::Broken { .. } => 7,
        FetchError::Unsafe { .. } => 8,
        FetchError::TooMuch { .. } => 9,
        FetchError::Lacks { .. } => 10,
        FetchError::Interrupted { .. } => 11,
    }
}

#[test]
fn every_error_says_what_where_and_what_to_do() {
    let (path, text) = (|| PathBuf::from("d/a.tgz"), |text: &str| text.to_owned());
    let disk = |kind: ErrorKind| FetchError::disk("write", Path::new("d/a.tgz"))(kind.into());
    let told = [
        (
            FetchError::Address { address: text("ftp://a"), why: text("is of ftp") },
            "address \"ftp://a\" is of ftp; give --mirror http://HOST/PATH or https://HOST/PATH",
        ),
        (
            FetchError::InUse { path: path() },
            "d/a.tgz is being fetched by another process; wait for it to end or choose another --dir",
        ),
        (
            disk(ErrorKind::StorageFull),
            "cannot write d/a.tgz: no storage space; free some space and run the same command again; what is downloaded is kept",
        ),
        (
            disk(ErrorKind::FileTooLarge),
            "cannot write d/a.tgz: file too large; raise the limit on the size of files (ulimit -f) and run the same command again; what is downloaded is kept",
        ),
        (
            disk(ErrorKind::PermissionDenied),
            "cannot write d/a.tgz: permission denied; make the directory writable or choose another --dir",
        ),
        (
            disk(ErrorKind::TimedOut),
            "cannot write d/a.tgz: timed out; check --dir and the disk and run the same command again",
        ),
        (
            FetchError::Occupied { path: path(), what: text("lacks b.bin") },
            "d/a.tgz is there but lacks b.bin; if it is a subset or a layout of your own, pass it to --data-dir as it is, else delete or rename it and run the same command again",
        ),
        (
            FetchError::Size { path: path(), expected: 30, found: 29 },
            "d/a.tgz has 29 bytes, expected 30; delete it and run the same command again",
        ),
        (
            FetchError::Checksum { path: path(), expected: text("aa"), found: text("bb") },
            "d/a.tgz has md5 bb, expected the published aa; delete it and run the same command again",
        ),
        (
            FetchError::NoSource {
                name: "cifar10",
                path: path(),
                failures: vec![(text("http://a/"), SourceError::WebPage)],
                kept: 7,
                of: 30,
            },
            "cifar10 could not be fetched\n  http://a/ answered with a web page instead of the archive\nrun the same command again to go on (7 of 30 bytes are kept), give another address with --mirror URL, or put the archive at d/a.tgz by other means and run the same command again",
        ),
        (
            FetchError::Broken { path: path(), reason: text("it ends early") },
            "d/a.tgz cannot be unpacked: it ends early; delete it and run the same command again",
        ),
        (
            FetchError::Unsafe { path: path(), entry: text("../x"), why: text("leads out of it") },
            "d/a.tgz holds \"../x\", which leads out of it; delete it, and do not fetch from its source again",
        ),
        (
            FetchError::TooMuch { path: path(), most: text("106 entries") },
            "d/a.tgz holds more than 106 entries; delete it, and do not fetch from its source again",
        ),
        (
            FetchError::Lacks { path: path(), what: text("has 0 of 1 files b.bin") },
            "d/a.tgz is not the whole data set: it has 0 of 1 files b.bin; delete it and run the same command again",
        ),
        (
            FetchError::Interrupted { kept: 7, of: 30 },
            "interrupted; the same command continues (7 of 30 bytes are kept)",
        ),
    ];
    let mut seen = [false; 12];
    for (error, text) in &told {
        assert_eq!(error.to_string(), *text);
        seen[place(error)] = true;
    }
    assert_eq!(seen, [true; 12], "every variant is told");
}

/// A new variant does not compile here until it has a line in the test.
fn place_of_source(error: &SourceError) -> usize {
    match error {
        SourceError::Status(_) => 0,
        SourceError::WebPage => 1,
        SourceError::Size { .. } => 2,
        SourceError::Checksum { .. } => 3,
        SourceError::Stalled(_) => 4,
        SourceError::Slow { .. } => 5,
        SourceError::BrokeOff { .. } => 6,
        SourceError::Range => 7,
        SourceError::Network(_) => 8,
        SourceError::Refused(_) => 9,
    }
}

#[test]
fn every_error_of_an_address_says_what_it_did() {
    let told = [
        (SourceError::Status(404), "answered with HTTP status 404"),
        (SourceError::WebPage, "answered with a web page instead of the archive"),
        (
            SourceError::Size { expected: 30, found: "29".into() },
            "has a file of 29 bytes, expected 30: another file",
        ),
        (
            SourceError::Checksum { expected: "aa".into(), found: "bb".into() },
            "has a file of md5 bb, expected the published aa: another file",
        ),
        (SourceError::Stalled(Duration::from_secs(30)), "sent nothing for 30s"),
        (
            SourceError::Slow { came: 7, during: Duration::from_secs(30), least: 1000 },
            "sent only 7 bytes in 30s, expected at least 1000 bytes a second",
        ),
        (SourceError::BrokeOff { have: 7, of: 30 }, "broke off after 7 of 30 bytes"),
        (SourceError::Range, "did not continue where the download stood"),
        (SourceError::Network("no route to host".into()), "could not be reached: no route to host"),
        (SourceError::Refused("unknown certificate".into()), "cannot be used: unknown certificate"),
    ];
    let mut seen = [false; 10];
    for (error, text) in &told {
        assert_eq!(error.to_string(), *text);
        seen[place_of_source(error)] = true;
    }
    assert_eq!(seen, [true; 10], "every variant is told");
}
