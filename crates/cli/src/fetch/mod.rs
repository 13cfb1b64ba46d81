//! `basin fetch`: a data set from its official address into a directory, and what to do with it next.

mod progress;

use anyhow::Result;
use basin_fetch::{Request, fetch};
use basin_reproduce::{Interrupt, Registry};
use progress::Progress;
use std::path::{Path, PathBuf};

/// What to fetch and where to put it.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// A data set that is published, such as cifar10, tiny-imagenet or mnist
    dataset: String,
    /// Directory for the archive, if it is one, and its folder; created if need be
    #[arg(long, value_name = "DIR", value_parser = crate::typed::path())]
    dir: PathBuf,
    /// Fetch from here instead of the official address; can be given several times. An address that ends in /
    /// is a directory with the archive under its official name
    #[arg(long = "mirror", value_name = "URL")]
    mirrors: Vec<String>,
}

/// Fetches, shows progress on stderr, and says the last line: the folder and the command to go on with.
///
/// # Errors
/// [`basin_fetch::FetchError`], which [`basin_reproduce::exit::code`] maps to an exit code.
pub(crate) fn run(
    options: &Options,
    registry: &Registry,
    interrupt: &Interrupt,
    say: &mut dyn FnMut(&str) -> Result<()>,
) -> Result<()> {
    let archive = registry.archive(&options.dataset)?;
    let request = Request { mirrors: &options.mirrors, ..Request::new(archive, &options.dir) };
    let mut progress = Progress::new(archive.name);
    let result = fetch(&request, &|| interrupt.requested(), &mut |event| progress.hear(&event));
    drop(progress);
    let fetched = result?;
    let state = if fetched.was_there { "was there already, complete" } else { "is complete" };
    say(&format!(
        "{} {state}: {}; next: cargo xtask reproduce --preset small --dataset {} --data-dir {}",
        archive.name,
        fetched.folder.display(),
        archive.name,
        quoted(&options.dir)
    ))
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_quoted_where_a_shell_would_read_more_into_it() {
        assert_eq!(quoted(Path::new("data/sets-1")), "data/sets-1");
        assert_eq!(quoted(Path::new("my data")), "'my data'");
        assert_eq!(quoted(Path::new("it's")), r"'it'\''s'");
    }
}
