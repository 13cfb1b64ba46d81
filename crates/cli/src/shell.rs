//! What a shell wants to know of the command line: completions, manual pages; from the tree of commands itself.

use anyhow::Result;
use basin_reproduce::exit;
use clap::{Args, Command};
use clap_complete::Shell;

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
    /// Prints the completions of a tree of commands.
    pub(crate) fn write(&self, mut tree: Command) -> Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut tree, "basin", &mut script);
        Ok(basin_core::print(&script).map_err(exit::Print)?)
    }
}

impl Man {
    /// Prints a page of the tree of commands, as roff.
    pub(crate) fn write(&self, mut tree: Command) -> Result<()> {
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
        Ok(basin_core::print(&roff).map_err(exit::Print)?)
    }
}
