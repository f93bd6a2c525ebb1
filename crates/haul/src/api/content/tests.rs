//! Names, types and bytes, without a server around them.

use super::*;
use crate::api::types::download::tests::sample;
use futures_util::TryStreamExt;

fn typed(told: Option<&str>) -> HeaderValue {
    content_type(&View {
        content_type: told.map(Into::into),
        ..sample()
    })
}

#[test]
fn no_type_that_a_browser_could_run_is_passed_on() {
    for active in [
        "text/html",
        "TEXT/HTML; charset=utf-8",
        "application/xhtml+xml",
        "image/svg+xml",
        "text/xml",
        "application/xml",
        "text/javascript",
        "application/javascript",
        "application/ecmascript",
        "text/css",
        "html",
        "",
    ] {
        assert_eq!(typed(Some(active)), "application/octet-stream", "{active}");
    }
    assert_eq!(typed(None), "application/octet-stream");
    for passive in ["video/mp4", "text/plain; charset=koi8-r", "application/zip"] {
        assert_eq!(typed(Some(passive)), passive);
    }
}

#[test]
fn a_name_is_said_in_ascii_and_as_it_is() {
    for (name, expected) in [
        (
            "a b.mp4",
            "attachment; filename=\"a b.mp4\"; filename*=UTF-8''a%20b.mp4",
        ),
        (
            "имя.mp4",
            "attachment; filename=\"___.mp4\"; filename*=UTF-8''%D0%B8%D0%BC%D1%8F.mp4",
        ),
        (
            "a\"b\\c%41;\r\n.html",
            "attachment; filename=\"a_b_c_41;__.html\"; filename*=UTF-8''a%22b%5Cc%2541%3B%0D%0A.html",
        ),
    ] {
        assert_eq!(disposition(name), expected);
    }
}

#[test]
fn only_a_file_is_opened_and_nothing_through_a_link() {
    let dir = tempfile::tempdir().expect("a directory");
    let (root, outside) = (dir.path().join("files"), dir.path().join("outside"));
    for made in [&root, &outside] {
        std::fs::create_dir(made).expect("a directory");
    }
    let place = |name: &str| root.join(name);
    for file in [place("file"), outside.join("secret")] {
        std::fs::write(file, "bytes").expect("a file");
    }
    let link = |to: &Path, at: &str| std::os::unix::fs::symlink(to, place(at)).expect("a link");
    link(&outside.join("secret"), "link");
    link(&outside, "dir");
    std::fs::create_dir(place("folder")).expect("a directory");
    rustix::fs::mkfifoat(rustix::fs::CWD, place("pipe"), 0o600.into()).expect("a pipe");
    assert!(open(&place("file"), &root).is_ok());
    for gone in [
        "link",
        "dir/secret",
        "folder",
        "pipe",
        "nothing",
        "file/below",
    ] {
        let refused = open(&place(gone), &root).expect_err(gone);
        let answer = refused.into_response();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{gone}");
    }
}

/// Whoever may write into the download directory swaps a directory for a link, again and again.
#[test]
fn a_link_swapped_in_while_a_file_is_opened_leads_nowhere_else() {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let dir = tempfile::tempdir().expect("a directory");
    let (root, outside) = (dir.path().join("files"), dir.path().join("outside"));
    let (sub, link) = (root.join("sub"), root.join("link"));
    for (made, text) in [(&sub, "ours"), (&outside, "secret")] {
        std::fs::create_dir_all(made).expect("a directory");
        std::fs::write(made.join("a"), text).expect("a file");
    }
    std::os::unix::fs::symlink(&outside, &link).expect("a link");
    let is_over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                renameat_with(CWD, &sub, CWD, &link, RenameFlags::EXCHANGE).expect("swapped");
            }
        });
        let read: Vec<String> = (0..5_000)
            .filter_map(|_| open(&sub.join("a"), &root).ok())
            .map(|(file, _)| io::read_to_string(file).expect("readable"))
            .collect();
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(
            read.iter().any(|text| text == "ours"),
            "it was there at times"
        );
        let others = read.iter().filter(|text| *text != "ours").count();
        assert_eq!(others, 0, "of {}", read.len());
    });
}

#[tokio::test]
async fn a_range_is_read_in_pieces_and_a_file_that_was_cut_breaks_off() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("file");
    let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(600_000).collect();
    std::fs::write(&path, &bytes).expect("a file");
    let open = || File::open(&path).expect("a file");
    let read: Vec<Bytes> = pieces(open(), 5..600_000)
        .try_collect()
        .await
        .expect("readable");
    assert_eq!(read.len(), 3);
    assert_eq!(read.concat(), bytes[5..]);
    let cut: io::Result<Vec<Bytes>> = pieces(open(), 0..600_001).try_collect().await;
    assert_eq!(cut.expect_err("too short").kind(), ErrorKind::UnexpectedEof);
}
