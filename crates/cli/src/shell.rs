//! What a shell wants to know of the command line: completions, manual pages; from the tree of commands itself.

use anyhow::Result;
use basin_reproduce::exit;
use clap::{Args, Command};
use clap_complete::Shell;
use std::io::Write;

/// Completions for which shell.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell; its own documentation says where completions go
    #[arg(value_enum)]
    shell: Shell,
}

/// Which manual page.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The page of this command instead of the program's
    command: Option<String>,
}

impl Completions {
    /// Writes the completions of a tree of commands.
    pub(crate) fn write(&self, mut tree: Command, out: &mut dyn Write) -> Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut tree, "basin", &mut script);
        ended(out.write_all(&script))
    }
}

impl Man {
    /// Writes a page of the tree of commands, as roff.
    pub(crate) fn write(&self, mut tree: Command, out: &mut dyn Write) -> Result<()> {
        // Only a built tree knows its commands under their full names.
        tree.build();
        let page = match &self.command {
            None => tree,
            Some(name) => match tree.find_subcommand(name) {
                Some(command) => command.clone(),
                None => {
                    let known: Vec<&str> = tree.get_subcommands().map(Command::get_name).collect();
                    let what = format!("no command {name}, expected one of {}", known.join(", "));
                    return Err(exit::Usage(what).into());
                }
            },
        };
        let (mut roff, source) = (Vec::new(), concat!("basin ", env!("CARGO_PKG_VERSION")));
        clap_mangen::Man::new(page).source(source).render(&mut roff)?;
        ended(out.write_all(&roff))
    }
}

/// A reader who went away is no error.
fn ended(written: std::io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
