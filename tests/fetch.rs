//! `basin fetch` as a user runs it: what it says, where, and with which exit code. The servers are threads of the
//! test; what happens between an address and a folder is tested in `crates/fetch`.

use crate::{basin, expect_code, run, stderr};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Serves one request with these bytes; the connection stays open until the client closes it.
fn serve(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut stream: TcpStream = listener.accept().unwrap().0;
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.push(byte[0]);
        }
        stream.write_all(answer).unwrap();
        let _ = stream.read(&mut [0]);
    });
    format!("http://{address}/")
}

#[test]
fn unknown_sets_and_addresses_are_usage_errors() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().to_str().unwrap();
    let output = run(&["fetch", "cifar-10", "--dir", dir]);
    expect_code(&output, 2);
    assert!(stderr(&output).contains("cifar10, cifar100, tiny-imagenet"), "{}", stderr(&output));
    let output = run(&["fetch", "cifar10", "--dir", dir, "--mirror", "ftp://host/"]);
    expect_code(&output, 2);
    assert!(stderr(&output).contains("ftp://host/"), "{}", stderr(&output));
    expect_code(&run(&["fetch", "cifar10"]), 2);
}

#[test]
fn a_set_that_is_there_is_told_with_the_command_to_go_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("cifar-10-batches-bin");
    std::fs::create_dir(&folder).unwrap();
    let batch = |name: &str| File::create(folder.join(name)).unwrap().set_len(30_730_000).unwrap();
    (1..=5).for_each(|i| batch(&format!("data_batch_{i}.bin")));
    let dir = dir.path().to_str().unwrap();
    let unfinished = run(&["fetch", "cifar10", "--dir", dir]);
    expect_code(&unfinished, 3);
    assert!(stderr(&unfinished).contains("has 0 of 1 files test_batch.bin"), "{}", stderr(&unfinished));
    batch("test_batch.bin");
    let output = run(&["fetch", "cifar10", "--dir", dir]);
    expect_code(&output, 0);
    let said = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(said.contains("was there already") && said.contains("cifar-10-batches-bin"), "{said}");
    assert!(said.contains(&format!("reproduce --preset small --dataset cifar10 --data-dir {dir}")), "{said}");
    assert_eq!(stderr(&output), "");
}

#[test]
fn a_set_that_cannot_be_had_is_a_data_error_that_says_what_else_can_be_done() {
    let dir = tempfile::tempdir().unwrap();
    let mirror = serve(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let output = run(&["fetch", "tiny-imagenet", "--dir", dir.path().to_str().unwrap(), "--mirror", &mirror]);
    expect_code(&output, 3);
    let text = stderr(&output);
    let told = [
        &format!("{mirror}tiny-imagenet-200.zip answered with HTTP status 404"),
        "--mirror",
        "by other means",
    ];
    assert!(told.iter().all(|words| text.contains(*words)), "{text}");
}

#[test]
fn the_password_of_a_mirror_is_not_shown() {
    let dir = tempfile::tempdir().unwrap();
    let mirror = serve(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let mirror = mirror.replace("http://", "http://user:secret@");
    let output = run(&["fetch", "cifar10", "--dir", dir.path().to_str().unwrap(), "--mirror", &mirror]);
    expect_code(&output, 3);
    let said = stderr(&output);
    assert!(said.contains("http://***@127.0.0.1") && !said.contains("secret"), "{said}");
}

#[test]
fn a_place_that_cannot_be_written_is_a_storage_error() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    File::create(&file).unwrap();
    // The name of a file stands where a directory is to be made.
    let output =
        run(&["fetch", "cifar100", "--dir", file.to_str().unwrap(), "--mirror", "http://127.0.0.1:9/"]);
    expect_code(&output, 8);
    assert!(stderr(&output).contains("cannot create the directory"), "{}", stderr(&output));
}

#[cfg(unix)]
#[test]
fn an_interrupt_leaves_a_part_to_go_on_from_and_ends_with_its_own_code() {
    let dir = tempfile::tempdir().unwrap();
    let mirror = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 170052171\r\n\r\nsome bytes, then silence");
    let mut command = Command::new(basin());
    command.args(["fetch", "cifar10", "--dir", dir.path().to_str().unwrap(), "--mirror", &mirror]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let part = dir.path().join("cifar-10-binary.tar.gz.part");
    let start = Instant::now();
    while std::fs::metadata(&part).map_or(0, |data| data.len()) < 24 {
        assert!(start.elapsed() < Duration::from_secs(20), "nothing arrived");
        std::thread::sleep(Duration::from_millis(10));
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    expect_code(&output, 75);
    assert!(stderr(&output).contains("(24 of 170052171 bytes are kept)"), "{}", stderr(&output));
    assert!(start.elapsed() < Duration::from_secs(20), "the stall time was waited for");
    assert_eq!(std::fs::read(part).unwrap(), b"some bytes, then silence");
}
