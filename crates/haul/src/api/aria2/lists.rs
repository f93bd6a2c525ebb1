//! aria2's three lists of downloads, and totals over them.

use std::sync::Arc;
use std::time::SystemTime;

use haul_engine::event::{List, Statuses};
use haul_engine::{Live, Status, View};
use serde_json::{Value, json};

use super::args::Args;
use super::envelope::Failure;
use super::one;
use super::status::Keys;
use crate::api::App;

type Answer = Result<Value, Failure>;

/// Rows that are taken from the table at once: it is locked meanwhile.
const PIECE: usize = 1000;

/// `aria2.tellActive`.
pub(super) async fn active(app: &App, mut args: Args) -> Answer {
    let keys = Keys::new(args.some_texts()?);
    let (_, views, _) = app.engine.live().in_states(those(Status::is_active));
    Ok(Value::Array(one::statuses(app, &views, &keys).await?))
}

/// `aria2.tellWaiting`: the paused are among them.
pub(super) async fn waiting(app: &App, mut args: Args) -> Answer {
    let from = args.whole(i64::MIN)?;
    let most = usize::try_from(args.whole(0)?).unwrap_or(usize::MAX);
    let keys = Keys::new(args.some_texts()?);
    let specs = app.engine.waiting(from, most).await?;
    let live = app.engine.live();
    let views = specs.iter().filter_map(|(id, _)| live.get(*id));
    let views: Vec<Arc<View>> = views.collect();
    Ok(Value::Array(one::told(app, &views, &specs, &keys)))
}

/// `aria2.tellStopped`: in the order in which they ended.
pub(super) async fn stopped(app: &App, mut args: Args) -> Answer {
    let from = args.whole(i64::MIN)?;
    let most = usize::try_from(args.whole(0)?).unwrap_or(usize::MAX);
    let keys = Keys::new(args.some_texts()?);
    let ended = by_end(app.engine.live()).await;
    let views: Vec<Arc<View>> = window(&ended, from, most)
        .filter_map(|(_, view)| app.engine.live().get(view.id))
        .collect();
    Ok(Value::Array(one::statuses(app, &views, &keys).await?))
}

/// Every download that has ended, the first to do so first.
async fn by_end(live: &Live) -> Vec<(SystemTime, Arc<View>)> {
    let list = List {
        statuses: those(Status::is_over),
        ..List::ADDED
    };
    let mut ended = Vec::new();
    let mut after = None;
    loop {
        let piece = live.piece(list, after.as_ref(), PIECE);
        let Some((last, _)) = piece.rows.last() else {
            break;
        };
        after = Some(last.clone());
        let each = piece.rows.into_iter();
        ended.extend(each.map(|(_, view)| (view.finished_at.unwrap_or(view.added_at), view)));
        // Others want answers, too.
        tokio::task::yield_now().await;
    }
    // Stable: those that ended together stay in the order in which they were added.
    ended.sort_by_key(|(at, _)| *at);
    ended
}

/// At most `most` from place `from` on; from the end backwards when that is less than 0, where -1 is the
/// last.
fn window<T>(all: &[T], from: i64, most: usize) -> impl Iterator<Item = &T> {
    let skipped = |places: i64| usize::try_from(places).unwrap_or(usize::MAX);
    let (on, back) = match from {
        0.. => (Some(all.iter().skip(skipped(from)).take(most)), None),
        _ => {
            let back = skipped(-(from.saturating_add(1)));
            (None, Some(all.iter().rev().skip(back).take(most)))
        }
    };
    on.into_iter().flatten().chain(back.into_iter().flatten())
}

/// `aria2.getGlobalStat`.
pub(super) fn totals(app: &App) -> Value {
    let live = app.engine.live();
    let stats = live.stats();
    let list = List {
        statuses: those(Status::is_over),
        ..List::ADDED
    };
    let stopped = live.piece(list, None, 0).total.to_string();
    json!({
        "downloadSpeed": stats.speed.to_string(),
        "uploadSpeed": "0",
        "numActive": stats.active.to_string(),
        "numWaiting": (stats.queued + stats.paused).to_string(),
        "numStopped": stopped,
        "numStoppedTotal": stopped,
    })
}

/// The states of which something is so.
pub(super) fn those(is_so: impl Fn(Status) -> bool) -> Statuses {
    Status::ALL
        .into_iter()
        .filter(|status| is_so(*status))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use haul_engine::Id;

    use super::*;
    use crate::api::types::download::tests::sample;

    #[test]
    fn a_window_from_the_end_goes_backwards() {
        let all = [1, 2, 3, 4, 5];
        let seen = |from, most| window(&all, from, most).copied().collect::<Vec<_>>();
        assert_eq!(seen(0, 2), [1, 2]);
        assert_eq!(seen(3, 9), [4, 5]);
        assert_eq!(seen(9, 9), [0; 0]);
        assert_eq!(seen(-1, 2), [5, 4]);
        assert_eq!(seen(-2, 9), [4, 3, 2, 1]);
        assert_eq!(seen(-9, 9), [0; 0]);
        assert_eq!(seen(i64::MIN, 9), [0; 0]);
        assert_eq!(seen(i64::MAX, 9), [0; 0]);
    }

    #[tokio::test]
    async fn the_stopped_are_in_the_order_in_which_they_ended() {
        let live = Live::new();
        let at = |seconds| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        for (id, status, finished_at) in [
            (1, Status::Completed, at(30)),
            (2, Status::Downloading, None),
            (3, Status::Failed, at(10)),
            (4, Status::Cancelled, at(20)),
        ] {
            live.put(View {
                id: Id(id),
                status,
                finished_at,
                ..sample()
            });
        }
        let ended = by_end(&live).await;
        let ids: Vec<u64> = ended.iter().map(|(_, view)| view.id.0).collect();
        assert_eq!(ids, [3, 4, 1]);
    }
}
