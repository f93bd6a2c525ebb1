//! `haul completions` and `haul man`: what shells and `man` know of the command line. Both are made from
//! the same table as `--help`, and know no command by name.

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use super::exit::{self, Failure};
use super::{Cli, output};

/// `haul completions`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  haul completions bash > ~/.local/share/bash-completion/completions/haul
  haul completions zsh > ~/.zfunc/_haul          with ~/.zfunc in $fpath
  haul completions fish > ~/.config/fish/completions/haul.fish")]
pub(crate) struct Completions {
    /// The shell to write for
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints a script that completes haul's command line.
pub(crate) fn completions(asked: &Completions) -> anyhow::Result<u8> {
    output::bytes(&script(asked.shell))?;
    Ok(exit::DONE)
}

pub(super) fn script(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "haul", &mut script);
    script
}

/// `haul man`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  haul man | man -l -
  haul man get | man -l -
  haul man serve > ~/.local/share/man/man1/haul-serve.1")]
pub(crate) struct Manual {
    /// The command to tell about; without it, haul as a whole
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
}

/// Prints a manual page, for `man`.
pub(crate) fn manual(asked: &Manual) -> anyhow::Result<u8> {
    output::bytes(&page(asked.command.as_deref())?)?;
    Ok(exit::DONE)
}

/// The page of a command, or of haul as a whole.
pub(super) fn page(command: Option<&str>) -> anyhow::Result<Vec<u8>> {
    let mut whole = Cli::command();
    // Gives each command the name that its page has, and the flags of all commands.
    whole.build();
    let told = match command {
        None => &whole,
        Some(name) => whole.find_subcommand(name).ok_or_else(|| {
            Failure::new(exit::USAGE, format!("there is no command \"{name}\""))
                .next("`haul help` lists them")
        })?,
    };
    let mut page = Vec::new();
    let version = concat!("haul ", env!("CARGO_PKG_VERSION"));
    Man::new(told.clone())
        // A field that is empty would be left out, and the next one taken for it.
        .date("\"\"")
        .source(version)
        .manual("haul")
        .render(&mut page)?;
    Ok(page)
}
