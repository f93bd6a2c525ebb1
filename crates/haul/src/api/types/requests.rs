//! The arguments of every command but `add`, read from the wire. Each is described where it is read.

use haul_engine::event::{Direction, List, Sort, Statuses};
use haul_engine::{Change, Error, Files, Id, Kind, Spec, Status};
use serde_json::{Value, json};

use super::add::{block_size, name_option, priority, speed_limit, threads, url_schema};
use super::params::Params;
use crate::api::command::SettingsChange;
use crate::api::error::{ApiError, Edge};
use crate::api::list::Query;
use crate::api::types::download::Detail;

/// Reads JSON text.
pub(crate) fn json(text: &[u8]) -> Result<Value, ApiError> {
    serde_json::from_slice(text).map_err(|cause| {
        ApiError::edge(Edge::InvalidJson, format!("the body is not JSON: {cause}"))
    })
}

/// The arguments of `list`.
pub(crate) fn list(params: &mut Params) -> Result<Query, Error> {
    let list = List {
        statuses: statuses(params)?.unwrap_or(Statuses::ALL),
        sort: params.choice(
            "sort",
            "By what the list is ordered. What is not known yet comes first.",
            &[
                ("added", Sort::Added),
                ("name", Sort::Name),
                ("size", Sort::Size),
                ("progress", Sort::Progress),
            ],
        )?,
        direction: params.choice(
            "order",
            "In which direction.",
            &[
                ("asc", Direction::Ascending),
                ("desc", Direction::Descending),
            ],
        )?,
    };
    let cursor = "The `next` of the page before, which ends where this one begins. Only for the same \
                  `sort` and `order`, and not past a restart.";
    Ok(Query {
        list,
        text: params
            .text("q", "A part of the name or the URL, whatever the case.")?
            .filter(|text| !text.is_empty()),
        limit: params.whole_or("limit", "Most downloads on the page.", 1..=1000, 100)?,
        cursor: params
            .text("cursor", cursor)?
            .filter(|text| !text.is_empty()),
    })
}

fn statuses(params: &mut Params) -> Result<Option<Statuses>, Error> {
    let known = || Status::ALL.map(Status::name);
    let item = || json!({"type": "string", "enum": known()});
    let says = "Only downloads in one of these states.";
    let Some(names) = params.words("status", says, item)? else {
        return Ok(None);
    };
    let status = |name: &String| {
        Status::from_name(name).ok_or_else(|| {
            let known = known().join(", ");
            Error::new(
                Kind::InvalidOption,
                format!("status: \"{name}\" is not allowed; give some of {known}"),
            )
        })
    };
    names.iter().map(status).collect::<Result<_, _>>().map(Some)
}

fn id_schema() -> Value {
    json!({"type": "string", "pattern": "^[0-9A-Fa-f]{16}$"})
}

/// The argument `id`.
pub(crate) fn id(params: &mut Params) -> Result<Id, Error> {
    let given = params.text_like("id", "The download.", id_schema)?;
    params
        .needed("id", given, "the download's 16 hex digits")?
        .parse()
}

/// What to change of a download.
pub(crate) fn change(params: &mut Params) -> Result<Change, Error> {
    let url = "Where to fetch it from now on, in place of a link that has expired. Its bytes are kept if \
               the file there is the same, which is checked.";
    Ok(Change {
        speed_limit: speed_limit(params)?,
        threads: threads(params)?,
        priority: priority(params)?,
        name: name_option(params)?,
        url: params
            .text_like("url", url, url_schema)?
            .map(|text| Spec::parse_url(&text))
            .transpose()?,
    })
}

/// A place in the queue.
pub(crate) fn position(params: &mut Params) -> Result<usize, Error> {
    let says = "The place in the queue: 0 is next, past the end is last.";
    let position = params.whole("position", says, 0..=usize::MAX)?;
    params.needed("position", position, "the place in the queue, 0 is next")
}

/// What becomes of the file of a download that is forgotten.
pub(crate) fn files(params: &mut Params) -> Result<Files, Error> {
    let says = "Whether its finished file is deleted, too.";
    Ok(match params.flag("files", says)? {
        true => Files::Delete,
        false => Files::Keep,
    })
}

/// New caps.
pub(crate) fn settings(params: &mut Params) -> Result<SettingsChange, Error> {
    const MOST: usize = 65_535;
    const MOST_DOWNLOADS: usize = 10_000;
    Ok(SettingsChange {
        threads: threads(params)?,
        block_size: block_size(params)?,
        max_downloads: params.whole(
            "max_downloads",
            "Downloads that are active at once.",
            1..=MOST_DOWNLOADS,
        )?,
        max_connections: params.whole(
            "max_connections",
            "Connections of all downloads together.",
            1..=MOST,
        )?,
        max_connections_per_host: params.whole(
            "max_connections_per_host",
            "Connections to one host.",
            1..=MOST,
        )?,
        speed_limit: speed_limit(params)?,
    })
}

/// What a live subscriber wants to see.
pub(crate) struct Wanted {
    pub(crate) statuses: Option<Statuses>,
    pub(crate) ids: Option<Vec<Id>>,
    pub(crate) detail: Detail,
    /// Milliseconds between two notifications, at least.
    pub(crate) interval_ms: u64,
}

/// The arguments of `subscribe`. The interval is clamped, not refused.
pub(crate) fn subscribe(params: &mut Params) -> Result<Wanted, Error> {
    let ids = params.words("ids", "Only these downloads.", id_schema)?;
    let interval =
        "Milliseconds between two messages; less than 50 is 50, more than 10000 is 10000.";
    Ok(Wanted {
        statuses: statuses(params)?,
        ids: ids
            .map(|ids| ids.iter().map(|id| id.parse()).collect())
            .transpose()?,
        detail: match params.flag("detail", "Whether `blocks` and `map` are shown, too.")? {
            true => Detail::Full,
            false => Detail::Plain,
        },
        interval_ms: params
            .whole_or("interval_ms", interval, 0..=u64::MAX, 200)?
            .clamp(50, 10_000),
    })
}

/// The argument of `unsubscribe`.
pub(crate) fn unsubscribe(params: &mut Params) -> Result<String, Error> {
    let says = "The name that `subscribe` has answered.";
    let name = params.text("subscription", says)?;
    params.needed("subscription", name, "the name that subscribe answered")
}
