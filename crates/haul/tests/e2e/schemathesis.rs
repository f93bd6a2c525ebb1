//! schemathesis, as pip installs it, against the real daemon: what it makes of the daemon's own
//! description finds no failure of ours and no answer that is not described.

use std::path::Path;
use std::time::Duration;

use haul_testkit::origin::Origin;
use tokio::process::Command;

use crate::world::{self, World, by, setting};

/// What it has to know of haul.
const CONFIGURATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemathesis");

/// Many examples take long.
const LONGEST: Duration = Duration::from_secs(3600);

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing_to_complain_about() {
    run(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing_where_a_token_is_needed() {
    run(Some("a secret")).await;
}

#[expect(
    clippy::print_stdout,
    reason = "`cargo xtask api` shows what was tried"
)]
async fn run(token: Option<&str>) {
    let world = World::new();
    let origin = Origin::start().await;
    // Whatever it asks for is asked of the origin: nothing leaves this machine.
    let proxy = origin.url("/").to_string();
    let mut flags = vec![
        "--proxy",
        &proxy,
        "--connect-timeout",
        "1s",
        "--retries",
        "1",
    ];
    flags.extend(token.iter().flat_map(|token| ["--token", token]));
    let daemon = world.daemon(&flags).await;

    let python = std::env::var_os("HAUL_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    let examples = setting("HAUL_E2E_API_EXAMPLES", 10).to_string();
    let configuration = format!("{CONFIGURATION}/schemathesis.toml");
    let document = daemon.url("/api/v1/openapi.json");
    let bearer = token.map(|token| format!("Authorization: Bearer {token}"));
    let mut args = vec![
        "-m",
        "schemathesis.cli",
        "--config-file",
        &configuration,
        "run",
        "--max-examples",
        &examples,
    ];
    args.extend(bearer.iter().flat_map(|bearer| ["--header", bearer]));
    args.push(&document);
    let mut command = by(Command::new(python), &world.subdir("schemathesis"), &args);
    command
        .env("PYTHONPATH", Path::new(CONFIGURATION))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let ended = world::end_within(LONGEST, world::start(command)).await;
    assert!(
        !ended.stderr.contains("No module named"),
        "this test needs schemathesis: `python3 -m venv DIR`, `DIR/bin/pip install schemathesis`, and \
         HAUL_TEST_PYTHON=DIR/bin/python"
    );
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    println!("{}", ended.stdout);
}
