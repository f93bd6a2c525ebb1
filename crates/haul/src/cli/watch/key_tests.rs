//! Each key, and what the daemon is then asked to do.

use std::time::Instant;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use serde_json::{Value as Json, json};

use super::*;

/// A screen with one download in each of these states; the first is chosen.
fn screen(statuses: &[&str]) -> State {
    let now = Instant::now();
    let mut state = State::new("http://h".to_owned(), (80, 24), now);
    state.up(now);
    let downloads: Vec<Json> = (1..)
        .zip(statuses)
        .map(|(id, status)| {
            json!({"id": format!("{id:016x}"), "name": format!("file-{id}"), "status": status,
                   "position": (*status == "queued").then_some(3)})
        })
        .collect();
    state.hear(
        json!({"id": 1, "result": {"subscription": "s", "revision": 1, "downloads": downloads}}),
        now,
    );
    state.settle();
    state.talk.take(usize::MAX);
    state
}

fn press(state: &mut State, keys: &str) -> Next {
    let mut next = Next::Stay;
    for letter in keys.chars() {
        let code = match letter {
            '\n' => KeyCode::Enter,
            '\x1b' => KeyCode::Esc,
            '\t' => KeyCode::Tab,
            letter => KeyCode::Char(letter),
        };
        next = state.key(KeyEvent::new(code, KeyModifiers::NONE), Instant::now());
        state.settle();
    }
    next
}

/// The commands that were sent, without subscriptions.
fn sent(state: &mut State) -> Vec<(String, Json)> {
    let calls = state.talk.take(usize::MAX);
    let calls = calls
        .iter()
        .map(|call| serde_json::from_str::<Json>(call).expect("JSON"));
    calls
        .map(|mut call| {
            (
                call["method"].to_string().replace('"', ""),
                call["params"].take(),
            )
        })
        .filter(|(method, _)| !method.ends_with("subscribe"))
        .collect()
}

fn only(state: &mut State, keys: &str) -> (String, Json) {
    press(state, keys);
    let mut sent = sent(state);
    assert_eq!(sent.len(), 1, "{keys}: {sent:?}");
    sent.remove(0)
}

#[test]
fn p_pauses_what_runs_and_lets_what_is_paused_go_on() {
    let id = json!({"id": "0000000000000001"});
    for (status, method) in [
        ("downloading", "downloads.pause"),
        ("queued", "downloads.pause"),
        ("paused", "downloads.resume"),
    ] {
        let mut state = screen(&[status]);
        assert_eq!(
            only(&mut state, "p"),
            (method.to_owned(), id.clone()),
            "{status}"
        );
    }
    for key in ["p", "xy"] {
        let mut state = screen(&["completed"]);
        press(&mut state, key);
        assert!(sent(&mut state).is_empty(), "{key}");
        assert_eq!(state.note.map(|note| note.tone), Some(Tone::Refused));
    }
}

#[test]
fn what_cannot_be_taken_back_is_done_only_after_a_yes() {
    for (keys, expected) in [
        ("xy", Some("downloads.cancel")),
        ("dy", Some("downloads.remove")),
        ("xn", None),
        ("x\n", None),
        ("d\x1b", None),
        ("xd", None),
    ] {
        let mut state = screen(&["downloading"]);
        press(&mut state, keys);
        let sent = sent(&mut state);
        assert_eq!(
            sent.first().map(|(method, _)| method.as_str()),
            expected,
            "{keys:?}"
        );
        assert_eq!(state.mode, Mode::List, "{keys:?}");
    }
    let mut state = screen(&["completed"]);
    assert_eq!(
        only(&mut state, "dy").1["files"],
        false,
        "a finished file stays"
    );
}

#[test]
fn letters_with_ctrl_or_alt_are_neither_commands_nor_a_yes() {
    for modifier in [KeyModifiers::CONTROL, KeyModifiers::ALT] {
        for letter in ['p', 'r', 'a', 's', 'q', '4'] {
            let mut state = screen(&["downloading", "paused"]);
            let key = KeyEvent::new(KeyCode::Char(letter), modifier);
            assert_eq!(state.key(key, Instant::now()), Next::Stay, "{key:?}");
            assert!(sent(&mut state).is_empty(), "{key:?}");
            let untouched = (state.mode, state.list.filter(), state.list.sort());
            assert_eq!(
                untouched,
                (Mode::List, Filter::All, Sort::Status),
                "{key:?}"
            );
        }
        let mut state = screen(&["downloading"]);
        press(&mut state, "x");
        let key = KeyEvent::new(KeyCode::Char('y'), modifier);
        state.key(key, Instant::now());
        assert!(sent(&mut state).is_empty(), "{key:?}");
        press(&mut state, "y");
        assert!(sent(&mut state).is_empty(), "the question is over");
    }
}

