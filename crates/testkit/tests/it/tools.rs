//! Real servers, the console client and the process that runs a daemon. What needs a program
//! beyond Python's standard library runs with `cargo test -- --include-ignored`.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use haul_testkit::console::PyConsole;
use haul_testkit::daemon::Daemon;
use haul_testkit::http;
use haul_testkit::ledger::Ledger;
use haul_testkit::origin::{Certificate, Origin, Pem, content};
use haul_testkit::servers::{AccessLog, Nginx, NginxOptions, PythonServer};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

fn root_with_file() -> TempDir {
    let root = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(root.path().join("a.bin"), content(1, 0..100_000)).expect("a file");
    root
}

#[tokio::test]
async fn nginx_serves_ranges_and_logs_them() {
    let root = root_with_file();
    let nginx = Nginx::start(root.path(), NginxOptions::default()).await;
    let url = nginx.url("/a.bin?x=y");
    let range = [("Range", "bytes=10-19")];
    let part = http::request_with("GET", url.as_str(), &range, b"").await;
    let part = part.expect("nginx answers");
    assert_eq!((part.status, part.body), (206, content(1, 10..20)));
    let whole = http::request("GET", url.as_str(), b"").await;
    assert_eq!(whole.expect("nginx answers").body.len(), 100_000);

    let log = nginx.wait_log(2).await;
    assert_eq!(log.len(), 2);
    assert_eq!(
        (log[0].path(), log[0].target.as_str()),
        ("/a.bin", "/a.bin?x=y")
    );
    assert_ne!(log[0].connection, log[1].connection);
    let ledger = Ledger::of("/a.bin", log);
    ledger.assert_no_range_longer_than(10);
    assert_eq!(ledger.sent_twice(), [10..20]);
}

#[tokio::test]
async fn nginx_keeps_to_its_rate_and_ends_with_its_handle() {
    let root = root_with_file();
    let options = NginxOptions {
        limit_rate: 50_000,
        directives: "add_header X-Extra yes;".into(),
        ..NginxOptions::default()
    };
    let nginx = Nginx::start(root.path(), options).await;
    let start = tokio::time::Instant::now();
    let url = nginx.url("/a.bin");
    let answer = http::request("GET", url.as_str(), b"")
        .await
        .expect("nginx answers");
    assert_eq!(answer.header("x-extra"), Some("yes"));
    assert!(start.elapsed() > std::time::Duration::from_millis(900));
    drop(nginx);
    let gone = http::request("GET", url.as_str(), b"").await;
    let why = gone.expect_err("nobody listens there any more");
    assert_eq!(why.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn nginx_speaks_tls_and_can_keep_no_log() {
    let root = root_with_file();
    let pem = Pem::issue(Certificate::Right);
    let options = NginxOptions {
        tls: Some(pem.clone()),
        access_log: AccessLog::Off,
        ..NginxOptions::default()
    };
    let nginx = Nginx::start(root.path(), options).await;
    let mut trusted = RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(pem.ca.as_bytes()).expect("a certificate");
    trusted.add(ca).expect("a CA");
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&TLS13])
        .expect("the provider knows TLS 1.3")
        .with_root_certificates(trusted)
        .with_no_client_auth();
    let tcp = TcpStream::connect(("127.0.0.1", nginx.port())).await;
    let name = ServerName::try_from("127.0.0.1").expect("an address");
    let mut tls = TlsConnector::from(Arc::new(config))
        .connect(name, tcp.expect("nginx listens"))
        .await
        .expect("the certificate is trusted");
    let request = b"GET /a.bin HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n";
    tls.write_all(request).await.expect("nginx reads");
    let mut raw = Vec::new();
    tls.read_to_end(&mut raw).await.expect("nginx answers");
    let answer = http::parse("GET", &raw).expect("an answer");
    let file = std::fs::read(root.path().join("a.bin")).expect("it is served");
    assert_eq!(answer.body, file);
    assert_eq!(nginx.log(), []);
}

#[tokio::test]
#[should_panic(expected = "nginx did not start; it said:\n")]
async fn nginx_says_why_it_does_not_start() {
    let options = NginxOptions {
        directives: "no_such_directive on;".into(),
        ..NginxOptions::default()
    };
    Nginx::start(Path::new("/"), options).await;
}

#[tokio::test]
async fn python_serves_a_directory() {
    let root = root_with_file();
    let python = PythonServer::start(root.path()).await;
    let range = [("Range", "bytes=10-19")];
    let url = python.url("/a.bin");
    let answer = http::request_with("GET", url.as_str(), &range, b"").await;
    let answer = answer.expect("python answers");
    assert_eq!((answer.status, answer.body), (200, content(1, 0..100_000)));
}

