//! The rooms of the engine use each other downwards only, as `ARCHITECTURE.md` says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Each room, and the rooms that it may use besides itself; every room may use only earlier ones.
const ROOMS: [(&str, &[&str]); 28] = [
    ("sys", &[]),
    ("crash", &[]),
    ("error", &[]),
    ("meter", &["error"]),
    ("spec", &["error"]),
    ("plan", &["error", "spec"]),
    ("folder", &[]),
    ("sys", &[]),
    ("event", &["error", "spec", "plan"]),
    ("limit", &["error", "spec"]),
    ("source", &["limit"]),
    ("sources", &["error", "spec", "plan", "limit", "source"]),
    ("http", &["sys", "error", "spec", "limit"]),
    ("store", &["error", "meter", "spec", "plan"]),
    ("opened", &["error", "http"]),
    // The steps know nothing of each other.
    ("disk", &["sys", "folder", "spec", "plan"]),
    ("deliver", &["crash", "error", "folder", "spec", "plan"]),
    ("probe", &["error", "plan", "http", "source", "opened"]),
    ("fetch", &["error", "plan", "http", "source"]),
    (
        "meet",
        &[
            "disk", "error", "fetch", "http", "opened", "plan", "probe", "source",
        ],
    ),
    ("span", &["error", "event", "plan"]),
    ("writer", &["error", "meter", "disk", "span"]),
    (
        "group",
        &[
            "crash", "error", "meter", "folder", "spec", "plan", "deliver", "disk", "opened",
            "store", "writer",
        ],
    ),
    (
        "context",
        &[
            "spec", "plan", "disk", "event", "group", "http", "limit", "opened", "store",
        ],
    ),
    (
        "thread",
        &[
            "error", "meter", "plan", "context", "event", "fetch", "http", "limit", "opened",
            "source", "span", "writer",
        ],
    ),
    (
        "transfer",
        &[
            "crash", "error", "meter", "spec", "plan", "context", "disk", "event", "limit", "meet",
            "opened", "probe", "source", "sources", "span", "store", "thread", "writer",
        ],
    ),
    (
        "download",
        &[
            "crash", "error", "meter", "folder", "spec", "plan", "context", "deliver", "disk",
            "event", "group", "http", "limit", "meet", "opened", "probe", "source", "sources",
            "store", "transfer",
        ],
    ),
    (
        "engine",
        &[
            "crash", "error", "folder", "spec", "plan", "context", "disk", "download", "event",
            "group", "http", "limit", "opened", "probe", "source", "store",
        ],
    ),
];

#[test]
fn rooms_use_each_other_downwards_only() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (room, allowed) in ROOMS {
        let used: BTreeSet<String> = files_of(&source, room)
            .iter()
            .flat_map(|file| rooms_used_in(file))
            .filter(|used| used != room)
            .collect();
        let wrong: Vec<&String> = used
            .iter()
            .filter(|used| !allowed.contains(&used.as_str()))
            .collect();
        assert!(wrong.is_empty(), "{room} uses {wrong:?}");
    }
}

/// `room.rs` and everything below `room/`.
fn files_of(source: &Path, room: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![source.join(room)];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.extend(Some(source.join(format!("{room}.rs"))).filter(|file| file.exists()));
    assert!(!files.is_empty(), "no room {room}");
    files
}

/// The first names after `crate::`, outside tests.
fn rooms_used_in(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).expect("readable source");
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let names = lines.flat_map(|line| line.split("crate::").skip(1));
    let name = |rest: &str| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        rest[..end.unwrap_or(rest.len())].to_owned()
    };
    // A capital letter is a name that the crate's root lends out, not a room.
    names
        .map(name)
        .filter(|name| name.starts_with(char::is_lowercase))
        .collect()
}
