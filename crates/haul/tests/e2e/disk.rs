//! The program on a disk without room, or one that it may not write to: it says what is wrong and
//! what to do, calls nothing done that is not, and goes on when it can.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use haul_testkit::daemon::Daemon;
use haul_testkit::ledger::{Ledger, length};
use haul_testkit::origin::{self, Origin};
use haul_testkit::small_disk::SmallDisk;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::world::{self, Ended, HAUL, World, end, haul, signal, start};

const MIB: u64 = 1 << 20;

/// Runs `haul get` where the small disk is mounted, with the small disk as its directory.
async fn get_onto(disk: &SmallDisk, world: &World, args: &[&str]) -> Ended {
    let here = world.subdir("here");
    let dir = disk.mount_point().display().to_string();
    let args = [&["get", "-d", &dir, "--block-size", "1M"], args].concat();
    let command = Command::from(disk.enter(Path::new(HAUL), &here));
    end(start(world::by(command, &here, &args))).await
}

/// How many bytes of `path` were sent in the requests from number `from` on.
fn sent_since(origin: &Origin, path: &str, from: usize) -> u64 {
    length(&Ledger::of(path, origin.log()[from..].to_vec()).sent())
}

#[tokio::test(flavor = "multi_thread")]
async fn get_on_a_disk_that_fills_up_says_so_and_goes_on_when_there_is_room() {
    let Some(disk) = SmallDisk::mount(48 * MIB) else {
        return;
    };
    let (world, origin) = (World::new(), Origin::start().await);
    let url = origin.url("/a.bin?size=24M&seed=1&etag=%22x%22&rate=1M");
    let args = ["--min-free-space", "8M", url.as_str()];
    let filling = async {
        origin.wait_body("/a.bin", 12 * MIB).await;
        disk.fill_up(4 * MIB)
    };
    let (ended, ballast) = tokio::join!(get_onto(&disk, &world, &args), filling);
    assert_eq!(ended.code, Some(7), "{}", ended.stderr);
    for part in ["no room", "make room", "--min-free-space", "goes on"] {
        assert!(
            ended.stderr.contains(part),
            "{part} is missing: {}",
            ended.stderr
        );
    }
    let file = disk.path().join("a.bin");
    assert!(!file.exists(), "delivered too early");
    drop(ballast);
    let before = origin.log().len();
    let ended = get_onto(&disk, &world, &args).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(world::sha256(&file), origin::digest(1, 24 * MIB));
    let again = sent_since(&origin, "/a.bin", before);
    assert!(again <= 14 * MIB, "{again} bytes in the second run");
}

#[tokio::test(flavor = "multi_thread")]
async fn get_of_a_stream_that_does_not_fit_leaves_nothing_behind() {
    let Some(disk) = SmallDisk::mount(16 * MIB) else {
        return;
    };
    let (world, origin) = (World::new(), Origin::start().await);
    let ballast = disk.fill_up(4 * MIB);
    let url = origin.url("/a.bin?size=8M&seed=2&ranges=no&chunked");
    let args = ["--min-free-space", "0", url.as_str()];
    let ended = get_onto(&disk, &world, &args).await;
    assert_eq!(ended.code, Some(7), "{}", ended.stderr);
    assert!(ended.stderr.contains("make room"), "{}", ended.stderr);
    drop(ballast);
    assert!(disk.free() > 15 * MIB, "something is left behind");
    let ended = get_onto(&disk, &world, &args).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let file = disk.path().join("a.bin");
    assert_eq!(world::sha256(&file), origin::digest(2, 8 * MIB));
}

