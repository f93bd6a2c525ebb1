//! `haul config`: the configuration in force, and where each value came from.

use clap::Args;

use super::exit;
use super::output::{self, JsonOutput};
use crate::config::{self, Flags, Serve};

/// `haul config`.
#[derive(Clone, Args)]
#[command(after_help = "Examples:
  haul config
  HAUL_THREADS=4 haul config --json | jq .threads
  haul config --markdown      every key, for a document")]
pub(crate) struct Settings {
    /// Print every key with its default and meaning, as a Markdown table
    #[arg(long, conflicts_with = "json", help_heading = "Output")]
    markdown: bool,
    #[command(flatten)]
    json: JsonOutput,
    #[command(flatten)]
    flags: Flags<Serve>,
}

/// Prints the configuration that `haul serve` would run with.
pub(crate) fn settings(asked: &Settings) -> anyhow::Result<u8> {
    if asked.markdown {
        output::text(&config::table_markdown())?;
        return Ok(exit::DONE);
    }
    let loaded = config::effective(&asked.flags)?;
    if asked.json.json {
        output::data(format_args!("{:#}", config::json(&loaded)))?;
    } else {
        output::text(&config::table(&loaded))?;
    }
    Ok(exit::DONE)
}
