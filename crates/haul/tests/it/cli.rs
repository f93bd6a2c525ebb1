//! What the commands say to a daemon, and what they tell their user.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::command::{Ended, end, end_with_input, haul};
use crate::fake::{Fake, TOKEN};

const FIRST: &str = "9f1c2a7be04d5566";
const SECOND: &str = "9f00000000000000";

fn download(id: &str, status: &str) -> Value {
    json!({
        "id": id, "status": status, "name": format!("{id}.bin"), "size": 2048, "done": 1024,
        "progress": 50.0, "speed": 0, "eta": null, "error": null, "reason": null, "position": 0,
        "speed_limit": 0, "url": "http://h/a",
    })
}

/// Two downloads on two pages; nobody knows any other.
fn answer(method: &str, params: &Value) -> Result<Value, Value> {
    match method {
        "downloads.list" if params["cursor"].is_null() => Ok(
            json!({"downloads": [download(FIRST, "downloading")], "total": 2, "revision": 1, "next": "2"}),
        ),
        "downloads.list" => Ok(
            json!({"downloads": [download(SECOND, "queued")], "total": 2, "revision": 1, "next": null}),
        ),
        "downloads.add" => Ok(json!({
            "downloads": [download(FIRST, "queued")],
            "rejected": [{"url": "http://h/no", "code": "invalid_option", "detail": "not so"}],
        })),
        "settings.get" => Ok(json!({"speed_limit": 2_097_152})),
        _ if params["id"] == FIRST || params["id"] == SECOND => {
            Ok(download(params["id"].as_str().expect("an id"), "paused"))
        }
        _ => Err(
            json!({"code": -32000, "message": "no", "data": {"code": "no_such_download", "detail": "no such download"}}),
        ),
    }
}

async fn run(arguments: &[&str]) -> (Ended, Vec<(String, Value)>) {
    let fake = Fake::start(answer).await;
    let dir = tempfile::tempdir().expect("a directory");
    let ended = at(&fake, dir.path(), arguments, None).await;
    (ended, fake.heard())
}

/// Runs a command against `fake`, away from the runtime that the fake needs.
async fn at(fake: &Fake, dir: &Path, arguments: &[&str], input: Option<&str>) -> Ended {
    let mut command = haul(dir, arguments);
    command
        .env("HAUL_SERVER", fake.url())
        .env("HAUL_TOKEN", TOKEN);
    let input = input.map(str::to_owned);
    let ended = tokio::task::spawn_blocking(move || match input {
        Some(input) => end_with_input(&mut command, &input),
        None => end(&mut command),
    });
    ended.await.expect("it ends")
}

#[test]
fn without_a_daemon_the_exit_code_is_5_and_the_way_out_is_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let server = format!("http://{}", free.local_addr().expect("an address"));
    drop(free);
    for command in ["ls", "console"] {
        let ended = end(&mut haul(dir.path(), &[command, "--server", &server]));
        assert_eq!(ended.code, Some(5), "{}", ended.stderr);
        assert!(
            ended.stderr.contains("is `haul serve` running?"),
            "{}",
            ended.stderr
        );
        assert_eq!(ended.stdout, "");
    }
}

