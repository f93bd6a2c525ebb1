//! Where a command's words go: data to stdout, everything else to stderr, logs included.

use std::io::{self, IsTerminal, Write};

use clap::Args;
use tracing::{Level, Metadata};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use super::block::Block;
use super::paint::Paint;
use crate::config::{Loaded, LogFormat, Source};

/// How much a command says.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Verbosity {
    /// Say nothing but errors
    #[arg(
        short,
        long,
        global = true,
        conflicts_with = "verbose",
        help_heading = "Output"
    )]
    pub(crate) quiet: bool,
    /// Say more; twice: everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Output")]
    pub(crate) verbose: u8,
}

/// `--json`, for commands that print data.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct JsonOutput {
    /// Print data as JSON
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

/// Prints a line of data.
pub(crate) fn data(line: impl std::fmt::Display) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{line}").map_err(|cause| unwritten(&cause))
}

/// The same failure, and where.
fn unwritten(cause: &io::Error) -> io::Error {
    let told = format!("cannot write to standard output: {cause}");
    io::Error::new(cause.kind(), told)
}

/// Prints a line of data for whoever reads it: when he has gone, the work that it is about goes on.
pub(crate) fn offer(line: impl std::fmt::Display) -> io::Result<()> {
    match data(line) {
        Err(gone) if gone.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

/// Prints a text of data as it is.
pub(crate) fn text(text: &str) -> io::Result<()> {
    bytes(text.as_bytes())
}

/// Prints data as it is.
pub(crate) fn bytes(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let written = out.write_all(bytes).and_then(|()| out.flush());
    written.map_err(|cause| unwritten(&cause))
}

/// Tells the user something that is no data. A stderr that cannot be written to is nobody's to mend.
pub(crate) fn note(line: impl std::fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Whether stderr is a terminal, where bars can be drawn: one that can move its cursor.
pub(crate) fn bars_are_seen() -> bool {
    io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|name| name != "dumb")
}

/// What is logged when nobody says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogDefault {
    /// The daemon tells what it does.
    Info,
    /// A command tells what went wrong itself, once.
    Error,
}

/// Most log lines that wait for whoever reads stderr. More are dropped: a terminal that is halted, or a
/// pipe that nobody empties, must not halt the downloads.
const LINES_KEPT: usize = 4096;

/// Writes the log until dropped.
pub(crate) struct Log(#[expect(dead_code, reason = "kept for its end")] WorkerGuard);

/// Starts logging to stderr; lines go above `bars`, when there are any.
#[must_use = "the last lines are written when it is dropped"]
pub(crate) fn start_logging(
    loaded: &Loaded,
    verbosity: Verbosity,
    default: LogDefault,
    bars: Option<Block>,
) -> Log {
    let filter = EnvFilter::new(filter(loaded, verbosity, default));
    let (writer, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(LINES_KEPT)
        .thread_name("log")
        .finish(Stderr { bars });
    let lines = fmt::layer()
        .with_ansi(Paint::stderr() == Paint::Coloured)
        .with_writer(writer);
    let lines = match loaded.config.log_format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    let lines = lines.with_filter(filter.and(filter_fn(is_for_logs)));
    // It fails only when logging has been started before, and then it goes on as it is.
    let _ = tracing_subscriber::registry().with(lines).try_init();
    Log(guard)
}

/// Our own words, and what others say to people. Their chatter below that is about bytes and holds
/// secrets: whole messages, whole heads. No filter brings it into a log. What is wrong with a certificate
/// we tell ourselves, if it is wrong for us at all.
fn is_for_logs(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    if target.starts_with("rustls_platform_verifier") {
        return false;
    }
    target.starts_with("haul") || *metadata.level() <= Level::INFO
}

const DEBUG: &str = "info,haul=debug,haul_engine=debug";
const TRACE: &str = "info,haul=trace,haul_engine=trace";

/// `--log` wins, then `-q` and `-v`, then the environment and the file, then the command's default.
fn filter(loaded: &Loaded, verbosity: Verbosity, default: LogDefault) -> &str {
    let configured = loaded.config.log.as_str();
    match (loaded.source("log"), verbosity) {
        (Source::Flag(_), _) => configured,
        (_, Verbosity { quiet: true, .. }) => "error",
        (_, Verbosity { verbose: 2.., .. }) => TRACE,
        (_, Verbosity { verbose: 1, .. }) if default == LogDefault::Error => "info",
        (_, Verbosity { verbose: 1, .. }) => DEBUG,
        (Source::Default, _) if default == LogDefault::Error => "error",
        _ => configured,
    }
}

/// Writes whole log lines to stderr, above the bars.
struct Stderr {
    bars: Option<Block>,
}

impl Write for Stderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // Whoever read our stderr may have gone, and a daemon goes on without him.
        let write = || io::stderr().write_all(line).unwrap_or_default();
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