#[test]
fn the_question_is_about_the_download_that_was_chosen_when_it_was_asked() {
    let mut state = screen(&["downloading", "paused"]);
    press(&mut state, "x");
    let gone =
        json!({"subscription": "s", "from": 1, "revision": 2, "removed": ["0000000000000001"]});
    state.hear(json!({"method": "changed", "params": gone}), Instant::now());
    state.settle();
    assert_eq!(only(&mut state, "y").1["id"], "0000000000000001");
}

#[test]
fn a_queued_download_moves_by_one_place() {
    for (key, place) in [("K", 2), ("+", 2), ("J", 4), ("-", 4)] {
        let mut state = screen(&["queued"]);
        let (method, params) = only(&mut state, key);
        assert_eq!(
            (method.as_str(), params["position"].as_u64()),
            ("downloads.move", Some(place))
        );
    }
    let mut state = screen(&["paused"]);
    press(&mut state, "K");
    assert!(sent(&mut state).is_empty() && state.note.is_some());
}

#[test]
fn a_key_held_down_before_a_slow_daemon_is_refused_before_it_piles_up() {
    let mut state = screen(&["queued"]);
    press(&mut state, &"K".repeat(1000));
    let sent = sent(&mut state).len();
    assert!((10..100).contains(&sent), "{sent}");
    assert_eq!(
        state.note.as_ref().map(|note| note.tone),
        Some(Tone::Refused)
    );
    // Its calls are numbered from 1: the answers make room again.
    for id in 1..=100 {
        state.hear(json!({"id": id, "result": {}}), Instant::now());
    }
    assert_eq!(only(&mut state, "K").0, "downloads.move");
}

#[test]
fn urls_are_typed_or_pasted_and_go_out_together() {
    let mut state = screen(&[]);
    press(&mut state, "ahttp://h/a ");
    state.paste("http://h/b\nhttp://h/c\n", Instant::now());
    let (method, params) = only(&mut state, "\n");
    assert_eq!(method, "downloads.add");
    assert_eq!(
        params["urls"],
        json!(["http://h/a", "http://h/b", "http://h/c"])
    );

    state.paste("https://h/d", Instant::now());
    assert!(sent(&mut state).is_empty(), "a paste alone adds nothing");
    assert_eq!(only(&mut state, "\n").1["urls"], json!(["https://h/d"]));

    state.paste("no address", Instant::now());
    assert_eq!(state.mode, Mode::List);
    press(&mut state, "a\x1b");
    press(&mut state, "a\n");
    assert!(sent(&mut state).is_empty());
}

/// The URLs that are being typed.
fn typed(state: &State) -> Option<&str> {
    match &state.mode {
        Mode::Input(Purpose::Add, entry) => Some(entry.text()),
        _ => None,
    }
}

#[test]
fn without_a_connection_the_line_is_closed_and_the_urls_are_kept() {
    let mut state = screen(&[]);
    press(&mut state, "ahttp://h/a");
    state.down("gone".to_owned(), Instant::now());
    press(&mut state, "\n");
    assert_eq!(state.mode, Mode::List, "the next keys are no text");
    assert!(state.note.is_some() && sent(&mut state).is_empty());
    press(&mut state, "l2M\n");
    assert_eq!(state.mode, Mode::List);
    press(&mut state, "a");
    assert_eq!(typed(&state), Some("http://h/a"));
    press(&mut state, "\n");
    state.up(Instant::now());
    state.talk.take(usize::MAX);
    assert_eq!(only(&mut state, "a\n").1["urls"], json!(["http://h/a"]));
    press(&mut state, "a");
    assert_eq!(typed(&state), Some(""), "they are sent once");
}

/// Tells that this download now has another status.
fn becomes(state: &mut State, id: u64, status: &str) {
    let changes = json!({"subscription": "s", "from": state.revision, "revision": state.revision + 1,
        "downloads": [{"id": format!("{id:016x}"), "status": status}]});
    state.hear(
        json!({"method": "changed", "params": changes}),
        Instant::now(),
    );
    state.settle();
}

