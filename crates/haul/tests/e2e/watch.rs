//! `haul watch` and the bars of `haul get` on a real terminal: what is seen, what keys do, and how the
//! terminal is left.

use std::time::Duration;

use haul_testkit::origin::Origin;
use serde_json::json;

use crate::world::{self, HAUL, PROMPT, Tmux, World};

/// Text that stands on the screen before, and must stand there afterwards.
const EARLIER: &str = "earlier text";

/// A shell whose screen has some text, and whose terminal's settings are noted.
async fn shell(world: &World, columns: u16, rows: u16) -> Tmux {
    let tmux = Tmux::start(&world.subdir("home"), columns, rows).await;
    tmux.type_line(&format!("clear; stty -a > before; echo {EARLIER}"))
        .await;
    tmux.until("the earlier text", |screen| screen.starts_with(EARLIER))
        .await;
    tmux
}

/// Waits for the shell's prompt, and asserts that the terminal is as it was.
async fn left_as_it_was(world: &World, tmux: &Tmux) {
    // What is typed before it has ended is its own.
    tmux.until("a prompt", |screen| screen.trim_end().ends_with(PROMPT))
        .await;
    tmux.type_line("stty -a > after; echo left: $?").await;
    let screen = tmux
        .until("the shell", |screen| screen.contains("left: 0"))
        .await;
    assert!(screen.starts_with(EARLIER), "{screen}");
    let settings =
        |name: &str| std::fs::read_to_string(world.path("home").join(name)).expect("settings");
    assert_eq!(
        settings("before"),
        settings("after"),
        "echo, line editing, signals"
    );
    let modes = tmux
        .knows("#{cursor_flag} #{alternate_on} #{keypad_cursor_flag}")
        .await;
    assert_eq!(modes, "1 0 0", "the cursor is seen, on the usual screen");
}

/// A file that comes in slowly, a megabyte of it at once.
fn slow(origin: &Origin, name: &str) -> String {
    origin
        .url(&format!("/{name}?size=64M&seed=1&etag=%22v1%22&rate=256K"))
        .into()
}

#[tokio::test(flavor = "multi_thread")]
async fn watch_shows_what_moves_does_what_keys_ask_and_leaves_the_terminal_as_it_was() {
    let (world, origin) = (World::new(), Origin::start().await);
    let daemon = world.daemon(&["--threads", "2"]).await;
    let id = world::add(&daemon, &slow(&origin, "moving.bin"), json!({})).await;
    world::add(
        &daemon,
        &slow(&origin, "waiting.bin"),
        json!({"paused": true}),
    )
    .await;
    let tmux = shell(&world, 80, 24).await;
    tmux.type_line(&format!("{HAUL} watch --server {}", daemon.url("/")))
        .await;

    let moving = |screen: &str| {
        screen
            .lines()
            .find(|line| line.contains("> ") && line.contains("moving.bin"))
            .map(str::to_owned)
    };
    let first = tmux
        .until("a row that moves", |screen| {
            moving(screen).is_some_and(|row| row.contains("KiB/s"))
        })
        .await;
    assert!(
        first.contains("waiting.bin") && first.contains("4 paused 1"),
        "{first}"
    );
    let first = moving(&first);
    tmux.until("it to move on", |screen| moving(screen) != first)
        .await;
    // The pane below it: the map and the path, which only a subscription of its own tells.
    let path = world.files().join("moving.bin");
    let end = path
        .to_str()
        .and_then(|path| path.rsplit('/').next())
        .expect("a path");
    tmux.until("its details", |screen| {
        screen.contains(" map  ")
            && screen
                .lines()
                .any(|line| line.starts_with(" to ") && line.ends_with(end))
    })
    .await;

    tmux.press(&["p"]).await;
    world::until_status(&daemon, &id, "paused").await;
    tmux.until("the answer", |screen| screen.contains("paused: moving.bin"))
        .await;
    tmux.press(&["p"]).await;
    world::until_status(&daemon, &id, "downloading").await;

    tmux.press(&["a"]).await;
    tmux.until("an input line", |screen| screen.contains("add URLs:"))
        .await;
    tmux.paste(&format!(
        "{}\n{}\n",
        slow(&origin, "b.bin"),
        slow(&origin, "c.bin")
    ))
    .await;
    tmux.press(&["Enter"]).await;
    tmux.until("both rows", |screen| {
        screen.contains(" b.bin") && screen.contains(" c.bin")
    })
    .await;
    let names = world::list(&daemon).await;
    let names: Vec<&str> = world::downloads(&names)
        .iter()
        .filter_map(|download| download["name"].as_str())
        .collect();
    assert_eq!(names, ["moving.bin", "waiting.bin", "b.bin", "c.bin"]);

    tmux.resize(60, 15).await;
    tmux.until("a smaller screen", |screen| {
        screen.contains("moving.bin") && screen.lines().count() == 15 && screen.contains("q quit")
    })
    .await;
    tmux.resize(80, 24).await;

    tmux.press(&["q"]).await;
    left_as_it_was(&world, &tmux).await;
    let last = world::show(&daemon, &id).await;
    assert_eq!(last["status"], "downloading", "downloads go on without it");
}

