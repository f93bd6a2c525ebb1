//! The finished file over REST: whole, in parts, to whoever holds it already, and never as a page.

use haul_testkit::daemon::Daemon;
use haul_testkit::http::{self, Answer};
use haul_testkit::origin::{Origin, content};
use serde_json::json;

use crate::world::{self, World, end, program, start};

const SIZE: u64 = 1 << 20;
const SEED: u64 = 9;

async fn get(daemon: &Daemon, method: &str, id: &str, headers: &[(&str, &str)]) -> Answer {
    let url = daemon.url(&format!("/api/v1/downloads/{id}/content"));
    let answer = http::request_with(method, &url, headers, b"").await;
    answer.expect("an answer")
}

fn code(answer: &Answer) -> (u16, String) {
    let code = answer.json()["code"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    (answer.status, code)
}

/// A daemon with one finished download of this name and type.
async fn finished(world: &World, origin: &Origin, name: &str, kind: &str) -> (Daemon, String) {
    let daemon = world.daemon(&[]).await;
    let url = origin.url(&format!("/f?size={SIZE}&seed={SEED}&type={kind}"));
    let options = json!({"name": name, "accept_html": true});
    let id = world::add(&daemon, url.as_str(), options).await;
    world::until_status(&daemon, &id, "completed").await;
    (daemon, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_file_is_given_whole_and_in_parts() {
    let (world, origin) = (World::new(), Origin::start().await);
    let (daemon, id) = finished(&world, &origin, "имя (1).mp4", "video/mp4").await;
    let bytes = content(SEED, 0..SIZE);

    let whole = get(&daemon, "GET", &id, &[]).await;
    assert_eq!(whole.status, 200);
    assert!(whole.body == bytes, "the bytes of the file");
    let field = |name: &str| whole.header(name).unwrap_or_default().to_owned();
    assert_eq!(field("content-length"), SIZE.to_string());
    assert_eq!(field("content-type"), "video/mp4");
    assert_eq!(field("accept-ranges"), "bytes");
    assert_eq!(
        field("content-disposition"),
        "attachment; filename=\"___ (1).mp4\"; \
         filename*=UTF-8''%D0%B8%D0%BC%D1%8F%20%281%29.mp4"
    );
    let (tag, date) = (field("etag"), field("last-modified"));
    assert!(
        tag.starts_with('"') && date.ends_with("GMT"),
        "{tag} {date}"
    );

    let head = get(&daemon, "HEAD", &id, &[]).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some(&*SIZE.to_string()));
    assert_eq!(head.header("etag"), Some(&*tag));

    let part = get(
        &daemon,
        "GET",
        &id,
        &[("Range", "bytes=1000-300999"), ("If-Range", &tag)],
    )
    .await;
    assert_eq!(part.status, 206);
    assert_eq!(
        part.header("content-range"),
        Some("bytes 1000-300999/1048576")
    );
    assert_eq!(part.header("content-length"), Some("300000"));
    assert!(part.body == bytes[1000..301_000], "the bytes of the part");
    let end = get(&daemon, "GET", &id, &[("Range", "bytes=-5")]).await;
    assert_eq!((end.status, &*end.body), (206, &bytes[bytes.len() - 5..]));
    let several = get(&daemon, "GET", &id, &[("Range", "bytes=0-1,5-6")]).await;
    assert_eq!((several.status, several.body.len()), (200, bytes.len()));
    let other = get(
        &daemon,
        "GET",
        &id,
        &[("Range", "bytes=0-1"), ("If-Range", "\"other\"")],
    )
    .await;
    assert_eq!((other.status, other.body.len()), (200, bytes.len()));
    let beyond = get(&daemon, "GET", &id, &[("Range", "bytes=1048576-")]).await;
    assert_eq!(code(&beyond), (416, "range_not_satisfiable".to_owned()));
    assert_eq!(beyond.header("content-range"), Some("bytes */1048576"));

    for (name, value, status) in [
        ("If-None-Match", &*tag, 304),
        ("If-Modified-Since", &*date, 304),
        ("If-None-Match", "\"other\"", 200),
        ("If-Match", "\"other\"", 412),
    ] {
        let answer = get(&daemon, "GET", &id, &[(name, value)]).await;
        assert_eq!(answer.status, status, "{name}: {value}");
    }
    let held = get(&daemon, "GET", &id, &[("If-None-Match", &tag)]).await;
    assert_eq!((held.body.len(), held.header("etag")), (0, Some(&*tag)));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_file_of_the_same_name_and_length_has_another_tag() {
    let (world, origin) = (World::new(), Origin::start().await);
    let (daemon, id) = finished(&world, &origin, "a.bin", "video/mp4").await;
    let before = get(&daemon, "HEAD", &id, &[]).await;
    let tag = before.header("etag").expect("a tag");
    std::fs::write(world.files().join("a.bin"), content(SEED + 1, 0..SIZE)).expect("written");
    let part = get(
        &daemon,
        "GET",
        &id,
        &[("Range", "bytes=5-9"), ("If-Range", tag)],
    )
    .await;
    assert_eq!(part.status, 200, "no part of one is joined to the other");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_was_downloaded_is_no_page_of_ours() {
    let (world, origin) = (World::new(), Origin::start().await);
    let (daemon, id) = finished(&world, &origin, "page.html", "text%2Fhtml").await;
    let answer = get(&daemon, "GET", &id, &[]).await;
    assert_eq!(answer.status, 200);
    for (name, expected) in [
        ("content-type", "application/octet-stream"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "sandbox; default-src 'none'"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), Some(expected));
    }
    let disposition = answer.header("content-disposition").unwrap_or_default();
    assert!(disposition.starts_with("attachment;"), "{disposition}");
    let page = [("Origin", "http://evil.example")];
    assert_eq!(get(&daemon, "GET", &id, &page).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_finished_or_no_longer_there_is_told_apart() {
    let (world, origin) = (World::new(), Origin::start().await);
    let (daemon, id) = finished(&world, &origin, "a.bin", "video/mp4").await;
    let url = origin.url("/b.bin?size=1K");
    let waiting = world::add(&daemon, url.as_str(), json!({"paused": true})).await;
    let answer = get(&daemon, "GET", &waiting, &[]).await;
    assert_eq!(code(&answer), (409, "not_completed".to_owned()));
    let unknown = get(&daemon, "GET", "0123456789abcdef", &[]).await;
    assert_eq!(code(&unknown), (404, "no_such_download".to_owned()));

    let path = world.files().join("a.bin");
    std::fs::remove_file(&path).expect("deleted");
    let gone = get(&daemon, "GET", &id, &[]).await;
    assert_eq!(code(&gone), (404, "file_gone".to_owned()));
    let secret = world.path("secret");
    std::fs::write(&secret, "secret").expect("a file");
    std::os::unix::fs::symlink(&secret, &path).expect("a link");
    let link = get(&daemon, "GET", &id, &[]).await;
    assert_eq!(code(&link), (404, "file_gone".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_goes_on_with_what_it_holds() {
    let (world, origin) = (World::new(), Origin::start().await);
    let (daemon, id) = finished(&world, &origin, "a.bin", "video/mp4").await;
    let dir = world.subdir("curl");
    let bytes = content(SEED, 0..SIZE);
    std::fs::write(dir.join("a.bin"), &bytes[..400_000]).expect("a part");
    let url = daemon.url(&format!("/api/v1/downloads/{id}/content"));
    let args = ["-sSf", "-C", "-", "-o", "a.bin", &url];
    let ended = end(start(program("curl", &dir, &args))).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let held = std::fs::read(dir.join("a.bin")).expect("a file");
    assert!(held == bytes, "the whole file");
}
