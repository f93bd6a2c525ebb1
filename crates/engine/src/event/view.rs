//! What watchers see of a download, field by field. Knows nothing of revisions and watchers.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use super::Reason;
use crate::error::Error;
use crate::plan::resource::Resource;
use crate::plan::state::Status;
use crate::spec::{Algorithm, Id};

/// What one thread is doing, for `blocks` of a single download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockView {
    /// The thread's number, from 1.
    pub thread: u16,
    /// First byte of the block.
    pub start: u64,
    /// Last byte of the block, inclusive; `None` when the length is unknown.
    pub end: Option<u64>,
    /// Bytes of it that are written.
    pub done: u64,
    /// Bytes per second.
    pub speed: u64,
    /// What the thread does now.
    pub state: ThreadState,
    /// Where the bytes come from.
    pub url: Arc<str>,
}

/// What a thread does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ThreadState {
    /// Waiting for a permit, a connection or the response head.
    Connecting = 0,
    /// Receiving bytes.
    Streaming = 1,
    /// Held back by a speed limit or a budget.
    Waiting = 2,
    /// Waiting before another try.
    Retrying = 3,
}

/// The digest of a whole file: asked for, found, and whether they agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestView {
    /// Which digest.
    pub algorithm: Algorithm,
    /// The value it must have.
    pub expected: Option<Arc<str>>,
    /// The value it has, once known.
    pub actual: Option<Arc<str>>,
    /// Whether they agree, once known.
    pub verified: Option<bool>,
}

