//! The screen as people see it, letter for letter, at the sizes that it must work at.

use std::time::Instant;

use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde_json::{Value as Json, json};

use super::*;
use crate::cli::watch::entry::Entry;
use crate::cli::watch::order::Filter;
use crate::cli::watch::state::{Loss, Mode, Purpose, Question, Tone};

const PLAIN: Terminal = Terminal {
    glyphs: Glyphs::Blocks,
    paint: Paint::Plain,
};

/// A daemon with one download of each kind.
fn samples() -> Json {
    json!([
        {"id": "00000000000000a1", "name": "debian-13.1.0-amd64-netinst.iso", "status": "downloading",
         "size": 783_286_272_u64, "done": 133_158_666, "progress": 17.0, "speed": 12_897_484, "eta": 50,
         "threads": {"active": 8, "limit": 8}, "added_at": "2026-07-01T10:00:00Z"},
        {"id": "00000000000000a2", "name": "夏日の思い出と長い名前の映画.mp4", "status": "downloading",
         "size": 1_932_735_283_u64, "done": 1_913_407_930_u64, "progress": 99.0, "speed": 1_048_576, "eta": 18,
         "threads": {"active": 3, "limit": 8}, "added_at": "2026-07-01T10:00:01Z"},
        {"id": "00000000000000a3", "name": "a-live-stream-of-unknown-length.ts", "status": "downloading",
         "size": null, "done": 9_437_184, "progress": null, "speed": 524_288, "eta": null,
         "threads": {"active": 1, "limit": 8}, "added_at": "2026-07-01T10:00:02Z"},
        {"id": "00000000000000a4", "name": "busy.bin", "status": "downloading", "size": 1024, "done": 512,
         "progress": 50.0, "speed": 0, "threads": {"active": 0, "limit": 8},
         "reason": "server asked to wait 30 s", "added_at": "2026-07-01T10:00:03Z"},
        {"id": "00000000000000a5", "name": "next.tar.gz", "status": "queued", "position": 0, "done": 0},
        {"id": "00000000000000a6", "name": "later\u{1b}[2J\u{202e}.zip", "status": "queued", "position": 1, "done": 0},
        {"id": "00000000000000a7", "name": "stopped.bin", "status": "paused", "size": 10_485_760, "done": 5_242_880,
         "progress": 50.0, "reason": "waiting for disk space"},
        {"id": "00000000000000a8", "name": "gone.bin", "status": "failed", "done": 0,
         "error": {"code": "not_found", "detail": "the server answered 404 Not Found"}},
        {"id": "00000000000000a9", "name": "here.bin", "status": "completed", "size": 21_657_943,
         "done": 21_657_943, "progress": 100.0, "finished_at": "2026-07-01T10:00:00Z"},
        {"id": "00000000000000aa", "name": "given-up.bin", "status": "cancelled", "size": 21_657_943, "done": 0,
         "progress": 0.0},
    ])
}

fn state(size: (u16, u16), downloads: &Json) -> State {
    let now = Instant::now();
    let mut state = State::new("http://localhost:8765".to_owned(), size, now);
    state.up(now);
    let stats = json!({"speed": 14_470_348, "free_space": 40_909_447_168_u64});
    let result =
        json!({"subscription": "s1", "revision": 7, "downloads": downloads, "stats": stats});
    state.hear(json!({"id": 1, "result": result}), now);
    state.hear(json!({"id": 2, "result": {"speed_limit": 20 << 20}}), now);
    state.settle();
    for second in 0..60_u64 {
        state.speed = (second * second * 4_000).max(second % 7 * 1_000_000);
        state.tick(now);
    }
    state.speed = 14_470_348;
    let details = json!({
        "id": "00000000000000a1", "url": "https://cdimage.debian.org/debian-cd/current/amd64/debian-13.1.0-amd64-netinst.iso",
        "path": "/srv/files/debian-13.1.0-amd64-netinst.iso", "threads": {"active": 8, "limit": 8},
        "attempts": 2, "wasted": 1_258_291, "speed_limit": 0, "error": null,
        "map": "9".repeat(60) + "53" + &"0".repeat(100) + "86" + &"0".repeat(348),
        "blocks": [
            {"thread": 1, "start": 0, "end": 16_777_215, "done": 4_194_304, "speed": 2_097_152, "state": "streaming"},
            {"thread": 2, "start": 16_777_216, "end": null, "done": 0, "speed": 0, "state": "connecting"},
        ],
    });
    state.hear(
        json!({"id": 3, "result": {"subscription": "s2", "downloads": [details]}}),
        now,
    );
    state.settle();
    state
}

