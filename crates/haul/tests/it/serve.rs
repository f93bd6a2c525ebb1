//! `haul serve` at its start and end, seen from its command line.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStderr};
use std::time::{Duration, Instant};

use crate::command::{end, end_with_input, haul};

/// A running daemon and the lines that it said at its start.
struct Serve {
    child: Child,
    said: Vec<String>,
}

impl Serve {
    /// Starts one and reads its stderr until a line that begins with `last`. Nobody reads on after
    /// that: a daemon must live without a reader.
    fn start(dir: &Path, arguments: &[&str], last: &str) -> Serve {
        Serve::start_with_log(dir, arguments, last).0
    }

    /// The same; what it says from then on is left unread in the pipe.
    fn start_with_log(
        dir: &Path,
        arguments: &[&str],
        last: &str,
    ) -> (Serve, BufReader<ChildStderr>) {
        let mut command = haul(dir, &["serve", "--port", "0"]);
        let child = command.args(arguments).spawn().expect("haul starts");
        let said = Vec::new();
        let mut serve = Serve { child, said };
        let stderr = serve.child.stderr.take().expect("it is piped");
        let mut log = BufReader::new(stderr);
        loop {
            let mut line = String::new();
            let read = log.read_line(&mut line).expect("text");
            assert!(read > 0, "it ended without \"{last}\": {:?}", serve.said);
            let found = line.starts_with(last);
            serve.said.push(line.trim_end().to_owned());
            if found {
                return (serve, log);
            }
        }
    }

    fn stop(mut self) {
        let pid = self.child.id().to_string();
        let sent = std::process::Command::new("sh")
            .args(["-c", &format!("kill -TERM {pid}")])
            .status();
        assert!(sent.expect("a shell").success());
        assert_eq!(self.child.wait().expect("it ends").code(), Some(0));
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // It has ended already unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn beyond_loopback_a_token_is_made_shown_once_and_needed() {
    let dir = tempfile::tempdir().expect("a directory");
    let first = Serve::start(dir.path(), &["--host", "0.0.0.0"], "open ");
    let shown = first.said.last().expect("a line").clone();
    let (_, token) = shown.split_once("/?token=").expect("a ready-made URL");
    let path = dir.path().join("files/.haul/token");
    assert_eq!(fs::read_to_string(&path).expect("the token").trim(), token);
    assert_eq!(
        fs::metadata(&path).expect("it").permissions().mode() & 0o777,
        0o600
    );
    let (_, port) = first.said[0].rsplit_once(':').expect("an address");
    let server = format!("http://127.0.0.1:{port}");
    let without = end(&mut haul(dir.path(), &["ls", "--server", &server]));
    assert_eq!(without.code, Some(4), "{}", without.stderr);
    let with = end(haul(dir.path(), &["ls", "--server", &server]).env("HAUL_TOKEN", token));
    assert_eq!(with.code, Some(0), "{}", with.stderr);
    first.stop();
    let second = Serve::start(dir.path(), &["--host", "0.0.0.0"], "listening on ");
    assert!(!second.said.iter().any(|line| line.contains(token)));
    second.stop();
}

#[test]
fn a_port_in_use_and_a_state_in_use_are_told_with_the_way_out() {
    let dir = tempfile::tempdir().expect("a directory");
    let first = Serve::start(dir.path(), &[], "listening on ");
    let (_, port) = first.said[0].rsplit_once(':').expect("an address");
    let second = end(&mut haul(dir.path(), &["serve", "--port", "0"]));
    assert_eq!(second.code, Some(2), "{}", second.stderr);
    assert!(
        second.stderr.contains(&format!("pid {}", first.child.id())),
        "{}",
        second.stderr
    );
    assert!(second.stderr.contains("--state-dir"), "{}", second.stderr);
    let elsewhere = tempfile::tempdir().expect("a directory");
    let second = end(&mut haul(elsewhere.path(), &["serve", "--port", port]));
    assert_eq!(second.code, Some(2), "{}", second.stderr);
    assert!(
        second.stderr.contains(port) && second.stderr.contains("--port"),
        "{}",
        second.stderr
    );
    first.stop();
}

#[test]
fn a_certificate_without_its_key_is_a_configuration_error_before_anything_listens() {
    let dir = tempfile::tempdir().expect("a directory");
    let made = || rcgen::generate_simple_self_signed(vec!["localhost".into()]).expect("made");
    let (one, two) = (made(), made());
    let write = |name: &str, text: &str| {
        fs::write(dir.path().join(name), text).expect("a file");
    };
    write("cert.pem", &one.cert.pem());
    write("other.pem", &two.signing_key.serialize_pem());
    write("bad.pem", "no PEM");
    for (cert, key, told) in [
        ("cert.pem", "bad.pem", "tls_key"),
        ("bad.pem", "other.pem", "tls_cert"),
        ("cert.pem", "other.pem", "do not go together"),
    ] {
        let arguments = ["serve", "--port", "0", "--tls-cert", cert, "--tls-key", key];
        let ended = end(&mut haul(dir.path(), &arguments));
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains(told), "{}", ended.stderr);
        assert!(ended.stderr.contains(key) || ended.stderr.contains(cert));
        assert!(!ended.stderr.contains("listening"), "{}", ended.stderr);
    }
}