/// Declares [`View`] and, for each of its fields, a bit of [`Fields`]: a field is named once.
macro_rules! view {
    ($($(#[$doc:meta])* $flag:ident $name:ident: $type:ty,)*) => {
        /// One download as watchers see it. Cheap to copy: long values are shared.
        #[derive(Debug, Clone, PartialEq)]
        pub struct View {
            /// Its id.
            pub id: Id,
            /// The revision of its last change.
            pub revision: u64,
            $($(#[$doc])* pub $name: $type,)*
        }

        #[derive(Clone, Copy)]
        #[repr(u8)]
        #[allow(clippy::upper_case_acronyms, non_camel_case_types, reason = "named after the constants they number")]
        enum Bit { $($flag,)* }

        impl Fields {
            $(#[doc = concat!("The field `", stringify!($name), "`.")]
            pub const $flag: Fields = Fields(1 << Bit::$flag as u64);)*
            /// Every field.
            pub const ALL: Fields = Fields($(Fields::$flag.0)|*);
        }

        impl View {
            /// The fields in which two views differ.
            pub(super) fn differs(&self, other: &View) -> Fields {
                let mut fields = Fields::NONE;
                $(if self.$name != other.$name { fields = fields | Fields::$flag; })*
                fields
            }
        }
    };
}

/// A set of [`View`] fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fields(u64);

impl Fields {
    /// No field.
    pub const NONE: Fields = Fields(0);

    /// Whether any of `other`'s fields is in this set.
    pub fn intersects(self, other: Fields) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) fn without(self, other: Fields) -> Fields {
        Fields(self.0 & !other.0)
    }
}

impl std::ops::BitOr for Fields {
    type Output = Fields;
    fn bitor(self, other: Fields) -> Fields {
        Fields(self.0 | other.0)
    }
}

view! {
    /// The URL as given.
    URL url: Arc<str>,
    /// The URL after redirects.
    FINAL_URL final_url: Option<Arc<str>>,
    /// Other places that hold the same file.
    MIRRORS mirrors: Arc<[String]>,
    /// The file's name: a guess from the URL until the probe has answered.
    NAME name: Arc<str>,
    /// Where the finished file lies or will lie.
    PATH path: Option<Arc<Path>>,
    /// Where it stands.
    STATUS status: Status,
    /// Length in bytes, when known.
    SIZE size: Option<u64>,
    /// Bytes held.
    DONE done: u64,
    /// Threads at work now.
    THREADS_ACTIVE threads_active: u16,
    /// Most threads.
    THREADS_LIMIT threads_limit: u16,
    /// Most bytes in one range request.
    BLOCK_SIZE block_size: u64,
    /// Whether the server answers range requests, when known.
    RANGES ranges: Option<bool>,
    /// Bytes per second now.
    SPEED speed: u64,
    /// Seconds left at this speed.
    ETA eta: Option<u64>,
    /// Most bytes per second; 0 is no limit.
    SPEED_LIMIT speed_limit: u64,
    /// Higher starts first.
    PRIORITY priority: i32,
    /// Place in the queue, from 0; known for the first [`POSITIONS_SHOWN`] of it.
    POSITION position: Option<u64>,
    /// The server's `ETag`.
    ETAG etag: Option<Arc<str>>,
    /// The server's `Last-Modified`.
    LAST_MODIFIED last_modified: Option<SystemTime>,
    /// The server's `Content-Type`.
    CONTENT_TYPE content_type: Option<Arc<str>>,
    /// The digest of the whole file.
    CHECKSUM checksum: Arc<DigestView>,
    /// Why it failed.
    ERROR error: Option<Arc<Error>>,
    /// Why it waits, for a human.
    REASON reason: Option<Reason>,
    /// New tries so far, over all blocks.
    ATTEMPTS attempts: u32,
    /// Bytes fetched twice.
    WASTED wasted: u64,
    /// When it was added.
    ADDED_AT added_at: SystemTime,
    /// When it first became active.
    STARTED_AT started_at: Option<SystemTime>,
    /// When it ended.
    FINISHED_AT finished_at: Option<SystemTime>,
    /// What each thread does; empty unless active.
    BLOCKS blocks: Arc<[BlockView]>,
    /// Up to 512 characters `0`–`9`: the filled tenths of equal slices of the file.
    MAP map: Arc<str>,
}

/// Only the head of the queue carries positions, so that starting one download does not change
/// every other one behind it.
pub const POSITIONS_SHOWN: usize = 1000;

/// Totals over all downloads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes per second.
    pub speed: u64,
    /// Downloads at work (probing to delivering).
    pub active: u64,
    /// Downloads waiting for their turn.
    pub queued: u64,
    /// Paused downloads.
    pub paused: u64,
    /// Finished downloads.
    pub completed: u64,
    /// Failed downloads.
    pub failed: u64,
    /// Open connections.
    pub connections: u64,
    /// Free bytes where finished files go.
    pub free_space: u64,
}

/// What changed between two revisions.
#[derive(Debug, Clone)]
pub struct Changes {
    /// The revision that was asked from.
    pub from: u64,
    /// The revision that this leads to.
    pub to: u64,
    /// Downloads that changed, with the fields that did. All fields: it is new. Those come first, in the order
    /// in which they were added; the others follow in the order of their last changes.
    pub changed: Vec<(Arc<View>, Fields)>,
    /// Downloads that are gone.
    pub removed: Vec<Id>,
    /// Totals at `to`.
    pub stats: Stats,
}

impl View {
    /// Tenths of a percent held, rounded down so that 1000 means all of it; `None` while the size is
    /// unknown.
    pub fn progress(&self) -> Option<u16> {
        if self.status == Status::Completed {
            return Some(1000);
        }
        match self.size? {
            0 => Some(0),
            size => {
                let tenths = u128::from(self.done) * 1000 / u128::from(size);
                Some(u16::try_from(tenths).map_or(1000, |tenths| tenths.min(1000)))
            }
        }
    }

    /// Takes over what the probe learned.
    pub(crate) fn learn(&mut self, resource: &Resource) {
        let validators = &resource.validators;
        let url = resource.final_url.as_str();
        // Most URLs lead nowhere else: then both are one text in memory.
        let is_same = *self.url == *url;
        self.final_url = Some(if is_same {
            self.url.clone()
        } else {
            url.into()
        });
        self.size = resource.size;
        self.ranges = Some(resource.ranges);
        self.etag = validators.etag.as_ref().map(|etag| etag.to_value().into());
        self.last_modified = validators.last_modified;
        self.content_type = resource.content_type.as_deref().map(Into::into);
    }
}
