//! What the daemon says, and what the screen then knows.

use super::*;
use crate::cli::watch::order::Filter;

/// A screen that has just been connected, and the daemon's side of the conversation.
struct Daemon {
    state: State,
    now: Instant,
    /// The calls that it was sent and has not answered.
    open: Vec<Json>,
}

impl Daemon {
    fn new() -> Daemon {
        let now = Instant::now();
        let mut state = State::new("http://h".to_owned(), (80, 24), now);
        state.up(now);
        let mut daemon = Daemon {
            state,
            now,
            open: Vec::new(),
        };
        daemon.listen();
        daemon
    }

    fn listen(&mut self) {
        self.state.settle();
        let calls = self.state.talk.take(usize::MAX);
        self.open.extend(
            calls
                .iter()
                .map(|call| serde_json::from_str::<Json>(call).expect("JSON")),
        );
    }

    /// Takes the first open call of this method; `details` is its own, though it is a subscription too.
    fn called(&mut self, method: &str) -> Json {
        self.listen();
        let name = |call: &Json| match &call["params"]["ids"] {
            Json::Null => call["method"].clone(),
            _ => json!("details"),
        };
        let at = self.open.iter().position(|call| name(call) == method);
        self.open
            .remove(at.unwrap_or_else(|| panic!("no {method} among {:?}", self.open)))
    }

    fn answer(&mut self, method: &str, result: &Json) {
        let id = self.called(method)["id"].take();
        self.state.hear(
            json!({"jsonrpc": "2.0", "id": id, "result": result}),
            self.now,
        );
        self.listen();
    }

    fn snapshot(&mut self, downloads: &Json) {
        self.answer(
            "subscribe",
            &json!({"subscription": "s1", "revision": 7, "downloads": downloads,
                   "stats": {"speed": 100, "free_space": 5}}),
        );
    }

    fn change(&mut self, from: u64, revision: u64, downloads: &Json, removed: &Json) {
        let params = json!({"subscription": "s1", "from": from, "revision": revision,
            "downloads": downloads, "removed": removed, "stats": {"speed": 200, "free_space": 4}});
        self.state.hear(
            json!({"jsonrpc": "2.0", "method": "changed", "params": params}),
            self.now,
        );
        self.listen();
    }
}

fn download(id: u64, status: &str) -> Json {
    json!({"id": format!("{id:016x}"), "name": format!("file-{id}"), "status": status})
}

#[test]
fn a_snapshot_and_its_changes_are_what_is_shown() {
    let mut daemon = Daemon::new();
    assert!(!daemon.state.knows());
    daemon.snapshot(&json!([download(1, "downloading"), download(2, "queued")]));
    assert!(daemon.state.knows());
    daemon.change(
        7,
        9,
        &json!([{"id": "0000000000000001", "done": 5}, download(3, "queued")]),
        &json!(["0000000000000002"]),
    );
    let state = &daemon.state;
    assert_eq!(
        (state.list.len(), state.speed, state.free_space),
        (2, 200, Some(4))
    );
    assert_eq!(state.list.get(Id(1)).map(|row| row.done), Some(5));
    assert_eq!(state.list.get(Id(2)), None);
}

#[test]
fn a_gap_between_revisions_is_mended_by_asking_again() {
    let mut daemon = Daemon::new();
    daemon.snapshot(&json!([download(1, "downloading")]));
    daemon.change(
        8,
        9,
        &json!([{"id": "0000000000000001", "done": 5}]),
        &json!([]),
    );
    assert_eq!(daemon.called("unsubscribe")["params"]["subscription"], "s1");
    assert_eq!(daemon.state.list.get(Id(1)).map(|row| row.done), Some(0));
    daemon.snapshot(&json!([download(4, "paused")]));
    assert_eq!(daemon.state.list.len(), 1, "what was missed is gone");
    assert!(daemon.state.list.get(Id(4)).is_some());
}

#[test]
fn another_subscription_s_changes_are_none_of_the_list_s() {
    let mut daemon = Daemon::new();
    daemon.snapshot(&json!([download(1, "downloading")]));
    let other = json!({"subscription": "s9", "from": 7, "revision": 9, "downloads": [download(2, "queued")]});
    daemon
        .state
        .hear(json!({"method": "changed", "params": other}), daemon.now);
    daemon.state.settle();
    assert_eq!(daemon.state.list.len(), 1);
}

