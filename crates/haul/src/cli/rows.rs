//! The daemon's downloads as people read them: a row each with whole ids and names, as in a pipe, or
//! every fact of one.

use serde_json::Value as Json;

use super::downloads::text;
use super::glyphs::Glyphs;
use super::paint::{Look, Paint, plain};
use crate::human;

/// How wide the map is drawn at most.
const MAP_WIDTH: usize = 64;

/// The heading over [`row`].
pub(crate) fn heading() -> String {
    format!(
        "{:<16}  {:<11}  {:>6}  {:>10}  {:>12}  {:>7}  NAME",
        "ID", "STATUS", "DONE", "SIZE", "SPEED", "LEFT"
    )
}

/// A download in one line.
pub(crate) fn row(download: &Json) -> String {
    let status = text(download, "status");
    let number = |field: &str| download[field].as_u64();
    let progress = download["progress"].as_f64();
    let progress = progress.map_or_else(|| "-".to_owned(), |percent| format!("{percent:.1}%"));
    let size = number("size").map_or_else(|| "-".to_owned(), human::size);
    let speed = number("speed").filter(|speed| *speed > 0);
    let speed = speed.map_or_else(|| "-".to_owned(), human::speed);
    let left = number("eta").map_or_else(|| "-".to_owned(), human::time);
    let why = match text(&download["error"], "detail") {
        detail if !detail.is_empty() => detail,
        _ => text(download, "reason"),
    };
    let mut row = format!(
        "{:<16}  {status:<11}  {progress:>6}  {size:>10}  {speed:>12}  {left:>7}  {}",
        text(download, "id"),
        text(download, "name"),
    );
    if !why.is_empty() {
        row.push_str("  ");
        row.push_str(&why);
    }
    row
}

/// Everything about a download, a line per fact.
pub(crate) fn facts(download: &Json, paint: Paint, glyphs: Glyphs) -> String {
    let number = |field: &str| download[field].as_u64();
    let shown = |value: Option<String>| value.unwrap_or_default();
    let per_second = |field| number(field).filter(|speed| *speed > 0).map(human::speed);
    let checksum = &download["checksum"];
    let digest = |field| {
        checksum[field]
            .as_str()
            .map(|hex| format!("{}={}", text(checksum, "algorithm"), plain(hex)))
    };
    let status = text(download, "status");
    let mut facts = vec![
        ("id", text(download, "id")),
        ("status", paint.text(Look::of(&status), &status)),
        ("reason", text(download, "reason")),
        ("error", text(&download["error"], "detail")),
        ("name", text(download, "name")),
        ("path", text(download, "path")),
        ("file", text(download, "file_url")),
        ("url", text(download, "url")),
        ("final url", text(download, "final_url")),
    ];
    for mirror in download["mirrors"].as_array().into_iter().flatten() {
        facts.push(("mirror", plain(mirror.as_str().unwrap_or_default())));
    }
    facts.extend([
        (
            "size",
            shown(number("size").map(|size| format!("{} ({size} bytes)", human::size(size)))),
        ),
        (
            "done",
            shown(number("done").map(|done| done_of(done, download["progress"].as_f64()))),
        ),
        ("speed", shown(per_second("speed"))),
        ("time left", shown(number("eta").map(human::time))),
        ("speed limit", shown(per_second("speed_limit"))),
        ("threads", threads(&download["threads"])),
        ("block size", shown(number("block_size").map(human::size))),
        (
            "priority",
            shown(
                download["priority"]
                    .as_i64()
                    .filter(|p| *p != 0)
                    .map(|p| p.to_string()),
            ),
        ),
        (
            "position",
            shown(number("position").map(|position| position.to_string())),
        ),
        ("expected", shown(digest("expected"))),
        ("actual", shown(digest("actual"))),
        ("type", text(download, "content_type")),
        ("etag", text(download, "etag")),
        ("modified", text(download, "last_modified")),
        (
            "new tries",
            shown(number("attempts").filter(|n| *n > 0).map(|n| n.to_string())),
        ),
        (
            "wasted",
            shown(number("wasted").filter(|n| *n > 0).map(human::size)),
        ),
        ("added", text(download, "added_at")),
        ("started", text(download, "started_at")),
        ("finished", text(download, "finished_at")),
        ("map", glyphs.map(&text(download, "map"), MAP_WIDTH)),
    ]);
    let mut lines: Vec<String> = facts
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| {
            format!(
                "{}  {value}",
                paint.text(Look::Dim, format_args!("{name:>11}"))
            )
        })
        .collect();
    let blocks = download["blocks"].as_array().into_iter().flatten();
    lines.extend(blocks.map(|block| self::block(block, paint)));
    lines.join("\n")
}

fn done_of(done: u64, percent: Option<f64>) -> String {
    match percent {
        Some(percent) => format!("{} ({percent:.1}%)", human::size(done)),
        None => human::size(done),
    }
}

fn threads(threads: &Json) -> String {
    match (threads["active"].as_u64(), threads["limit"].as_u64()) {
        (Some(active), Some(limit)) => format!("{active} of at most {limit}"),
        _ => String::new(),
    }
}

/// One thread's block: where it is, how far, how fast.
fn block(block: &Json, paint: Paint) -> String {
    let number = |field: &str| block[field].as_u64().unwrap_or_default();
    let name = format!("thread {}", number("thread"));
    let end = block["end"]
        .as_u64()
        .map_or_else(|| "?".to_owned(), |end| end.to_string());
    format!(
        "{}  {:<10}  {} of bytes {}–{end}  {}",
        paint.text(Look::Dim, format_args!("{name:>11}")),
        text(block, "state"),
        human::size(number("done")),
        number("start"),
        human::speed(number("speed")),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_columns_of_a_row_stand_under_their_heading() {
        let download = json!({
            "id": "9f1c2a7be04d5566", "status": "downloading", "progress": 17.0, "size": 21_657_943,
            "speed": 1_048_576, "eta": 17, "name": "sample\u{1b}.mp4", "error": null, "reason": null,
        });
        insta::assert_snapshot!(format!("{}\n{}", heading(), row(&download)), @r"
        ID                STATUS         DONE        SIZE         SPEED     LEFT  NAME
        9f1c2a7be04d5566  downloading   17.0%    20.7 MiB     1.0 MiB/s      17s  sample�.mp4
        ");
    }

    #[test]
    fn facts_leave_out_what_is_not_known() {
        let download = json!({
            "id": "9f1c2a7be04d5566", "status": "failed", "name": "a", "url": "http://h/a",
            "error": {"code": "not_found", "detail": "404"}, "size": null, "done": 0,
            "threads": {"active": 1, "limit": 8}, "map": "0599",
            "blocks": [{"thread": 1, "start": 0, "end": 9, "done": 4, "speed": 2, "state": "streaming"}],
        });
        insta::assert_snapshot!(facts(&download, Paint::Plain, Glyphs::Blocks), @r"
              id  9f1c2a7be04d5566
          status  failed
           error  404
            name  a
             url  http://h/a
            done  0 B
         threads  1 of at most 8
             map  ·▄██
        thread 1  streaming   4 B of bytes 0–9  2 B/s
        ");
    }
}
