//! Which downloads are shown, and in which order: questions to rows, answered without a list.

use std::cmp::Ordering;

use haul_engine::Status;

use super::row::Row;

/// Which downloads are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filter {
    All,
    Active,
    Queued,
    Paused,
    Failed,
    Done,
}

impl Filter {
    pub(crate) const ALL: [Filter; 6] = [
        Filter::All,
        Filter::Active,
        Filter::Queued,
        Filter::Paused,
        Filter::Failed,
        Filter::Done,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Filter::All => "all",
            Filter::Active => "active",
            Filter::Queued => "queued",
            Filter::Paused => "paused",
            Filter::Failed => "failed",
            Filter::Done => "done",
        }
    }

    pub(super) fn shows(self, status: Status) -> bool {
        match self {
            Filter::All => true,
            Filter::Active => status.is_active(),
            Filter::Queued => status == Status::Queued,
            Filter::Paused => status == Status::Paused,
            Filter::Failed => status == Status::Failed,
            Filter::Done => status == Status::Completed,
        }
    }
}

/// In which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// What moves, then what waits, then what has ended.
    Status,
    /// The newest first.
    Added,
    Name,
    /// The largest first.
    Size,
    /// The furthest first.
    Progress,
}

impl Sort {
    pub(crate) const ALL: [Sort; 5] = [
        Sort::Status,
        Sort::Added,
        Sort::Name,
        Sort::Size,
        Sort::Progress,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Sort::Status => "status",
            Sort::Added => "newest",
            Sort::Name => "name",
            Sort::Size => "size",
            Sort::Progress => "progress",
        }
    }

    pub(super) fn compare(self, a: &Row, b: &Row) -> Ordering {
        let order = match self {
            Sort::Status => rank(a).cmp(&rank(b)).then_with(|| within(a, b)),
            Sort::Added => (&b.added, b.heard).cmp(&(&a.added, a.heard)),
            Sort::Name => a.name.cmp(&b.name),
            Sort::Size => b.size.cmp(&a.size),
            Sort::Progress => b.tenths.cmp(&a.tenths),
        };
        order.then_with(|| a.heard.cmp(&b.heard))
    }

    /// Whether a change of this field can move a row, or show or hide it. Bytes come in all the time,
    /// and most of the time they move nothing.
    pub(super) fn heeds(self, field: &str) -> bool {
        match field {
            "name" | "status" | "position" | "added_at" | "finished_at" => true,
            "size" => self == Sort::Size,
            "progress" => self == Sort::Progress,
            _ => false,
        }
    }
}

/// Where a status stands among others.
fn rank(row: &Row) -> u8 {
    match row.status {
        status if status.is_active() => 0,
        Status::Queued => 1,
        Status::Paused => 2,
        Status::Failed => 3,
        Status::Completed => 4,
        _ => 5,
    }
}

/// The order of two that stand in the same rank.
fn within(a: &Row, b: &Row) -> Ordering {
    match a.status {
        // The end of the queue has no positions: those are behind.
        Status::Queued => {
            (a.position.is_none(), a.position).cmp(&(b.position.is_none(), b.position))
        }
        // What has just come is what one looks for.
        Status::Completed => b.finished.cmp(&a.finished),
        _ => a.added.cmp(&b.added),
    }
}
