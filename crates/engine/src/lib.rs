//! Downloads files over many parallel range requests; knows nothing of who asks.
pub mod crash;
pub mod disk;
pub mod engine;
pub mod error;
pub mod event;
pub mod folder;
pub mod meter;
pub mod plan;
pub mod spec;
pub mod store;

mod context;
mod deliver;
mod download;
mod fetch;
mod group;
mod http;
mod limit;
mod meet;
mod opened;
mod probe;
mod source;
mod sources;
mod span;
mod sys;
mod thread;
mod transfer;
mod writer;

pub use engine::{Change, Engine, Files, Key, New, Probed, Seat};
pub use error::{Error, Kind, Result, Retry};
pub use event::{Live, Stats, View, Watcher};
pub use http::Trust;
pub use plan::state::Status;
pub use spec::{Config, Id, OnFull, OnLoss, Settings, SettingsChange, Spec};
