//! Damaged and hostile files: an error or a network, never a panic, never memory out of proportion.

use crate::{fixture, network, permutations};
use basin_core::{Rng, SeedTree};
use checkpoint_files::{Checkpoint, Problem, decode_activations, decode_permutations, encode_permutations};

/// A copy with a few bytes changed, cut, repeated or moved.
fn mutated(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=rng.below(4) {
        if bytes.is_empty() {
            break;
        }
        let at = rng.below(bytes.len() as u32) as usize;
        let len = (rng.below(16) as usize).min(bytes.len() - at);
        match rng.below(6) {
            0 => bytes[at] = rng.next_u32() as u8,
            1 => bytes[at] ^= 1 << rng.below(8),
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..at + len)),
            4 => {
                let piece = bytes[at..at + len].to_vec();
                let to = rng.below(bytes.len() as u32) as usize;
                bytes.splice(to..to, piece);
            }
            // Lengths and offsets become huge.
            _ => bytes[at..at + len.min(8)].fill(0xff),
        }
    }
    bytes
}

#[test]
fn mutations_of_valid_files_never_panic() {
    let small = network(20, 1, 0);
    let mut files: Vec<Vec<u8>> = [
        "plain.pt",
        "legacy.pt",
        "nested.pt",
        "types.pt",
        "malicious.pt",
        "deflated.pt",
        "foreign.pt",
        "python2.pt",
    ]
    .iter()
    .map(|name| std::fs::read(fixture(name)).unwrap())
    .collect();
    let plain = Checkpoint::decode(&files[0]).unwrap();
    files.push(Checkpoint::encode(&plain.params, &plain.kept).unwrap());
    files.push(encode_permutations(&permutations(&small, 0)));
    let mut read = 0;
    for (number, file) in files.iter().enumerate() {
        let mut rng = SeedTree::root(number as u64).rng();
        for _ in 0..4000 {
            let bytes = mutated(file, &mut rng);
            if let Ok(network) = Checkpoint::decode(&bytes) {
                // What is read can be written.
                Checkpoint::encode(&network.params, &network.kept).unwrap();
                read += 1;
            }
            let _ = decode_permutations(&bytes);
            let _ = decode_activations(&bytes);
        }
    }
    // Both ways out are taken: the changes reach beyond the first check.
    assert!((1000..30_000).contains(&read), "{read}");
}

#[test]
fn every_truncation_is_refused() {
    for name in ["plain.pt", "legacy.pt"] {
        let bytes = std::fs::read(fixture(name)).unwrap();
        for end in 0..bytes.len() {
            assert!(Checkpoint::decode(&bytes[..end]).is_err(), "{name} {end}");
        }
    }
}

