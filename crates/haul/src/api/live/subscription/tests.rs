//! Subscribers who apply what they are sent, and what they hold in the end.

use super::*;
use crate::api::types::download::tests::sample;
use crate::api::types::download::{Detail, Download};
use haul_engine::Status;
use proptest::prelude::*;
use serde_json::{Map, Value, to_value};
use std::collections::BTreeMap;

/// A client: the state that it makes of what it is sent.
#[derive(Default)]
struct Client {
    revision: u64,
    downloads: BTreeMap<String, Map<String, Value>>,
}

impl Client {
    fn snapshot(answer: &str) -> Client {
        let answer: Value = serde_json::from_str(answer).expect("JSON");
        let mut client = Client {
            revision: answer["revision"].as_u64().expect("a revision"),
            ..Client::default()
        };
        client.merge(&answer);
        client
    }

    fn hear(&mut self, frame: &str) {
        let frame: Value = serde_json::from_str(frame).expect("JSON");
        let params = &frame["params"];
        assert_eq!(params["from"], self.revision, "a gap");
        let revision = params["revision"].as_u64().expect("a revision");
        assert!(revision > self.revision || params["stats"].is_object());
        self.revision = revision;
        for id in params["removed"].as_array().expect("an array") {
            self.downloads.remove(id.as_str().expect("an id"));
        }
        self.merge(params);
    }

    fn merge(&mut self, params: &Value) {
        for download in params["downloads"].as_array().expect("an array") {
            let changed = download.as_object().expect("an object").clone();
            let id = changed["id"].as_str().expect("an id").to_owned();
            self.downloads.entry(id).or_default().extend(changed);
        }
    }
}

/// What a list of the daemon says, through the same filter.
fn truth(live: &Live, filter: &Filter, detail: Detail) -> BTreeMap<String, Map<String, Value>> {
    let (_, views, _) = live.snapshot(|view| filter.shows(view));
    views
        .iter()
        .map(|view| {
            let shown = to_value(Download::whole(view, detail)).expect("JSON");
            let shown = shown.as_object().expect("an object").clone();
            (view.id.to_string(), shown)
        })
        .collect()
}

