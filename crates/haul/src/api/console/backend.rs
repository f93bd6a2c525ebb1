//! What the dialogue needs of the daemon, as a trait, and the daemon behind it. Knows no words.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use haul_engine::event::{Fields, Statuses};
use haul_engine::plan::state::Input;
use haul_engine::{Engine, Error, Id, Kind, Live, New, Probed, Spec, Status, View};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use url::Url;

use crate::api::App;
use crate::api::types::download::shown_url;

/// Longest wait for the answer of a URL's server.
const LONGEST_PROBE: Duration = Duration::from_secs(10);

/// What the dialogue asks of the daemon.
pub(super) trait Backend: Send + Sync + 'static {
    /// A URL that was probed.
    type Probed: Send + 'static;

    /// Whether a URL can be downloaded, or has been.
    fn check(&self, url: Url) -> impl Future<Output = Checked<Self::Probed>> + Send;

    /// Begins a batch: new downloads, and paused ones that were asked for again.
    fn submit(
        &self,
        probed: Vec<Self::Probed>,
        paused: Vec<Id>,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Whether a download of the last batch waits or runs.
    fn is_batch_running(&self) -> bool;

    /// The downloads of a list, in its order.
    fn list(&self, list: List) -> Vec<Arc<View>>;

    /// Does something to every download of a URL that allows it.
    fn act(&self, verb: Verb, url: Url) -> impl Future<Output = Acted> + Send;

    /// What was delivered or failed after revision `since`, and the revision that this was true at.
    fn ended_since(&self, since: u64) -> (u64, Vec<Arc<View>>);

    /// The last revision.
    fn revision(&self) -> u64;
}

/// What became of a URL.
#[derive(Debug)]
pub(super) enum Checked<P> {
    /// Its server answers.
    New(P),
    /// It waits or runs already.
    Underway,
    /// It was paused.
    Paused(Id),
    /// Its file was delivered and is there.
    Delivered(PathBuf),
    /// Its server answers with a page.
    NotAFile,
    /// Anything else.
    Dead,
}

/// One of the three lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    /// Waiting for their turn, or for somebody to resume them.
    Queue,
    /// Active.
    Loading,
    /// Finished.
    Download,
}

impl List {
    /// The states of the downloads in the list.
    fn statuses(self) -> Statuses {
        let all = Status::ALL.into_iter();
        all.filter(|status| self.holds(*status)).collect()
    }

    /// Whether a download in this state is in the list.
    pub(super) fn holds(self, status: Status) -> bool {
        match self {
            List::Queue => matches!(status, Status::Queued | Status::Paused),
            List::Loading => status.is_active(),
            List::Download => status == Status::Completed,
        }
    }
}

/// What can be done to the downloads of a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Pause,
    Resume,
    Cancel,
}

impl Verb {
    pub(super) fn applies(self, status: Status) -> bool {
        match self {
            // What is so already is a success, as it is over REST.
            Verb::Pause => status == Status::Paused || status.step(Input::Pause).is_some(),
            Verb::Resume => matches!(status, Status::Queued | Status::Paused) || status.is_active(),
            Verb::Cancel => status.step(Input::Cancel).is_some(),
        }
    }
}

/// What doing it came to.
#[derive(Debug)]
pub(super) enum Acted {
    Done,
    /// No download has the URL.
    NoSuchUrl,
    /// Their states do not allow it.
    NotNow,
    Failed(Error),
}

/// The downloads that the console submitted last.
pub(crate) struct LastBatch {
    ids: Mutex<Vec<Id>>,
    /// One submission at a time: what one begins, the next one sees.
    turn: Semaphore,
}

impl Default for LastBatch {
    fn default() -> LastBatch {
        LastBatch {
            ids: Mutex::default(),
            turn: Semaphore::new(1),
        }
    }
}

impl LastBatch {
    fn ids(&self) -> MutexGuard<'_, Vec<Id>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_running(&self, live: &Live) -> bool {
        // Copied, so that the lock stays a leaf.
        let ids = self.ids().clone();
        ids.into_iter().any(|id| is_running(live, id))
    }

    /// Adds to the batch; what has ended is forgotten.
    fn extend(&self, live: &Live, new: impl Iterator<Item = Id>) {
        let held = std::mem::take(&mut *self.ids());
        let kept: Vec<Id> = held
            .into_iter()
            .filter(|id| is_running(live, *id))
            .chain(new)
            .collect();
        self.ids().extend(kept);
    }
}

fn is_running(live: &Live, id: Id) -> bool {
    live.get(id)
        .is_some_and(|view| view.status == Status::Queued || view.status.is_active())
}

/// The engine behind the dialogue.
pub(super) struct Daemon {
    app: Arc<App>,
}

impl Daemon {
    pub(super) fn new(app: Arc<App>) -> Daemon {
        Daemon { app }
    }

    fn engine(&self) -> &Engine {
        &self.app.engine
    }

    fn live(&self) -> &Live {
        self.app.engine.live()
    }