#[test]
fn details_follow_the_choice_one_question_at_a_time() {
    let mut daemon = Daemon::new();
    daemon.snapshot(&json!([
        download(1, "downloading"),
        download(2, "downloading"),
        download(3, "downloading")
    ]));
    let first = daemon.called("details");
    assert_eq!(first["params"]["ids"], json!(["0000000000000001"]));
    assert_eq!(first["params"]["detail"], true);
    daemon.state.choose(1);
    daemon.state.choose(2);
    daemon.listen();
    assert!(
        !daemon.open.iter().any(|call| call["method"] == "subscribe"),
        "one is on its way"
    );
    let told = json!({"subscription": "s2", "revision": 8, "downloads": [{"id": "0000000000000001", "map": "9"}]});
    daemon
        .state
        .hear(json!({"id": first["id"], "result": told}), daemon.now);
    assert_eq!(daemon.called("unsubscribe")["params"]["subscription"], "s2");
    let second = daemon.called("details");
    assert_eq!(second["params"]["ids"], json!(["0000000000000003"]));
    let told = json!({"subscription": "s3", "revision": 9, "downloads": [{"id": "0000000000000003", "map": "1"}]});
    daemon
        .state
        .hear(json!({"id": second["id"], "result": told}), daemon.now);
    let more = json!({"subscription": "s3", "downloads": [{"id": "0000000000000003", "map": "5"}]});
    daemon
        .state
        .hear(json!({"method": "changed", "params": more}), daemon.now);
    let details = daemon.state.details.as_ref().expect("they are shown");
    assert_eq!(
        (details.id, details.facts["map"].as_str()),
        (Id(3), Some("5"))
    );
}

#[test]
fn a_download_that_goes_before_its_details_are_told_leaves_none() {
    let mut daemon = Daemon::new();
    daemon.snapshot(&json!([download(1, "downloading"), download(2, "queued")]));
    daemon.answer(
        "details",
        &json!({"subscription": "s2", "revision": 8, "downloads": []}),
    );
    let details = daemon.state.details.as_ref().expect("they were asked for");
    assert_eq!((details.id, &details.facts), (Id(1), &Json::Null));
    daemon.change(7, 8, &json!([]), &json!(["0000000000000001"]));
    assert_eq!(daemon.called("unsubscribe")["params"]["subscription"], "s2");
    let next = daemon.called("details");
    assert_eq!(next["params"]["ids"], json!(["0000000000000002"]));
}

#[test]
fn no_details_are_asked_for_where_there_is_no_room() {
    let mut daemon = Daemon::new();
    daemon.state.resize((60, 15));
    daemon.snapshot(&json!([download(1, "downloading")]));
    assert!(!daemon.open.iter().any(|call| call["method"] == "subscribe"));
}

#[test]
fn the_choice_stays_on_its_download_and_passes_on_when_that_is_gone() {
    let mut daemon = Daemon::new();
    daemon.snapshot(&json!([
        download(1, "paused"),
        download(2, "paused"),
        download(3, "paused")
    ]));
    daemon.state.choose(1);
    assert_eq!(daemon.state.chosen, Some(Id(2)));
    daemon.change(
        7,
        8,
        &json!([{"id": "0000000000000002", "status": "downloading"}]),
        &json!([]),
    );
    assert_eq!(
        (daemon.state.chosen, daemon.state.place()),
        (Some(Id(2)), 0),
        "it moved up"
    );
    daemon.change(8, 9, &json!([]), &json!(["0000000000000002"]));
    assert_eq!(daemon.state.chosen, Some(Id(1)));
    daemon.state.list.show(Filter::Done);
    daemon.state.settle();
    assert_eq!(daemon.state.chosen, None);
    daemon.state.list.show(Filter::All);
    daemon.state.settle();
    assert_eq!(daemon.state.chosen, Some(Id(1)));
}

#[test]
fn the_chosen_one_is_always_seen() {
    let mut daemon = Daemon::new();
    let all: Json = (1..=100).map(|id| download(id, "downloading")).collect();
    daemon.snapshot(&all);
    let rows = daemon.state.layout.rows();
    for (place, top) in [
        (0, 0),
        (rows - 1, 0),
        (rows, 1),
        (99, 100 - rows),
        (60, 60),
        (61, 60),
    ] {
        daemon.state.choose(place);
        daemon.state.settle();
        assert_eq!(daemon.state.top, top, "{place} of {rows} rows");
    }
}

