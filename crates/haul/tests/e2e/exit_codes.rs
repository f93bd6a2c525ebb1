//! The exit codes that scripts rely on.

use haul_testkit::origin::{self, Origin};

use crate::world::{self, Ended, HAUL, World, end, haul, program, start};

/// Trouble shows at once.
const IMPATIENT: [&str; 4] = ["--retries", "1", "--retry-wait", "1ms"];

/// Runs `haul get` with these arguments and expects this code; returns what it said.
async fn get(world: &World, args: &[&str], code: i32) -> String {
    let args: Vec<&str> = ["get", "-d", "got"]
        .iter()
        .chain(&IMPATIENT)
        .chain(args)
        .copied()
        .collect();
    let ended = end(start(haul(&world.subdir("here"), &args))).await;
    assert_eq!(ended.code, Some(code), "{args:?}: {}", ended.stderr);
    ended.stderr
}

#[tokio::test(flavor = "multi_thread")]
async fn get_tells_by_its_exit_code_what_went_wrong() {
    let world = World::new();
    let origin = Origin::start().await;
    let url = |knobs: &str| origin.url(knobs).to_string();

    get(&world, &[&url("/ok.bin?size=3M&seed=1")], 0).await;
    let file = world.path("here/got/ok.bin");
    assert_eq!(world::sha256(&file), origin::digest(1, 3 << 20));

    let (gone, forbidden) = (url("/gone.bin?status=404"), url("/no.bin?status=403"));
    get(&world, &[&gone], 3).await;
    get(&world, &[&url("/gone.bin?status=410")], 3).await;
    get(&world, &[&url("/no.bin?status=401")], 4).await;
    get(&world, &[&forbidden], 4).await;
    get(&world, &[&url("/no.bin?status=451")], 4).await;
    get(&world, &[&url("/busy.bin?status=503")], 5).await;
    get(&world, &[&url("/lie.bin?bad_status_line")], 6).await;

    get(&world, &[&gone, &forbidden], 1).await;
    get(&world, &[&gone, &url("/gone-too.bin?status=404")], 3).await;
    assert_eq!(origin.unknown_knobs(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn get_delivers_nothing_whose_checksum_is_wrong() {
    let world = World::new();
    let origin = Origin::start().await;
    let url = origin.url("/sum.bin?size=1M&seed=2").to_string();
    let file = world.path("here/got/sum.bin");
    let wrong = format!("sha-256={}", "0".repeat(64));
    get(&world, &["--checksum", &wrong, &url], 8).await;
    assert!(!file.exists(), "a wrong file was delivered");
    let right = format!("sha-256={}", origin::digest(2, 1 << 20));
    get(&world, &["--checksum", &right, &url], 0).await;
    assert!(file.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn get_keeps_a_page_only_when_asked_to() {
    let world = World::new();
    let origin = Origin::start().await;
    let url = origin.url("/page?size=4K&type=text/html").to_string();
    let said = get(&world, &[&url], 1).await;
    assert!(said.contains("--accept-html"), "no way out is told: {said}");
    get(&world, &["--accept-html", &url], 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn get_calls_a_dead_port_a_network_failure() {
    let world = World::new();
    let origin = Origin::start().await;
    let url = origin.url("/a.bin").to_string();
    drop(origin);
    get(&world, &[&url], 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn get_calls_a_disk_without_room_a_disk_failure() {
    let world = World::new();
    let origin = Origin::start().await;
    let url = origin.url("/big.bin?size=64M").to_string();
    // A limit on the length of files (in blocks of 512 bytes) stands in for a full disk: it fails
    // the same writes.
    let script = format!("trap '' XFSZ; ulimit -f 16384; exec '{HAUL}' get -d got '{url}'");
    let command = program("sh", &world.subdir("here"), &["-c", &script]);
    let ended = end(start(command)).await;
    assert_eq!(ended.code, Some(7), "{}", ended.stderr);
    assert!(!world.path("here/got/big.bin").exists());
}

/// Runs a command that must be refused as wrong usage; returns what it said.
async fn refused(world: &World, args: &[&str]) -> String {
    let Ended {
        code,
        stdout,
        stderr,
    } = end(start(haul(&world.subdir("here"), args))).await;
    assert_eq!(code, Some(2), "{args:?}: {stderr}");
    assert_eq!(stdout, "", "an error on the standard output");
    stderr
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_usage_and_configuration_exit_with_2_and_say_what_is_allowed() {
    let world = World::new();
    refused(&world, &["get"]).await;
    refused(&world, &["fetch", "http://localhost/a"]).await;
    refused(&world, &["get", "ftp://localhost/a"]).await;
    let said = refused(&world, &["serve", "--threads", "0"]).await;
    for part in ["threads", "\"0\"", "1–256"] {
        assert!(said.contains(part), "{part} is missing: {said}");
    }
    std::fs::write(world.subdir("here").join("haul.toml"), "threds = 4\n").expect("a file of ours");
    let said = refused(&world, &["serve", "--port", "0"]).await;
    assert!(said.contains("threds"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_daemon_on_the_same_state_exits_with_2() {
    let world = World::new();
    let first = world.daemon(&[]).await;
    let here = world.path(".");
    let second = start(haul(
        &here,
        &["serve", "--host", "127.0.0.1", "--port", "0"],
    ));
    let ended = end(second).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains(".haul"), "{}", ended.stderr);
    // The first one is none the worse for it.
    world::list(&first).await;
}