/// What is seen, a line each; what only looks like something is told apart by `draw` alone.
fn seen(state: &State, terminal: Terminal, (width, height): (u16, u16)) -> String {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    draw(state, terminal, &mut buffer);
    let row = |y| {
        let mut line = String::new();
        let mut x = 0;
        while x < width {
            let symbol = buffer[(x, y)].symbol();
            line.push_str(symbol);
            x += u16::try_from(clip::width(symbol).max(1)).expect("a cell");
        }
        format!("{}|", line.trim_end())
    };
    (0..height).map(row).collect::<Vec<_>>().join("\n")
}

fn shown(size: (u16, u16)) -> String {
    seen(&state(size, &samples()), PLAIN, size)
}

#[test]
fn on_80_by_24() {
    insta::assert_snapshot!(shown((80, 24)));
}

#[test]
fn on_120_by_40() {
    insta::assert_snapshot!(shown((120, 40)));
}

#[test]
fn on_60_by_15() {
    insta::assert_snapshot!(shown((60, 15)));
}

#[test]
fn on_a_terminal_without_unicode() {
    let ascii = Terminal {
        glyphs: Glyphs::Ascii,
        paint: Paint::Plain,
    };
    let seen = seen(&state((80, 24), &samples()), ascii, (80, 24));
    assert!(seen.is_ascii(), "{seen}");
    insta::assert_snapshot!(seen);
}

#[test]
fn with_nothing_to_show() {
    let size = (80, 24);
    let now = Instant::now();
    let before = State::new("http://localhost:8765".to_owned(), size, now);
    let mut filtered = state(
        size,
        &json!([{"id": "00000000000000a1", "name": "a", "status": "paused"}]),
    );
    filtered.list.show(Filter::Failed);
    filtered.settle();
    let three =
        [&before, &state(size, &json!([])), &filtered].map(|state| seen(state, PLAIN, size));
    insta::assert_snapshot!(
        three
            .map(|seen| seen.lines().take(5).collect::<Vec<_>>().join("\n"))
            .join("\n\n")
    );
}

#[test]
fn without_a_daemon_what_is_known_stays() {
    let mut state = state((80, 24), &samples());
    let now = Instant::now();
    state.down(
        "no daemon at http://localhost:8765: IO error: Connection refused (os error 111)"
            .to_owned(),
        now,
    );
    state.tick(now + std::time::Duration::from_secs(12));
    state.settle();
    insta::assert_snapshot!(seen(&state, PLAIN, (80, 24)));
}

#[test]
fn the_foot_says_what_is_going_on() {
    let size = (80, 24);
    let mut state = state(size, &samples());
    let now = Instant::now();
    let mut feet = Vec::new();
    let mut foot = |state: &State, width: u16| {
        let seen = seen(state, PLAIN, (width, 24));
        feet.push(seen.lines().last().unwrap_or_default().to_owned());
    };
    for width in [120, 80, 60, 30] {
        foot(&state, width);
    }
    state.say(Tone::Done, "paused: debian-13.1.0-amd64-netinst.iso", now);
    foot(&state, 80);
    state.say(Tone::Refused, "the server answered\n\x1b[2J 404", now);
    foot(&state, 80);
    let question = |what| Question {
        what,
        id: haul_engine::Id(1),
        name: "夏日の思い出と長い名前の映画".repeat(3),
    };
    state.mode = Mode::Ask(question(Loss::Cancel));
    foot(&state, 80);
    state.mode = Mode::Ask(question(Loss::Forget));
    foot(&state, 60);
    state.note = None;
    for (purpose, text) in [
        (
            Purpose::Add,
            "https://example.org/a/very/long/path/to/a/file/that/has/a/long/name.iso",
        ),
        (Purpose::Search, "deb"),
        (Purpose::Limit, "2M"),
    ] {
        state.mode = Mode::Input(purpose, Entry::with(text));
        foot(&state, 60);
    }
    insta::assert_snapshot!(feet.join("\n"));
}

