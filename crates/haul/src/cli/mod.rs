//! The command line: which commands there are, and what each is called with. Each command has a file
//! of its own; nothing here knows how anything is done.

mod add;
mod block;
mod client;
mod clip;
mod columns;
mod console;
mod control;
mod daemon;
mod demo;
mod downloads;
mod exit;
mod get;
mod glyphs;
mod input;
mod lines;
mod list;
mod listed;
mod manual;
mod number;
mod output;
mod paint;
mod rows;
mod serve;
mod settings;
mod trust;
mod wanted;
mod watch;

#[cfg(test)]
mod tests;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::control::Action;
use self::output::Verbosity;

/// Downloads files over many parallel range requests: here and now, or as a daemon that is watched
/// live over a WebSocket.
#[derive(Parser)]
#[command(
    name = "haul",
    version,
    arg_required_else_help = true,
    propagate_version = true,
    // What does not fit is broken by the terminal, in the middle of words.
    term_width = 80,
    after_help = "Examples:
  haul get https://example.org/a.iso  download here; the same again resumes
  haul serve                          start the daemon on http://localhost:8765
  haul add https://example.org/a.iso  hand it a download
  haul ls                             see what it does
  haul watch                          see it live
  haul demo                           see everything move, without a network

`haul help COMMAND` says more about each."
)]
struct Cli {
    #[command(flatten)]
    verbosity: Verbosity,
    /// Before the command it means what it means behind it
    #[arg(long, global = true, hide = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Download here and now, without a daemon
    #[command(override_usage = "haul get [OPTIONS] <URL>...
       haul get [OPTIONS] --input <FILE>")]
    Get(Box<get::Get>),
    /// Run the daemon: text console, REST and live WebSocket on one port
    Serve(Box<serve::Serve>),
    /// Hand downloads to the daemon
    #[command(override_usage = "haul add [OPTIONS] <URL>...
       haul add [OPTIONS] --input <FILE>")]
    Add(Box<add::Add>),
    /// List the daemon's downloads
    Ls(list::Ls),
    /// Show everything about one download
    Show(list::Show),
    /// Stop downloads and keep their bytes
    #[command(after_help = "Examples:
  haul pause 9f1c
  haul pause 9f1c 03ab
  haul pause --all")]
    Pause(control::Which),
    /// Let paused downloads go on
    #[command(after_help = "Examples:
  haul resume 9f1c
  haul resume --all")]
    Resume(control::Which),
    /// Give downloads up and drop their bytes
    #[command(after_help = "Examples:
  haul cancel 9f1c
  haul cancel --all --status queued")]
    Cancel(control::Which),
    /// Try failed or cancelled downloads again
    #[command(after_help = "Examples:
  haul retry 9f1c
  haul retry --all --status failed")]
    Retry(control::Which),
    /// Forget downloads; finished files stay unless --files is given
    Rm(control::Rm),
    /// Move a queued download to another place
    Move(control::Move),
    /// Show or set the speed limit
    Limit(control::Limit),
    /// Watch the daemon's downloads live, and steer them by keys
    Watch(watch::Watch),
    /// Talk to the daemon line by line
    Console(console::Console),
    /// Show haul at work for a minute, without a network
    Demo(demo::Demo),
    /// Show the configuration and where each value came from
    Config(Box<settings::Settings>),
    /// Print a script that completes commands and flags in a shell
    Completions(manual::Completions),
    /// Print a manual page
    Man(manual::Manual),
}

impl Command {
    fn prints_data(&self) -> bool {
        use Command::{Completions, Console, Demo, Man, Serve, Watch};
        !matches!(
            self,
            Serve(_) | Watch(_) | Console(_) | Demo(_) | Completions(_) | Man(_)
        )
    }
}

/// Runs the command that the process was called with.
pub(crate) fn run() -> ExitCode {
    let cli = Cli::parse();
    // Both ends of haul speak TLS; it fails only when a provider is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let asked = match cli.json && !cli.command.prints_data() {
        true => {
            Err(exit::Failure::new(exit::USAGE, "--json is for commands that print data").into())
        }
        false => command(cli.command, cli.verbosity),
    };
    let failed = match asked {
        Ok(code) => return ExitCode::from(code),
        Err(failed) => failed,
    };
    let Some((code, next)) = exit::explain(&failed) else {
        return ExitCode::SUCCESS;
    };
    output::note(format_args!("error: {failed:#}"));
    if !next.is_empty() {
        output::note(format_args!("  {next}"));
    }
    ExitCode::from(code)
}

fn command(command: Command, verbosity: Verbosity) -> anyhow::Result<u8> {
    match command {
        Command::Get(asked) => get::get(&asked, verbosity),
        Command::Serve(asked) => serve::serve(&asked, verbosity),
        Command::Demo(asked) => demo::demo(&asked, verbosity),
        Command::Config(asked) => settings::settings(&asked),
        Command::Completions(asked) => manual::completions(&asked),
        Command::Man(asked) => manual::manual(&asked),
        Command::Add(asked) => talk(add::add(*asked, verbosity)),
        Command::Ls(asked) => talk(list::ls(asked, verbosity)),
        Command::Show(asked) => talk(list::show(asked)),
        Command::Pause(which) => talk(control::act(Action::Pause, which, verbosity)),
        Command::Resume(which) => talk(control::act(Action::Resume, which, verbosity)),
        Command::Cancel(which) => talk(control::act(Action::Cancel, which, verbosity)),
        Command::Retry(which) => talk(control::act(Action::Retry, which, verbosity)),
        Command::Rm(asked) => talk(control::rm(asked, verbosity)),
        Command::Move(asked) => talk(control::relocate(asked, verbosity)),
        Command::Limit(asked) => talk(control::limit(asked, verbosity)),
        Command::Watch(asked) => talk(watch::watch(asked)),
        Command::Console(asked) => talk(console::console(asked)),
    }
}

/// Runs a command that only talks to a daemon: one thread is enough for that.
fn talk(conversation: impl Future<Output = anyhow::Result<u8>>) -> anyhow::Result<u8> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(conversation)
}
