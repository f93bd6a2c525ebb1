//! What can be asked of the daemon, whoever asks: one command, one answer. Knows neither JSON nor
//! HTTP; every skin translates to and from here.

use std::path::Path;
use std::sync::Arc;

use haul_engine::folder::is_inside;
use haul_engine::{Change, Engine, Error, Files, Id, Kind, New, Settings, Spec, Stats, View};

use super::error::ApiError;
use super::list::{self, Page, Query};

/// A request, with its arguments read and checked.
#[derive(Debug)]
pub(crate) enum Command {
    /// Adds downloads.
    Add(Add),
    /// One page of the list.
    List(Query),
    /// One download, with what its threads do.
    Get(Id),
    /// Stops a download and keeps its bytes.
    Pause(Id),
    /// Puts a paused download back into the queue.
    Resume(Id),
    /// Puts a failed or cancelled download back into the queue.
    Retry(Id),
    /// Gives a download up.
    Cancel(Id),
    /// Moves a queued download to this place of the queue, from 0.
    Move { id: Id, position: usize },
    /// Forgets a download.
    Remove { id: Id, files: Files },
    /// Changes a download.
    Update { id: Id, change: Change },
    /// The caps in force.
    Settings,
    /// Changes some of the caps.
    SetSettings(SettingsChange),
    /// Totals.
    Stats,
}

/// Downloads to add, and the URLs that are none.
#[derive(Debug, Default)]
pub(crate) struct Add {
    pub(crate) specs: Vec<Spec>,
    pub(crate) rejected: Vec<Rejected>,
}

/// A URL that was not added.
#[derive(Debug)]
pub(crate) struct Rejected {
    /// As given.
    pub(crate) url: String,
    /// Why.
    pub(crate) error: Error,
}

/// New caps; `None` leaves one as it is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SettingsChange {
    pub(crate) threads: Option<u16>,
    /// Bytes.
    pub(crate) block_size: Option<u64>,
    pub(crate) max_downloads: Option<usize>,
    pub(crate) max_connections: Option<usize>,
    pub(crate) max_connections_per_host: Option<usize>,
    /// Bytes/s; 0 is no limit.
    pub(crate) speed_limit: Option<u64>,
}

impl SettingsChange {
    fn over(self, held: &Settings) -> Settings {
        Settings {
            threads: self.threads.unwrap_or(held.threads),
            block_size: self.block_size.unwrap_or(held.block_size),
            max_downloads: self.max_downloads.unwrap_or(held.max_downloads),
            max_connections: self.max_connections.unwrap_or(held.max_connections),
            max_connections_per_host: self
                .max_connections_per_host
                .unwrap_or(held.max_connections_per_host),
            speed_limit: self.speed_limit.unwrap_or(held.speed_limit),
        }
    }
}

/// What a command leads to.
#[derive(Debug)]
pub(crate) enum Answer {
    /// What was added, and what was not.
    Added {
        downloads: Vec<Arc<View>>,
        rejected: Vec<Rejected>,
    },
    /// One page of the list.
    Page(Page),
    /// One download, with what its threads do.
    Detailed(Arc<View>),
    /// The download after the command.
    Download(Arc<View>),
    /// The caps in force.
    Settings(Settings),
    /// Totals, and how many tasks are alive in this process.
    Stats(Stats, usize),
}

/// Does it.
pub(crate) async fn apply(command: Command, engine: &Engine) -> Result<Answer, ApiError> {
    let view = match command {
        Command::Add(add) => return added(add, engine).await,
        Command::List(query) => return Ok(Answer::Page(list::page(engine.live(), &query).await?)),
        Command::Get(id) => return Ok(Answer::Detailed(known(id, engine)?)),
        Command::Settings => return Ok(Answer::Settings(engine.settings().await?)),
        Command::SetSettings(change) => {
            let settings = change.over(&engine.settings().await?);
            return Ok(Answer::Settings(engine.set_settings(settings).await?));
        }
        Command::Stats => return Ok(Answer::Stats(engine.live().stats(), engine.tasks())),
        Command::Pause(id) => engine.pause(id).await?,
        Command::Resume(id) => engine.resume(id).await?,
        Command::Retry(id) => engine.retry(id).await?,
        Command::Cancel(id) => engine.cancel(id).await?,
        Command::Move { id, position } => engine.reorder(id, position).await?,
        Command::Remove { id, files } => engine.remove(id, files).await?,
        Command::Update { id, change } => engine.change(id, change).await?,
    };
    Ok(Answer::Download(view))
}

async fn added(add: Add, engine: &Engine) -> Result<Answer, ApiError> {
    if add.specs.is_empty() {
        return Err(ApiError::AllRejected(add.rejected));
    }
    let new = add.specs.into_iter().map(New::Unseen).collect();
    Ok(Answer::Added {
        downloads: engine.add(new).await?,
        rejected: add.rejected,
    })
}

fn known(id: Id, engine: &Engine) -> Result<Arc<View>, Error> {
    engine.live().get(id).ok_or_else(|| {
        Error::new(
            Kind::NoSuchDownload,
            format!("there is no download {id}; GET /api/v1/downloads lists all"),
        )
    })
}

/// Refuses directories that lead out of `root` through a link. The part of a path that does not
/// exist yet cannot be a link.
pub(crate) async fn check_links(add: &Add, root: &Path) -> Result<(), Error> {
    // All specs of a request share one directory.
    let Some(dir) = add.specs.first().and_then(|spec| spec.dir.clone()) else {
        return Ok(());
    };
    let root = root.to_owned();
    let shown = dir.clone();
    // A stalled disk must not stall every other request.
    let inside = tokio::task::spawn_blocking(move || is_inside(&dir, &root))
        .await
        .unwrap_or(false);
    if inside {
        return Ok(());
    }
    Err(Error::new(
        Kind::InvalidOption,
        format!(
            "dir: {} leads out of the download directory through a link",
            shown.display()
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_settings_keeps_the_rest() {
        let held = Settings::default();
        let change = SettingsChange {
            threads: Some(3),
            ..SettingsChange::default()
        };
        assert_eq!(
            change.over(&held),
            Settings {
                threads: 3,
                ..held.clone()
            }
        );
        assert_eq!(SettingsChange::default().over(&held), held);
    }
}
