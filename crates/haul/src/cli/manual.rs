//! `haul completions` and `haul man`: what shells and `man` know of the command line. Both are made from
//! the same table as `--help`, and know no other command by name.

use clap::builder::{PossibleValuesParser, Resettable};
use clap::{Arg, Args, CommandFactory, ValueHint};
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
    let whole = Cli::command().mut_subcommands(|command| command.mut_args(hinted));
    let names = whole.get_subcommands().map(clap::Command::get_name);
    // Words of values live as long as the program, which ends with this script.
    let names: Vec<&'static str> = names.map(|name| &*name.to_owned().leak()).collect();
    // The table cannot hold its own names while it is made.
    let mut whole = whole.mut_subcommand("man", |command| {
        command.mut_arg("command", |name| {
            name.value_parser(PossibleValuesParser::new(names))
        })
    });
    clap_complete::generate(shell, &mut whole, "haul", &mut script);
    script
}

/// Says what kind of value it is, so that names of files are offered only where a file is meant.
fn hinted(value: Arg) -> Arg {
    if !value.get_action().takes_values() {
        return value;
    }
    let names = value.get_value_names().unwrap_or_default();
    let hint = match names.first().map(AsRef::as_ref) {
        Some("FILE") => ValueHint::FilePath,
        Some("DIR") => ValueHint::DirPath,
        Some("URL") => ValueHint::Url,
        _ => ValueHint::Other,
    };
    value.value_hint(hint)
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
    let mut told = told.clone();
    let usage = told.render_usage().to_string();
    let after = told.get_after_help().map(ToString::to_string);
    let told = told
        // It names the values, as the synopsis that would be made of the flags does not.
        .override_usage(usage.trim_start_matches("Usage: ").to_owned())
        // It would be filled like running text.
        .after_help(Resettable::Reset);
    let mut page = Vec::new();
    let version = concat!("haul ", env!("CARGO_PKG_VERSION"));
    Man::new(told)
        // A field that is empty would be left out, and the next one taken for it.
        .date("\"\"")
        .source(version)
        .manual("haul")
        .render(&mut page)?;
    page.extend_from_slice(sections(&after.unwrap_or_default()).as_bytes());
    Ok(page)
}

/// What stands below the flags in `--help`: examples keep their lines and letters, so that they can be
/// copied; the rest is running text.
fn sections(after: &str) -> String {
    let (examples, notes): (Vec<&str>, Vec<&str>) = after
        .split("\n\n")
        .partition(|paragraph| paragraph.starts_with(EXAMPLES));
    let mut sections = String::new();
    for (title, paragraphs) in [("EXAMPLES", examples), ("NOTES", notes)] {
        for (nth, paragraph) in paragraphs
            .into_iter()
            .filter(|text| !text.is_empty())
            .enumerate()
        {
            sections.push_str(&match nth {
                0 => format!(".SH {title}\n"),
                _ => ".PP\n".to_owned(),
            });
            let lines = paragraph.trim_start_matches(EXAMPLES).lines();
            let lines: String = lines
                .map(|line| format!("{}\n", literal(line.trim_start_matches("  "))))
                .collect();
            sections.push_str(&match title {
                "EXAMPLES" => format!(".nf\n{lines}.fi\n"),
                _ => lines,
            });
        }
    }
    sections
}

/// How examples begin in `--help`.
const EXAMPLES: &str = "Examples:\n";

/// A line as `man` must be told it so that it shows these very letters.
pub(super) fn literal(line: &str) -> String {
    let mut told = String::with_capacity(line.len());
    // At the start of a line these two would make it a command.
    if line.starts_with(['.', '\'']) {
        told.push_str("\\&");
    }
    for letter in line.chars() {
        match letter {
            '\\' => told.push_str("\\(rs"),
            '-' => told.push_str("\\-"),
            '\'' => told.push_str("\\(aq"),
            '`' => told.push_str("\\(ga"),
            '^' => told.push_str("\\(ha"),
            '~' => told.push_str("\\(ti"),
            other => told.push(other),
        }
    }
    told
}
