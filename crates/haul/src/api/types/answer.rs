//! The answers of commands as JSON.

use std::sync::Arc;

use haul_engine::{Settings, Stats, View};
use serde::{Serialize, Serializer};

use super::download::{Detail, Download, all};
use super::problem::rejected;
use crate::api::command::{Answer, Rejected};
use crate::api::why::Cause;

/// Any of our own wire types as text.
pub(super) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("wire types have string keys and no failing serializer")
}

impl Answer {
    /// The answer's JSON.
    pub(crate) fn to_json(&self) -> String {
        match self {
            Answer::Added {
                downloads,
                rejected,
            } => to_json(&AddedJson {
                downloads,
                rejected,
            }),
            Answer::Page(page) => to_json(&PageJson {
                downloads: &page.downloads,
                total: page.total,
                revision: page.revision,
                next: page.next.as_deref(),
            }),
            Answer::Detailed(view) => to_json(&Download::whole(view, Detail::Full)),
            Answer::Download(view) => to_json(&Download::whole(view, Detail::Plain)),
            Answer::Causes(causes) => to_json(&CausesJson::of(causes)),
            Answer::Settings(settings) => to_json(&SettingsJson::of(settings)),
            Answer::Stats(stats, tasks) => to_json(&TotalsJson {
                stats: StatsJson::of(stats),
                tasks: *tasks,
            }),
        }
    }
}

#[derive(Serialize)]
struct AddedJson<'a> {
    #[serde(serialize_with = "views")]
    downloads: &'a [Arc<View>],
    #[serde(serialize_with = "rejected")]
    rejected: &'a [Rejected],
}

#[derive(Serialize)]
struct PageJson<'a> {
    #[serde(serialize_with = "views")]
    downloads: &'a [Arc<View>],
    total: u64,
    revision: u64,
    next: Option<&'a str>,
}

fn views<S: Serializer>(views: &[Arc<View>], serializer: S) -> Result<S::Ok, S::Error> {
    all(views, serializer)
}

/// What holds a download back.
#[derive(Serialize)]
struct CausesJson<'a> {
    causes: Vec<CauseJson<'a>>,
}

#[derive(Serialize)]
struct CauseJson<'a> {
    code: &'a str,
    detail: &'a str,
}

impl CausesJson<'_> {
    fn of(causes: &[Cause]) -> CausesJson<'_> {
        let causes = causes.iter().map(|cause| CauseJson {
            code: cause.code,
            detail: &cause.detail,
        });
        CausesJson {
            causes: causes.collect(),
        }
    }
}

#[derive(Serialize)]
struct SettingsJson {
    threads: u16,
    block_size: u64,
    max_downloads: usize,
    max_connections: usize,
    max_connections_per_host: usize,
    speed_limit: u64,
}

impl SettingsJson {
    fn of(settings: &Settings) -> SettingsJson {
        SettingsJson {
            threads: settings.threads,
            block_size: settings.block_size,
            max_downloads: settings.max_downloads,
            max_connections: settings.max_connections,
            max_connections_per_host: settings.max_connections_per_host,
            speed_limit: settings.speed_limit,
        }
    }
}

/// Totals with what only the whole process has.
#[derive(Serialize)]
struct TotalsJson {
    #[serde(flatten)]
    stats: StatsJson,
    tasks: usize,
}

/// Totals.
#[derive(Serialize)]
pub(super) struct StatsJson {
    speed: u64,
    active: u64,
    queued: u64,
    paused: u64,
    completed: u64,
    failed: u64,
    connections: u64,
    free_space: u64,
}

impl StatsJson {
    pub(super) fn of(stats: &Stats) -> StatsJson {
        StatsJson {
            speed: stats.speed,
            active: stats.active,
            queued: stats.queued,
            paused: stats.paused,
            completed: stats.completed,
            failed: stats.failed,
            connections: stats.connections,
            free_space: stats.free_space,
        }
    }
}
