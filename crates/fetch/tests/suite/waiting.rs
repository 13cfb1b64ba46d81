//! What is not waited for: servers that drip, handshakes that nobody answers, pipes, hashes of files that are too large.
//! And what is not written through: links. And what is not shown: passwords.

use crate::samples::sample;
use crate::server::{Server, file, head};
use crate::{QUICK, SHORT, assert_whole, get, names};
use basin_fetch::{Event, FetchError, Patience, Request, SourceError, fetch};
use basin_store::RealFs;
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::time::{Duration, Instant};

#[test]
fn a_server_that_drips_is_left() {
    let ((archive, content), dir) = (sample(), tempfile::tempdir().unwrap());
    let length = content.len().to_string();
    let server = Server::start(vec![Box::new(move |_, stream| {
        stream.write_all(head("200 OK", &[("Content-Length", length.clone())]).as_bytes())?;
        for byte in &content {
            stream.write_all(&[*byte])?;
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    })]);
    let start = Instant::now();
    let mirrors = server.url();
    let request =
        Request { archive: &archive, dir: dir.path(), mirrors: &mirrors, patience: SHORT, fs: &RealFs };
    let error = fetch(&request, &|| false, &mut |_| {}).unwrap_err();
    let FetchError::NoSource { failures, kept, .. } = &error else { panic!("{error}") };
    assert!(matches!(failures[0].1, SourceError::Slow { least: 1024, .. }), "{error}");
    assert!(*kept > 0 && start.elapsed() < Duration::from_secs(60), "{kept} bytes in {:?}", start.elapsed());
}

#[test]
fn who_asks_to_stop_does_not_wait_for_a_handshake() {
    let ((archive, _), dir) = (sample(), tempfile::tempdir().unwrap());
    // The system accepts the connection, and nobody ever speaks.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mirrors = [format!("https://{}/", listener.local_addr().unwrap())];
    let start = Instant::now();
    let stop = || start.elapsed() > Duration::from_millis(300);
    let patience = Patience { connect: Duration::from_secs(60), ..QUICK };
    let request = Request { archive: &archive, dir: dir.path(), mirrors: &mirrors, patience, fs: &RealFs };
    let stopped = fetch(&request, &stop, &mut |_| {}).unwrap_err();
    assert!(matches!(stopped, FetchError::Interrupted { kept: 0, .. }), "{stopped}");
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

#[test]
fn an_archive_of_another_size_is_not_hashed() {
    let ((archive, content), dir) = (sample(), tempfile::tempdir().unwrap());
    let path = dir.path().join("set.tar.gz");
    fs::write(&path, &content).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_len(200 << 30).unwrap();
    let start = Instant::now();
    let error = get(&archive, dir.path(), &[]).unwrap_err();
    assert!(matches!(error, FetchError::Size { found, .. } if found == 200 << 30), "{error}");
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

#[cfg(unix)]
#[test]
fn pipes_and_links_are_neither_read_nor_written_through() {
    use std::os::unix::fs::symlink;
    let (archive, content) = sample();
    let server = Server::start(vec![file(&content, "")]);
    // A pipe as the archive would be waited for.
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("set.tar.gz");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let error = get(&archive, dir.path(), &server.url()).unwrap_err();
    assert!(matches!(error, FetchError::Occupied { .. }), "{error}");
    // A link to nothing is not a free name.
    fs::remove_file(&pipe).unwrap();
    symlink("nowhere", &pipe).unwrap();
    let error = get(&archive, dir.path(), &server.url()).unwrap_err();
    assert!(matches!(error, FetchError::Occupied { .. }), "{error}");
    fs::remove_file(&pipe).unwrap();
    // What is written in place goes to nobody else's file, whether that is there or not.
    let victim = dir.path().join("victim");
    for name in ["set.tar.gz.part", ".set.tar.gz.lock"] {
        for there in [true, false] {
            if there {
                fs::write(&victim, "mine").unwrap();
            }
            symlink(&victim, dir.path().join(name)).unwrap();
            let error = get(&archive, dir.path(), &server.url()).unwrap_err();
            assert!(matches!(error, FetchError::Disk { .. }), "{error}");
            assert!(error.to_string().contains("symbolic link"), "{error}");
            assert_eq!(fs::read(&victim).ok().as_deref(), there.then_some(&b"mine"[..]), "{name}");
            let _ = fs::remove_file(&victim);
            fs::remove_file(dir.path().join(name)).unwrap();
        }
    }
    // The note beside the part and the folder that is filled are made anew in the place of links.
    fs::write(&victim, "mine").unwrap();
    symlink(&victim, dir.path().join("set.tar.gz.part.version")).unwrap();
    fs::create_dir(dir.path().join("elsewhere")).unwrap();
    symlink("elsewhere", dir.path().join(".set.unpacking")).unwrap();
    get(&archive, dir.path(), &server.url()).unwrap();
    assert_eq!(fs::read(&victim).unwrap(), b"mine");
    assert!(names(&dir.path().join("elsewhere")).is_empty());
    fs::remove_file(&victim).unwrap();
    fs::remove_dir(dir.path().join("elsewhere")).unwrap();
    assert_whole(dir.path());
}

#[test]
fn passwords_are_neither_shown_nor_noted() {
    let ((archive, content), dir) = (sample(), tempfile::tempdir().unwrap());
    let server = Server::start(vec![crate::server::cut(&content, "\"a\"", 5000)]);
    let url = server.url()[0].replace("http://", "http://user:secret@") + "?token=secret";
    let mut heard = String::new();
    let mirrors = [url];
    let request =
        Request { archive: &archive, dir: dir.path(), mirrors: &mirrors, patience: QUICK, fs: &RealFs };
    let result = fetch(&request, &|| false, &mut |event| {
        if let Event::Asking { address, .. } | Event::Failed { address, .. } = event {
            heard += address;
        }
    });
    let told = result.unwrap_err().to_string();
    assert!(
        told.contains("http://***@127.0.0.1") && heard.contains("http://***@127.0.0.1"),
        "{told} {heard}"
    );
    let note = fs::read_to_string(dir.path().join("set.tar.gz.part.version")).unwrap();
    assert!(note.contains("***@"), "{note}");
    for text in [&told, &heard, &note] {
        assert!(!text.contains("secret") && !text.contains("user"), "{text}");
    }
    let no_address = ["http://user:secret@ho st/".to_owned()];
    let told = get(&archive, dir.path(), &no_address).unwrap_err().to_string();
    assert!(told.contains("***@ho st") && !told.contains("secret"), "{told}");
}
