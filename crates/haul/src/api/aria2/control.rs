//! Stopping, resuming and forgetting downloads, one or all of them.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream;
use haul_engine::{Engine, Files, Id, Kind, Status, View};
use serde_json::{Value, json};

use super::args::Args;
use super::envelope::Failure;
use super::lists::those;
use super::one::named;
use crate::api::App;

type Answer = Result<Value, Failure>;

/// Commands for several downloads that are under way at once: the store takes them together.
const TOGETHER: usize = 256;

fn gid(view: &View) -> Value {
    json!(view.id.to_string())
}

/// `aria2.remove`: what runs becomes a result, what waits is forgotten.
pub(super) async fn remove(app: &App, mut args: Args) -> Answer {
    let view = named(app, &mut args)?;
    if view.status.is_over() {
        return Err(Failure::Refused(format!(
            "Active Download not found for GID#{}",
            view.id
        )));
    }
    if view.status.is_active() {
        app.engine.cancel(view.id).await?;
    } else {
        app.engine.remove(view.id, Files::Keep).await?;
    }
    Ok(gid(&view))
}

/// `aria2.pause`.
pub(super) async fn pause(app: &App, mut args: Args) -> Answer {
    let view = named(app, &mut args)?;
    let cannot = || Failure::Refused(format!("GID#{} cannot be paused now", view.id));
    if view.status == Status::Paused || view.status.is_over() {
        return Err(cannot());
    }
    match app.engine.pause(view.id).await {
        Ok(_) => Ok(gid(&view)),
        // It ended before it could be stopped.
        Err(error) if error.kind == Kind::IllegalState => Err(cannot()),
        Err(error) => Err(error.into()),
    }
}

/// `aria2.unpause`.
pub(super) async fn unpause(app: &App, mut args: Args) -> Answer {
    let view = named(app, &mut args)?;
    if view.status != Status::Paused {
        return Err(Failure::Refused(format!(
            "GID#{} cannot be unpaused now",
            view.id
        )));
    }
    app.engine.resume(view.id).await?;
    Ok(gid(&view))
}

/// `aria2.pauseAll`. Unlike aria2's it answers when they are paused.
pub(super) async fn pause_all(app: &App) -> Answer {
    // The queued first, so that none of them takes the place of one that stops.
    each(&app.engine, |status| status == Status::Queued, Act::Pause).await?;
    each(&app.engine, Status::is_active, Act::Pause).await
}

/// `aria2.unpauseAll`.
pub(super) async fn unpause_all(app: &App) -> Answer {
    each(&app.engine, |status| status == Status::Paused, Act::Resume).await
}

/// `aria2.removeDownloadResult`.
pub(super) async fn forget(app: &App, mut args: Args) -> Answer {
    let view = named(app, &mut args)?;
    if !view.status.is_over() {
        return Err(Failure::Refused(format!(
            "Could not remove download result of GID#{}",
            view.id
        )));
    }
    app.engine.remove(view.id, Files::Keep).await?;
    Ok(json!("OK"))
}

/// `aria2.purgeDownloadResult`.
pub(super) async fn forget_all(app: &App) -> Answer {
    each(&app.engine, Status::is_over, Act::Forget).await
}

/// What is done to several.
#[derive(Clone, Copy)]
enum Act {
    Pause,
    Resume,
    Forget,
}

/// Does something to every download in these states, in their order. One that has changed its state
/// meanwhile is no failure.
async fn each(engine: &Engine, is_wanted: impl Fn(Status) -> bool, what: Act) -> Answer {
    let (_, views, _) = engine.live().in_states(those(is_wanted));
    let acts = views
        .into_iter()
        .map(|view| act(engine.clone(), view.id, what));
    let mut acts = stream::iter(acts).buffered(TOGETHER);
    while let Some(done) = acts.next().await {
        match done {
            Err(error) if !matches!(error.kind, Kind::IllegalState | Kind::NoSuchDownload) => {
                return Err(error.into());
            }
            _ => {}
        }
    }
    Ok(json!("OK"))
}

async fn act(engine: Engine, id: Id, what: Act) -> haul_engine::Result<Arc<View>> {
    match what {
        Act::Pause => engine.pause(id).await,
        Act::Resume => engine.resume(id).await,
        Act::Forget => engine.remove(id, Files::Keep).await,
    }
}