#[derive(Debug, Clone)]
enum Step {
    Put(u64),
    Done(u64, u64),
    Move(u64, Status),
    Map(u64, u8),
    Take(u64),
    /// This subscriber is sent a frame.
    Speak(usize),
    /// This one leaves, and another one begins in its place.
    Join(usize),
    /// This one has lost its connection, and goes on from where it was.
    Back(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let id = 0..6u64;
    prop_oneof![
        id.clone().prop_map(Step::Put),
        (id.clone(), 0..99u64).prop_map(|(id, done)| Step::Done(id, done)),
        (id.clone(), 0..Status::ALL.len())
            .prop_map(|(id, status)| Step::Move(id, Status::ALL[status])),
        (id.clone(), 0..9u8).prop_map(|(id, tenths)| Step::Map(id, tenths)),
        id.prop_map(Step::Take),
        (0..6usize).prop_map(Step::Speak),
        (0..6usize).prop_map(Step::Join),
        (0..6usize).prop_map(Step::Back),
    ]
}

fn wanted(number: usize) -> Wanted {
    let statuses = [Status::Downloading, Status::Completed]
        .into_iter()
        .collect();
    Wanted {
        // Two see everything and two the same states, so that they share frames at different
        // distances.
        statuses: matches!(number, 2 | 4 | 5).then_some(statuses),
        ids: (number == 3 || number == 4).then(|| vec![Id(1), Id(2), Id(100)]),
        detail: if number == 3 {
            Detail::Full
        } else {
            Detail::Plain
        },
        interval_ms: 50,
    }
}

fn join(number: usize, live: &Live) -> (Subscription, Client) {
    let (subscription, answer) = Subscription::begin("s1".into(), wanted(number), live);
    (subscription, Client::snapshot(&answer))
}

proptest! {
    #[test]
    fn snapshot_and_changes_give_what_the_list_says(steps in prop::collection::vec(step(), 1..80)) {
        let live = Live::new();
        let frames = Frames::default();
        live.put(View { id: Id(100), ..sample() });
        // An id is never used again: each `Put` of a number that is gone takes a new one.
        let mut ids: BTreeMap<u64, Id> = BTreeMap::new();
        let mut fresh = 0;
        let mut subscribers: Vec<(Subscription, Client)> = (0..6).map(|number| join(number, &live)).collect();
        for step in steps {
            match step {
                Step::Put(number) if !ids.contains_key(&number) => {
                    fresh += 1;
                    ids.insert(number, Id(fresh));
                    live.put(View { id: Id(fresh), ..sample() });
                }
                Step::Put(_) => {}
                Step::Done(number, done) => {
                    if let Some(id) = ids.get(&number) {
                        live.alter(*id, |view| view.done = done);
                    }
                }
                Step::Move(number, status) => {
                    if let Some(id) = ids.get(&number) {
                        live.alter(*id, |view| view.status = status);
                    }
                }
                Step::Map(number, tenths) => {
                    if let Some(id) = ids.get(&number) {
                        live.alter(*id, |view| view.map = tenths.to_string().into());
                    }
                }
                Step::Take(number) => {
                    if let Some(id) = ids.remove(&number) {
                        live.take(id);
                    }
                }
                Step::Join(number) => subscribers[number] = join(number, &live),
                Step::Back(number) => {
                    let (subscription, client) = &mut subscribers[number];
                    let watcher = live.watch_since(client.revision).expect("nothing is forgotten");
                    *subscription = Subscription::go_on("s1".into(), wanted(number), watcher);
                }
                Step::Speak(number) => {
                    let (subscription, client) = &mut subscribers[number];
                    if subscription.watcher.sent() == live.revision() {
                        continue;
                    }
                    if let Some(frame) = subscription.frame(&live, &frames) {
                        client.hear(&frame);
                    }
                    // A frame of another may be older than the table by what happened since.
                    if subscription.watcher.sent() == live.revision() {
                        let truth = truth(&live, &subscription.filter, subscription.sight.detail);
                        prop_assert_eq!(&client.downloads, &truth);
                    }
                }
            }
        }
        for (subscription, client) in &mut subscribers {
            while subscription.watcher.sent() < live.revision() {
                if let Some(frame) = subscription.frame(&live, &frames) {
                    client.hear(&frame);
                }
            }
            let truth = truth(&live, &subscription.filter, subscription.sight.detail);
            prop_assert_eq!(&client.downloads, &truth);
        }
    }
}

#[test]
fn subscribers_who_see_the_same_share_one_encoding() {
    let live = Live::new();
    let frames = Frames::default();
    live.put(sample());
    let some = Statuses::from_iter([Status::Downloading, Status::Completed]);
    let body = |statuses, since| {
        let sight = Sight {
            statuses,
            detail: Detail::Plain,
            interval: Duration::from_secs(60),
        };
        let encode = || Body::encode(&live.changes(since), Detail::Plain);
        frames.body(sight, since, encode)
    };
    let (all, filtered) = (body(None, 0), body(Some(some), 0));
    live.alter(sample().id, |view| view.done += 1);
    // Still the older one: the next frame brings the rest.
    assert!(Arc::ptr_eq(&body(None, 0), &all));
    assert!(Arc::ptr_eq(&body(Some(some), 0), &filtered));
    // Whoever sees other downloads, or is already further, gets a frame of its own.
    assert!(!Arc::ptr_eq(&all, &filtered));
    assert_eq!(body(None, all.to).to, live.revision());
}

#[test]
fn subscribers_who_were_told_the_same_send_the_same_bytes() {
    let live = Live::new();
    live.put(sample());
    let body = Body::encode(&live.changes(0), Detail::Plain);
    let first = body.message("s1", 0);
    assert_eq!(body.message("s1", 0).as_ptr(), first.as_ptr());
    // Another name, or another revision to lead on from, is another message.
    assert!(body.message("s2", 0).contains("\"s2\""));
    let message: Value = serde_json::from_str(&body.message("s2", 7)).expect("JSON");
    assert_eq!(message["params"]["from"], 7);
    assert_eq!(message["params"]["revision"], live.revision());
}

#[test]
fn frames_keep_their_distance_and_fall_into_step() {
    let interval = Duration::from_millis(200);
    let start = *GRID;
    let at = |millis| start + Duration::from_millis(millis);
    // On a steady stream: the next place on the grid, though this one was taken a bit late.
    assert_eq!(next_due(at(400), at(403), interval), at(600));
    // After a pause: the first place that keeps the distance.
    assert_eq!(next_due(at(400), at(730), interval), at(1000));
    assert_eq!(on_grid(start, at(600), interval), at(600));
    assert_eq!(on_grid(start, at(601), interval), at(800));
}

#[test]
fn what_was_never_shown_is_not_said_to_be_gone() {
    let live = Live::new();
    let wanted = Wanted {
        statuses: Some(std::iter::once(Status::Completed).collect()),
        ids: None,
        detail: Detail::Plain,
        interval_ms: 50,
    };
    let (mut subscription, _) = Subscription::begin("s1".into(), wanted, &live);
    let id = sample().id;
    live.put(sample());
    let frame = subscription
        .frame(&live, &Frames::default())
        .expect("the totals changed");
    let frame: Value = serde_json::from_str(&frame).expect("JSON");
    assert_eq!(frame["params"]["removed"], Value::Array(Vec::new()));
    // Nothing that it shows, and no total, changes with a part of the file.
    live.alter(id, |view| view.done += 1);
    assert_eq!(subscription.frame(&live, &Frames::default()), None);
    live.alter(id, |view| view.status = Status::Completed);
    let frame = subscription
        .frame(&live, &Frames::default())
        .expect("it is shown now");
    assert!(frame.contains("\"from\":1,"), "{frame}");
    assert!(frame.contains("\"url\""), "{frame}");
}

/// Of what is completed not every step is remembered: what has left the filter while nobody watched is
/// told all the same.
#[test]
fn whoever_comes_back_hears_what_is_no_longer_to_be_seen() {
    let live = Live::new();
    let wanted = || Wanted {
        statuses: Some(std::iter::once(Status::Downloading).collect()),
        ids: None,
        detail: Detail::Plain,
        interval_ms: 50,
    };
    live.put(sample());
    let (subscription, answer) = Subscription::begin("s1".into(), wanted(), &live);
    let mut client = Client::snapshot(&answer);
    assert_eq!(client.downloads.len(), 1);
    drop(subscription);
    live.alter(sample().id, |view| view.status = Status::Verifying);
    live.alter(sample().id, |view| view.status = Status::Completed);
    let watcher = live.watch_since(client.revision).expect("known");
    let mut subscription = Subscription::go_on("s1".into(), wanted(), watcher);
    let frame = subscription.frame(&live, &Frames::default());
    client.hear(&frame.expect("a change"));
    assert_eq!(client.downloads.len(), 0);
}
