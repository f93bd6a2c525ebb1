//! A machine without a network, to which one comes later: the tests run again in a network namespace of
//! their own, where there is nothing but the loopback device.

use std::process::Command;
use std::time::{Duration, Instant};

use haul_engine::{Id, Kind, OnLoss, Status, View};
use haul_testkit::origin::Origin;
use url::Url;

use crate::world::{World, assert_right};

/// Set where a test runs in the namespace.
const INSIDE: &str = "HAUL_TEST_ON_AN_ISLAND";

/// Whether this is the namespace. Outside, the test of this name is run in there first; where the system
/// allows no namespace it is left out, and says so.
fn is_island(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        run("ip link set lo up");
        return true;
    }
    // Whoever is not root is root in a user namespace of their own.
    let namespaces = match rustix::process::geteuid().is_root() {
        true => "-n",
        false => "-Urn",
    };
    let enter = |program: &[&str]| {
        let mut command = Command::new("unshare");
        command.arg(namespaces).args(program).env(INSIDE, "yes");
        command.output()
    };
    if !enter(&["ip", "link"]).is_ok_and(|tried| tried.status.success()) {
        #[expect(clippy::print_stderr, reason = "a test that is left out says so")]
        {
            eprintln!("LEFT OUT: this system allows no network namespace, or has no ip");
        }
        return false;
    }
    let own = std::env::current_exe().expect("a test binary");
    let own = own.to_str().expect("a plain path");
    let ended = enter(&[own, "--exact", test, "--nocapture"]).expect("it ran before");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "in the namespace:\n{said}");
    false
}

fn run(line: &str) {
    let mut words = line.split(' ');
    let mut command = Command::new(words.next().expect("a program"));
    let ended = command.args(words).status().expect("it starts");
    assert!(ended.success(), "{line}");
}

/// An address to which no road leads yet.
const AWAY: &str = "192.0.2.80";

/// `path` at an origin that is there, on the far side.
fn away(origin: &Origin, path: &str) -> Url {
    let mut url = origin.url(path);
    url.set_host(Some(AWAY)).expect("an address");
    url
}

fn waits_beyond_its_retries(view: &View) -> bool {
    view.attempts > 20 && waits_for_the_network(view)
}

fn waits_for_the_network(view: &View) -> bool {
    let reason = view.reason.as_deref().unwrap_or_default();
    reason.starts_with("waiting for the network")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_was_there_before_the_network_waits_for_it() {
    if !is_island("island::a_queue_that_was_there_before_the_network_waits_for_it") {
        return;
    }
    let origin = Origin::start_on("0.0.0.0:0").await;
    let world = World::with(|c| {
        c.retries = 1;
        c.settings.max_downloads = 2;
        c.settings.threads = 1;
    })
    .await;
    let mut ids = Vec::new();
    for n in 1..=4 {
        let path = format!("/{n}.bin?size=100K&seed={n}&rate=100K");
        ids.push(world.add(away(&origin, &path)).await);
    }
    for id in &ids[..2] {
        world.until(*id, waits_beyond_its_retries).await;
    }
    assert!(origin.log().is_empty());
    run(&format!("ip address add {AWAY}/32 dev lo"));
    for (seed, id) in (1..).zip(ids) {
        assert_right(&*world.ended(id).await, seed, 100 << 10);
    }
    assert!(origin.max_open() <= 2, "{} at once", origin.max_open());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_not_a_wrong_one_while_nobody_can_be_asked() {
    if !is_island("island::a_name_is_not_a_wrong_one_while_nobody_can_be_asked") {
        return;
    }
    let world = World::with(|c| c.retries = 1).await;
    let name = Url::parse("http://haul.test/a.bin").expect("a URL");
    let id = world.add(name).await;
    world.until(id, waits_beyond_its_retries).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_goes_away_in_mid_transfer_is_waited_for() {
    if !is_island("island::a_network_that_goes_away_in_mid_transfer_is_waited_for") {
        return;
    }
    let origin = Origin::start_on("0.0.0.0:0").await;
    let world = World::with(|c| {
        c.retries = 1;
        c.read_timeout = Duration::from_millis(300);
        c.settings.threads = 2;
        c.settings.block_size = 256 << 10;
    })
    .await;
    run(&format!("ip address add {AWAY}/32 dev lo"));
    let url = "/a.bin?size=4M&seed=6&etag=%22x%22&rate=1M";
    let id = world.add(away(&origin, url)).await;
    world.until(id, |view| view.done > 1 << 20).await;
    run(&format!("ip address del {AWAY}/32 dev lo"));
    let waiting = world.until(id, waits_beyond_its_retries).await;
    assert!(waiting.status.is_active(), "{:?}", waiting.status);
    run(&format!("ip address add {AWAY}/32 dev lo"));
    assert_right(&*world.ended(id).await, 6, 4 << 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_without_a_network_is_not_gone_through_at_full_speed() {
    if !is_island("island::a_queue_without_a_network_is_not_gone_through_at_full_speed") {
        return;
    }
    let origin = Origin::start_on("0.0.0.0:0").await;
    let world = World::with(|c| {
        c.retry_wait_max = Duration::from_secs(60);
        c.settings.max_downloads = 1;
    })
    .await;
    let began = Instant::now();
    let mut ids: Vec<Id> = Vec::new();
    for n in 1..=3 {
        ids.push(world.add(away(&origin, &format!("/{n}.bin"))).await);
    }
    let last = world.until(ids[2], waits_for_the_network).await;
    assert!(began.elapsed() >= Duration::from_secs(2), "{last:?}");
    // What nobody stands in the way of is reached all the same.
    let here = world.fetch(origin.url("/here.bin?size=1K&seed=5")).await;
    assert_right(&here, 5, 1 << 10);
    for id in ids {
        let waiting = world.engine.live().get(id).expect("there");
        assert!(!waiting.status.is_over(), "{waiting:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_wait_for_a_network_is_told_so_and_a_dead_server_is_one_here_too() {
    if !is_island(
        "island::who_cannot_wait_for_a_network_is_told_so_and_a_dead_server_is_one_here_too",
    ) {
        return;
    }
    let origin = Origin::start_on("0.0.0.0:0").await;
    let dead = Url::parse("http://127.0.0.1:1/a.bin").expect("a URL");
    for (on_loss, url) in [
        (OnLoss::Fail, away(&origin, "/a.bin")),
        (OnLoss::Wait, dead),
    ] {
        let world = World::with(|c| {
            c.retries = 2;
            c.on_loss = on_loss;
        })
        .await;
        let failed = world.fetch(url).await;
        let kind = failed.error.as_ref().map(|error| error.kind);
        assert_eq!((failed.status, kind), (Status::Failed, Some(Kind::Connect)));
        assert_eq!(failed.attempts, 2);
    }
}