#[test]
fn what_a_key_moves_away_leaves_the_choice_to_the_next_one() {
    let chosen = |state: &State| state.chosen.map(|id| id.0);
    for (before, keys, after) in [
        ("queued", "p", "paused"),
        ("downloading", "p", "paused"),
        ("queued", "xy", "cancelled"),
    ] {
        let mut state = screen(&[before; 4]);
        press(&mut state, "j");
        for id in 2..4 {
            let (_, params) = only(&mut state, keys);
            assert_eq!(params["id"], format!("{id:016x}"), "{keys}");
            becomes(&mut state, id, after);
            assert_eq!((chosen(&state), state.place()), (Some(id + 1), 1), "{keys}");
        }
    }
    // Up as well as down, and at once or only when it begins.
    for (before, key) in [("paused", "p"), ("failed", "r")] {
        let mut state = screen(&["downloading", before, before, before]);
        press(&mut state, "j");
        press(&mut state, key);
        becomes(&mut state, 2, "queued");
        assert_eq!(chosen(&state), Some(2), "{key}: it has not moved");
        press(&mut state, "j");
        press(&mut state, key);
        becomes(&mut state, 3, "downloading");
        assert_eq!(chosen(&state), Some(4), "{key}: not what stood before it");
    }
    let mut state = screen(&["queued", "paused"]);
    press(&mut state, "G");
    press(&mut state, "p");
    becomes(&mut state, 2, "downloading");
    assert_eq!(
        chosen(&state),
        Some(1),
        "the last one has nothing behind it"
    );
}

#[test]
fn what_moves_for_another_reason_keeps_the_choice() {
    let chosen = |state: &State| state.chosen.map(|id| id.0);
    let mut state = screen(&["queued", "queued", "queued"]);
    press(&mut state, "jp");
    // Another one goes before the answer comes: the choice stays until its own status changes.
    becomes(&mut state, 1, "completed");
    assert_eq!((chosen(&state), state.place()), (Some(2), 0));
    becomes(&mut state, 2, "paused");
    assert_eq!((chosen(&state), state.place()), (Some(3), 0));
    // Long after the key, and after another choice.
    let mut state = screen(&["queued", "queued"]);
    press(&mut state, "p");
    state.tick(Instant::now() + std::time::Duration::from_secs(6));
    becomes(&mut state, 1, "completed");
    assert_eq!((chosen(&state), state.place()), (Some(1), 1));
    let mut state = screen(&["queued", "queued"]);
    press(&mut state, "pjk");
    becomes(&mut state, 1, "completed");
    assert_eq!((chosen(&state), state.place()), (Some(1), 1));
}

#[test]
fn control_l_draws_anew_and_loses_nothing_that_comes_with_it() {
    let mut state = screen(&["queued"]);
    let key = |code, modifiers| crossterm::event::Event::Key(KeyEvent::new(code, modifiers));
    let burst = [
        key(KeyCode::Char('l'), KeyModifiers::CONTROL),
        key(KeyCode::Char('p'), KeyModifiers::NONE),
    ];
    assert_eq!(state.burst(&burst, Instant::now()), Next::Redraw);
    assert_eq!(sent(&mut state).len(), 1);
    assert_eq!(state.mode, Mode::List);
}

