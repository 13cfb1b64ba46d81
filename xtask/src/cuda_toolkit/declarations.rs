//! Which functions the CUDA bindings declare, read from the bindings' own source.
//!
//! The list cannot go stale: it is that of the very version of `cudarc` that the lock file names.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a function answers, as far as somebody who cannot carry it out must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// A status, zero for success.
    Status,
    /// A text that lives forever.
    Text,
    /// A number, or nothing.
    Number,
}

/// The folder of the bindings' source, and the folder of build outputs. Cargo downloads the source where it is not
/// there yet.
pub(super) fn bindings(root: &Path) -> Result<(PathBuf, PathBuf), String> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["metadata", "--format-version=1", "--locked", "--features", "basin-cuda/cuda"];
    let output = Command::new(program).args(arguments).current_dir(root).output();
    let output = output.map_err(|e| format!("cargo cannot be run: {e}"))?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        return Err(format!("cargo metadata, asked where the CUDA bindings lie, says: {}", reason.trim()));
    }
    let metadata: Value =
        serde_json::from_slice(&output.stdout).map_err(|e| format!("cargo metadata's answer: {e}"))?;
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let bindings = packages.iter().find(|package| package["name"] == "cudarc");
    let manifest = bindings.and_then(|package| package["manifest_path"].as_str());
    let folder = manifest.and_then(|path| Path::new(path).parent());
    let target = metadata["target_directory"].as_str();
    match (folder, target) {
        (Some(folder), Some(target)) => Ok((folder.to_owned(), target.into())),
        _ => Err("cargo metadata names no package cudarc: is the feature cuda of basin-cuda gone?".into()),
    }
}

/// Every function that a source text declares in an `extern "C"` block, in alphabetical order. Versions of the same
/// function for several versions of CUDA count once.
pub(super) fn functions(source: &str) -> BTreeMap<String, Answer> {
    let blocks = source.split("extern \"C\" {").skip(1);
    let declarations = blocks.flat_map(|block| block.split('}').next().unwrap_or_default().split(';'));
    declarations.filter_map(function).collect()
}

fn function(declaration: &str) -> Option<(String, Answer)> {
    let (name, rest) = declaration.trim_start().strip_prefix("fn ")?.split_once('(')?;
    // What stands behind the last parenthesis: arguments may be functions with answers of their own.
    let answer = rest.rsplit(')').next()?.trim().trim_start_matches("->").trim();
    let answer = match answer {
        "" | "usize" => Answer::Number,
        text if text.ends_with("c_char") => Answer::Text,
        _ => Answer::Status,
    };
    Some((name.to_owned(), answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_found_with_what_they_answer() {
        let source = r#"
            type F = unsafe extern "C" fn(i32) -> i32;
            pub unsafe fn init(flags: u32) -> CUresult {
                extern "C" { fn cuInit(flags: u32) -> CUresult; }
                cuInit(flags)
            }
            extern "C" {
                fn cuInit(flags: u32) -> CUresult;
                fn each(
                    call: ::core::option::Option<unsafe extern "C" fn(data: *mut c_void) -> usize>,
                    data: *mut c_void,
                ) -> cudnnStatus_t;
            }
            extern "C" { fn text(code: i32) -> *const ::core::ffi::c_char; fn version() -> usize; fn say(s: i32); }
        "#;
        let found: Vec<_> = functions(source).into_iter().collect();
        let expected = [
            ("cuInit", Answer::Status),
            ("each", Answer::Status),
            ("say", Answer::Number),
            ("text", Answer::Text),
            ("version", Answer::Number),
        ];
        assert_eq!(found, expected.map(|(name, answer)| (name.to_owned(), answer)));
    }
}
