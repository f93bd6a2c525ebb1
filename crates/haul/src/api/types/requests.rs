//! The arguments of every command but `add`, read from the wire.

use haul_engine::event::{Direction, List, Sort, Statuses};
use haul_engine::{Change, Error, Files, Id, Kind, Spec, Status};
use serde_json::Value;

use super::add::{block_size, name, priority, speed_limit, threads};
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
pub(crate) fn list(mut params: Params) -> Result<Query, Error> {
    let list = List {
        statuses: statuses(&mut params)?.unwrap_or(Statuses::ALL),
        sort: params
            .choice(
                "sort",
                &[
                    ("added", Sort::Added),
                    ("name", Sort::Name),
                    ("size", Sort::Size),
                    ("progress", Sort::Progress),
                ],
            )?
            .unwrap_or(Sort::Added),
        direction: params
            .choice(
                "order",
                &[
                    ("asc", Direction::Ascending),
                    ("desc", Direction::Descending),
                ],
            )?
            .unwrap_or(Direction::Ascending),
    };
    let query = Query {
        list,
        text: params.text("q")?.filter(|text| !text.is_empty()),
        limit: params.whole("limit", 1..=1000)?.unwrap_or(100),
        cursor: params.text("cursor")?.filter(|text| !text.is_empty()),
    };
    params.finish()?;
    Ok(query)
}

fn statuses(params: &mut Params) -> Result<Option<Statuses>, Error> {
    let Some(names) = params.words("status")? else {
        return Ok(None);
    };
    let status = |name: &String| {
        Status::from_name(name).ok_or_else(|| {
            let known: Vec<&str> = Status::ALL.iter().map(|status| status.name()).collect();
            let known = known.join(", ");
            Error::new(
                Kind::InvalidOption,
                format!("status: \"{name}\" is not allowed; give some of {known}"),
            )
        })
    };
    names.iter().map(status).collect::<Result<_, _>>().map(Some)
}

/// The argument `id`.
pub(crate) fn id(params: &mut Params) -> Result<Id, Error> {
    match params.text("id")? {
        Some(id) => id.parse(),
        None => Err(Error::new(
            Kind::InvalidOption,
            "id is missing; give the download's 16 hex digits",
        )),
    }
}

/// The argument `id` alone.
pub(crate) fn only_id(mut params: Params) -> Result<Id, Error> {
    let id = id(&mut params)?;
    params.finish()?;
    Ok(id)
}

/// What to change of a download.
pub(crate) fn change(mut params: Params) -> Result<Change, Error> {
    let change = Change {
        speed_limit: speed_limit(&mut params)?,
        threads: threads(&mut params)?,
        priority: priority(&mut params)?,
        name: params.text("name")?.map(name).transpose()?,
        url: params
            .text("url")?
            .map(|text| Spec::parse_url(&text))
            .transpose()?,
    };
    params.finish()?;
    Ok(change)
}

/// A place in the queue.
pub(crate) fn position(mut params: Params) -> Result<usize, Error> {
    let position = params.whole("position", 0..=usize::MAX)?;
    params.finish()?;
    position.ok_or_else(|| {
        Error::new(
            Kind::InvalidOption,
            "position is missing; give the place in the queue, 0 is next",
        )
    })
}

/// What becomes of the file of a download that is forgotten.
pub(crate) fn files(mut params: Params) -> Result<Files, Error> {
    let delete = params.flag("files")?.unwrap_or(false);
    params.finish()?;
    Ok(if delete { Files::Delete } else { Files::Keep })
}

/// New caps.
pub(crate) fn settings(mut params: Params) -> Result<SettingsChange, Error> {
    const MOST: usize = 65_535;
    const MOST_DOWNLOADS: usize = 10_000;
    let change = SettingsChange {
        threads: threads(&mut params)?,
        block_size: block_size(&mut params)?,
        max_downloads: params.whole("max_downloads", 1..=MOST_DOWNLOADS)?,
        max_connections: params.whole("max_connections", 1..=MOST)?,
        max_connections_per_host: params.whole("max_connections_per_host", 1..=MOST)?,
        speed_limit: speed_limit(&mut params)?,
    };
    params.finish()?;
    Ok(change)
}

/// Refuses arguments where there are none.
pub(crate) fn nothing(params: Params) -> Result<(), Error> {
    params.finish()
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
pub(crate) fn subscribe(mut params: Params) -> Result<Wanted, Error> {
    let ids = params.words("ids")?;
    let wanted = Wanted {
        statuses: statuses(&mut params)?,
        ids: ids
            .map(|ids| ids.iter().map(|id| id.parse()).collect())
            .transpose()?,
        detail: match params.flag("detail")? {
            Some(true) => Detail::Full,
            _ => Detail::Plain,
        },
        interval_ms: params
            .whole("interval_ms", 0..=u64::MAX)?
            .unwrap_or(200)
            .clamp(50, 10_000),
    };
    params.finish()?;
    Ok(wanted)
}

/// The argument of `unsubscribe`.
pub(crate) fn unsubscribe(mut params: Params) -> Result<String, Error> {
    let name = params.text("subscription")?;
    params.finish()?;
    name.ok_or_else(|| {
        Error::new(
            Kind::InvalidOption,
            "subscription is missing; give the name that subscribe answered",
        )
    })
}
