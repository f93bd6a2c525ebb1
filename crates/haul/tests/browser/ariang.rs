//! AriaNg, the web page that most people drive aria2 with, unchanged and from an origin of its own. The
//! built page is not part of this project: `HAUL_TEST_ARIANG` names its directory.

mod page;
mod world;

use haul_testkit::origin;
use serde_json::{Value, json};

use crate::chromium::Tab;
use page::AriaNg;
use world::{SECRET, World};

pub(crate) use world::find;

/// Writes addresses into the page for new downloads.
async fn write_addresses(ariang: &mut AriaNg, addresses: &[String]) {
    ariang.go("new").await;
    ariang
        .fill("textarea[name=urls]", &addresses.join("\n"))
        .await;
}

pub(crate) async fn a_download_is_added_watched_limited_paused_and_resumed(tab: Tab) {
    let world = World::new(&[]).await;
    let mut ariang = world.open(tab, "day").await;
    ariang.connect("ws", world.daemon.port(), "").await;
    ariang.read("Connected").await;
    ariang.look("nothing-yet").await;

    let url = world.origin.url("/film.mkv?size=24M&seed=3").to_string();
    write_addresses(&mut ariang, std::slice::from_ref(&url)).await;
    ariang.look("new").await;
    ariang.click(".nav-tabs a", "Options").await;
    ariang.set("max-download-limit", "1M").await;
    ariang.look("new-options").await;
    ariang.click("button", "Download Now").await;

    let moves = "row.percent > 0 && parseFloat(row.speed) > 0 && row.connections > 0";
    let row = ariang.row("film.mkv", moves).await;
    assert_eq!(row["size"], "24.00 MB");
    let gid = row["gid"].as_str().expect("a gid").to_owned();
    let there = format!("downloads/{gid}");
    assert_eq!(world.ask(&there).await["speed_limit"], 1 << 20);
    ariang.read("Downloading (1)").await;
    ariang.look("active").await;

    ariang.click("a", "Click to view task detail").await;
    ariang.read("Download Url").await;
    let overview = ariang.look("detail").await;
    for said in ["film.mkv", "24.00 MB", "Downloading", "Connections", &url] {
        assert!(overview.contains(said), "{said} in\n{overview}");
    }
    ariang.click(".nav-tabs a", "Pieces").await;
    let some = "document.querySelectorAll('.piece-map .piece-completed').length > 0";
    ariang.until("a piece", some).await;
    let all = "document.querySelectorAll('.piece-map .piece').length";
    assert_eq!(ariang.until("pieces", all).await, 24);
    ariang.look("detail-pieces").await;
    ariang.click(".nav-tabs a", "Files").await;
    let part =
        "parseFloat(document.querySelector('.tab-pane.active .progress-bar')?.innerText) > 0";
    ariang.until("a part of the file", part).await;
    ariang.look("detail-files").await;
    ariang.click(".nav-tabs .fa-gear", "").await;
    ariang.set("max-download-limit", "512K").await;
    ariang.is_set("max-download-limit").await;
    ariang.look("detail-settings").await;
    world
        .until(&there, |told| told["speed_limit"] == 512 << 10)
        .await;
    let slow = |told: &Value| (1..600 << 10).contains(&told["speed"].as_u64().unwrap_or(0));
    world.until(&there, slow).await;

    ariang.click(".nav-tabs a", "Overview").await;
    ariang.look("detail-later").await;

    ariang.go("downloading").await;
    ariang.row("film.mkv", moves).await;
    ariang.click(".main-footer a", "Shortcut").await;
    ariang.click("a", "Global Rate Limit").await;
    ariang.set("max-overall-download-limit", "256K").await;
    ariang.is_set("max-overall-download-limit").await;
    ariang.look("global-limit").await;
    ariang.click(".modal-footer button", "Cancel").await;
    let settings = world.ask("settings").await;
    assert_eq!(settings["speed_limit"], 256 << 10);
    let slower = |told: &Value| (1..300 << 10).contains(&told["speed"].as_u64().unwrap_or(0));
    world.until("stats", slower).await;

    ariang.click(".task-name", "film.mkv").await;
    ariang.click(".navbar-toolbar a", "Pause").await;
    ariang.row("film.mkv", "row.speed == 'Paused'").await;
    assert_eq!(world.ask(&there).await["status"], "paused");
    ariang.look("paused").await;
    // The page's own place for that, without the dialog.
    ariang.go("settings/aria2/advanced").await;
    ariang.set("max-overall-download-limit", "0").await;
    ariang.is_set("max-overall-download-limit").await;
    ariang.go("waiting").await;
    ariang.click(".task-name", "film.mkv").await;
    ariang.click(".navbar-toolbar a", "Start").await;
    ariang.row("film.mkv", moves).await;
    ariang.go(&format!("task/detail/{gid}")).await;
    ariang.click(".nav-tabs .fa-gear", "").await;
    ariang.set("max-download-limit", "0").await;
    world
        .until(&there, |told| told["status"] == "completed")
        .await;

    ariang.go("stopped").await;
    ariang.row("film.mkv", "row.percent == 100").await;
    ariang.look("complete").await;
    ariang.click("a", "Click to view task detail").await;
    ariang.read("Completed").await;
    ariang.look("complete-detail").await;
    let bytes = std::fs::read(world.path("files/film.mkv")).expect("the file");
    assert_eq!(bytes, origin::content(3, 0..24 << 20));
    assert_eq!(ariang.faults().await, [""; 0]);
}

