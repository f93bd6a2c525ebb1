//! One page of the list of downloads: which, in what order, from where on. A page's cursor is where
//! its last row stands, so rows that come or go elsewhere do not shift it.

use std::sync::{Arc, LazyLock};

use haul_engine::event::{Direction, Key, List, Rank, Sort};
use haul_engine::{Error, Kind, Live, View};

use super::types::download::shown_url;

/// Rows that are taken from the table at once when their text has to be looked at. The table is
/// locked meanwhile, and the thread answers nobody else before it has looked at all of them.
const PIECE: usize = 1000;

/// Which page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query {
    /// In which states, and in what order.
    pub(crate) list: List,
    /// Only those whose name or URL contains it, whatever the case.
    pub(crate) text: Option<String>,
    /// Most rows.
    pub(crate) limit: usize,
    /// The previous page's `next`.
    pub(crate) cursor: Option<String>,
}

/// One page.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) downloads: Vec<Arc<View>>,
    /// How many pass the filters, on all pages.
    pub(crate) total: u64,
    /// The revision at which the page is true.
    pub(crate) revision: u64,
    /// The cursor of the next page; `None` on the last.
    pub(crate) next: Option<String>,
}

/// Reads one page. Fails on a cursor that is not from this list.
pub(crate) async fn page(live: &Live, query: &Query) -> Result<Page, Error> {
    let after = query
        .cursor
        .as_deref()
        .map(|text| read_cursor(text, query.list))
        .transpose()?;
    // One row more than the page holds tells whether there is a next one.
    let most = query.limit.saturating_add(1);
    let Some(text) = &query.text else {
        let piece = live.piece(query.list, after.as_ref(), most);
        return Ok(cut(piece.rows, piece.total, piece.revision, query));
    };
    let wanted = Wanted(text.to_lowercase());
    let (mut rows, mut total) = (Vec::new(), 0);
    let (mut from, mut revision) = (None, None);
    loop {
        let piece = live.piece(query.list, from.as_ref(), PIECE);
        // What changes while we look is told again to whoever asks for changes since the first look.
        let revision = *revision.get_or_insert(piece.revision);
        let Some((last, _)) = piece.rows.last() else {
            return Ok(cut(rows, total, revision, query));
        };
        from = Some(last.clone());
        for (rank, view) in piece.rows {
            if !wanted.is_in(&view) {
                continue;
            }
            total += 1;
            let is_beyond = after
                .as_ref()
                .is_none_or(|after| is_beyond(query.list, &rank, after));
            if rows.len() < most && is_beyond {
                rows.push((rank, view));
            }
        }
        // Others want answers, too.
        tokio::task::yield_now().await;
    }
}

fn is_beyond(list: List, rank: &Rank, after: &Rank) -> bool {
    match list.direction {
        Direction::Ascending => rank > after,
        Direction::Descending => rank < after,
    }
}

/// A text that is looked for, in lower case.
struct Wanted(String);

impl Wanted {
    fn is_in(&self, view: &View) -> bool {
        self.is_part_of(&view.name) || self.is_part_of(&shown_url(&view.url))
    }

    fn is_part_of(&self, text: &str) -> bool {
        if !text.is_ascii() {
            return text.to_lowercase().contains(&self.0);
        }
        // Nearly all are, and need no copy.
        let wanted = self.0.as_bytes();
        let Some(first) = wanted.first() else {
            return true;
        };
        let starts = text.as_bytes().windows(wanted.len());
        starts
            .filter(|there| there[0].to_ascii_lowercase() == *first)
            .any(|there| there.eq_ignore_ascii_case(wanted))
    }
}

/// The page from its rows and at most one more.
fn cut(mut rows: Vec<(Rank, Arc<View>)>, total: u64, revision: u64, query: &Query) -> Page {
    let is_last = rows.len() <= query.limit;
    rows.truncate(query.limit);
    let last = rows.last().filter(|_| !is_last);
    let next = last.map(|(rank, _)| write_cursor(rank, query.list));
    Page {
        downloads: rows.into_iter().map(|(_, view)| view).collect(),
        total,
        revision,
        next,
    }
}

/// Places are counted anew by each process: a cursor from before a restart is refused, not misread.
static RUN: LazyLock<u64> =
    LazyLock::new(|| getrandom::u64().unwrap_or(u64::from(std::process::id())));

fn write_cursor(rank: &Rank, list: List) -> String {
    let key = match &rank.key {
        Key::Added => "",
        Key::Number(None) => "-",
        Key::Number(Some(number)) => &number.to_string(),
        Key::Name(name) => name,
    };
    let plain = format!("{}.{}.{key}", name_of(list), rank.place);
    plain.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn read_cursor(text: &str, list: List) -> Result<Rank, Error> {
    parse_cursor(text, list).ok_or_else(|| {
        Error::new(
            Kind::InvalidOption,
            "cursor: not from this list, or from before a restart; start again without it",
        )
    })
}

fn parse_cursor(text: &str, list: List) -> Option<Rank> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    let bytes = (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect::<Option<Vec<u8>>>()?;
    let plain = String::from_utf8(bytes).ok()?;
    let rest = plain.strip_prefix(&name_of(list))?.strip_prefix('.')?;
    let (place, key) = rest.split_once('.')?;
    let key = match (list.sort, key) {
        (Sort::Added, _) => Key::Added,
        (Sort::Name, text) => Key::Name(text.into()),
        (Sort::Size | Sort::Progress, "-") => Key::Number(None),
        (Sort::Size | Sort::Progress, number) => Key::Number(Some(number.parse().ok()?)),
    };
    Some(Rank {
        key,
        place: place.parse().ok()?,
    })
}

/// The run and the order that a cursor belongs to.
fn name_of(list: List) -> String {
    format!("{:x}.{:?}.{:?}", *RUN, list.sort, list.direction)
}

#[cfg(test)]
mod tests;
