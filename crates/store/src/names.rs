//! Which names and relative paths the store accepts: those that stay inside and are not its own.

use crate::StoreError;
use std::path::{Component, Path};

/// The lock of a run directory.
pub(crate) const LOCK: &str = ".lock";
/// The history of a run.
pub(crate) const JOURNAL: &str = "journal.jsonl";
/// Where the nodes of a run are.
pub(crate) const NODES: &str = "nodes";
/// The histories of processes that work on a run beside the one that started it.
pub(crate) const JOURNALS: &str = "journals";
/// The beginning of the name of a claim on a node.
pub(crate) const CLAIM: &str = ".claim-";
/// The marker of a finished node.
pub(crate) const DONE: &str = "DONE";
/// The end of the name of a file that holds the hash of another.
pub(crate) const SEAL: &str = ".sha256";
/// The beginning of the name of a saved state.
pub(crate) const STATE: &str = "state-";

/// What file systems take.
const MOST_BYTES: usize = 255;

/// A single component of a path, the same on every system.
pub(crate) fn check_name(name: &str) -> Result<(), StoreError> {
    let why = if name.trim().is_empty() {
        "is empty"
    } else if name == "." || name == ".." {
        "stands for a directory"
    } else if name.contains(['/', '\\']) {
        "contains a separator"
    } else if name.chars().any(char::is_control) {
        "contains a control character"
    } else if name.len() > MOST_BYTES {
        "has more than 255 bytes"
    } else {
        return Ok(());
    };
    Err(StoreError::BadName { name: name.to_owned(), why })
}

/// The name of a file a caller may write into a node directory.
pub(crate) fn check_node_file(name: &str) -> Result<(), StoreError> {
    check_name(name)?;
    let begins = [STATE, CLAIM, ".basin-tmp-"].iter().any(|own| name.starts_with(own));
    if name == DONE || begins || name.ends_with(SEAL) {
        return Err(StoreError::BadName { name: name.to_owned(), why: "belongs to the store" });
    }
    Ok(())
}

/// Eight hexadecimal digits, as in the names of node directories.
pub(crate) fn check_hash8(hash: &str) -> Result<(), StoreError> {
    if hash.len() == 8 && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Ok(());
    }
    Err(StoreError::BadName { name: hash.to_owned(), why: "is not eight lower-case hexadecimal digits" })
}

/// A relative path below a run directory. Lexical: symbolic links the user made are the user's wish.
pub(crate) fn check_relative(path: &Path) -> Result<(), StoreError> {
    let escapes = || StoreError::Escapes { path: path.to_owned() };
    if path.as_os_str().is_empty() {
        return Err(escapes());
    }
    path.components().try_for_each(|component| match component {
        Component::Normal(name) => name.to_str().map_or(Ok(()), check_name),
        _ => Err(escapes()),
    })
}

/// A relative path a caller may write below a run directory.
pub(crate) fn check_relative_for_writing(path: &Path) -> Result<(), StoreError> {
    check_relative(path)?;
    let own = [LOCK, JOURNAL, JOURNALS, NODES];
    if own.iter().any(|name| path.components().next() == Some(Component::Normal(name.as_ref()))) {
        return Err(StoreError::BadName { name: path.display().to_string(), why: "belongs to the store" });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_spaces_and_any_script_are_fine() {
        ["first run", "é-試験-🦀", "a.b", "...", ".hidden"].into_iter().for_each(|n| check_name(n).unwrap());
    }

    #[test]
    fn names_that_leave_or_hide_are_refused() {
        for name in ["", " ", ".", "..", "a/b", "a\\b", "/", "a\0b", "a\nb", &"é".repeat(128)] {
            assert!(matches!(check_name(name), Err(StoreError::BadName { .. })), "{name:?}");
        }
    }

    #[test]
    fn paths_that_leave_the_run_are_refused() {
        for path in ["", "..", "a/../../b", "/etc/passwd", "./../x"] {
            assert!(matches!(check_relative(Path::new(path)), Err(StoreError::Escapes { .. })), "{path:?}");
        }
        check_relative(Path::new("report/figures/lmc 1.svg")).unwrap();
    }

    #[test]
    fn the_stores_own_files_cannot_be_overwritten() {
        for path in [".lock", "journal.jsonl", "journals/a-1.jsonl", "nodes/a.00000000/DONE"] {
            let refused = check_relative_for_writing(Path::new(path));
            assert!(matches!(refused, Err(StoreError::BadName { .. })), "{path}");
        }
        for name in ["DONE", "state-000000000001.safetensors", ".claim-1", "x.sha256"] {
            assert!(check_node_file(name).is_err(), "{name}");
        }
    }
}