#[test]
fn a_lost_daemon_leaves_what_is_known_and_is_asked_anew() {
    let mut daemon = Daemon::new();
    daemon.snapshot(&json!([download(1, "downloading")]));
    daemon.state.talk.ask(
        Asked::Done("paused".to_owned()),
        "downloads.pause",
        &json!({}),
    );
    daemon.state.down("it hung up".to_owned(), daemon.now);
    assert!(matches!(&daemon.state.link, Link::Down { why, .. } if why == "it hung up"));
    let note = daemon.state.note.as_ref().expect("a command was lost");
    assert_eq!(note.tone, Tone::Refused);
    assert_eq!((daemon.state.list.len(), daemon.state.speed), (1, 0));
    daemon.open.clear();
    daemon.state.up(daemon.now);
    daemon.snapshot(&json!([download(2, "queued")]));
    assert_eq!(daemon.state.link, Link::Up);
    assert_eq!(
        (daemon.state.list.len(), daemon.state.chosen),
        (1, Some(Id(2)))
    );
}

#[test]
fn the_answer_to_a_key_counts_before_the_next_change_comes() {
    let mut daemon = Daemon::new();
    daemon.snapshot(&json!([download(1, "downloading")]));
    let status = |daemon: &Daemon| daemon.state.list.get(Id(1)).map(|row| row.status.name());
    let asked = Asked::Done("paused".to_owned());
    daemon
        .state
        .talk
        .ask(asked.clone(), "downloads.pause", &json!({}));
    daemon.answer("downloads.pause", &download(1, "paused"));
    assert_eq!(status(&daemon), Some("paused"));
    // One that was forgotten meanwhile does not come back.
    daemon.state.talk.ask(asked, "downloads.resume", &json!({}));
    daemon.change(7, 8, &json!([]), &json!(["0000000000000001"]));
    daemon.answer("downloads.resume", &download(1, "queued"));
    assert_eq!(status(&daemon), None);
}

#[test]
fn notes_go_by_themselves_and_an_idle_screen_is_left_alone() {
    let mut daemon = Daemon::new();
    daemon.snapshot(&json!([]));
    daemon.state.speed = 0;
    assert!(!daemon.state.tick(daemon.now), "nothing moves");
    daemon.state.say(Tone::Done, "paused", daemon.now);
    assert!(!daemon.state.tick(daemon.now + NOTE / 2));
    assert!(daemon.state.tick(daemon.now + NOTE));
    assert_eq!(daemon.state.note, None);
    daemon.state.speed = 5;
    assert!(daemon.state.tick(daemon.now + NOTE));
    daemon.state.speed = 0;
    for _ in 0..HISTORY {
        assert!(daemon.state.tick(daemon.now + NOTE), "the curve moves on");
    }
    assert!(!daemon.state.tick(daemon.now + NOTE));
}

#[test]
fn what_the_daemon_refuses_is_said() {
    let mut daemon = Daemon::new();
    daemon.snapshot(&json!([]));
    daemon
        .state
        .talk
        .ask(Asked::Add("x".to_owned()), "downloads.add", &json!({}));
    let id = daemon.called("downloads.add")["id"].take();
    let error = json!({"code": -32602, "message": "m", "data": {"code": "invalid_url", "detail": "x is no URL"}});
    daemon
        .state
        .hear(json!({"id": id, "error": error}), daemon.now);
    assert_eq!(
        daemon.state.note.as_ref().map(|note| note.text.as_str()),
        Some("x is no URL")
    );
    daemon
        .state
        .talk
        .ask(Asked::Add("y z".to_owned()), "downloads.add", &json!({}));
    daemon.answer(
        "downloads.add",
        &json!({"downloads": [{}, {}], "rejected": [{"url": "y", "detail": "no URL"}]}),
    );
    let note = daemon.state.note.as_ref().expect("an answer");
    assert_eq!(
        (note.text.as_str(), note.tone),
        ("added 2 downloads, not y: no URL", Tone::Refused)
    );
}

#[test]
fn the_limit_is_looked_at_again_because_others_may_set_it() {
    let mut daemon = Daemon::new();
    daemon.answer("settings.get", &json!({"speed_limit": 5}));
    assert_eq!(daemon.state.limit, Some(5));
    daemon.state.tick(daemon.now + SETTINGS_EVERY);
    daemon.answer("settings.get", &json!({"speed_limit": 0}));
    assert_eq!(daemon.state.limit, Some(0));
}
