//! The README's results and its example of a method: generated from the committed run and from the example's source, so
//! that they cannot go stale by hand.

use basin_core::warn;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

const BEGIN: &str = "<!-- results: written by `cargo xtask readme` from results/small -->";
const END: &str = "<!-- end of results -->";

const BEGIN_METHOD: &str = "<!-- method: written by `cargo xtask readme` from examples/own-method -->";
const END_METHOD: &str = "<!-- end of method -->";

/// Rewrites the sections between the marks.
pub(crate) fn run() -> ExitCode {
    let path = root().join("README.md");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let written = fresh(&text, &root()).and_then(|new| fs::write(&path, new).map_err(|e| e.to_string()));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            warn(&format!("error: README.md: {reason}"));
            ExitCode::from(1)
        }
    }
}

/// Says what is wrong if the README does not show what the committed run found and what the example is.
pub(crate) fn check() -> Result<(), String> {
    let text = fs::read_to_string(root().join("README.md")).unwrap_or_default();
    match fresh(&text, &root())? == text {
        true => Ok(()),
        false => Err("its results are not those under results/small, or its method is not that under \
                      examples/own-method: run `cargo xtask readme`"
            .into()),
    }
}

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn fresh(readme: &str, root: &Path) -> Result<String, String> {
    let path = root.join("results/small/report/tables.md");
    let results = section(&read(&path)?).ok_or("results/small has no tables")?;
    let readme = between(readme, (BEGIN, END), &results)?;
    between(&readme, (BEGIN_METHOD, END_METHOD), &method(&root.join("examples/own-method/src"))?)
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// The text with another content between two marks.
fn between(text: &str, (begin, end): (&str, &str), content: &str) -> Result<String, String> {
    let marks = || format!("the marks {begin} and {end} are missing");
    let (before, rest) = text.split_once(begin).ok_or_else(marks)?;
    let (_, after) = rest.split_once(end).ok_or_else(marks)?;
    Ok(format!("{before}{begin}\n\n{content}\n\n{end}{after}"))
}

/// The example's files without their tests.
fn method(source: &Path) -> Result<String, String> {
    let file = |name: &str| -> Result<String, String> {
        let text = read(&source.join(name))?;
        let shown = text.split("#[cfg(test)]").next().unwrap_or_default().trim();
        Ok(format!("`{name}`:\n\n```rust\n{shown}\n```"))
    };
    Ok(format!("{}\n\n{}", file("main.rs")?, file("snapshot.rs")?))
}

/// The answer, then the tables of the paper's own quantities with their notes, one heading deeper.
fn section(tables: &str) -> Option<String> {
    let mut parts = tables.split("\n## ").skip(1);
    let first = parts.next()?;
    // Results that no claim can be judged by have no answer.
    let (answer, body) = if first.contains("\n### ") { ("", first) } else { (first, parts.next()?) };
    let (shown, rest) = body.split_once("### Calibration, diversity and cost")?;
    let notes: Vec<&str> = rest.lines().skip_while(|line| line.is_empty() || line.starts_with('|')).collect();
    let answer = if answer.is_empty() { String::new() } else { format!("### {}\n\n", answer.trim()) };
    let shown = shown.replace("\n### ", "\n#### ");
    Some(format!("{answer}### {}\n\n{}", shown.trim(), notes.join("\n").trim()))
}
