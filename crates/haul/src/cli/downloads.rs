//! Finding the daemon's downloads: page by page, or by the start of an id.

use haul_engine::Id;
use serde_json::{Value as Json, json};

use super::client::Client;
use super::exit::{self, Failure};
use super::paint::plain;

/// How many downloads are asked for at once.
const PAGE: u64 = 500;

/// A text field, without what a terminal would obey; empty when absent.
pub(crate) fn text(download: &Json, field: &str) -> String {
    plain(download[field].as_str().unwrap_or_default())
}

/// The list of downloads, read page by page.
pub(crate) struct Pages {
    status: Option<String>,
    cursor: Option<Json>,
    finished: bool,
}

impl Pages {
    /// Those with one of the statuses in `status` (separated by commas), or all.
    pub(crate) fn of(status: Option<&str>) -> Pages {
        Pages {
            status: status.map(str::to_owned),
            cursor: None,
            finished: false,
        }
    }

    /// The next page; `None` when there is none.
    pub(crate) async fn next(&mut self, client: &mut Client) -> Result<Option<Vec<Json>>, Failure> {
        if self.finished {
            return Ok(None);
        }
        let mut params = json!({"limit": PAGE});
        if let Some(status) = &self.status {
            params["status"] = status.split(',').collect();
        }
        if let Some(cursor) = self.cursor.take() {
            params["cursor"] = cursor;
        }
        let mut answer = client.call("downloads.list", params).await?;
        let next = answer["next"].take();
        self.finished = next.is_null();
        self.cursor = Some(next);
        match answer["downloads"].take() {
            Json::Array(downloads) => Ok(Some(downloads)),
            _ => Err(Failure::new(
                exit::PROTOCOL,
                "the daemon sent no list of downloads",
            )),
        }
    }
}

/// The ids of all downloads with one of the statuses in `status`, in the daemon's order.
pub(crate) async fn ids(client: &mut Client, status: Option<&str>) -> Result<Vec<String>, Failure> {
    let mut pages = Pages::of(status);
    let mut ids = Vec::new();
    while let Some(page) = pages.next(client).await? {
        ids.extend(page.iter().map(|download| text(download, "id")));
    }
    Ok(ids)
}

/// Completes ids of which only the start was given.
pub(crate) async fn complete(
    client: &mut Client,
    given: &[String],
) -> Result<Vec<String>, Failure> {
    let given: Vec<String> = given.iter().map(|id| id.to_ascii_lowercase()).collect();
    if given.iter().all(|id| id.parse::<Id>().is_ok()) {
        return Ok(given);
    }
    let all = ids(client, None).await?;
    given.iter().map(|start| only(start, &all)).collect()
}

/// The one id that begins with `start`.
fn only(start: &str, all: &[String]) -> Result<String, Failure> {
    let found: Vec<&String> = all.iter().filter(|id| id.starts_with(start)).collect();
    match found.as_slice() {
        [id] if !start.is_empty() => Ok((*id).clone()),
        [] => Err(Failure::new(
            exit::NOT_FOUND,
            format!("no download's id begins with \"{start}\""),
        )
        .next("`haul ls` shows the ids")),
        several => {
            let ids: Vec<&str> = several.iter().take(5).map(|id| id.as_str()).collect();
            Err(Failure::new(
                exit::USAGE,
                format!(
                    "\"{start}\" is the start of {} ids: {} …",
                    several.len(),
                    ids.join(", ")
                ),
            )
            .next("give more of its digits"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_may_be_given_by_its_start() {
        let all = ["9f1c2a7be04d5566".to_owned(), "9f00000000000000".to_owned()];
        assert_eq!(only("9f1", &all).expect("one"), all[0]);
        assert_eq!(only("9f", &all).expect_err("two").code, exit::USAGE);
        assert_eq!(only("", &all).expect_err("no digits").code, exit::USAGE);
        assert_eq!(only("a", &all).expect_err("none").code, exit::NOT_FOUND);
    }
}