pub(crate) async fn the_queue_is_reordered_and_what_waits_or_runs_is_removed(tab: Tab) {
    let world = World::new(&["--max-downloads", "1", "--threads", "1"]).await;
    let mut ariang = world.open(tab, "queue").await;
    ariang.connect("ws", world.daemon.port(), "").await;
    let names = ["a", "b", "c", "d"];
    let slow = names.map(|name| {
        let url = world.origin.url(&format!("/{name}.bin?size=4M&rate=64K"));
        url.to_string()
    });
    write_addresses(&mut ariang, &slow).await;
    ariang.look("new").await;
    ariang.click("button", "Download Now").await;
    ariang.row("a.bin", "row.percent > 0").await;
    ariang.read("Waiting (3)").await;
    ariang.go("waiting").await;
    ariang.row("d.bin", "row.left == '--:--:--'").await;
    ariang.look("before").await;
    assert_eq!(world.waiting().await, ["b.bin", "c.bin", "d.bin"]);
    assert_eq!(ariang.names().await, json!(["b.bin", "c.bin", "d.bin"]));

    ariang
        .drag((".task-name", "d.bin"), (".task-name", "b.bin"))
        .await;
    ariang.until_names(&["d.bin", "b.bin", "c.bin"]).await;
    world.until_waiting(&["d.bin", "b.bin", "c.bin"]).await;
    ariang.look("after").await;
    // And still so once the page has asked again.
    ariang.go("downloading").await;
    ariang.row("a.bin", "true").await;
    ariang.go("waiting").await;
    ariang.until_names(&["d.bin", "b.bin", "c.bin"]).await;

    ariang.click(".task-name", "b.bin").await;
    ariang.click(".navbar-toolbar a", "Delete").await;
    ariang
        .click(".navbar-toolbar .dropdown-menu a", "Remove Task")
        .await;
    let asked = ariang.dialog("OK").await;
    assert!(asked.contains("Confirm Remove"), "{asked}");
    world.until_waiting(&["d.bin", "c.bin"]).await;
    ariang.go("downloading").await;
    ariang.click(".task-name", "a.bin").await;
    ariang.click(".navbar-toolbar a", "Delete").await;
    ariang
        .click(".navbar-toolbar .dropdown-menu a", "Remove Task")
        .await;
    ariang.dialog("OK").await;
    // What ran leaves a result; the next has its place.
    ariang.row("a.bin", "true").await;
    ariang.look("removed").await;
    ariang.go("downloading").await;
    ariang.row("d.bin", "row.connections > 0").await;
    ariang.go("stopped").await;
    ariang.click("a", "Click to view task detail").await;
    ariang.read("Removed").await;
    ariang.look("removed-detail").await;
    assert_eq!(ariang.faults().await, [""; 0]);
}

pub(crate) async fn a_failure_is_shown_tried_again_and_cleared(tab: Tab) {
    let world = World::new(&["--token", SECRET]).await;
    let mut ariang = world.open(tab, "failure").await;
    ariang.connect("ws", world.daemon.port(), SECRET).await;
    let url = world
        .origin
        .url("/late.bin?size=1M&seed=4&status=404&status_times=1");
    write_addresses(&mut ariang, &[url.to_string()]).await;
    ariang.click("button", "Download Now").await;
    ariang.read("Finished / Stopped (1)").await;
    ariang.go("stopped").await;
    ariang.row("late.bin", "row.percent == 0").await;
    ariang.look("stopped").await;
    ariang.click("a", "Click to view task detail").await;
    ariang.read("Error Occurred").await;
    let detail = ariang.look("detail").await;
    assert!(detail.contains("Resource was not found."), "{detail}");

    ariang.go("stopped").await;
    ariang.click("a", "Retry").await;
    let asked = ariang.dialog("OK").await;
    assert!(asked.contains("Confirm Retry"), "{asked}");
    world.until("stats", |told| told["completed"] == 1).await;
    ariang.go("stopped").await;
    ariang.row("late.bin", "row.percent == 100").await;
    ariang.look("again").await;
    let bytes = std::fs::read(world.path("files/late.bin")).expect("the file");
    assert_eq!(bytes, origin::content(4, 0..1 << 20));

    ariang.click(".navbar-toolbar a", "Delete").await;
    ariang
        .click(".navbar-toolbar .dropdown-menu a", "Clear Stopped Tasks")
        .await;
    ariang.dialog("OK").await;
    world.until("downloads", |told| told["total"] == 0).await;
    ariang.until_names(&[]).await;
    ariang.look("cleared").await;
    assert_eq!(ariang.faults().await, [""; 0]);
}

