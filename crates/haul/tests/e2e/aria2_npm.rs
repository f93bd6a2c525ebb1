//! The packages of npm that drive aria2, as npm installs them, against the real daemon.

use std::path::Path;

use haul_testkit::origin::Origin;
use tokio::process::Command;

use crate::world::{self, World, by};

/// The client's side, which fails with an exception.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/aria2_npm/drive.js");

/// Tells whoever runs the tests by hand what is missing.
const ADVICE: &str = "this test needs Node and two packages: \
     `npm install --prefix DIR aria2 @baptistecdr/aria2`, and HAUL_TEST_NODE_MODULES=DIR/node_modules";

async fn drive(package: &str, token: &str) {
    let (world, origin) = (World::new(), Origin::start().await);
    let guarded = ["--token", token];
    let arguments: &[&str] = if token.is_empty() { &[] } else { &guarded };
    let daemon = world.daemon(arguments).await;
    let port = daemon.port().to_string();
    let big = origin.url("/big.bin?size=8M&seed=1").to_string();
    let small = origin.url("/small.bin?size=100000&seed=2").to_string();
    let nowhere = origin.url("/nowhere?status=404").to_string();
    let mut node = Command::new("node");
    if let Some(modules) = std::env::var_os("HAUL_TEST_NODE_MODULES") {
        node.env("NODE_PATH", modules);
    }
    let args = [SCRIPT, package, &port, token, &big, &small, &nowhere];
    let child = by(node, Path::new("."), &args).spawn();
    let ended = world::end(child.unwrap_or_else(|why| panic!("node: {why}; {ADVICE}"))).await;
    assert!(!ended.stderr.contains("MODULE_NOT_FOUND"), "{ADVICE}");
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    let bytes = std::fs::read(world.files().join("renamed.bin")).expect("the file");
    assert_eq!(bytes, haul_testkit::origin::content(1, 0..8 << 20));
    assert!(!world.files().join("removed.bin").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn aria2_of_npm_adds_watches_lists_and_changes_downloads() {
    drive("aria2", "a secret").await;
}

/// The one that is still kept up.
#[tokio::test(flavor = "multi_thread")]
async fn the_fork_of_aria2_of_npm_does_so_too() {
    drive("@baptistecdr/aria2", "").await;
}
