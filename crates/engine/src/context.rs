//! What all downloads of an engine share, and what may change under a running one. Does nothing
//! itself.

use std::sync::Arc;

use tokio::sync::watch;

use crate::disk::Disk;
use crate::event::Live;
use crate::group::Groups;
use crate::http::Client;
use crate::limit::Limits;
use crate::opened::Shelf;
use crate::plan::retry::Patience;
use crate::spec::Config;
use crate::store::Store;

/// What every download of an engine shares.
pub(crate) struct Context {
    pub(crate) config: Arc<Config>,
    pub(crate) client: Client,
    pub(crate) limits: Arc<Limits>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) live: Live,
    pub(crate) shelf: Shelf,
    pub(crate) groups: Groups,
    /// Whether a queued download could start at once if another one gave its place up.
    pub(crate) place_wanted: watch::Sender<bool>,
}

impl Context {
    pub(crate) fn patience(&self) -> Patience {
        let Config {
            retries,
            retry_wait,
            retry_wait_max,
            ..
        } = *self.config;
        Patience {
            retries,
            wait: retry_wait,
            wait_max: retry_wait_max,
        }
    }
}

/// What may change while a download runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tuning {
    /// Most threads.
    pub(crate) threads: u16,
    /// Most bytes in one range request.
    pub(crate) block_size: u64,
}
