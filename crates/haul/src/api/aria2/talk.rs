//! One client on a WebSocket: its calls in their order, and notifications once it has shown that it may
//! have them.

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};
use tokio::time::Instant;

use super::envelope::read;
use super::notify::Notifier;
use super::standing::{Shown, Standing};
use super::strangers;
use super::transport::{Said, answer};
use crate::api::App;
use crate::api::socket::{Inbox, Talk, Utf8Bytes};

/// One client's side.
pub(super) struct Aria2Talk {
    app: Arc<App>,
    inbox: Inbox,
    /// `None` while a call has it.
    standing: Option<Standing>,
    working: Option<BoxFuture<'static, (Standing, Said)>>,
    notifier: Option<Notifier>,
    /// Begun before a call that may show the token, and used once it has: what that very call causes is
    /// to be told.
    early: Option<Notifier>,
    /// `None` once it is known who it is.
    stranger: Option<Stranger>,
}

/// A client that has not shown the token.
struct Stranger {
    has_shown: Shown,
    until: Instant,
}

impl Aria2Talk {
    pub(super) fn new(app: Arc<App>, standing: Standing) -> Aria2Talk {
        let stranger = standing.stranger().map(|_| Stranger {
            has_shown: standing.shown(),
            until: Instant::now() + strangers::LONGEST,
        });
        let mut talk = Aria2Talk {
            app,
            inbox: Inbox::default(),
            standing: None,
            working: None,
            notifier: None,
            early: None,
            stranger,
        };
        talk.settle(standing);
        talk
    }

    /// Takes the standing back after a call.
    fn settle(&mut self, standing: Standing) {
        let early = self.early.take();
        if standing.is_known() && self.notifier.is_none() {
            let live = self.app.engine.live();
            self.notifier = Some(early.unwrap_or_else(|| Notifier::begin(live)));
            self.stranger = None;
        }
        self.standing = Some(standing);
    }

    fn begin(&mut self) {
        if self.working.is_some() || self.inbox.is_empty() {
            return;
        }
        let (Some(mut standing), Some(text)) = (self.standing.take(), self.inbox.pop()) else {
            return;
        };
        if self.notifier.is_none() {
            self.early = Some(Notifier::begin(self.app.engine.live()));
        }
        let app = self.app.clone();
        let work = async move {
            let said = answer(&app, &mut standing, read(text.as_bytes())).await;
            (standing, said)
        };
        self.working = Some(work.boxed());
    }

    /// Waits for the answer to the call that is under way. Without one it waits for ever.
    async fn answered(
        working: &mut Option<BoxFuture<'static, (Standing, Said)>>,
    ) -> (Standing, Said) {
        match working {
            Some(work) => work.await,
            None => std::future::pending().await,
        }
    }

    async fn notified(notifier: &mut Option<Notifier>) -> String {
        match notifier {
            Some(notifier) => notifier.next().await,
            None => std::future::pending().await,
        }
    }
}

impl Talk for Aria2Talk {
    fn deadline(&self) -> Option<Instant> {
        let stranger = self.stranger.as_ref();
        let stranger = stranger.filter(|stranger| !stranger.has_shown.is_true())?;
        Some(stranger.until)
    }

    fn hear(&mut self, text: String) {
        self.inbox.push(text);
    }

    fn is_full(&self) -> bool {
        self.inbox.is_full()
    }

    fn is_settled(&self) -> bool {
        self.inbox.is_empty() && self.working.is_none()
    }

    async fn say(&mut self) -> Utf8Bytes {
        self.begin();
        tokio::select! {
            // A call's answer goes before what the call has caused.
            biased;
            (standing, said) = Aria2Talk::answered(&mut self.working) => {
                self.working = None;
                self.settle(standing);
                said.body.into()
            }
            told = Aria2Talk::notified(&mut self.notifier) => told.into(),
        }
    }
}