#[test]
fn why_a_text_is_not_taken_and_that_it_is_kept_is_always_seen() {
    let foot = |state: &State, width: u16| {
        let seen = seen(state, PLAIN, (width, 24));
        let foot = seen.lines().last().unwrap_or_default();
        foot.trim_end_matches('|').to_owned()
    };
    let mut state = state((80, 24), &samples());
    state.say(Tone::Refused, "pasted text is over 1 MiB", Instant::now());
    state.mode = Mode::Input(Purpose::Add, Entry::with("http://h/a"));
    assert_eq!(foot(&state, 80), " ! pasted text is over 1 MiB: http://h/a");
    assert!(
        foot(&state, 30).ends_with(": http://h/a"),
        "{}",
        foot(&state, 30)
    );

    state.mode = Mode::List;
    state.untaken = "http://h/a".to_owned();
    state.say(Tone::Refused, &"a long reason ".repeat(9), Instant::now());
    for width in [80, 30] {
        let foot = foot(&state, width);
        assert!(
            foot.starts_with(" ! a lo") && foot.ends_with("  a URLs again"),
            "{foot}"
        );
    }
    state.say(Tone::Done, "paused: x", Instant::now());
    assert_eq!(foot(&state, 80), " paused: x");
}

#[test]
fn the_cursor_stands_behind_what_is_shown_of_a_text_that_the_terminal_cannot_show() {
    let mut state = state((80, 24), &samples());
    let typed = "夏\u{2764}\u{fe0f}x";
    for (glyphs, column) in [(Glyphs::Blocks, 13), (Glyphs::Ascii, 12)] {
        state.mode = Mode::Input(Purpose::Search, Entry::with(typed));
        let terminal = Terminal { glyphs, ..PLAIN };
        let mut buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
        let cursor = draw(&state, terminal, &mut buffer);
        assert_eq!(cursor, Some((column, 23)), "{glyphs:?}");
        assert_eq!(buffer[(column - 1, 23)].symbol(), "x", "{glyphs:?}");
    }
}

#[test]
fn names_have_the_room_of_a_wide_screen_and_a_download_its_line_on_a_small_one() {
    let name = format!("{}.iso", "long-".repeat(20));
    let downloads = json!([{"id": "00000000000000a1", "name": name, "status": "downloading",
        "size": 1024, "done": 512, "progress": 50.0, "speed": 9, "threads": {"active": 2}}]);
    let wide = seen(&state((200, 24), &downloads), PLAIN, (200, 24));
    assert!(
        wide.lines().nth(3).is_some_and(|row| row.contains(&name)),
        "{wide}"
    );
    let downloads = json!([{"id": "00000000000000a1", "name": "s1.iso", "status": "downloading",
        "size": 1024, "done": 512, "progress": 50.0, "speed": 9, "threads": {"active": 2}}]);
    let small = seen(&state((60, 15), &downloads), PLAIN, (60, 15));
    assert!(
        small.contains("  s1.iso: downloading, 512 B of 1.0 KiB · 2 threads|"),
        "{small}"
    );
}

#[test]
fn the_help_explains_the_marks_of_the_list() {
    for (size, glyphs) in [
        ((80, 24), Glyphs::Blocks),
        ((80, 24), Glyphs::Ascii),
        ((40, 14), Glyphs::Blocks),
    ] {
        let mut state = state(size, &samples());
        state.mode = Mode::Help;
        let seen = seen(&state, Terminal { glyphs, ..PLAIN }, size);
        for status in haul_engine::Status::ALL {
            let told = format!("{} {}", glyphs.sign(status), status.name());
            assert!(seen.contains(&told), "{told} is missing or cut:\n{seen}");
        }
        assert!(seen.contains("THR"), "{seen}");
    }
}

#[test]
fn the_help_fits_where_the_screen_works() {
    let mut state = state((60, 15), &samples());
    state.mode = Mode::Help;
    let seen = seen(&state, PLAIN, (60, 15));
    for (keys, what) in crate::cli::watch::keys::HELP {
        assert!(seen.contains(keys), "{keys} is missing:\n{seen}");
        assert!(seen.contains(what), "{what} is cut:\n{seen}");
    }
}

#[test]
fn on_a_small_screen_the_help_is_short_and_whole() {
    for size in [(40, 12), (24, 12), (80, 10)] {
        let mut state = state(size, &samples());
        state.mode = Mode::Help;
        let seen = seen(&state, PLAIN, size);
        for key in crate::cli::watch::keys::SHORT {
            assert!(seen.contains(key), "{key} is missing or cut:\n{seen}");
        }
    }
}