#[test]
fn every_truncation_of_safetensors_is_refused() {
    let plain = Checkpoint::read(&fixture("plain.pt")).unwrap();
    let weights = Checkpoint::encode(&plain.params, &plain.kept).unwrap();
    let orders = encode_permutations(&permutations(&network(20, 1, 0), 0));
    for bytes in [&weights, &orders] {
        for end in 0..bytes.len() {
            assert!(Checkpoint::decode(&bytes[..end]).is_err(), "{end}");
            assert!(decode_permutations(&bytes[..end]).is_err(), "{end}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(matches!(Checkpoint::decode(&longer), Err(Problem::Safetensors { .. })));
    }
}

fn safetensors(header: &str) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat()
}

#[test]
fn hostile_safetensors_are_refused() {
    let headers = [
        r#"{"a":{"dtype":"F32","shape":[18446744073709551615,2],"data_offsets":[0,8]}}"#.to_owned(),
        r#"{"a":{"dtype":"F32","shape":[0,18446744073709551615],"data_offsets":[0,0]}}"#.to_owned(),
        r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,9223372036854775808]}}"#.to_owned(),
        r#"{"a":{"dtype":"F4","shape":[0],"data_offsets":[0,0]}}"#.to_owned(),
        format!("{{\"a\":{}", "[".repeat(1_000_000)),
        "{}".to_owned(),
    ];
    for header in headers {
        let error = Checkpoint::decode(&safetensors(&header)).unwrap_err();
        assert!(!error.to_string().is_empty(), "{}", &header[..header.len().min(80)]);
    }
    // Eight bytes of data, and headers that lie about where tensors are in them.
    let of = |tensors: &str| [safetensors(tensors), vec![0; 8]].concat();
    let two = r#""dtype":"F32","shape":[1],"data_offsets""#;
    for header in [
        format!("{{\"a\":{{{two}:[0,4]}},\"b\":{{{two}:[0,4]}}}}"),
        format!("{{\"a\":{{{two}:[0,4]}}}}"),
        format!("{{\"a\":{{{two}:[4,8]}}}}"),
        format!("{{\"a\":{{{two}:[8,4]}}}}"),
        format!("{{\"a\":{{{two}:[0,12]}}}}"),
        format!("{{\"a\":{{{two}:[0,8]}}}}"),
        format!("{{\"a\":{{{two}:[0,4]}},\"a\":{{{two}:[0,4]}}}}"),
        r#"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#.to_owned(),
        r#"{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}"#.to_owned(),
        r#"{"a":{"dtype":"float","shape":[2],"data_offsets":[0,8]}}"#.to_owned(),
        r#"{"a":{"dtype":"F32","shape":[2]}}"#.to_owned(),
        r#"{"a":[0,8]}"#.to_owned(),
    ] {
        let refused = Checkpoint::decode(&of(&header)).unwrap_err();
        assert!(matches!(refused, Problem::Safetensors { .. }), "{header}: {refused}");
        let refused = decode_permutations(&of(&header)).unwrap_err();
        assert!(matches!(refused, Problem::Safetensors { .. }), "{header}: {refused}");
    }
    // The same data told truly.
    assert!(Checkpoint::decode(&of(r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#)).is_ok());
    // A header that claims more than there is.
    assert!(Checkpoint::decode(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, b'{']).is_err());
}

/// The old format with this network pickle.
fn legacy(network: &[u8]) -> Vec<u8> {
    let magic = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
    let version_and_system = b"\x80\x02M\xe9\x03.\x80\x02}.";
    [&magic[..], version_and_system, network, b"\x80\x02]."].concat()
}

/// A pickled dictionary of views of one number, each with a pickled shape of two extents.
fn tensors(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut pickle = b"\x80\x02}".to_vec();
    for (name, shape) in entries {
        pickle.extend([&b"X"[..], &(name.len() as u32).to_le_bytes(), name.as_bytes()].concat());
        pickle.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n");
        pickle.extend(b"X\x01\x00\x00\x00kX\x03\x00\x00\x00cpuK\x01tQK\x00");
        pickle.extend([shape, &b"K\x00K\x00\x86\x89}tRs"[..]].concat());
    }
    pickle.push(b'.');
    pickle
}

#[test]
fn names_that_stand_twice_or_speak_to_the_terminal_are_refused() {
    let one = b"K\x01K\x01\x86";
    let refused = Checkpoint::decode(&legacy(&tensors(&[("w", one), ("w", one)]))).unwrap_err().to_string();
    assert!(refused.contains("tensor w stands in it twice"), "{refused}");
    let header = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    let refused = Checkpoint::decode(&[safetensors(header), vec![0; 8]].concat()).unwrap_err().to_string();
    assert!(refused.contains("tensor a stands in it twice"), "{refused}");
    let header = r#"{"a\u001b[31m":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    let written = Checkpoint::decode(&[safetensors(header), vec![0; 8]].concat()).unwrap_err().to_string();
    let pickled = Checkpoint::decode(&legacy(&tensors(&[("a\x1b[31m", one)]))).unwrap_err().to_string();
    for refused in [written, pickled] {
        assert!(refused.contains("a\\u{1b}[31m has a name that") && !refused.contains('\x1b'), "{refused}");
    }
    let long = "x".repeat(600);
    let refused = Checkpoint::decode(&legacy(&tensors(&[(&long, one)]))).unwrap_err().to_string();
    assert!(refused.contains("not a name of at most 512 bytes") && refused.len() < 300, "{refused}");
}

#[test]
fn hostile_permutations_are_refused_by_name_and_entry() {
    let file = |dtype: &str, shape: &str, bytes: &[u8]| {
        let header =
            format!(r#"{{"bg0":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[0,{}]}}}}"#, bytes.len());
        decode_permutations(&[&safetensors(&header)[..], bytes].concat())
    };
    let largest = [0u64, u64::MAX].map(u64::to_le_bytes).concat();
    let told = file("U64", "[2]", &largest).unwrap_err().to_string();
    assert!(told.contains("bg0: entry 1 is ") && told.contains("expected an index below 2"), "{told}");
    let told = file("I64", "[2]", &largest).unwrap_err().to_string();
    assert!(told.contains("bg0: entry 1 is -1"), "{told}");
    let told = file("I64", "[1,2]", &largest).unwrap_err().to_string();
    assert!(told.contains("bg0") && told.contains("i64 [1, 2]"), "{told}");
    let told = file("F64", "[2]", &largest).unwrap_err().to_string();
    assert!(told.contains("bg0") && told.contains("f64 [2]"), "{told}");
    let swap = [1u32, 0].map(u32::to_le_bytes).concat();
    assert_eq!(file("U32", "[2]", &swap).unwrap().get("bg0").unwrap().as_slice(), [1, 0]);
}

#[test]
fn hostile_pickles_are_refused() {
    // A text of 4 GiB that is not there.
    let long = legacy(b"\x80\x02X\xff\xff\xff\xff");
    assert!(matches!(Checkpoint::decode(&long), Err(Problem::Truncated { .. })));
    // Lists in one another: as many as the budget has room for, and more; and a list that holds itself.
    let deep = |n: usize| [&b"\x80\x02"[..], &b"]".repeat(n), &b"a".repeat(n - 1), b"."].concat();
    assert!(matches!(Checkpoint::decode(&legacy(&deep(5_000))), Err(Problem::NoTensors { .. })));
    let told = Checkpoint::decode(&legacy(&deep(1_000_000))).unwrap_err().to_string();
    assert!(told.contains("more than 8 times the file's size in memory"), "{told}");
    assert!(matches!(Checkpoint::decode(&legacy(b"\x80\x02]q\x00h\x00a.")), Err(Problem::NoTensors { .. })));
    // A dictionary under its own key.
    let circle = b"\x80\x02}q\x00X\x05\x00\x00\x00modelh\x00s.";
    assert!(matches!(Checkpoint::decode(&legacy(circle)), Err(Problem::NoTensors { .. })));
    // Instructions that would make objects or import.
    for code in
        [&b"\x80\x02cbuiltins\neval\n."[..], b"\x80\x02(ios\nsystem\n.", b"\x80\x02\x82\x01.", b"\x80\x02R."]
    {
        let refused = Checkpoint::decode(&legacy(code)).unwrap_err();
        assert!(matches!(refused, Problem::Pickle { .. } | Problem::Forbidden { .. }), "{refused}");
    }
}

#[test]
fn views_beyond_their_storage_are_refused() {
    let bytes = std::fs::read(fixture("plain.pt")).unwrap();
    // The shape (4, 3) of fc1.weight, as two small integers in a tuple, becomes (200, 3).
    let at = bytes.windows(5).position(|w| w == b"K\x04K\x03\x86").unwrap();
    let mut wide = bytes;
    wide[at + 1] = 200;
    let refused = Checkpoint::decode(&wide).unwrap_err();
    assert!(matches!(&refused, Problem::Tensor { name, .. } if name == "fc1.weight"), "{refused}");
    // A stride of zero would blow a few bytes up to any size: so large, and no larger.
    let stride = at + 7;
    assert_eq!(&wide[stride..stride + 2], b"K\x03");
    wide[stride + 1] = 0;
    let stretched = Checkpoint::decode(&wide).unwrap();
    assert_eq!(stretched.params.get("fc1.weight").unwrap().shape(), [200, 3]);
    let refused = Checkpoint::decode(&legacy(&tensors(&[("w", b"M\xff\xffM\xff\xff\x86")]))).unwrap_err();
    assert!(refused.to_string().contains("4 times the file's size"), "{refused}");
}
