//! `haul pause`, `resume`, `cancel`, `retry`, `rm`, `move` and `limit`: telling the daemon what to do.

use clap::{ArgGroup, Args};
use haul_engine::Kind;
use serde_json::{Value as Json, json};

use super::client::{Client, Server};
use super::downloads::{complete, ids, text};
use super::exit::{self, Failure};
use super::list::statuses;
use super::number;
use super::output::{self, JsonOutput, Verbosity};
use crate::config;
use crate::human;

/// Which downloads.
#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("which").args(["ids", "all"]).required(true))]
pub(crate) struct Which {
    /// Ids, or their starts
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Every download that this can be done to
    #[arg(long)]
    all: bool,
    /// With --all: only these statuses, separated by commas
    #[arg(long, value_name = "STATUS", requires = "all", conflicts_with = "ids", value_parser = statuses())]
    status: Option<String>,
    #[command(flatten)]
    json: JsonOutput,
    #[command(flatten)]
    server: Server,
}

/// `haul rm`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  haul rm 9f1c
  haul rm --all --status completed,failed")]
pub(crate) struct Rm {
    /// Delete the finished files too
    #[arg(long)]
    files: bool,
    #[command(flatten)]
    which: Which,
}

/// What is done to downloads one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Pause,
    Resume,
    Cancel,
    Retry,
    /// Forget, and keep the finished file.
    Remove,
    /// Forget, and delete the finished file.
    RemoveWithFiles,
}

impl Action {
    fn method(self) -> &'static str {
        match self {
            Action::Pause => "downloads.pause",
            Action::Resume => "downloads.resume",
            Action::Cancel => "downloads.cancel",
            Action::Retry => "downloads.retry",
            Action::Remove | Action::RemoveWithFiles => "downloads.remove",
        }
    }

    fn params(self, id: &str) -> Json {
        match self {
            Action::Remove => json!({"id": id, "files": false}),
            Action::RemoveWithFiles => json!({"id": id, "files": true}),
            _ => json!({"id": id}),
        }
    }

    /// The statuses that `--all` means; `None`: every one.
    fn applies_to(self) -> Option<&'static str> {
        match self {
            Action::Pause => Some("queued,probing,downloading,verifying"),
            Action::Resume => Some("paused"),
            Action::Cancel => Some("queued,probing,downloading,paused,verifying,failed"),
            Action::Retry => Some("failed,cancelled"),
            Action::Remove | Action::RemoveWithFiles => None,
        }
    }

    fn past(self) -> &'static str {
        match self {
            Action::Pause => "paused",
            Action::Resume => "resumed",
            Action::Cancel => "cancelled",
            Action::Retry => "tried again",
            Action::Remove => "forgotten",
            Action::RemoveWithFiles => "forgotten and deleted",
        }
    }
}

/// `haul rm`: forgets downloads.
pub(crate) async fn rm(asked: Rm, verbosity: Verbosity) -> anyhow::Result<u8> {
    let action = if asked.files {
        Action::RemoveWithFiles
    } else {
        Action::Remove
    };
    act(action, asked.which, verbosity).await
}

/// Does `action` to each of the downloads; those that refuse are told, the others go on.
pub(crate) async fn act(action: Action, which: Which, verbosity: Verbosity) -> anyhow::Result<u8> {
    let mut client = Client::connect(&which.server).await?;
    let ids = if which.all {
        ids(&mut client, which.status.as_deref().or(action.applies_to())).await?
    } else {
        complete(&mut client, &which.ids).await?
    };
    let mut refused = Vec::new();
    let mut overtaken = 0;
    for id in &ids {
        match client.call(action.method(), action.params(id)).await {
            Ok(download) if which.json.json => output::data(&download)?,
            Ok(_) if verbosity.quiet => {}
            Ok(download) => {
                output::note(format_args!(
                    "{id} {}  {}",
                    action.past(),
                    text(&download, "name")
                ));
            }
            // It has moved on since the list was made, so it is none of those that were meant.
            Err(failure) if which.all && has_moved_on(&failure) => overtaken += 1,
            // A broken connection ends it all; a refusal concerns one download.
            Err(failure) if failure.code == exit::NETWORK => return Err(failure.into()),
            Err(failure) => {
                output::note(format_args!("{id}: {}", failure.message));
                refused.push(failure.code);
            }
        }
    }
    if ids.len() == overtaken && !verbosity.quiet {
        output::note("no download to do that to");
    }
    client.close().await;
    Ok(exit::code_of_all(refused))
}