#[test]
fn urls_that_the_daemon_did_not_take_are_there_when_the_user_adds_again() {
    // Each on a fresh screen; `id` is the number of the call.
    let refused = |state: &mut State, id: &Json| {
        state.hear(
            json!({"id": id, "error": {"message": "no"}}),
            Instant::now(),
        );
    };
    let lost = |state: &mut State, _: &Json| state.down("gone".to_owned(), Instant::now());
    let rejected = |state: &mut State, id: &Json| {
        let result =
            json!({"downloads": [{}], "rejected": [{"url": "nonsense", "detail": "no URL"}]});
        state.hear(json!({"id": id, "result": result}), Instant::now());
    };
    let taken = |state: &mut State, id: &Json| {
        let result = json!({"downloads": [{}, {}], "rejected": []});
        state.hear(json!({"id": id, "result": result}), Instant::now());
    };
    type Fate<'a> = &'a dyn Fn(&mut State, &Json);
    let fates: [(Fate<'_>, &str); 4] = [
        (&refused, "http://h/a nonsense"),
        (&lost, "http://h/a nonsense"),
        (&rejected, "nonsense"),
        (&taken, ""),
    ];
    for (number, (fate, left)) in fates.into_iter().enumerate() {
        let mut state = screen(&[]);
        press(&mut state, "ahttp://h/a nonsense\n");
        let calls = state.talk.take(usize::MAX);
        let call = calls.last().expect("a call");
        let call: Json = serde_json::from_str(call).expect("JSON");
        fate(&mut state, &call["id"]);
        press(&mut state, "a");
        assert_eq!(typed(&state), Some(left), "{number}");
        press(&mut state, "\x1ba");
        assert_eq!(typed(&state), Some(""), "{number}: thrown away by the user");
    }
}

#[test]
fn a_paste_that_does_not_fit_is_said_and_harms_nothing() {
    let long = format!("http://h/{}", "x".repeat(1 << 20));
    let mut state = screen(&[]);
    state.paste(&long, Instant::now());
    assert_eq!(state.mode, Mode::List);
    let said = |state: &State| state.note.as_ref().map(|note| note.text.contains("1 MiB"));
    assert_eq!(said(&state), Some(true));
    press(&mut state, "ahttp://h/a ");
    assert_eq!(said(&state), None, "an old note is not about the new line");
    state.paste(&long, Instant::now());
    assert_eq!(
        (typed(&state), said(&state)),
        (Some("http://h/a "), Some(true))
    );
}

#[test]
fn letters_are_text_while_something_is_typed() {
    let mut state = screen(&["downloading"]);
    assert_eq!(press(&mut state, "aq"), Next::Stay);
    press(&mut state, "xpd");
    assert!(sent(&mut state).is_empty());
    let text = matches!(&state.mode, Mode::Input(Purpose::Add, entry) if entry.text() == "qxpd");
    assert!(text, "{:?}", state.mode);
    let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(
        state.key(control_c, Instant::now()),
        Next::Quit,
        "a way out is always there"
    );
}

#[test]
fn a_limit_is_a_size_and_a_wrong_one_is_typed_again() {
    let mut state = screen(&[]);
    press(&mut state, "l2M\n");
    let sent = sent(&mut state);
    assert_eq!(
        sent[0],
        ("settings.set".to_owned(), json!({"speed_limit": 2 << 20}))
    );
    assert_eq!(sent[1].0, "settings.get");
    press(&mut state, "lfast\n");
    assert!(matches!(state.mode, Mode::Input(Purpose::Limit, _)));
}

#[test]
fn a_search_narrows_the_list_at_each_letter_and_escape_ends_it() {
    let mut state = screen(&["paused", "paused", "downloading"]);
    press(&mut state, "G/file-2");
    assert_eq!(
        (state.list.len(), state.chosen),
        (1, Some(haul_engine::Id(2)))
    );
    press(&mut state, "\n");
    assert_eq!((state.list.len(), &state.mode), (1, &Mode::List));
    press(&mut state, "\x1b");
    assert_eq!(state.list.len(), 3);
    press(&mut state, "/x\x1b");
    assert_eq!(state.list.len(), 3);
}

#[test]
fn filters_and_orders_go_round() {
    let mut state = screen(&["paused", "downloading"]);
    press(&mut state, "4");
    assert_eq!((state.list.filter(), state.list.len()), (Filter::Paused, 1));
    press(&mut state, "\t\t\t");
    assert_eq!(state.list.filter(), Filter::All);
    let back = KeyEvent::new(KeyCode::BackTab, KeyModifiers::SHIFT);
    state.key(back, Instant::now());
    assert_eq!(state.list.filter(), Filter::Done);
    press(&mut state, &"s".repeat(Sort::ALL.len()));
    assert_eq!(state.list.sort(), Sort::Status);
}

#[test]
fn without_a_connection_commands_are_refused_and_not_kept() {
    let mut state = screen(&["downloading"]);
    state.down("gone".to_owned(), Instant::now());
    press(&mut state, "p");
    press(&mut state, "ahttp://h/a\n");
    assert!(sent(&mut state).is_empty());
    assert_eq!(state.note.map(|note| note.tone), Some(Tone::Refused));
}

#[test]
fn q_quits_also_from_the_help_and_any_other_key_closes_it() {
    let mut state = screen(&[]);
    press(&mut state, "?");
    assert_eq!(state.mode, Mode::Help);
    assert_eq!(press(&mut state, "x"), Next::Stay);
    assert_eq!(state.mode, Mode::List);
    assert_eq!(press(&mut state, "?q"), Next::Quit);
    let control_z = KeyEvent::new(KeyCode::Char('z'), KeyModifiers::CONTROL);
    assert_eq!(state.key(control_z, Instant::now()), Next::Suspend);
}
