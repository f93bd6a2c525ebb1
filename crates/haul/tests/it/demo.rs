//! `haul demo` as a newcomer meets it.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::command::{end, haul};

#[test]
fn a_demo_moves_files_ends_by_itself_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut command = haul(dir.path(), &["demo", "--for", "8s", "--port", "0"]);
    // What is configured for the real daemon is not for the demo.
    command.env("HAUL_DIR", dir.path().join("mine"));
    let mut child = command
        .env("TMPDIR", dir.path())
        .spawn()
        .expect("haul starts");
    let mut said = BufReader::new(child.stderr.take().expect("it is piped"));
    let server = word_after(&mut said, "listening on ");
    let files = word_after(&mut said, "  as files ");
    assert!(Path::new(&files).starts_with(dir.path()));

    let deadline = Instant::now() + Duration::from_secs(30);
    let moving = loop {
        let listed = end(&mut haul(
            dir.path(),
            &["ls", "--json", "--server", &server],
        ));
        assert_eq!(listed.code, Some(0), "{}", listed.stderr);
        let listed = listed.stdout.lines();
        let listed = listed.map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let moving = listed.filter(|download| {
            download["status"] == "downloading" && download["done"].as_u64() > Some(0)
        });
        let moving = moving.count();
        if moving >= 2 || Instant::now() > deadline {
            break moving;
        }
    };
    assert!(moving >= 2, "{moving} downloads move");

    let mut rest = String::new();
    said.read_to_string(&mut rest).expect("text");
    assert!(rest.contains("the demo is over"), "{rest}");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    let left: Vec<_> = std::fs::read_dir(dir.path())
        .expect("a directory")
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_silent_demo_says_only_where_it_listens() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut command = haul(dir.path(), &["demo", "-q", "--for", "1s", "--port", "0"]);
    let ended = end(command.env("TMPDIR", dir.path()));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let mut said = ended.stderr.lines();
    assert!(
        said.all(|line| line.starts_with("listening on ")),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_demo_beside_a_daemon_takes_another_port_and_ends_at_ctrl_c_without_a_trace() {
    let dir = tempfile::tempdir().expect("a directory");
    // Where somebody else has the usual port already, he may keep it.
    let _daemon = std::net::TcpListener::bind("127.0.0.1:8765");
    let refused = end(&mut haul(dir.path(), &["demo", "--port", "8765"]));
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("8765") && refused.stderr.contains("--port 0"),
        "{}",
        refused.stderr
    );
    let mut child = haul(dir.path(), &["demo", "--for", "60s"])
        .env("TMPDIR", dir.path())
        .spawn()
        .expect("haul starts");
    let mut said = BufReader::new(child.stderr.take().expect("it is piped"));
    let server = word_after(&mut said, "listening on ");
    assert!(!server.ends_with(":8765"), "{server}");
    let watch = word_after(&mut said, "  in a terminal    haul watch");
    let port = server.rsplit(':').next().expect("a port");
    assert_eq!(watch, format!("--server http://localhost:{port}"));
    let pid = child.id().to_string();
    let asked = std::process::Command::new("sh")
        .args(["-c", &format!("kill -INT {pid}")])
        .status();
    assert!(asked.expect("a shell").success());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    let left: Vec<_> = std::fs::read_dir(dir.path())
        .expect("a directory")
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// What is behind `start` in the first line that begins with it.
fn word_after(said: &mut impl BufRead, start: &str) -> String {
    loop {
        let mut line = String::new();
        assert_ne!(said.read_line(&mut line).expect("text"), 0, "no {start:?}");
        if let Some(rest) = line.strip_prefix(start) {
            return rest.trim().to_owned();
        }
    }
}
