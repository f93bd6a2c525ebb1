//! `haul get` from its command line to the files, and what it leaves behind.

use std::fs;
use std::path::Path;

use haul_testkit::origin::{Origin, content};
use serde_json::Value;

use crate::command::{Ended, end, haul};

/// Runs `haul get` away from the runtime that the origin needs.
async fn get(dir: &Path, arguments: &[&str]) -> Ended {
    let mut command = haul(dir, &["get", "--retries", "0"]);
    command.args(arguments);
    let ended = tokio::task::spawn_blocking(move || end(&mut command));
    ended.await.expect("it ends")
}

#[tokio::test(flavor = "multi_thread")]
async fn finished_paths_go_to_stdout_and_no_state_is_left() {
    let (origin, dir) = (
        Origin::start().await,
        tempfile::tempdir().expect("a directory"),
    );
    let list = format!(
        "{}\n  out=deep/one.bin\n  split=2\n{}\n",
        origin.url("/a.bin?size=300K&seed=1"),
        origin.url("/b.bin?size=10K&seed=2"),
    );
    fs::write(dir.path().join("list"), list).expect("a file");
    let ended = get(dir.path(), &["-i", "list", "-d", "got"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.stderr, "");
    let got = dir.path().join("got");
    let (one, two) = (got.join("deep/one.bin"), got.join("b.bin"));
    let mut told: Vec<&Path> = ended.stdout.lines().map(Path::new).collect();
    told.sort_unstable();
    assert_eq!(told, [two.as_path(), one.as_path()]);
    assert!(fs::read(one).expect("the file") == content(1, 0..300 << 10));
    assert!(fs::read(two).expect("the file") == content(2, 0..10 << 10));
    assert!(!got.join(".haul").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_list_adds_paused_is_fetched_since_nobody_could_resume_it() {
    let (origin, dir) = (
        Origin::start().await,
        tempfile::tempdir().expect("a directory"),
    );
    let list = format!("{}\n  pause=true\n", origin.url("/a.bin?size=10K&seed=1"));
    fs::write(dir.path().join("list"), list).expect("a file");
    let ended = get(dir.path(), &["-i", "list"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("pause"), "{}", ended.stderr);
    assert!(dir.path().join("a.bin").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_that_cannot_be_followed_is_the_server_s_fault() {
    let (origin, dir) = (
        Origin::start().await,
        tempfile::tempdir().expect("a directory"),
    );
    let url = origin.url("/a.bin?redirect_to=ftp://h/a.bin").to_string();
    let ended = get(dir.path(), &[&url]).await;
    assert_eq!(ended.code, Some(6), "{}", ended.stderr);
    assert!(!ended.stderr.contains("--targets"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_to_nothing_leaves_nothing() {
    let (origin, dir) = (
        Origin::start().await,
        tempfile::tempdir().expect("a directory"),
    );
    let url = origin.url("/gone.bin?status=404&seed=424242").to_string();
    let ended = get(dir.path(), &[&url]).await;
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("check the URL") && !ended.stderr.contains("424242"),
        "{}",
        ended.stderr
    );
    assert_eq!(
        (ended.stdout.as_str(), dir.path().join(".haul").exists()),
        ("", false)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_command_again_fetches_only_what_is_missing() {
    let (origin, dir) = (
        Origin::start().await,
        tempfile::tempdir().expect("a directory"),
    );
    let there = origin.url("/there.bin?size=20K&seed=1").to_string();
    let gone = origin.url("/gone.bin?status=404").to_string();
    let arguments = ["--json", there.as_str(), gone.as_str()];
    let first = get(dir.path(), &arguments).await;
    assert_eq!(first.code, Some(3), "{}", first.stderr);
    let second = get(dir.path(), &arguments).await;
    assert_eq!(second.code, Some(3), "{}", second.stderr);
    assert_eq!(
        origin.requests_for("/there.bin").len(),
        1,
        "it was there already"
    );
    assert!(
        origin.requests_for("/gone.bin").len() > 1,
        "a failure is tried again"
    );
    for ended in [first, second] {
        let mut told: Vec<(String, String)> = ended
            .stdout
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
            .filter(|event| event["event"] == event["status"])
            .map(|download| (download["name"].to_string(), download["status"].to_string()))
            .collect();
        told.sort_unstable();
        let quoted = |name: &str, status: &str| (format!("\"{name}\""), format!("\"{status}\""));
        assert_eq!(
            told,
            [
                quoted("gone.bin", "failed"),
                quoted("there.bin", "completed")
            ]
        );
    }
    // Another command is not disturbed by the state of this one.
    let other = get(dir.path(), &["-o", "other.bin", &there]).await;
    assert_eq!(other.code, Some(0), "{}", other.stderr);
    assert!(dir.path().join(".haul").exists() && dir.path().join("other.bin").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_deleted_after_delivery_is_fetched_again() {
    let (origin, dir) = (
        Origin::start().await,
        tempfile::tempdir().expect("a directory"),
    );
    let there = origin.url("/there.bin?size=20K&seed=1").to_string();
    let gone = origin.url("/gone.bin?status=404").to_string();
    get(dir.path(), &[&there, &gone]).await;
    fs::remove_file(dir.path().join("there.bin")).expect("it was delivered");
    let ended = get(dir.path(), &["-q", &there, &gone]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""));
    assert!(dir.path().join("there.bin").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn events_tell_the_start_each_new_try_each_reason_the_end_and_the_sum() {
    let (origin, dir) = (
        Origin::start().await,
        tempfile::tempdir().expect("a directory"),
    );
    let slow = origin
        .url("/slow.bin?size=600K&seed=1&rate=200K")
        .to_string();
    let busy = origin
        .url("/busy.bin?size=20K&seed=2&status=503&status_times=1&retry_after=1")
        .to_string();
    let cut = origin
        .url("/cut.bin?size=1M&rate=1M&seed=3&etag=%22a%22&close_after=300K&fail_times=1")
        .to_string();
    let gone = origin.url("/gone.bin?status=404").to_string();
    let mut command = haul(
        dir.path(),
        &["get", "--json", "--threads", "1", "--retry-wait", "10ms"],
    );
    command.args([&slow, &busy, &cut, &gone]);
    let ended = tokio::task::spawn_blocking(move || end(&mut command));
    let ended = ended.await.expect("it ends");
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    let events: Vec<Value> = ended
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let id = |name: &str| {
        let end = |event: &&Value| event["event"] == event["status"] && event["name"] == name;
        let end = events
            .iter()
            .find(end)
            .unwrap_or_else(|| panic!("{name} has no end: {}", ended.stdout));
        end["id"].clone()
    };
    let told = |name: &str| -> Vec<&str> {
        let id = id(name);
        let own = events.iter().filter(|event| event["id"] == id);
        own.filter_map(|event| event["event"].as_str()).collect()
    };
    let slow = told("slow.bin");
    assert_eq!(
        (slow.first(), slow.last()),
        (Some(&"started"), Some(&"completed"))
    );
    assert!(
        slow.iter().filter(|event| **event == "progress").count() >= 1,
        "{slow:?}"
    );
    assert_eq!(told("gone.bin"), ["failed"]);
    assert!(told("cut.bin").contains(&"retry"), "{:?}", told("cut.bin"));
    let busy = id("busy.bin");
    let waits = |event: &&Value| event["id"] == busy && event["event"] == "retry";
    let reason = events
        .iter()
        .find(waits)
        .map(|event| event["reason"].clone());
    assert_eq!(
        reason,
        Some("server asked to wait 1 s".into()),
        "{}",
        ended.stdout
    );
    let last = events.last().expect("events");
    assert_eq!(last["event"], "summary");
    let counts = ["files", "completed", "failed"].map(|field| last[field].as_u64());
    assert_eq!(counts, [Some(4), Some(3), Some(1)]);
    assert_eq!(last["fetched"].as_u64(), Some((600 + 20 + 1024) << 10));
    assert!(last["milliseconds"].as_u64() >= Some(2_900), "{last}");
    assert_eq!(last["interrupted"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_leaves_early_stops_no_download() {
    let (origin, dir) = (
        Origin::start().await,
        tempfile::tempdir().expect("a directory"),
    );
    let urls = |range: std::ops::Range<u64>| {
        range.map(|n| {
            origin
                .url(&format!("/{n}.bin?size=20K&seed={n}"))
                .to_string()
                + "\n"
        })
    };
    for (list, events, code) in [
        (urls(0..20).collect::<String>(), &[][..], 0),
        (urls(20..40).collect(), &["--json"], 0),
        (
            urls(40..59)
                .chain([origin.url("/gone?status=404").to_string()])
                .collect(),
            &[],
            3,
        ),
    ] {
        fs::write(dir.path().join("list"), &list).expect("a file");
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = haul(dir.path(), &["get", "-i", "list", "-d", "got"]);
        command
            .args(events)
            .stdout(std::process::Stdio::from(writer));
        let ended = tokio::task::spawn_blocking(move || end(&mut command));
        let ended = ended.await.expect("it ends");
        assert_eq!(ended.code, Some(code), "{events:?}: {}", ended.stderr);
    }
    let files = fs::read_dir(dir.path().join("got")).expect("files");
    let files = files.filter(|file| {
        file.as_ref()
            .is_ok_and(|file| file.path().extension().is_some())
    });
    assert_eq!(files.count(), 59, "everything that is there was fetched");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_can_be_told_apart_and_shows_no_query() {
    let (origin, dir) = (
        Origin::start().await,
        tempfile::tempdir().expect("a directory"),
    );
    let url = |n| {
        origin
            .url(&format!("/download?status=404&seed={n}"))
            .to_string()
    };
    let ended = get(dir.path(), &[&url(424_241), &url(424_242)]).await;
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    for place in 1..=2 {
        let told = format!("/download?… (URL {place} of 2)\n");
        assert!(ended.stderr.contains(&told), "{}", ended.stderr);
    }
    assert!(!ended.stderr.contains("42424"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_says_why_also_where_no_bars_are_seen() {
    let (origin, dir) = (
        Origin::start().await,
        tempfile::tempdir().expect("a directory"),
    );
    let busy = origin.url("/busy.bin?size=20K&status=503&status_times=1&retry_after=8");
    let mut command = haul(dir.path(), &["get", busy.as_str()]);
    let ended = tokio::task::spawn_blocking(move || end(&mut command));
    let ended = ended.await.expect("it ends");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let first = ended.stderr.lines().next();
    assert!(
        first.is_some_and(|line| line.starts_with("0 of 1 file done, 0 B")
            && line.ends_with("; server asked to wait 8 s")),
        "{}",
        ended.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_standard_output_is_said_to_be_that() {
    let (origin, dir) = (
        Origin::start().await,
        tempfile::tempdir().expect("a directory"),
    );
    let url = origin.url("/a.bin?size=20K&seed=1");
    let full = fs::OpenOptions::new().write(true).open("/dev/full");
    let mut command = haul(dir.path(), &["get", url.as_str()]);
    command.stdout(full.expect("a device that is always full"));
    let ended = tokio::task::spawn_blocking(move || end(&mut command));
    let ended = ended.await.expect("it ends");
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .contains("cannot write to standard output: No space left"),
        "{}",
        ended.stderr
    );
}