#[tokio::test]
async fn a_wrong_token_is_refused_with_4() {
    let fake = Fake::start(answer).await;
    let dir = tempfile::tempdir().expect("a directory");
    let ended = at(&fake, dir.path(), &["ls", "--token", "wrong"], None).await;
    assert_eq!(ended.code, Some(4), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("--token") && !ended.stderr.contains("wrong"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn ls_goes_through_all_pages() {
    let (ended, heard) = run(&["ls", "--status", "queued,downloading"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{}", ended.stdout);
    assert!(
        lines[0].starts_with("ID ") && lines[1].starts_with(FIRST) && lines[2].starts_with(SECOND)
    );
    assert!(!ended.stdout.contains('\u{1b}'), "colours in a pipe");
    assert_eq!(heard[0].1["status"], json!(["queued", "downloading"]));
    assert_eq!(heard[1].1["cursor"], "2");

    let (before, _) = run(&["--json", "ls"]).await;
    let (ended, _) = run(&["ls", "--json"]).await;
    assert_eq!(before.stdout, ended.stdout);
    let ids: Vec<Value> = ended
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["id"].take())
        .collect();
    assert_eq!(ids, [FIRST, SECOND]);
}

#[tokio::test]
async fn an_id_may_be_given_by_its_start() {
    let (ended, heard) = run(&["pause", "9F1", SECOND]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let paused: Vec<&Value> = heard
        .iter()
        .filter(|(method, _)| method == "downloads.pause")
        .map(|(_, params)| &params["id"])
        .collect();
    assert_eq!(paused, [FIRST, SECOND]);

    let (ended, heard) = run(&["rm", "9f", "--files"]).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(
        heard.iter().all(|(method, _)| method == "downloads.list"),
        "{heard:?}"
    );
    let (ended, _) = run(&["show", "0000000000000000"]).await;
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains("haul ls"), "{}", ended.stderr);
}

#[tokio::test]
async fn all_means_those_that_it_can_be_done_to() {
    let (ended, heard) = run(&["resume", "--all", "--json"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(heard[0].1["status"], json!(["paused"]));
    assert_eq!(ended.stdout.lines().count(), 2);
    let (_, heard) = run(&["rm", "--all"]).await;
    assert_eq!(heard[0].1["status"], Value::Null);
    assert_eq!(
        heard.last().expect("calls").1,
        json!({"id": SECOND, "files": false})
    );
}

/// The list has two; one has ended before its turn, the other is gone.
fn moved_on(method: &str, params: &Value) -> Result<Value, Value> {
    let refused = |code: &str, detail: &str| json!({"code": -32000, "message": "no", "data": {"code": code, "detail": detail}});
    match method {
        "downloads.list" => answer(method, params),
        _ if params["id"] == FIRST => Err(refused(
            "illegal_state",
            "it cannot be paused: it is completed",
        )),
        _ => Err(refused("no_such_download", "no such download")),
    }
}

#[tokio::test]
async fn all_passes_over_what_has_moved_on_meanwhile_and_an_id_does_not() {
    let fake = Fake::start(moved_on).await;
    let dir = tempfile::tempdir().expect("a directory");
    for command in ["pause", "resume", "cancel", "retry", "rm"] {
        let ended = at(&fake, dir.path(), &[command, "--all", "-q"], None).await;
        assert_eq!(ended.code, Some(0), "{command}: {}", ended.stderr);
        assert_eq!(ended.stderr, "", "{command}");
    }
    let ended = at(&fake, dir.path(), &["pause", FIRST], None).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("it is completed"), "{}", ended.stderr);
}

/// Nothing is there.
fn empty(_: &str, _: &Value) -> Result<Value, Value> {
    Ok(json!({"downloads": [], "total": 0, "revision": 1, "next": null}))
}

#[tokio::test]
async fn an_empty_list_has_a_hint_unless_silence_is_asked_for() {
    let fake = Fake::start(empty).await;
    let dir = tempfile::tempdir().expect("a directory");
    let told = at(&fake, dir.path(), &["ls"], None).await;
    assert!(told.stderr.contains("haul add URL"), "{}", told.stderr);
    let silent = at(&fake, dir.path(), &["ls", "-q"], None).await;
    assert_eq!((silent.stdout.as_str(), silent.stderr.as_str()), ("", ""));
}

#[tokio::test]
async fn add_hands_over_every_option_and_tells_what_was_rejected() {
    let fake = Fake::start(answer).await;
    let dir = tempfile::tempdir().expect("a directory");
    let list = "http://h/a\n out=n.bin\n header=A: b\nhttp://h/b\thttp://m/b\n bt-x=1\n";
    fs::write(dir.path().join("list"), list).expect("a file");
    let arguments = [
        "add",
        "-i",
        "list",
        "-d",
        "sub",
        "--limit",
        "1K",
        "--threads",
        "3",
        "-H",
        "C: d",
    ];
    let ended = at(&fake, dir.path(), &arguments, None).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stdout.contains(FIRST), "{}", ended.stdout);
    assert!(
        ended.stderr.contains("http://h/no: not so"),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("bt-x"), "{}", ended.stderr);
    let common = json!({"dir": "sub", "speed_limit": 1024, "threads": 3});
    let with = |more: Value| {
        let mut params = common.clone();
        let fields = params.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        ("downloads.add".to_owned(), params)
    };
    assert_eq!(
        fake.heard(),
        [
            with(json!({"urls": ["http://h/a"], "name": "n.bin", "headers": {"C": "d", "A": "b"}})),
            with(json!({"url": "http://h/b", "mirrors": ["http://m/b"], "headers": {"C": "d"}})),
        ]
    );
}

#[tokio::test]
async fn limits_are_shown_and_set() {
    let (ended, _) = run(&["limit"]).await;
    assert_eq!(ended.stdout, "2.0 MiB/s\n");
    let (ended, heard) = run(&["limit", "--id", "9f1", "500K"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let update = (
        "downloads.update".to_owned(),
        json!({"id": FIRST, "speed_limit": 512_000}),
    );
    assert_eq!(heard.last(), Some(&update));
    let (_, heard) = run(&["move", FIRST, "0"]).await;
    assert_eq!(
        heard,
        [(
            "downloads.move".to_owned(),
            json!({"id": FIRST, "position": 0})
        )]
    );
}

#[tokio::test]
async fn the_console_ends_with_its_input_once_the_answers_have_come() {
    let fake = Fake::start(answer).await;
    let dir = tempfile::tempdir().expect("a directory");
    let input = "queue\nhelp_command\nstart\nhttp://h/a\nend\n";
    let ended = at(&fake, dir.path(), &["console"], Some(input)).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let expected = "heard queue\nhelp_command - help\nstart - record\nheard end\n";
    assert_eq!(ended.stdout, expected);
    assert_eq!(ended.stderr, "");
    let ended = at(
        &fake,
        dir.path(),
        &["console"],
        Some("queue\nstart\nhttp://h/a\n"),
    )
    .await;
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(0), "heard queue\n")
    );
    assert!(
        ended.stderr.contains("nothing of it was submitted"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn a_reader_that_leaves_early_is_no_error() {
    let fake = Fake::start(answer).await;
    let dir = tempfile::tempdir().expect("a directory");
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = haul(dir.path(), &["ls"]);
    command
        .env("HAUL_SERVER", fake.url())
        .env("HAUL_TOKEN", TOKEN)
        .stdout(Stdio::from(writer));
    let ended = tokio::task::spawn_blocking(move || end(&mut command))
        .await
        .expect("it ends");
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

#[test]
fn wrong_usage_exits_with_2_and_says_nothing_on_stdout() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("list"), "http://h/a\nh/b\n").expect("a file");
    for (arguments, part) in [
        (vec!["get", "ftp://h/a"], "http://"),
        (vec!["get", "-o", "n", "http://h/a", "http://h/b"], "-i"),
        (vec!["get", "-i", "list"], "line 2"),
        (vec!["get", "-i", "none"], "none"),
        (vec!["get", "-o", "../n", "http://h/a"], "../n"),
        (vec!["get", "-o", "sub/", "http://h/a"], "-d DIR"),
        (
            vec!["get", "-H", "Range: bytes=0-1", "http://h/a"],
            "Range is set by haul",
        ),
        (
            vec!["get", "--header", "host: x", "http://h/a"],
            "host is set by haul",
        ),
        (
            vec!["add", "-H", "Content-Length: 1", "http://h/a"],
            "Content-Length is set by haul",
        ),
        (
            vec!["ls", "--server", "localhost:8765"],
            "http://localhost:8765",
        ),
        (vec!["add"], "haul add"),
        (vec!["--json", "man"], "--json"),
        (vec!["get", "--limit", "2MB", "http://h/a"], "--limit"),
    ] {
        let ended = end(&mut haul(dir.path(), &arguments));
        assert_eq!(ended.code, Some(2), "{arguments:?}: {}", ended.stderr);
        assert!(
            ended.stderr.contains(part),
            "{part} is missing: {}",
            ended.stderr
        );
        assert_eq!(ended.stdout, "");
    }
    assert!(!dir.path().join(".haul").exists(), "nothing was begun");
}

#[test]
fn help_teaches_on_stdout() {
    let dir = tempfile::tempdir().expect("a directory");
    for arguments in [vec!["help"], vec!["get", "--help"], vec!["help", "rm"]] {
        let ended = end(&mut haul(dir.path(), &arguments));
        assert_eq!(ended.code, Some(0));
        assert!(
            ended.stdout.contains("Examples:") && ended.stderr.is_empty(),
            "{arguments:?}"
        );
    }
}
