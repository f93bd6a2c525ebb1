//! Why a download is no faster, or does not move: what holds it back now, the weightiest cause first.
//! Decides from what is shown anyway; asks and measures nothing.

use haul_engine::event::{BlockView, ThreadState};
use haul_engine::{Settings, Stats, Status, View};

use crate::human;

/// Something that holds a download back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cause {
    /// Its stable, machine-readable name (`snake_case`).
    pub(crate) code: &'static str,
    /// What it is and, where there is something, what helps; for a human.
    pub(crate) detail: String,
}

/// A connection this many times slower than the fastest one is called slow.
const SLOW: u64 = 4;

/// The codes of all causes.
pub(crate) const CODES: [&str; 18] = [
    "waits",
    "queued",
    "no_answer_yet",
    "paused",
    "own_limit",
    "overall_limit",
    "one_stream",
    "retrying",
    "no_connection",
    "connecting",
    "uneven",
    "wasted",
    "line",
    "verifying",
    "delivering",
    "completed",
    "failed",
    "cancelled",
];

fn cause(code: &'static str, detail: impl Into<String>) -> Cause {
    debug_assert!(CODES.contains(&code), "{code} is not in the list");
    Cause {
        code,
        detail: detail.into(),
    }
}

/// What holds `view` back now. Never empty.
pub(super) fn causes(view: &View, settings: &Settings, stats: &Stats) -> Vec<Cause> {
    let reason = view.reason.as_deref();
    let waits = reason.map(|reason| cause("waits", reason));
    let one = match view.status {
        Status::Downloading => return while_downloading(view, settings, stats),
        Status::Queued => waits.unwrap_or_else(|| queued(view, settings, stats)),
        Status::Probing => {
            waits.unwrap_or_else(|| cause("no_answer_yet", "the server has not answered yet"))
        }
        Status::Paused => cause("paused", "it is paused; resume it"),
        Status::Verifying => cause(
            "verifying",
            "every byte is here; the digest of the whole file is computed",
        ),
        Status::Delivering => waits
            .unwrap_or_else(|| cause("delivering", "every byte is here; the disk confirms them")),
        Status::Completed => cause("completed", "it is complete"),
        Status::Failed => cause("failed", failure(view)),
        Status::Cancelled => cause("cancelled", "it was cancelled; retry begins it anew"),
    };
    vec![one]
}

fn queued(view: &View, settings: &Settings, stats: &Stats) -> Cause {
    let ahead = match view.position {
        Some(0) => "it is the next one".to_owned(),
        Some(position) => format!("{} are before it", human::count(position, "download")),
        None => "many are before it".to_owned(),
    };
    cause(
        "queued",
        format!(
            "it waits for its turn: {} of {} downloads at once are at work (max_downloads), {ahead}",
            stats.active, settings.max_downloads
        ),
    )
}

fn failure(view: &View) -> String {
    match &view.error {
        Some(error) => format!("it failed: {}", error.detail),
        None => "it failed".to_owned(),
    }
}

fn while_downloading(view: &View, settings: &Settings, stats: &Stats) -> Vec<Cause> {
    let found = [
        view.reason.as_deref().map(|reason| cause("waits", reason)),
        own_limit(view),
        overall_limit(settings, stats),
        one_stream(view),
        retrying(view),
        waiting(view, settings, stats),
        connecting(view),
        uneven(view),
        wasted(view),
    ];
    let found: Vec<Cause> = found.into_iter().flatten().collect();
    if found.is_empty() {
        return vec![line(view)];
    }
    found
}

fn own_limit(view: &View) -> Option<Cause> {
    is_used_up(view.speed, view.speed_limit).then(|| {
        let limit = human::speed(view.speed_limit);
        cause(
            "own_limit",
            format!("its own limit of {limit} is used up (speed_limit)"),
        )
    })
}