/// The command that watches a daemon and leaves its process id in a file, for a signal.
fn watching(port: u16) -> String {
    format!("sh -c 'echo $$ > pid; exec {HAUL} watch --server http://127.0.0.1:{port}'")
}

fn pid(world: &World) -> u32 {
    let pid = std::fs::read_to_string(world.path("home").join("pid")).expect("the shell wrote it");
    pid.trim().parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_urls_are_added_by_a_paste_whether_the_terminal_marks_it_or_not() {
    let (world, origin) = (World::new(), Origin::start().await);
    let daemon = world.daemon(&["--max-downloads", "1"]).await;
    world::add(&daemon, &slow(&origin, "first.bin"), json!({})).await;
    let tmux = shell(&world, 80, 24).await;
    tmux.type_line(&watching(daemon.port())).await;
    tmux.until("a row", |screen| screen.contains("> ↓ first.bin"))
        .await;
    let urls = |name: &str| {
        let lines = (0..200).map(|n| slow(&origin, &format!("{name}-{n:03}.bin")) + "\n");
        lines.collect::<String>()
    };
    let before = urls("marked");
    assert!(before.len() > 10 * 1024, "more than is read at once");
    let tail = |screen: &str, end: &str| {
        let last = screen.lines().last().unwrap_or_default();
        last.contains("add 200 URLs: ") && last.contains(end)
    };

    tmux.press(&["a"]).await;
    tmux.paste(&before).await;
    tmux.until("the last URL", |screen| tail(screen, "marked-199.bin"))
        .await;
    tmux.press(&["Enter"]).await;
    tmux.until("them in the queue", |screen| {
        screen.contains("3 queued 200") && screen.contains("added 200 downloads")
    })
    .await;

    // The last line's end is left out: it is Enter, and would send them before they are seen.
    tmux.press(&["a"]).await;
    tmux.paste_as_keys(urls("keyed").trim_end()).await;
    tmux.until("the last URL", |screen| tail(screen, "keyed-199.bin"))
        .await;
    tmux.press(&["Enter"]).await;
    tmux.until("them in the queue", |screen| {
        screen.contains("3 queued 400") && screen.contains("added 200 downloads")
    })
    .await;
    // Where nobody has pressed `a`, a URL's letters are no commands either.
    tmux.paste_as_keys(&urls("bare")).await;
    tmux.until("all of them", |screen| screen.contains("3 queued 600"))
        .await;
    let page = world::list(&daemon).await;
    let names = world::downloads(&page)
        .iter()
        .filter_map(|download| download["name"].as_str());
    let pasted = names.filter(|name| {
        ["marked-", "keyed-", "bare-"]
            .iter()
            .any(|kind| name.starts_with(kind))
    });
    let distinct: std::collections::HashSet<&str> = pasted.collect();
    assert_eq!((page["total"].as_u64(), distinct.len()), (Some(601), 600));
    tmux.press(&["q"]).await;
    left_as_it_was(&world, &tmux).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn watch_stopped_by_its_key_or_from_outside_leaves_the_terminal_and_comes_back() {
    let (world, origin) = (World::new(), Origin::start().await);
    let daemon = world.daemon(&["--threads", "2"]).await;
    world::add(&daemon, &slow(&origin, "moving.bin"), json!({})).await;
    let tmux = shell(&world, 80, 24).await;
    tmux.type_line(&watching(daemon.port())).await;
    let is_drawn = |screen: &str| screen.contains("> ↓ moving.bin") && screen.contains("q quit");
    tmux.until("a row", is_drawn).await;
    for how in ["its key", "a signal", "a signal that cannot be handled"] {
        match how {
            "its key" => tmux.press(&["C-z"]).await,
            "a signal" => world::signal("TSTP", pid(&world)),
            // The screen stays until it goes on: nothing can be done about that.
            _ => world::signal("STOP", pid(&world)),
        }
        if how == "a signal that cannot be handled" {
            world::until("it to stand", async || {
                let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid(&world)));
                stat.is_ok_and(|stat| stat.contains(") T ")).then_some(())
            })
            .await;
        } else {
            tmux.until(how, |screen| {
                screen.trim_end().ends_with(PROMPT) && screen.contains("Stopped")
            })
            .await;
            left_as_it_was(&world, &tmux).await;
            tmux.type_line("clear; echo earlier text; rm after").await;
            tmux.until("a clear screen", |screen| screen.starts_with(EARLIER))
                .await;
        }
        // Whatever mode the terminal was left in, this ends a line.
        tmux.press(&["fg", "C-j"]).await;
        tmux.until("the list again", is_drawn).await;
        // It is not only drawn: keys come again, without an Enter.
        tmux.press(&["?"]).await;
        tmux.until("the keys", |screen| screen.contains("any key closes this"))
            .await;
        tmux.press(&["Escape"]).await;
        tmux.until("the list", is_drawn).await;
    }
    tmux.press(&["q"]).await;
    left_as_it_was(&world, &tmux).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn watch_does_not_stop_where_no_shell_could_let_it_go_on_and_ends_with_its_terminal() {
    let (world, origin) = (World::new(), Origin::start().await);
    let daemon = world.daemon(&["--threads", "2"]).await;
    world::add(&daemon, &slow(&origin, "moving.bin"), json!({})).await;
    let tmux = shell(&world, 80, 24).await;
    tmux.type_line(&format!("exec {}", watching(daemon.port())))
        .await;
    tmux.until("a row", |screen| screen.contains("> ↓ moving.bin"))
        .await;
    tmux.press(&["C-z"]).await;
    for _ in 0..2 {
        let before = tmux.screen().await;
        tmux.until("it to move on", |screen| screen != before).await;
    }
    tmux.press(&["?"]).await;
    tmux.until("the keys", |screen| screen.contains("any key closes this"))
        .await;
    let pid = pid(&world);
    tmux.hang_up().await;
    world::until("its end", async || {
        (!std::path::Path::new(&format!("/proc/{pid}/fd")).exists()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn watch_survives_its_daemon_and_a_signal_gives_the_terminal_back() {
    let (world, origin) = (World::new(), Origin::start().await);
    let daemon = world.daemon(&["--threads", "2"]).await;
    let port = daemon.port().to_string();
    world::add(&daemon, &slow(&origin, "moving.bin"), json!({})).await;
    let tmux = shell(&world, 80, 24).await;
    let run = watching(daemon.port());
    tmux.type_line(&run).await;
    tmux.until("a row", |screen| screen.contains("> ↓ moving.bin"))
        .await;

    daemon.kill9();
    tmux.until("the loss", |screen| {
        screen.contains("NO CONNECTION") && screen.contains("moving.bin")
    })
    .await;
    let again = [
        "serve",
        "--host",
        "127.0.0.1",
        "--port",
        &port,
        "--threads",
        "2",
    ];
    let daemon = world::start(world::haul(&world.path("."), &again));
    tmux.until("the daemon again", |screen| {
        !screen.contains("NO CONNECTION") && screen.contains("> ↓ moving.bin")
    })
    .await;

    for name in ["TERM", "INT", "QUIT", "HUP"] {
        world::signal(name, pid(&world));
        tmux.until("the shell", |screen| screen.trim_end().ends_with(PROMPT))
            .await;
        tmux.type_line("echo ended: $?").await;
        let code = match name {
            "TERM" => 143,
            "INT" => 130,
            "QUIT" => 131,
            _ => 129,
        };
        tmux.until("its end", |screen| {
            screen.contains(&format!("ended: {code}"))
        })
        .await;
        if name != "HUP" {
            tmux.type_line(&format!("clear; echo {EARLIER}; {run}"))
                .await;
            tmux.until("a row", |screen| screen.contains("> ↓ moving.bin"))
                .await;
        }
    }
    left_as_it_was(&world, &tmux).await;
    drop(daemon);
}

#[tokio::test(flavor = "multi_thread")]
async fn watch_without_a_terminal_or_a_daemon_says_what_to_do_instead() {
    let world = World::new();
    let dir = world.subdir("home");
    let ended = world::end(world::start(world::haul(&dir, &["watch"]))).await;
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(2), ""),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("haul ls --json"), "{}", ended.stderr);

    let tmux = shell(&world, 80, 24).await;
    tmux.type_line(&format!(
        "{HAUL} watch --server http://127.0.0.1:1; echo ended: $?"
    ))
    .await;
    let screen = tmux
        .until("its end", |screen| screen.contains("ended: 5"))
        .await;
    assert!(screen.contains("is `haul serve` running?"), "{screen}");
    left_as_it_was(&world, &tmux).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bars_of_many_files_have_a_fixed_height_and_the_screen_stays() {
    let (world, origin) = (World::new(), Origin::start().await);
    let tmux = shell(&world, 80, 24).await;
    let mut list = String::new();
    for n in 0..30 {
        let name = format!("a-file-with-a-rather-long-name-that-must-be-cut-{n:02}.bin");
        // One waits, one fails, one has no size; the others come in slowly.
        let manner = match n {
            0 => "status=503&status_times=1&retry_after=2".to_owned(),
            1 => "status=404".to_owned(),
            2 => "chunked&ranges=no".to_owned(),
            _ => format!("seed={n}"),
        };
        list.push_str(
            origin
                .url(&format!("/{name}?size=300K&rate=150K&{manner}"))
                .as_str(),
        );
        list.push('\n');
    }
    std::fs::write(world.path("home").join("list"), list).expect("a file");
    let command =
        format!("{HAUL} get -i list -d got --max-downloads 16 --threads 1 > paths; echo ended: $?");
    tmux.type_line(&command).await;
    let is_bar = |line: &&str| line.starts_with(['↓', '?', '·', '→']) && line.contains("a-file");
    let bars = |screen: &str| screen.lines().filter(is_bar).count();
    let screen = tmux.until("bars", |screen| bars(screen) == 10).await;
    assert!(screen.starts_with(EARLIER), "nothing scrolled: {screen}");
    assert!(
        screen.contains(" more") && screen.contains("of 30 files"),
        "{screen}"
    );
    for line in screen.lines().filter(is_bar) {
        assert!(
            line.chars().count() <= 80 && line.contains(".bin"),
            "{line:?}"
        );
    }
    let screen = tmux
        .until("the end", |screen| screen.contains("ended: 3"))
        .await;
    assert_eq!(bars(&screen), 0, "the bars are gone: {screen}");
    assert_eq!(
        screen.matches("404").count(),
        2,
        "the failure is told when it happens and at the end: {screen}"
    );
    let lines: Vec<&str> = screen.lines().collect();
    let last = lines.iter().position(|line| line.starts_with("ended: "));
    let told = &lines[..last.expect("it has ended")];
    assert!(
        told.last()
            .is_some_and(|sum| sum.starts_with("29 of 30 files, ")),
        "the sum is not scrolled away by what failed: {screen}"
    );
    assert_eq!(
        screen.matches("check the URL").count(),
        1,
        "what to do is said once for all that failed alike: {screen}"
    );
    assert!(screen.starts_with(EARLIER), "{screen}");
    let paths = std::fs::read_to_string(world.path("home").join("paths")).expect("paths");
    assert_eq!(paths.lines().count(), 29);
    assert_eq!(
        tmux.scrolled().await,
        screen,
        "nothing was left above the screen"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_get_takes_its_bars_away_and_says_how_to_go_on() {
    let (world, origin) = (World::new(), Origin::start().await);
    let tmux = shell(&world, 60, 15).await;
    let url = slow(&origin, "夏日の思い出と長い名前の映画.mp4");
    tmux.type_line(&format!("{HAUL} get '{url}'; echo ended: $?"))
        .await;
    tmux.until("a bar", |screen| {
        screen.contains("↓ 夏日") && screen.contains("iB/s")
    })
    .await;
    tmux.press(&["C-c"]).await;
    let screen = tmux
        .until("the end", |screen| screen.contains("ended: 130"))
        .await;
    assert!(screen.contains("interrupted: "), "{screen}");
    assert!(
        !screen.contains("↓ 夏日") && !screen.contains(" left"),
        "the bars are gone: {screen}"
    );
    let prompts = screen
        .lines()
        .filter(|line| line.starts_with(PROMPT))
        .count();
    assert_eq!(prompts, 2, "{screen}");
    tokio::time::timeout(Duration::from_secs(30), left_as_it_was(&world, &tmux))
        .await
        .expect("the shell answers");
}