    fn of_url(&self, url: &Url) -> Vec<Arc<View>> {
        self.live().of_url(url.as_str())
    }

    /// The one download whose URL the lists show like this, without its password.
    fn of_shown_url(&self, url: &Url) -> Option<Arc<View>> {
        url.password()?;
        let shown = shown_url(url.as_str());
        if shown != url.as_str() {
            return None;
        }
        let all = Status::ALL.into_iter().collect();
        let views = self.live().in_states(all).1.into_iter();
        let mut alike = views.filter(|view| shown_url(&view.url) == shown);
        match (alike.next(), alike.next()) {
            (Some(view), None) => Some(view),
            _ => None,
        }
    }

    /// What is known of a URL without asking its server.
    async fn known(&self, url: &Url) -> Option<Checked<Probed>> {
        let views = self.of_url(url);
        let is_underway =
            |view: &Arc<View>| view.status == Status::Queued || view.status.is_active();
        if views.iter().any(is_underway) {
            return Some(Checked::Underway);
        }
        if let Some(view) = views.iter().find(|view| view.status == Status::Paused) {
            return Some(Checked::Paused(view.id));
        }
        let completed = views.iter().filter(|view| view.status == Status::Completed);
        for path in completed.filter_map(|view| view.path.clone()) {
            if is_file(path.clone()).await {
                return Some(Checked::Delivered(path.to_path_buf()));
            }
        }
        None
    }
}

async fn is_file(path: Arc<Path>) -> bool {
    // A stalled disk must not stall every other answer.
    spawn_blocking(move || path.is_file())
        .await
        .unwrap_or(false)
}

impl Backend for Daemon {
    type Probed = Probed;

    async fn check(&self, url: Url) -> Checked<Probed> {
        if let Some(known) = self.known(&url).await {
            return known;
        }
        match timeout(LONGEST_PROBE, self.engine().probe(Spec::new(url))).await {
            Ok(Ok(probed)) => Checked::New(probed),
            Ok(Err(error)) if error.kind == Kind::HtmlPage => Checked::NotAFile,
            Ok(Err(_)) | Err(_) => Checked::Dead,
        }
    }

    async fn submit(&self, probed: Vec<Probed>, mut paused: Vec<Id>) -> Result<(), Error> {
        // Closed never: it lives as long as the daemon.
        let _turn = self.app.batch.turn.acquire().await;
        let mut new = Vec::with_capacity(probed.len());
        for probed in probed {
            // Another connection may have submitted it since it was asked about.
            match self.known(&probed.spec().url).await {
                None => new.push(New::Probed(Box::new(probed))),
                Some(Checked::Paused(id)) => paused.push(id),
                Some(_) => {}
            }
        }
        let mut begun = self.engine().add(new).await?;
        for id in paused {
            match self.engine().resume(id).await {
                Ok(view) => begun.push(view),
                // Somebody else resumed or removed it meanwhile.
                Err(error) if matches!(error.kind, Kind::IllegalState | Kind::NoSuchDownload) => {}
                Err(error) => return Err(error),
            }
        }
        self.app
            .batch
            .extend(self.live(), begun.iter().map(|view| view.id));
        Ok(())
    }

    fn is_batch_running(&self) -> bool {
        self.app.batch.is_running(self.live())
    }

    fn list(&self, list: List) -> Vec<Arc<View>> {
        let mut views = self.live().in_states(list.statuses()).1;
        if list == List::Queue {
            views.sort_by_key(|view| view.position.unwrap_or(u64::MAX));
        }
        views
    }

    async fn act(&self, verb: Verb, url: Url) -> Acted {
        let mut views = self.of_url(&url);
        if views.is_empty() {
            views.extend(self.of_shown_url(&url));
        }
        if views.is_empty() {
            return Acted::NoSuchUrl;
        }
        let mut outcome = Acted::NotNow;
        for view in views.iter().filter(|view| verb.applies(view.status)) {
            let done = match verb {
                Verb::Pause => self.engine().pause(view.id).await,
                Verb::Resume => self.engine().resume(view.id).await,
                Verb::Cancel => self.engine().cancel(view.id).await,
            };
            match done {
                Ok(_) => outcome = Acted::Done,
                // It moved on between the look and the command.
                Err(error) if matches!(error.kind, Kind::IllegalState | Kind::NoSuchDownload) => {}
                Err(error) => return Acted::Failed(error),
            }
        }
        outcome
    }

    fn ended_since(&self, since: u64) -> (u64, Vec<Arc<View>>) {
        let changes = self.live().changes(since);
        let has_ended = |view: &View| matches!(view.status, Status::Completed | Status::Failed);
        let ended = changes
            .changed
            .into_iter()
            .filter(|(view, fields)| has_ended(view) && fields.intersects(Fields::STATUS))
            .map(|(view, _)| view)
            .collect();
        (changes.to, ended)
    }

    fn revision(&self) -> u64 {
        self.live().revision()
    }
}
