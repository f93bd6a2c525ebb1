//! What can be asked of the daemon, whoever asks: one command, one answer. Knows neither JSON nor
//! HTTP; every skin translates to and from here.

use std::sync::Arc;

use haul_engine::folder::is_inside;
use haul_engine::{Change, Engine, Error, Files, Id, Key, Kind, New, Settings, Spec, Stats, View};

use super::ApiOptions;
use super::error::ApiError;
use super::list::{self, Page, Query};
use super::why::{self, Cause};
pub(crate) use haul_engine::SettingsChange;

/// A request, with its arguments read and checked.
#[derive(Debug)]
pub(crate) enum Command {
    /// Adds downloads.
    Add(Add),
    /// The same, but only the first time that it is asked for under this key.
    AddOnce(Key, Add),
    /// One page of the list.
    List(Query),
    /// One download, with what its threads do.
    Get(Id),
    /// What holds one download back now.
    Why(Id),
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

impl Command {
    /// Adds downloads; under a key, only the first time.
    pub(crate) fn add(key: Option<Key>, add: Add) -> Command {
        match key {
            Some(key) => Command::AddOnce(key, add),
            None => Command::Add(add),
        }
    }
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
    /// What holds a download back, the weightiest first.
    Causes(Vec<Cause>),
    /// The caps in force.
    Settings(Settings),
    /// Totals, and how many tasks are alive in this process.
    Stats(Stats, usize),
}

/// Does it.
pub(crate) async fn apply(command: Command, engine: &Engine) -> Result<Answer, ApiError> {
    let view = match command {
        Command::Add(add) => return added(None, add, engine).await,
        Command::AddOnce(key, add) => return added(Some(key), add, engine).await,
        Command::List(query) => return Ok(Answer::Page(list::page(engine.live(), &query).await?)),
        Command::Get(id) => return Ok(Answer::Detailed(known(id, engine)?)),
        Command::Why(id) => return why(id, engine).await,
        Command::Settings => return Ok(Answer::Settings(engine.settings().await?)),
        Command::SetSettings(change) => {
            return Ok(Answer::Settings(engine.change_settings(change).await?));
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

async fn added(key: Option<Key>, add: Add, engine: &Engine) -> Result<Answer, ApiError> {
    if add.specs.is_empty() {
        return Err(ApiError::AllRejected(add.rejected));
    }
    let new = add.specs.into_iter().map(New::Unseen).collect();
    let downloads = match key {
        Some(key) => engine.add_once(key, new).await?,
        None => engine.add(new).await?,
    };
    Ok(Answer::Added {
        downloads,
        rejected: add.rejected,
    })
}

async fn why(id: Id, engine: &Engine) -> Result<Answer, ApiError> {
    let settings = engine.settings().await?;
    let view = known(id, engine)?;
    let causes = why::causes(&view, &settings, &engine.live().stats());
    Ok(Answer::Causes(causes))
}

/// The download with this id.
pub(super) fn known(id: Id, engine: &Engine) -> Result<Arc<View>, Error> {
    engine.live().get(id).ok_or_else(|| {
        Error::new(
            Kind::NoSuchDownload,
            format!("there is no download {id}; GET /api/v1/downloads lists all"),
        )
    })
}

/// Refuses directories that lead out of the download directory through a link, or to where haul keeps
/// its own things. The part of a path that does not exist yet cannot be a link.
pub(crate) async fn check_links(add: &Add, options: &ApiOptions) -> Result<(), Error> {
    // All specs of a request share one directory.
    let Some(dir) = add.specs.first().and_then(|spec| spec.dir.clone()) else {
        return Ok(());
    };
    let (root, state) = (options.root.clone(), options.state.clone());
    let shown = dir.clone();
    // A stalled disk must not stall every other request.
    let looking = tokio::task::spawn_blocking(move || {
        if !is_inside(&dir, &root) {
            return Some("leads out of the download directory through a link");
        }
        is_inside(&dir, &state).then_some("is where haul keeps its own state")
    });
    let wrong = looking.await.unwrap_or(Some("cannot be looked at"));
    let Some(why) = wrong else {
        return Ok(());
    };
    let detail = format!("dir: {} {why}", shown.display());
    Err(Error::new(Kind::InvalidOption, detail))
}
