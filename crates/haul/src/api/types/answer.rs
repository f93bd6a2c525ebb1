//! The answers of commands as JSON, and as JSON Schema.

use haul_engine::{Settings, Stats};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::json;

use super::download::{Detail, Detailed, Download, Downloads};
use super::problem::RejectedUrls;
use super::schema::described;
use crate::api::command::Answer;
use crate::api::why::{self, Cause};

/// Any of our own wire types as text.
pub(super) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("wire types have string keys and no failing serializer")
}

/// Which of the answers a call has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Added,
    Page,
    Detailed,
    Download,
    Causes,
    Settings,
    Totals,
}

impl Shape {
    /// What is said about it in a word or two.
    pub(crate) fn says(self) -> &'static str {
        match self {
            Shape::Added => "What was added, and what was not.",
            Shape::Page => "One page of the list.",
            Shape::Detailed => "The download, with what its threads do.",
            Shape::Download => "The download after it has taken effect.",
            Shape::Causes => "What holds it back, the weightiest first; never empty.",
            Shape::Settings => "The caps in force.",
            Shape::Totals => "Totals.",
        }
    }

    /// Its schema.
    pub(crate) fn schema(self, generator: &mut SchemaGenerator) -> Schema {
        match self {
            Shape::Added => generator.subschema_for::<AddedJson>(),
            Shape::Page => generator.subschema_for::<PageJson>(),
            Shape::Detailed => generator.subschema_for::<Detailed>(),
            Shape::Download => generator.subschema_for::<Download>(),
            Shape::Causes => generator.subschema_for::<CausesJson>(),
            Shape::Settings => generator.subschema_for::<SettingsJson>(),
            Shape::Totals => generator.subschema_for::<TotalsJson>(),
        }
    }
}

impl Answer {
    /// The answer's JSON.
    pub(crate) fn to_json(&self) -> String {
        match self {
            Answer::Added {
                downloads,
                rejected,
            } => to_json(&AddedJson {
                downloads: Downloads(downloads, Detail::Plain),
                rejected: RejectedUrls(rejected),
            }),
            Answer::Page(page) => to_json(&PageJson {
                downloads: Downloads(&page.downloads, Detail::Plain),
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

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Added")]
struct AddedJson<'a> {
    /// One for each URL that was accepted, in their order.
    downloads: Downloads<'a>,
    /// The URLs that were not.
    rejected: RejectedUrls<'a>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Page")]
struct PageJson<'a> {
    downloads: Downloads<'a>,
    /// How many pass the filters, on all pages.
    total: u64,
    /// The revision at which the page is true.
    revision: u64,
    /// The `cursor` of the next page; null on the last.
    next: Option<&'a str>,
}

/// What holds a download back.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Causes")]
struct CausesJson<'a> {
    #[schemars(length(min = 1))]
    causes: Vec<CauseJson<'a>>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct CauseJson<'a> {
    /// Its stable name.
    code: CauseCode,
    /// What it is and, where there is something, what helps; for a human.
    detail: &'a str,
}

#[derive(Serialize)]
#[serde(transparent)]
struct CauseCode(&'static str);

described! { CauseCode, |_generator| json!({"type": "string", "enum": why::CODES}) }

impl CausesJson<'_> {
    fn of(causes: &[Cause]) -> CausesJson<'_> {
        let causes = causes.iter().map(|cause| CauseJson {
            code: CauseCode(cause.code),
            detail: &cause.detail,
        });
        CausesJson {
            causes: causes.collect(),
        }
    }
}

/// The caps in force.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Settings")]
struct SettingsJson {
    /// Most threads of one download, for those that have no limit of their own.
    threads: u16,
    /// Most bytes in one range request, likewise.
    block_size: u64,
    /// Downloads that are active at once.
    max_downloads: usize,
    /// Connections of all downloads together.
    max_connections: usize,
    /// Connections to one host.
    max_connections_per_host: usize,
    /// Bytes per second of all downloads together; 0 is no limit.
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
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Totals")]
struct TotalsJson {
    #[serde(flatten)]
    stats: StatsJson,
    /// How many of the program's tasks are alive.
    tasks: usize,
}

/// Totals over all downloads.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Stats")]
pub(super) struct StatsJson {
    /// Bytes per second.
    speed: u64,
    /// Downloads at work.
    active: u64,
    queued: u64,
    paused: u64,
    completed: u64,
    failed: u64,
    /// Open connections to servers.
    connections: u64,
    /// Bytes free where files go.
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
