//! What is told of a file, for everything that can be wrong with it.

use super::*;

#[test]
fn a_problem_is_told_with_its_file() {
    let error = FileError::of(Path::new("a.pt"))(Problem::Empty);
    assert!(error.to_string().starts_with("a.pt: is empty, 0 bytes: "), "{error}");
}

/// A new variant does not compile here until it has a line in the test.
fn place(error: &Problem) -> usize {
    match error {
        Problem::Io(_) => 0,
        Problem::Folder { .. } => 1,
        Problem::NotAFile { .. } => 2,
        Problem::Empty => 3,
        Problem::Sparse { .. } => 4,
        Problem::TooLarge { .. } => 5,
        Problem::OtherFormat { .. } => 6,
        Problem::Unknown { .. } => 7,
        Problem::Safetensors { .. } => 8,
        Problem::Truncated { .. } => 9,
        Problem::Archive { .. } => 10,
        Problem::TorchScript => 11,
        Problem::Pickle { .. } => 12,
        Problem::Forbidden { .. } => 13,
        Problem::Module { .. } => 14,
        Problem::Rebuilt { .. } => 15,
        Problem::Tensor { .. } => 16,
        Problem::Element { .. } => 17,
        Problem::NotWeights { .. } => 18,
        Problem::NoTensors { .. } => 19,
        Problem::Several { .. } => 20,
        Problem::NoKey { .. } => 21,
        Problem::NotIndices { .. } => 22,
        Problem::NotFloats { .. } => 23,
        Problem::Negative { .. } => 24,
        Problem::Permutation { .. } => 25,
    }
}

#[test]
fn every_error_says_what_where_and_what_to_do() {
    let (w, why) = (|| "w".to_owned(), |reason: &str| reason.to_owned());
    let keys = || vec!["net (5 tensors)".to_owned(), "ema (5 tensors)".to_owned()];
    let told = [
        (
            Problem::Io(io::ErrorKind::PermissionDenied.into()),
            "cannot be read: permission denied; check the name and its permissions",
        ),
        (
            Problem::Folder { hint: "give net.pt in it".into() },
            "is a folder, expected a file: give net.pt in it",
        ),
        (
            Problem::NotAFile { found: "a pipe" },
            "is a pipe, expected a regular file; save what comes out of it as a file first",
        ),
        (Problem::Empty, "is empty, 0 bytes: saving, copying or downloading it did not finish; get it again"),
        (
            Problem::Sparse { found: 900, there: 100 },
            "has 900 bytes, of which only 100 are on the disk: a download that did not finish, or a file that was only set aside; get it again",
        ),
        (
            Problem::TooLarge { found: 900, limit: 100 },
            "has 900 bytes, expected at most 100; keep only the network's parameters in it",
        ),
        (
            Problem::OtherFormat { what: "a tar archive".into(), advice: "unpack it first" },
            "is a tar archive, expected safetensors or a PyTorch file; unpack it first",
        ),
        (
            Problem::Unknown { start: vec![1, 0xab] },
            "is neither safetensors nor a PyTorch file (it begins with [01, ab]); save the state dict with safetensors or torch.save",
        ),
        (
            Problem::Safetensors { reason: why("its header ends early") },
            "is not a whole safetensors file: its header ends early; copy, download or save it again",
        ),
        (
            Problem::Truncated { what: "a PyTorch archive", reason: why("it ends in the middle") },
            "is not the whole of a PyTorch archive: it ends in the middle; copy or download it again",
        ),
        (
            Problem::Archive { reason: why("storage 3 is missing") },
            "is not a PyTorch archive: storage 3 is missing; save it again with torch.save(model.state_dict(), …)",
        ),
        (
            Problem::TorchScript,
            "is a TorchScript program, not a state dict; load it with torch.jit.load and save module.state_dict() with torch.save",
        ),
        (
            Problem::Pickle { at: 7, reason: why("no such instruction") },
            "byte 7 of its pickle: no such instruction; save it again with torch.save(model.state_dict(), …) or as safetensors",
        ),
        (
            Problem::Forbidden { module: "os".into(), name: "system\u{1b}".into() },
            "its pickle calls os.system\\u{1b}, which runs commands or code and is not part of a state dict; nothing was executed; do not load this file in Python unless you know why it does",
        ),
        (
            Problem::Module { class: "nets.Net".into(), at: String::new() },
            "holds a whole module (nets.Net) instead of its state dict; load it in Python where its class is known, and save model.state_dict() with torch.save",
        ),
        (
            Problem::Module { class: "nets.Net".into(), at: "model".into() },
            "holds a whole module (nets.Net under model) instead of its state dict; load it in Python where its class is known, and save model.state_dict() with torch.save",
        ),
        (
            Problem::Rebuilt { name: w(), class: "nets.make".into() },
            "tensor w is rebuilt by nets.make, which is not known here; nothing was executed; load the file in Python and save the tensors as plain ones",
        ),
        (
            Problem::Tensor { name: w(), reason: why("has 8 bytes, expected 12 for [3]") },
            "tensor w has 8 bytes, expected 12 for [3]",
        ),
        (
            Problem::Element { name: w(), found: "complex64".into() },
            "tensor w has type complex64, expected f32, f64, f16, bf16, an integer or bool; convert it and save the file again",
        ),
        (
            Problem::NotWeights {
                name: w(),
                found: "i8",
                what: "quantised weights",
                advice: "save it in bf16",
            },
            "tensor w is i8: quantised weights; expected f32, f64, f16 or bf16; save it in bf16",
        ),
        (
            Problem::NoTensors { found: "found a list".into() },
            "holds no tensors: found a list; give a state dict, alone or under a key",
        ),
        (
            Problem::Several { found: keys() },
            "holds 2 networks: net (5 tensors), ema (5 tensors); choose one by its key (--key NAME)",
        ),
        (
            Problem::NoKey { key: "best".into(), found: keys() },
            "holds nothing under the key best; keys: net (5 tensors), ema (5 tensors)",
        ),
        (
            Problem::NotIndices { name: w(), found: "f32 [3]".into() },
            "tensor w is f32 [3], expected a vector of i64, u64, i32 or u32; give a file that --permutations wrote",
        ),
        (
            Problem::NotFloats { name: w(), found: "i64 [3]".into() },
            "tensor w is i64 [3], expected f32, f64, f16 or bf16; save the activations as floats",
        ),
        (
            Problem::Negative { name: w(), index: 1, value: -1 },
            "permutation w: entry 1 is -1, expected an index of at least 0",
        ),
        (
            Problem::Permutation {
                name: w(),
                source: PermutationError::Repeated { value: 2, first: 0, second: 4 },
            },
            "permutation w: 2 occurs at entries 0 and 4, expected each index once",
        ),
    ];
    let mut seen = [false; 26];
    for (error, text) in &told {
        assert_eq!(error.to_string(), *text);
        seen[place(error)] = true;
    }
    assert_eq!(seen, [true; 26], "every variant is told");
}