fn overall_limit(settings: &Settings, stats: &Stats) -> Option<Cause> {
    is_used_up(stats.speed, settings.speed_limit).then(|| {
        let limit = human::speed(settings.speed_limit);
        cause(
            "overall_limit",
            format!("the limit of {limit} over all downloads is used up; `haul limit` changes it"),
        )
    })
}

/// Whether nine tenths of a limit are used: speeds are averages, and limits never quite reached.
fn is_used_up(speed: u64, limit: u64) -> bool {
    limit > 0 && speed >= limit - limit / 10
}

fn one_stream(view: &View) -> Option<Cause> {
    (view.ranges == Some(false)).then(|| {
        cause(
            "one_stream",
            "the server gives no ranges: one connection fetches all of it, and a new try begins at byte 0",
        )
    })
}

fn retrying(view: &View) -> Option<Cause> {
    let retrying = in_state(view, ThreadState::Retrying);
    (retrying > 0).then(|| {
        cause(
            "retrying",
            format!(
                "{retrying} of {} wait to try again; {} failed so far",
                human::count(view.blocks.len() as u64, "thread"),
                human::count(u64::from(view.attempts), "request"),
            ),
        )
    })
}

fn waiting(view: &View, settings: &Settings, stats: &Stats) -> Option<Cause> {
    let waiting = in_state(view, ThreadState::Waiting);
    (waiting > 0).then(|| {
        cause(
            "no_connection",
            format!(
                "{} for a connection: {} of {} are open over all downloads (max_connections), and a \
                 host gets {} at most (max_connections_per_host), fewer when it has refused some",
                match waiting {
                    1 => "1 thread waits".to_owned(),
                    _ => format!("{waiting} threads wait"),
                },
                stats.connections,
                settings.max_connections,
                settings.max_connections_per_host
            ),
        )
    })
}

fn connecting(view: &View) -> Option<Cause> {
    let connecting = in_state(view, ThreadState::Connecting);
    (connecting > 0).then(|| {
        let threads = human::count(view.blocks.len() as u64, "thread");
        cause(
            "connecting",
            format!("{connecting} of {threads} wait for the server's answer"),
        )
    })
}

fn uneven(view: &View) -> Option<Cause> {
    let speeds = || streaming(view).map(|block| block.speed);
    let (slowest, fastest) = (speeds().min()?, speeds().max()?);
    let slow = speeds()
        .filter(|speed| speed.saturating_mul(SLOW) < fastest)
        .count();
    (slow > 0).then(|| {
        cause(
            "uneven",
            format!(
                "{slow} of {} are slow: the slowest brings {}, the fastest {}; fast ones take over \
                 what slow ones have left",
                human::count(speeds().count() as u64, "connection"),
                human::speed(slowest),
                human::speed(fastest)
            ),
        )
    })
}

fn wasted(view: &View) -> Option<Cause> {
    (view.wasted > 0 && view.wasted >= view.done / 10).then(|| {
        let wasted = human::size(view.wasted);
        cause(
            "wasted",
            format!("{wasted} were fetched twice, after failures or changes"),
        )
    })
}

/// Nothing of ours holds it back.
fn line(view: &View) -> Cause {
    let count = streaming(view).count() as u64;
    let speed = human::speed(view.speed);
    let more = match view.threads_active < view.threads_limit {
        true => "what is left does not need more threads",
        false => "more threads help where the server limits each connection",
    };
    cause(
        "line",
        format!(
            "nothing holds it back here: {} {speed}, which is what the server and the line give; {more}",
            match count {
                1 => "1 connection brings".to_owned(),
                _ => format!("{count} connections bring"),
            }
        ),
    )
}

fn streaming(view: &View) -> impl Iterator<Item = &BlockView> {
    let blocks = view.blocks.iter();
    blocks.filter(|block| block.state == ThreadState::Streaming)
}

fn in_state(view: &View, state: ThreadState) -> usize {
    view.blocks
        .iter()
        .filter(|block| block.state == state)
        .count()
}

#[cfg(test)]
mod tests;