#[test]
fn what_is_filtered_by_is_never_cut_off_and_the_order_is_told_whole_or_not() {
    for (width, height) in [(120, 24), (81, 24), (80, 24), (60, 24), (40, 24), (24, 24)] {
        let mut state = state((width, height), &samples());
        for (filter, name) in [
            (Filter::All, "all"),
            (Filter::Failed, "failed"),
            (Filter::Done, "done"),
        ] {
            state.list.show(filter);
            state.settle();
            let seen = seen(&state, PLAIN, (width, height));
            let counts = seen
                .lines()
                .nth(1)
                .expect("a second line")
                .trim_end_matches('|');
            let inside = counts.split(['[', ']']).nth(1).expect("brackets");
            assert!(inside.contains(name), "{counts}");
            assert!(!counts.contains('…'), "{counts}");
            assert_eq!(
                counts.contains("  by"),
                counts.ends_with("by status"),
                "{counts}"
            );
        }
    }
}

#[test]
fn of_many_threads_it_is_told_what_they_do_and_first_those_that_bytes_come_to() {
    let mut state = state((80, 30), &samples());
    let block = |thread: u64, doing: &str, speed: u64| {
        json!({"thread": thread, "start": thread << 24, "end": (thread + 1) << 24, "done": 0,
               "speed": speed, "state": doing})
    };
    let mut blocks: Vec<Json> = (1..=60).map(|thread| block(thread, "waiting", 0)).collect();
    blocks.push(block(61, "connecting", 0));
    blocks.extend((62..=64).map(|thread| block(thread, "streaming", 1 << 20)));
    let change =
        json!({"subscription": "s2", "downloads": [{"id": "00000000000000a1", "blocks": blocks}]});
    state.hear(
        json!({"method": "changed", "params": change}),
        Instant::now(),
    );
    let seen = seen(&state, PLAIN, (80, 30));
    assert!(
        seen.contains(" threads 3 streaming, 60 waiting, 1 connecting"),
        "{seen}"
    );
    assert!(seen.contains(" thread   62  streaming"), "{seen}");
}

#[test]
fn nothing_is_told_by_colour_alone() {
    let state = state((80, 24), &samples());
    let coloured = Terminal {
        paint: Paint::Coloured,
        ..PLAIN
    };
    assert_eq!(
        seen(&state, coloured, (80, 24)),
        seen(&state, PLAIN, (80, 24))
    );
    let mut buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
    draw(&state, PLAIN, &mut buffer);
    let colours = buffer
        .content()
        .iter()
        .filter(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset);
    assert_eq!(colours.count(), 0);
}

#[test]
fn ten_thousand_downloads_cost_no_more_than_the_rows_that_are_seen() {
    let downloads: Json = (1..=10_000_u64)
        .map(|id| json!({"id": format!("{id:016x}"), "name": format!("file-{id:05}.bin"), "status": "queued", "position": id}))
        .collect();
    let mut state = state((80, 24), &downloads);
    state.choose(usize::MAX);
    state.settle();
    let seen = seen(&state, PLAIN, (80, 24));
    assert!(
        seen.contains("> · file-10000.bin") && seen.contains("[1 all 10000]"),
        "{seen}"
    );
    // A change that moves nothing leaves the order alone: it is not made anew for each drawing.
    let change = json!({"subscription": "s1", "from": 7, "revision": 8,
        "downloads": [{"id": format!("{:016x}", 10_000), "done": 7, "size": 9}], "stats": {}});
    state.hear(
        json!({"method": "changed", "params": change}),
        Instant::now(),
    );
    assert!(!state.list.is_stale());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_size_and_no_name_makes_it_panic_or_lets_a_command_through(
        width in 0_u16..130,
        height in 0_u16..45,
        name: String,
        mode in 0_u8..6,
    ) {
        let mut downloads = samples();
        downloads[0]["name"] = json!(name);
        let mut state = state((width, height), &downloads);
        state.mode = match mode {
            0 => Mode::List,
            1 => Mode::Help,
            2 => Mode::Input(Purpose::Search, Entry::with(&name)),
            3 => Mode::Input(Purpose::Add, Entry::with(&name)),
            4 => Mode::Ask(Question { what: Loss::Cancel, id: haul_engine::Id(1), name: name.clone() }),
            _ => Mode::Ask(Question { what: Loss::Forget, id: haul_engine::Id(1), name: name.clone() }),
        };
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        if let Some((x, y)) = draw(&state, PLAIN, &mut buffer) {
            prop_assert!(x < width.max(1) && y < height.max(1));
        }
        for cell in buffer.content() {
            prop_assert!(!cell.symbol().contains(char::is_control));
        }
    }
}