/// Whether the download's state does not allow what was asked, or it is gone.
fn has_moved_on(failure: &Failure) -> bool {
    matches!(
        failure.kind,
        Some(Kind::IllegalState | Kind::NoSuchDownload)
    )
}

/// `haul move`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  haul move 9f1c 0        it starts next
  haul move 9f1c 1000000  behind all others")]
pub(crate) struct Move {
    /// The queued download's id, or its start
    #[arg(value_name = "ID")]
    id: String,
    /// Its new place among the queued: 0 starts next
    #[arg(value_name = "POS", value_parser = place)]
    position: u64,
    #[command(flatten)]
    json: JsonOutput,
    #[command(flatten)]
    server: Server,
}

fn place(text: &str) -> Result<u64, String> {
    number::whole(text).ok_or_else(|| "give a whole number: 0 starts next".to_owned())
}

/// Moves a queued download.
pub(crate) async fn relocate(asked: Move, verbosity: Verbosity) -> anyhow::Result<u8> {
    let mut client = Client::connect(&asked.server).await?;
    let id = complete(&mut client, &[asked.id]).await?.remove(0);
    let params = json!({"id": id, "position": asked.position});
    let download = client.call("downloads.move", params).await?;
    if asked.json.json {
        output::data(&download)?;
    } else if !verbosity.quiet {
        let place = download["position"].as_u64().unwrap_or(asked.position);
        output::note(format_args!("{id} is at {place} in the queue"));
    }
    client.close().await;
    Ok(exit::DONE)
}

/// `haul limit`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  haul limit              show the limit over all downloads
  haul limit 2M           at most 2 MiB/s over all downloads
  haul limit 0            no limit
  haul limit --id 9f1c 500K")]
pub(crate) struct Limit {
    /// Most bytes per second; 0 is no limit; without it the limit is shown
    #[arg(value_name = "SIZE", value_parser = config::parse_speed_limit)]
    limit: Option<u64>,
    /// Of this download only
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    #[command(flatten)]
    json: JsonOutput,
    #[command(flatten)]
    server: Server,
}

/// Shows or sets a speed limit.
pub(crate) async fn limit(asked: Limit, verbosity: Verbosity) -> anyhow::Result<u8> {
    let mut client = Client::connect(&asked.server).await?;
    let id = match asked.id {
        Some(start) => Some(complete(&mut client, &[start]).await?.remove(0)),
        None => None,
    };
    let (method, params) = match (&id, asked.limit) {
        (None, None) => ("settings.get", json!({})),
        (None, Some(limit)) => ("settings.set", json!({"speed_limit": limit})),
        (Some(id), None) => ("downloads.get", json!({"id": id})),
        (Some(id), Some(limit)) => ("downloads.update", json!({"id": id, "speed_limit": limit})),
    };
    let answer = client.call(method, params).await?;
    client.close().await;
    let Some(limit) = answer["speed_limit"].as_u64().or(asked.limit) else {
        return Err(Failure::new(exit::PROTOCOL, "the daemon did not tell the limit").into());
    };
    if asked.json.json {
        output::data(json!({"id": id, "speed_limit": limit}))?;
    } else if asked.limit.is_none() {
        output::data(shown(limit))?;
    } else if !verbosity.quiet {
        output::note(format_args!("limit: {}", shown(limit)));
    }
    Ok(exit::DONE)
}

fn shown(limit: u64) -> String {
    match limit {
        0 => "none".to_owned(),
        limit => human::speed(limit),
    }
}
