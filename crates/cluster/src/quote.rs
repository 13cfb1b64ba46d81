//! Words that a shell, and sbatch, read back as they were.

use crate::ClusterError;
use std::path::Path;

/// A word for a POSIX shell: as it is where nothing in it has a meaning, else in single quotes.
pub fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:,=@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A path and a pattern of sbatch's behind it, for an option in an `#SBATCH` line.
pub(crate) fn sbatch_path(path: &str, pattern: &str) -> String {
    format!("\"{}{pattern}\"", path.replace('%', "%%").replace('"', "\\\""))
}

/// A path as text that can stand in a job script.
///
/// # Errors
/// [`ClusterError::BadPath`] for what is not UTF-8, is relative, or holds a character that sbatch reads as something else.
pub(crate) fn script_path(path: &Path) -> Result<String, ClusterError> {
    let shown = path.display().to_string();
    let why = match path.to_str() {
        None => "it is not UTF-8",
        Some(text) if text.contains(['\n', '\r']) => "it holds a line break",
        Some(text) if text.contains('\\') => "it holds a backslash, which sbatch obeys",
        Some(_) if !path.is_absolute() => "it is not absolute",
        Some(text) => return Ok(text.to_owned()),
    };
    Err(ClusterError::BadPath { path: shown, why })
}