pub(crate) async fn every_page_of_settings_opens_and_what_is_set_holds(tab: Tab) {
    let world = World::new(&[]).await;
    let mut ariang = world.open(tab, "settings").await;
    ariang.connect("ws", world.daemon.port(), "").await;
    let pages = [
        ("basic", "max-concurrent-downloads"),
        ("http-ftp-sftp", "all-proxy"),
        ("http", "user-agent"),
        ("ftp-sftp", "ftp-user"),
        ("bt", "bt-max-peers"),
        ("metalink", "metalink-language"),
        ("rpc", "rpc-listen-port"),
        ("advanced", "max-download-limit"),
    ];
    for (page, option) in pages {
        ariang.go(&format!("settings/aria2/{page}")).await;
        let there =
            format!("document.querySelector(\"[data-option-key='{option}'] input\") != null");
        ariang.until(page, &there).await;
        ariang.look(page).await;
    }
    ariang.go("status").await;
    ariang.read("1.37.0").await;
    ariang.look("status").await;
    assert_eq!(ariang.faults().await, [""; 0]);

    ariang.go("settings/aria2/basic").await;
    ariang.set("max-concurrent-downloads", "3").await;
    ariang.is_set("max-concurrent-downloads").await;
    assert_eq!(world.ask("settings").await["max_downloads"], 3);
    let below = world.path("files/below");
    ariang.set("dir", &below.to_string_lossy()).await;
    ariang.is_set("dir").await;
    ariang.go("settings/aria2/http").await;
    ariang.set("user-agent", "agent/7").await;
    ariang.is_set("user-agent").await;
    write_addresses(
        &mut ariang,
        &[world.origin.url("/b.bin?size=1000").to_string()],
    )
    .await;
    ariang.click("button", "Download Now").await;
    world.until("stats", |told| told["completed"] == 1).await;
    assert!(below.join("b.bin").is_file());
    for seen in world.origin.requests_for("/b.bin") {
        assert_eq!(seen.header("user-agent"), Some("agent/7"));
    }
    // What is remembered is there when the page comes again.
    ariang.go("settings/aria2/http").await;
    let value =
        "document.querySelector(\"[data-option-key='user-agent'] input\")?.value == 'agent/7'";
    ariang.until("the value", value).await;
    assert_eq!(ariang.faults().await, [""; 0]);

    // What leads out is refused, and the page says so at the field.
    ariang.go("settings/aria2/basic").await;
    ariang.set("dir", "/etc").await;
    let warned = "document.querySelector(\"[data-option-key='dir'] .has-warning\") != null";
    ariang.until("the refusal", warned).await;
    ariang.read("is not allowed").await;
    ariang.look("refused").await;
    let faults = ariang.faults().await;
    let [fault] = &faults[..] else {
        panic!("one refusal: {faults:?}");
    };
    assert!(fault.contains("is not allowed"), "{fault}");
}

pub(crate) async fn over_http_with_a_secret_it_adds_and_a_wrong_one_is_said_to_be_wrong(tab: Tab) {
    let world = World::new(&["--token", SECRET]).await;
    let port = world.daemon.port();
    let mut ariang = world.open(tab, "http").await;
    ariang.connect_by_hand(port, SECRET, "POST").await;
    ariang.read("Connected").await;
    let small = world.origin.url("/post.bin?size=1M").to_string();
    write_addresses(&mut ariang, &[small]).await;
    ariang.click("button", "Download Now").await;
    world.until("stats", |told| told["completed"] == 1).await;
    ariang.go("stopped").await;
    ariang.row("post.bin", "row.percent == 100").await;
    ariang.look("post").await;
    assert_eq!(ariang.faults().await, [""; 0]);

    // A name beyond ASCII goes through base64 in the address.
    ariang.connect_by_hand(port, SECRET, "GET").await;
    let large = world.origin.url("/фильм.bin?size=64M&rate=1M").to_string();
    write_addresses(&mut ariang, &[large]).await;
    ariang.click("button", "Download Now").await;
    ariang.row("фильм.bin", "row.connections > 0").await;
    ariang.look("get").await;
    ariang.click(".task-name", "фильм.bin").await;
    ariang.click(".navbar-toolbar a", "Pause").await;
    ariang.row("фильм.bin", "row.speed == 'Paused'").await;
    assert_eq!(ariang.faults().await, [""; 0]);

    ariang.connect_by_hand(port, "a guess", "POST").await;
    ariang.go("downloading").await;
    ariang.read("Authorization Failed!").await;
    ariang.look("wrong").await;
}
