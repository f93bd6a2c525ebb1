//! aria2p, as pip installs it, against the real daemon.

use std::path::Path;

use haul_testkit::servers::{Nginx, NginxOptions};
use tokio::process::Command;

use crate::world::{self, World, by};

/// The client's side, which fails with an exception.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/aria2p/drive.py");

#[tokio::test(flavor = "multi_thread")]
async fn aria2p_adds_watches_changes_and_removes_downloads() {
    let world = World::new();
    let root = world.subdir("www");
    let nginx = Nginx::start(&root, NginxOptions::default()).await;
    let big = world::make(&root, "/big.bin", 8 << 20, 1);
    let small = world::make(&root, "/small.bin", 100_000, 2);
    let daemon = world.daemon(&[]).await;
    let guarded_world = World::new();
    let guarded = guarded_world.daemon(&["--token", "a secret"]).await;

    let python = std::env::var_os("HAUL_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    let (port, guarded_port) = (daemon.port().to_string(), guarded.port().to_string());
    let (big_url, small_url) = (nginx.url(&big.path), nginx.url(&small.path));
    let files = world.files();
    let args = [
        SCRIPT,
        &port,
        files.to_str().expect("a temporary path is text"),
        &guarded_port,
        "a secret",
        big_url.as_str(),
        small_url.as_str(),
    ];
    let ended = world::end(world::start(by(
        Command::new(python),
        Path::new("."),
        &args,
    )));
    let ended = ended.await;
    assert!(
        !ended.stderr.contains("No module named"),
        "this test needs aria2p: `python3 -m venv DIR`, `DIR/bin/pip install aria2p`, and \
         HAUL_TEST_PYTHON=DIR/bin/python"
    );
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    assert_eq!(world::sha256(&files.join("renamed.bin")), big.sha256);
}