/// A server that repeats each message, once more behind a line end, and closes on `bye`.
const ECHO: &str = r#"
import asyncio, sys, websockets
async def echo(socket):
    async for message in socket:
        if message == "bye":
            await socket.close(1001)
            return
        await socket.send(message)
        await socket.send("second\n" + message)
async def main():
    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        print(f"listening on http://127.0.0.1:{port}", file=sys.stderr, flush=True)
        await asyncio.get_running_loop().create_future()
asyncio.run(main())
"#;

/// A stand-in for the daemon: a program that runs `python` on a script, whatever its arguments.
fn program(dir: &Path, script: &str) -> PathBuf {
    let python = std::env::var("HAUL_TEST_PYTHON").unwrap_or_else(|_| "python3".into());
    let source = dir.join("script.py");
    std::fs::write(&source, script).expect("a file");
    let file = dir.join("program");
    let text = format!("#!/bin/sh\nexec {python} {} \"$@\"\n", source.display());
    std::fs::write(&file, text).expect("a file");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&file, mode).expect("its mode can be set");
    file
}

#[tokio::test]
async fn the_console_client_speaks_both_ways() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let daemon = Daemon::start(&program(dir.path(), ECHO), dir.path(), &[""; 0]).await;
    let mut console = PyConsole::open(&daemon.ws("/")).await;
    for message in ["start", "Список пуст. < > \\", "", "url:http://x/a?b=c"] {
        console.send(message);
        console.expect(message).await;
        console.expect(&format!("second\\n{message}")).await;
    }
    console.send("bye");
    assert_eq!(console.closed().await, "1001 (going away)");

    let console = PyConsole::open(&daemon.ws("/")).await;
    assert_eq!(console.close().await, "1000 (OK)");
}

#[tokio::test]
#[should_panic(expected = "does not connect")]
async fn the_console_client_says_when_nobody_is_there() {
    let origin = Origin::start().await;
    let address = origin.address();
    drop(origin);
    PyConsole::open(&format!("ws://{address}/")).await;
}

/// Tells its arguments and environment, then waits; SIGTERM ends it with status 7.
const WAITER: &str = r#"
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
print("arguments", sys.argv[1:], file=sys.stderr)
print("leaks", [name for name in os.environ if name.startswith("HAUL_")], file=sys.stderr)
print("2026 INFO listening on http://127.0.0.1:4321", file=sys.stderr, flush=True)
while True: signal.pause()
"#;

#[tokio::test]
async fn a_daemon_is_started_clean_and_ended_either_way() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let program = program(dir.path(), WAITER);
    let daemon = Daemon::start(&program, dir.path(), &["--dir", "x"]).await;
    assert_eq!(daemon.port(), 4321);
    assert_eq!(
        daemon.url("/api/v1/stats"),
        "http://127.0.0.1:4321/api/v1/stats"
    );
    assert_eq!(daemon.ws("/"), "ws://127.0.0.1:4321/");
    let said = daemon.said();
    let wanted = "['serve', '--port', '0', '--host', '127.0.0.1', '--dir', 'x']";
    assert!(said.contains(wanted), "{said}");
    assert!(said.contains("leaks []"), "{said}");
    assert_eq!(daemon.terminate().await.code(), Some(7));

    let daemon = Daemon::start(&program, dir.path(), &["--host=::1"]).await;
    assert!(!daemon.said().contains("'127.0.0.1'"));
    let process = PathBuf::from(format!("/proc/{}", daemon.pid()));
    assert!(process.exists());
    daemon.kill9();
    assert!(!process.exists());
}

#[tokio::test]
#[should_panic(expected = "cannot open the state directory")]
async fn a_daemon_that_fails_shows_what_it_said() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let script = "import sys; sys.exit('cannot open the state directory')";
    Daemon::start(&program(dir.path(), script), dir.path(), &[""; 0]).await;
}

#[tokio::test]
#[should_panic(expected = "cargo build -p haul")]
async fn a_missing_program_is_named_with_its_cure() {
    Daemon::start(Path::new("/no/such/haul"), Path::new("/"), &[""; 0]).await;
}

#[tokio::test]
async fn the_http_helper_sends_json_and_its_own_headers() {
    let origin = Origin::start().await;
    let url = origin.url("/a?chunked&keepalive=no&size=100K");
    let answer = http::request("GET", url.as_str(), b"")
        .await
        .expect("an answer");
    assert_eq!(answer.body, content(0, 0..100 << 10));

    let headers = [("Host", "evil.example"), ("X-A", "b")];
    let answer = http::request_with("DELETE", url.as_str(), &headers, b"").await;
    assert_eq!(answer.expect("an answer").status, 405);
    let log = origin.log();
    assert_eq!(log[1].header("host"), Some("evil.example"));
    assert_eq!(log[1].header("x-a"), Some("b"));
    assert_eq!(log[1].header("content-length"), Some("0"));
    let address = origin.address().to_string();
    assert_eq!(log[0].header("host"), Some(address.as_str()));
}