#[tokio::test(flavor = "multi_thread")]
async fn get_whose_state_has_no_room_keeps_the_bytes() {
    let Some(disk) = SmallDisk::mount(16 * MIB) else {
        return;
    };
    let (world, origin) = (World::new(), Origin::start().await);
    let url = origin.url("/a.bin?size=8M&seed=3&etag=%22x%22&gate=end&gate_after=512K");
    let args = ["--min-free-space", "0", url.as_str()];
    let filling = async {
        origin.wait_gate("end", 8).await;
        let ballast = disk.fill_up(0);
        origin.open_gate("end");
        ballast
    };
    let (ended, ballast) = tokio::join!(get_onto(&disk, &world, &args), filling);
    assert_eq!(ended.code, Some(7), "{}", ended.stderr);
    assert!(ended.stderr.contains("make room"), "{}", ended.stderr);
    drop(ballast);
    let ended = get_onto(&disk, &world, &args).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let file = disk.path().join("a.bin");
    assert_eq!(world::sha256(&file), origin::digest(3, 8 * MIB));
    let names: Vec<_> = fs::read_dir(disk.path())
        .expect("a directory")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(names, ["a.bin"], "delivered once, and no state is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_whose_state_has_no_room_waits_and_calls_nothing_done_before() {
    let Some(disk) = SmallDisk::mount(16 * MIB) else {
        return;
    };
    let (world, origin) = (World::new(), Origin::start().await);
    let state = disk.mount_point().join("state").display().to_string();
    let args = ["--state-dir", &state, "--min-free-space", "0"];
    let here = world.path(".");
    let daemon = async || {
        let command = disk.enter(Path::new(HAUL), &here);
        Daemon::start_by(command, &here, &args).await
    };
    let running = daemon().await;
    let url = origin.url("/a.bin?size=2M&seed=4&etag=%22x%22&gate=end&gate_after=64K");
    let id = world::add(&running, url.as_str(), json!({})).await;
    origin.wait_gate("end", 1).await;
    let ballast = disk.fill_up(0);
    origin.open_gate("end");
    let waits = world::until("a reason", async || {
        let shown = world::show(&running, &id).await;
        shown["reason"].is_string().then_some(shown)
    })
    .await;
    let reason = waits["reason"].as_str().unwrap_or_default();
    assert!(
        reason.contains("disk space") && reason.contains("database"),
        "{reason}"
    );
    assert_eq!(waits["file_url"], Value::Null, "called done: {waits}");
    let other = json!({"urls": [origin.url("/b.bin?size=1K").as_str()]});
    let (status, refused) = world::call(&running, "POST", "/downloads", Some(other)).await;
    assert_eq!(
        (status, &refused["code"]),
        (507, &json!("disk_full")),
        "{refused}"
    );
    drop(ballast);
    world::until_status(&running, &id, "completed").await;
    running.kill9();
    // The database is sound, and knows what was answered.
    let running = daemon().await;
    let shown = world::show(&running, &id).await;
    assert_eq!(shown["status"], "completed", "{shown}");
    let file = world.files().join("a.bin");
    assert_eq!(world::sha256(&file), origin::digest(4, 2 * MIB));
    assert_eq!(world::downloads(&world::list(&running).await).len(), 1);
}

/// A command that runs the program as nobody in particular, and a directory that is theirs; `None`
/// where that cannot be had.
fn as_nobody(world: &World) -> Option<(Command, std::path::PathBuf)> {
    let mut command = std::process::Command::new("setpriv");
    let (user, group) = (65534, 65534);
    let here = world.subdir("here");
    if !rustix::process::geteuid().is_root() {
        return Some((Command::new(HAUL), here));
    }
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    let open = Permissions::from_mode(0o755);
    fs::set_permissions(world.path("."), open).expect("our own directory");
    chown(&here, Some(user), Some(group)).expect("root may");
    let version = command
        .args([HAUL, "--version"])
        .current_dir(&here)
        .output();
    if !version.is_ok_and(|output| output.status.success()) {
        #[expect(clippy::print_stderr, reason = "a test that is left out says so")]
        {
            eprintln!("LEFT OUT: nobody else may run {HAUL} here");
        }
        return None;
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", HAUL]);
    Some((command, here))
}

#[tokio::test(flavor = "multi_thread")]
async fn get_into_a_directory_of_others_says_that_it_may_not() {
    let (world, origin) = (World::new(), Origin::start().await);
    let Some((command, here)) = as_nobody(&world) else {
        return;
    };
    let closed = here.join("closed");
    fs::create_dir(&closed).expect("a directory");
    fs::set_permissions(&closed, Permissions::from_mode(0o555)).expect("ours");
    let url = origin.url("/a.bin?size=1M");
    let args = ["get", "-d", "closed", url.as_str()];
    let ended = end(start(world::by(command, &here, &args))).await;
    assert_eq!(ended.code, Some(7), "{}", ended.stderr);
    for part in ["closed", "ermission denied", "-d DIR"] {
        assert!(
            ended.stderr.contains(part),
            "{part} is missing: {}",
            ended.stderr
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn permission_lost_in_mid_download_costs_no_bytes() {
    let (world, origin) = (World::new(), Origin::start().await);
    let url = origin.url("/a.bin?size=8M&seed=5&etag=%22x%22&gate=end&gate_after=512K");
    let mut again = 0;
    for code in [7, 0] {
        let Some((command, here)) = as_nobody(&world) else {
            return;
        };
        let args = ["get", "-d", ".", "--block-size", "1M", url.as_str()];
        let child = start(world::by(command, &here, &args));
        if code == 7 {
            origin.wait_gate("end", 8).await;
            fs::set_permissions(&here, Permissions::from_mode(0o555)).expect("ours");
            origin.open_gate("end");
        }
        let ended = end(child).await;
        assert_eq!(ended.code, Some(code), "{}", ended.stderr);
        fs::set_permissions(&here, Permissions::from_mode(0o755)).expect("ours");
        again = origin.log().len() - again;
    }
    let file = world.path("here/a.bin");
    assert_eq!(world::sha256(&file), origin::digest(5, 8 * MIB));
    assert_eq!(length(&Ledger::of("/a.bin", origin.log()).sent()), 8 * MIB);
    assert_eq!(again, 0, "bytes were held, and are asked for again");
}

#[tokio::test(flavor = "multi_thread")]
async fn get_into_a_file_is_wrong_usage_and_says_what_is_meant() {
    let world = World::new();
    let here = world.subdir("here");
    fs::write(here.join("a.iso"), "precious").expect("a file");
    for dir in ["a.iso", "a.iso/below"] {
        let ended = end(start(haul(
            &here,
            &["get", "-d", dir, "http://127.0.0.1:1/"],
        )))
        .await;
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        for part in ["a.iso", "not a directory", "-o NAME"] {
            assert!(
                ended.stderr.contains(part),
                "{part} is missing: {}",
                ended.stderr
            );
        }
    }
    let kept = fs::read_to_string(here.join("a.iso"));
    assert_eq!(kept.expect("kept"), "precious");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_get_of_the_same_urls_says_what_to_do() {
    let (world, origin) = (World::new(), Origin::start().await);
    let here = world.subdir("here");
    let url = origin.url("/a.bin?size=1M&seed=6&gate=end&gate_after=64K");
    let args = ["get", url.as_str()];
    let first = start(haul(&here, &args));
    origin.wait_gate("end", 1).await;
    let second = end(start(haul(&here, &args))).await;
    assert_eq!(second.code, Some(2), "{}", second.stderr);
    for part in ["same URLs", "pid", "wait for its end", "-d DIR"] {
        assert!(
            second.stderr.contains(part),
            "{part} is missing: {}",
            second.stderr
        );
    }
    assert!(
        !second.stderr.contains("--state-dir"),
        "get has no such flag"
    );
    origin.open_gate("end");
    let first = end(first).await;
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    assert_eq!(world::sha256(&here.join("a.bin")), origin::digest(6, MIB));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_is_told_of_a_file_in_its_directory_s_place() {
    let world = World::new();
    fs::write(world.files(), "precious").expect("a file");
    let ended = end(start(haul(&world.path("."), &["serve", "--port", "0"]))).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("not a directory"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_leads_out_of_the_directory_is_refused_when_asked_for_and_when_used() {
    let (world, origin) = (World::new(), Origin::start().await);
    let outside = world.subdir("outside");
    let daemon = world.daemon(&[]).await;
    let url = origin.url("/a.bin?size=64K&seed=7&gate=end&gate_after=32K");
    let id = world::add(&daemon, url.as_str(), json!({"dir": "in/deeper"})).await;
    origin.wait_gate("end", 1).await;
    std::os::unix::fs::symlink(&outside, world.files().join("in")).expect("a link");
    let asked = json!({"urls": [url.as_str()], "dir": "in/deeper"});
    let (status, refused) = world::call(&daemon, "POST", "/downloads", Some(asked)).await;
    assert_eq!(status, 422, "{refused}");
    origin.open_gate("end");
    let failed = world::until_status(&daemon, &id, "failed").await;
    assert_eq!(failed["error"]["code"], "invalid_option", "{failed}");
    assert_eq!(fs::read_dir(&outside).expect("a directory").count(), 0);
    signal("TERM", daemon.pid());
}
