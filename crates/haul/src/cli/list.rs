//! `haul ls` and `haul show`: what the daemon has.

use clap::Args;
use clap::builder::TypedValueParser;
use serde_json::{Value as Json, json};

use super::client::{Client, Server};
use super::downloads::{Pages, complete, text};
use super::exit::{self, Failure};
use super::glyphs::Glyphs;
use super::lines::Lines;
use super::output::{self, JsonOutput, Verbosity};
use super::paint::Paint;
use super::rows::{facts, heading, row};
use crate::config::Offering;
use haul_engine::Status;

/// `haul ls`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  haul ls
  haul ls --status downloading,failed
  haul ls --json | jq -r 'select(.status == \"completed\").path'")]
pub(crate) struct Ls {
    /// Only these statuses, separated by commas
    #[arg(long, value_name = "STATUS", value_parser = statuses())]
    status: Option<String>,
    #[command(flatten)]
    json: JsonOutput,
    #[command(flatten)]
    server: Server,
}

/// `haul show`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  haul show 9f1c
  haul show 9f1c --why
  haul show 9f1c --json | jq .blocks")]
pub(crate) struct Show {
    /// The download's id, or its start
    #[arg(value_name = "ID")]
    id: String,
    /// Say what holds it back: why it is slow, or does not move
    #[arg(long)]
    why: bool,
    #[command(flatten)]
    json: JsonOutput,
    #[command(flatten)]
    server: Server,
}

/// Reads a list of statuses on the command line; shells complete the first of them.
pub(crate) fn statuses() -> impl TypedValueParser<Value = String> {
    let names = Status::ALL.into_iter().map(Status::name);
    Offering::new(checked, names)
}

fn checked(text: &str) -> Result<String, String> {
    for name in text.split(',') {
        if Status::from_name(name.trim()).is_none() {
            let names: Vec<&str> = Status::ALL.into_iter().map(Status::name).collect();
            return Err(format!("\"{name}\" is none of {}", names.join(", ")));
        }
    }
    Ok(text.replace(' ', ""))
}

/// Lists downloads, a line each; with `--json` an object each.
pub(crate) async fn ls(asked: Ls, verbosity: Verbosity) -> anyhow::Result<u8> {
    let mut client = Client::connect(&asked.server).await?;
    let lines = Lines::for_stdout();
    let mut pages = Pages::of(asked.status.as_deref());
    let mut shown = 0;
    while let Some(page) = pages.next(&mut client).await? {
        for download in &page {
            if asked.json.json {
                output::data(download)?;
                continue;
            }
            if shown == 0 {
                output::data(match &lines {
                    Some(lines) => lines.heading(),
                    None => heading(),
                })?;
            }
            output::data(match &lines {
                Some(lines) => lines.line(download),
                None => row(download),
            })?;
            shown += 1;
        }
    }
    if shown == 0 && !asked.json.json && !verbosity.quiet {
        output::note("no downloads; `haul add URL` adds one");
    }
    client.close().await;
    Ok(exit::DONE)
}

/// Shows everything about one download.
pub(crate) async fn show(asked: Show) -> anyhow::Result<u8> {
    let mut client = Client::connect(&asked.server).await?;
    let ids = complete(&mut client, &[asked.id]).await?;
    let [id] = ids.as_slice() else {
        return Err(Failure::new(exit::NOT_FOUND, "no such download").into());
    };
    let method = if asked.why {
        "downloads.why"
    } else {
        "downloads.get"
    };
    let answer = client.call(method, json!({"id": id})).await?;
    if asked.json.json {
        output::data(&answer)?;
    } else if asked.why {
        causes(&answer).try_for_each(output::data)?;
    } else {
        output::data(facts(&answer, Paint::stdout(), Glyphs::of_terminal()))?;
    }
    client.close().await;
    Ok(exit::DONE)
}

/// What holds a download back, a line each.
fn causes(answer: &Json) -> impl Iterator<Item = String> {
    let causes = answer["causes"].as_array().into_iter().flatten();
    causes.map(|cause| text(cause, "detail"))
}
