//! aria2's notifications, from changes of the live state. Only what was active is remembered, so that a
//! slow client costs no memory: what happened in between is told as far as it still shows.

use std::collections::{HashSet, VecDeque};

use haul_engine::event::{Changes, Fields};
use haul_engine::{Id, Live, Status, View, Watcher};

use super::envelope;
use super::lists::those;

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Start,
    Pause,
    Stop,
    Complete,
    Error,
}

impl Event {
    fn method(self) -> &'static str {
        match self {
            Event::Start => "aria2.onDownloadStart",
            Event::Pause => "aria2.onDownloadPause",
            Event::Stop => "aria2.onDownloadStop",
            Event::Complete => "aria2.onDownloadComplete",
            Event::Error => "aria2.onDownloadError",
        }
    }
}

/// Tells one client what happens from now on.
pub(super) struct Notifier {
    watcher: Watcher,
    active: HashSet<Id>,
    untold: VecDeque<(Event, Id)>,
}

impl Notifier {
    pub(super) fn begin(live: &Live) -> Notifier {
        let mut watcher = live.watch();
        let (_, views, _) = watcher.snapshot(those(Status::is_active));
        Notifier {
            watcher,
            active: views.iter().map(|view| view.id).collect(),
            untold: VecDeque::new(),
        }
    }

    /// Waits for the next one. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> String {
        loop {
            if let Some((event, id)) = self.untold.pop_front() {
                let told = envelope::notification(event.method(), &id.to_string());
                return told.to_string();
            }
            self.watcher.changed().await;
            let changes = self.watcher.take();
            self.untold.extend(events(&mut self.active, &changes));
        }
    }
}

/// What has happened. Downloads that changed together are told of in the order in which they were added.
fn events(active: &mut HashSet<Id>, changes: &Changes) -> Vec<(Event, Id)> {
    let mut moved: Vec<&View> = changes
        .changed
        .iter()
        .filter(|(_, fields)| fields.intersects(Fields::STATUS))
        .map(|(view, _)| &**view)
        .collect();
    moved.sort_by_key(|view| (view.added_at, view.id));
    let mut events = Vec::new();
    for view in moved {
        let was_active = active.contains(&view.id);
        if view.status.is_active() {
            active.insert(view.id);
            if !was_active {
                events.push((Event::Start, view.id));
            }
            continue;
        }
        active.remove(&view.id);
        let ended = match view.status {
            Status::Completed => Event::Complete,
            Status::Failed => Event::Error,
            // Of what waited nothing is told.
            Status::Paused if was_active => Event::Pause,
            Status::Cancelled if was_active => Event::Stop,
            _ => continue,
        };
        // It came and went between two looks.
        if !was_active {
            events.push((Event::Start, view.id));
        }
        events.push((ended, view.id));
    }
    let gone = changes.removed.iter().filter(|id| active.remove(id));
    events.extend(gone.map(|id| (Event::Stop, *id)));
    events
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::types::download::tests::sample;

    /// What a client is told of these states of one download, looked at after each step.
    fn told(steps: &[&[Status]]) -> Vec<Event> {
        let live = Live::new();
        live.put(View {
            status: Status::Queued,
            ..sample()
        });
        let mut notifier = Notifier::begin(&live);
        let mut told = Vec::new();
        for step in steps {
            for status in *step {
                live.alter(sample().id, |view| view.status = *status);
            }
            let changes = notifier.watcher.take();
            let events = events(&mut notifier.active, &changes);
            told.extend(events.into_iter().map(|(event, _)| event));
        }
        told
    }

    #[test]
    fn each_activation_and_each_end_is_told_once() {
        use Status::{Cancelled, Completed, Downloading, Failed, Paused, Probing, Queued};
        assert_eq!(
            told(&[
                &[Probing],
                &[Downloading],
                &[Paused],
                &[Queued],
                &[Probing],
                &[Completed]
            ]),
            [Event::Start, Event::Pause, Event::Start, Event::Complete]
        );
        assert_eq!(
            told(&[&[Probing], &[Failed], &[Queued], &[Probing], &[Cancelled]]),
            [Event::Start, Event::Error, Event::Start, Event::Stop]
        );
    }

    #[test]
    fn what_comes_and_goes_between_two_looks_is_told_in_full() {
        use Status::{Completed, Failed, Probing, Queued};
        assert_eq!(
            told(&[&[Probing, Completed]]),
            [Event::Start, Event::Complete]
        );
        let twice: &[Status] = &[Queued, Probing, Failed];
        assert_eq!(
            told(&[&[Probing, Failed], twice]),
            [Event::Start, Event::Error, Event::Start, Event::Error]
        );
    }

    #[test]
    fn nothing_is_told_of_what_only_waits() {
        use Status::{Cancelled, Paused, Queued};
        assert_eq!(told(&[&[Paused], &[Queued], &[Cancelled]]), []);
    }

    #[test]
    fn what_is_removed_while_active_has_stopped() {
        let live = Live::new();
        live.put(sample());
        let mut notifier = Notifier::begin(&live);
        live.take(sample().id);
        let changes = notifier.watcher.take();
        assert_eq!(
            events(&mut notifier.active, &changes),
            [(Event::Stop, sample().id)]
        );
        assert!(notifier.active.is_empty());
    }

    #[tokio::test]
    async fn a_notification_has_no_id_and_names_the_gid() {
        let live = Live::new();
        let mut notifier = Notifier::begin(&live);
        live.put(sample());
        let told: serde_json::Value = serde_json::from_str(&notifier.next().await).expect("JSON");
        assert_eq!(
            told,
            serde_json::json!({"jsonrpc": "2.0", "method": "aria2.onDownloadStart",
                "params": [{"gid": "9f1c2a7be04d5566"}]})
        );
    }
}
