//! The exit codes that scripts rely on.

use haul_testkit::origin::{self, Origin};

use crate::world::{self, HAUL, World, end, haul, start};

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

    get(&world, &[&url("/gone.bin?status=404")], 3).await;
    get(&world, &[&url("/gone.bin?status=410")], 3).await;
    get(&world, &[&url("/no.bin?status=401")], 4).await;
    get(&world, &[&url("/no.bin?status=403")], 4).await;
    get(&world, &[&url("/no.bin?status=451")], 4).await;
    get(&world, &[&url("/lie.bin?content_range=shifted")], 6).await;

    let right = format!("sha-256={}", origin::digest(2, 1 << 20));
    let wrong = format!("sha-256={}", "0".repeat(64));
    let sum = url("/sum.bin?size=1M&seed=2");
    get(&world, &["--checksum", &wrong, &sum], 8).await;
    assert!(!world.path("here/got/sum.bin").exists(), "a wrong file was delivered");
    get(&world, &["--checksum", &right, &sum], 0).await;

    let all = [&url("/gone.bin?status=404"), &url("/no.bin?status=403")];
    get(&world, &[all[0], all[1]], 1).await;
    get(&world, &[all[0], &url("/gone-too.bin?status=404")], 3).await;
    assert_eq!(origin.unknown_knobs(), [""; 0]);
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
    // A limit on the length of files stands in for a full disk: it fails the same writes.
    let script = format!("trap '' XFSZ; ulimit -f 16384; exec {HAUL} get -d got '{url}'");
    let mut command = haul(&world.subdir("here"), &[]);
    let env: Vec<_> = command
        .as_std()
        .get_envs()
        .map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned)))
        .collect();
    command = shell(&world, &script);
    for (name, value) in env {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let ended = end(start(command)).await;
    assert_eq!(ended.code, Some(7), "{}", ended.stderr);
    assert!(!world.path("here/got/big.bin").exists());
}
