//! Memory stays within a small multiple of the file, whatever is in it: the program runs with so much address space
//! and no more, and says what it refuses.
#![cfg(target_os = "linux")]

use crate::network;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use tempfile::tempdir;
use weight_matching::files::Checkpoint;

/// Address space of the program itself: its code, the stacks of its threads, and what is set aside for them.
const PROGRAM: usize = 192 << 20;
/// Memory for each byte of the file.
const TIMES: usize = 14;

/// Exit code and standard error of `inspect` with memory for that many times the file and no more.
fn inspected(dir: &Path, bytes: &[u8]) -> (Option<i32>, String) {
    std::fs::write(dir.join("file"), bytes).unwrap();
    let limit = (PROGRAM + TIMES * bytes.len()) >> 10;
    let script = format!("ulimit -v {limit}; exec {} inspect file", env!("CARGO_BIN_EXE_weight-matching"));
    let output = Command::new("sh")
        .args(["-c", &script])
        .env("RAYON_NUM_THREADS", "1")
        .env("MALLOC_ARENA_MAX", "1")
        .current_dir(dir)
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// The old format with this network pickle, and these keys of storages.
fn legacy(network: &[u8]) -> Vec<u8> {
    let magic = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
    [&magic[..], b"\x80\x02M\xe9\x03.\x80\x02}.", b"\x80\x02", network, b"\x80\x02]."].concat()
}

const STORAGE: &[u8] =
    b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x00kX\x03\x00\x00\x00cpuK\x01t";
const TENSOR: &[u8] = b"ctorch._utils\n_rebuild_tensor_v2\n";

#[test]
fn hostile_pickles_take_a_few_times_their_size() {
    let folder = tempdir().unwrap();
    let dir = folder.path();
    const N: usize = 8 << 20;
    let fill = |start: &[u8], again: &[u8], end: &[u8]| {
        legacy(&[start, &again.repeat(N / again.len()), end, b"."].concat())
    };
    let view = [TENSOR, b"q\x01(", STORAGE, b"QK\x00K\x01\x85K\x00\x85\x89}tq\x02"].concat();
    let name = [&b"X\x00\x02\x00\x00"[..], &[b'n'; 512], b"q\x03"].concat();
    for (what, bytes) in [
        ("lists in one another", fill(b"", b"]", b"")),
        ("lists in lists", fill(b"]", b"](]e", b"")),
        ("dictionaries", fill(b"", b"}", b"")),
        ("empty tuples", fill(b"", b")", b"")),
        ("marks", fill(b"", b"(", b"")),
        ("numbers", fill(b"", b"K\x01", b"")),
        ("a storage pushed again and again", fill(&[STORAGE, b"q\x00"].concat(), b"h\x00Q", b"")),
        ("a view rebuilt again and again", fill(&view, b"h\x01h\x02R", b"")),
        ("a name set again and again", fill(&[b"}", &name[..]].concat(), b"h\x03Ns", b"")),
        ("a name memoised again and again", fill(&name, b"h\x03\x94", b"")),
        ("a global of long names", fill(&[&name[..], b"0"].concat(), b"h\x03h\x03\x93", b"")),
        ("long keys", fill(b"}", &[&name[..], b"Ns"].concat(), b"")),
        (
            "a dictionary of pairs again and again",
            fill(b"ccollections\nOrderedDict\nq\x04](](NNee\x85q\x05", b"h\x04h\x05R", b""),
        ),
    ] {
        let (code, said) = inspected(dir, &bytes);
        assert_eq!(code, Some(4), "{what}: {said}");
        assert!(said.contains("error: file: "), "{what}: {said}");
    }
}

/// What people have fits with room to spare: many small tensors in each format, long lists of numbers beside them.
#[test]
fn ordinary_files_are_read_within_the_same_bounds() {
    let folder = tempdir().unwrap();
    let dir = folder.path();
    let written = Checkpoint::encode(&network(110, 4, 0), &BTreeMap::new()).unwrap();
    let (code, said) = inspected(dir, &written);
    assert_eq!(code, Some(0), "{said}");
    // A million losses beside one weight, as a list of floats in batches of a thousand.
    let batch = [&b"("[..], &b"G\x3f\xf0\x00\x00\x00\x00\x00\x00".repeat(1000), b"e"].concat();
    let small = [&b"("[..], &b"K\x01".repeat(1000), b"e"].concat();
    for batch in [batch, small] {
        let view = [TENSOR, b"(", STORAGE, b"QK\x00K\x01K\x01\x86K\x01K\x01\x86\x89}tR"].concat();
        let network =
            [&b"}X\x01\x00\x00\x00w"[..], &view, b"sX\x06\x00\x00\x00losses]", &batch.repeat(1000), b"s."]
                .concat();
        let mut bytes = legacy(&network);
        // The list of storages and the one there is.
        bytes.truncate(bytes.len() - 2);
        bytes.extend(b"]X\x01\x00\x00\x00ka.\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x3f");
        let (code, said) = inspected(dir, &bytes);
        assert_eq!(code, Some(0), "{said}");
    }
}
