//! The README's results: generated from the committed run, so that they cannot go stale by hand.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

const BEGIN: &str = "<!-- results: written by `cargo xtask readme` from results/small -->";
const END: &str = "<!-- end of results -->";

/// Rewrites the section between the marks.
pub(crate) fn run() -> ExitCode {
    let path = root().join("README.md");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let written =
        with_results(&text, &root()).and_then(|new| fs::write(&path, new).map_err(|e| e.to_string()));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("error: README.md: {reason}");
            ExitCode::from(1)
        }
    }
}

/// Says what is wrong if the README does not show what the committed run found.
pub(crate) fn check() -> Result<(), String> {
    let text = fs::read_to_string(root().join("README.md")).unwrap_or_default();
    match with_results(&text, &root())? == text {
        true => Ok(()),
        false => Err("its results are not those under results/small: run `cargo xtask readme`".into()),
    }
}

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn with_results(readme: &str, root: &Path) -> Result<String, String> {
    let marks = || format!("the marks {BEGIN} and {END} are missing");
    let (before, rest) = readme.split_once(BEGIN).ok_or_else(marks)?;
    let (_, after) = rest.split_once(END).ok_or_else(marks)?;
    let path = root.join("results/small/report/tables.md");
    let tables = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(format!(
        "{before}{BEGIN}\n\n{}\n\n{END}{after}",
        section(&tables).ok_or("results/small has no tables")?
    ))
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