#[test]
fn a_private_certificate_is_named_as_the_trouble_and_trusted_when_given() {
    let dir = tempfile::tempdir().expect("a directory");
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).expect("made");
    fs::write(dir.path().join("cert.pem"), made.cert.pem()).expect("a file");
    let key = made.signing_key.serialize_pem();
    fs::write(dir.path().join("key.pem"), key).expect("a file");
    let arguments = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    let daemon = Serve::start(dir.path(), &arguments, "listening on https://");
    let (_, port) = daemon.said[0].rsplit_once(':').expect("an address");
    let server = format!("https://localhost:{port}");
    for command in ["ls", "console"] {
        let ended = end(&mut haul(dir.path(), &[command, "--server", &server]));
        assert_eq!(ended.code, Some(5), "{}", ended.stderr);
        assert!(ended.stderr.contains("certificate"), "{}", ended.stderr);
        assert!(ended.stderr.contains("--ca-file"), "{}", ended.stderr);
        assert!(
            !ended.stderr.contains("is `haul serve`"),
            "{}",
            ended.stderr
        );
        let mut trusting = haul(dir.path(), &[command, "--server", &server]);
        let ended = end(trusting.env("HAUL_CA_FILE", "cert.pem"));
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let mut wrong = haul(dir.path(), &[command, "--server", &server]);
        let ended = end(wrong.args(["--ca-file", "key.pem"]));
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains("key.pem"), "{}", ended.stderr);
    }
    daemon.stop();
}

#[test]
fn a_log_that_nobody_reads_stops_no_download() {
    let dir = tempfile::tempdir().expect("a directory");
    // More lines than the pipe and the daemon's own room for them hold.
    let count = 6000;
    let arguments = ["--log", "debug", "--retries", "0", "--max-downloads", "64"];
    let (daemon, log) = Serve::start_with_log(dir.path(), &arguments, "listening on ");
    let (_, port) = daemon.said[0].rsplit_once(':').expect("an address");
    let server = format!("http://127.0.0.1:{port}");
    // Nobody listens on port 1.
    let urls: Vec<String> = (0..count)
        .map(|number| format!("http://127.0.0.1:1/{number}"))
        .collect();
    let urls = urls.join("\n");
    let mut add = haul(dir.path(), &["add", "-q", "-i", "-", "--server", &server]);
    let added = end_with_input(&mut add, &urls);
    assert_eq!(added.code, Some(0), "{}", added.stderr);
    let deadline = Instant::now() + Duration::from_secs(60);
    let failed = || {
        let arguments = ["ls", "--json", "--status", "failed", "--server", &server];
        let ended = end(&mut haul(dir.path(), &arguments));
        ended.stdout.matches("\"id\"").count()
    };
    while failed() < count {
        assert!(Instant::now() < deadline, "{} of {count} ended", failed());
    }
    drop(log);
    daemon.stop();
}
