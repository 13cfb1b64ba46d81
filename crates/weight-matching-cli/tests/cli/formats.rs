//! Files in the place of networks: named by what they are, with what to do.

use crate::refusals::refuse;
use crate::{fixture, network, save};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use tempfile::tempdir;

fn inspect(dir: &Path, name: &str, parts: &[&str]) {
    refuse(dir, &["inspect", name], 4, &[&[name], parts].concat());
}

#[test]
fn what_is_no_network_is_named_with_what_to_do() {
    let folder = tempdir().unwrap();
    let dir = folder.path();
    let whole = std::fs::read(fixture("plain.pt")).unwrap();
    let index = r#"{"metadata": {}, "weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors", "c": "m-1.safetensors"}}"#;
    let lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 12345\n";
    let mut tar = vec![0; 600];
    tar[257..262].copy_from_slice(b"ustar");
    let files: [(&str, &[u8], &[&str]); 14] = [
        ("lfs.pt", lfs.as_bytes(), &["a pointer of Git LFS", "git lfs pull"]),
        ("page.pt", b"<!DOCTYPE html><html>404", &["an HTML page", "download the file itself"]),
        ("page2.pt", b"\n  <html lang=en>", &["an HTML page"]),
        ("denied.pt", b"<?xml version='1.0'?><Error>AccessDenied</Error>", &["an XML page"]),
        ("empty.pt", b"", &["is empty, 0 bytes", "get it again"]),
        ("short.pt", b"PK", &["is not the whole of", "it has 2 bytes"]),
        (
            "half.pt",
            &whole[..whole.len() / 2],
            &["is not the whole of a PyTorch archive", "copy or download it again"],
        ),
        (
            "model.safetensors.index.json",
            index.as_bytes(),
            &["the index of a network in 2 shards (m-1.safetensors, m-2.safetensors)", "join them"],
        ),
        ("config.json", b"{\"hidden\": 12}", &["a JSON file"]),
        ("a.tar.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\0", &["compressed with gzip", "unpack"]),
        ("a.tar", &tar, &["a tar archive"]),
        ("a.gguf", b"GGUF\x03\0\0\0\0\0\0\0", &["a GGUF file"]),
        ("a.h5", b"\x89HDF\r\n\x1a\n\0\0\0\0", &["an HDF5 file"]),
        ("a.pkl", b"\x80\x04\x95\x02\0\0\0\0\0\0\0}.", &["a pickle without PyTorch's mark"]),
    ];
    for (name, bytes, parts) in files {
        std::fs::write(dir.join(name), bytes).unwrap();
        inspect(dir, name, parts);
    }
}

#[test]
fn folders_say_what_to_give_instead() {
    let folder = tempdir().unwrap();
    let dir = folder.path();
    for (name, files, part) in [
        ("nothing", &["README.md"][..], "no network is in it"),
        ("one", &["model.safetensors", "config.json"], "give model.safetensors"),
        (
            "shards",
            &["model.safetensors.index.json", "model-00001-of-00002.safetensors"],
            "a network in shards",
        ),
    ] {
        std::fs::create_dir(dir.join(name)).unwrap();
        files.iter().for_each(|file| std::fs::write(dir.join(name).join(file), "x").unwrap());
        inspect(dir, name, &["is a folder", part]);
    }
}

#[cfg(unix)]
#[test]
fn pipes_devices_and_holes_are_refused_at_once() {
    let folder = tempdir().unwrap();
    let dir = folder.path();
    let made = std::process::Command::new("mkfifo").arg(dir.join("pipe")).status().unwrap();
    assert!(made.success());
    inspect(dir, "pipe", &["is a pipe, expected a regular file"]);
    inspect(dir, "/dev/zero", &["is a device, expected a regular file"]);
    // Forty gigabytes that begin like an archive and take one block on the disk; more than is ever read.
    for (name, len, part) in
        [("holes.pt", 40u64 << 30, "only"), ("huge.pt", 200u64 << 30, "expected at most")]
    {
        let mut file = std::fs::File::create(dir.join(name)).unwrap();
        file.write_all(b"PK\x03\x04").unwrap();
        file.seek(SeekFrom::Start(len - 1)).unwrap();
        file.write_all(b"x").unwrap();
        inspect(dir, name, &[part]);
    }
}

#[test]
fn names_in_paths_are_escaped() {
    let folder = tempdir().unwrap();
    let dir = folder.path();
    save(dir, "a\u{1b}[31m.safetensors", &network(20, 1, 0));
    let (_, told) = crate::fail(dir, &["apply", "none", "a\u{1b}[31m", "--out", "c.safetensors"]);
    assert!(!told.contains('\u{1b}'), "{told:?}");
    let (_, told) = crate::fail(dir, &["inspect", "b\u{1b}[31m"]);
    assert!(told.contains("b\\u001b[31m") && !told.contains('\u{1b}'), "{told:?}");
}
