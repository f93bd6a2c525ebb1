//! Which version of the file an answer speaks of.

use haul_engine::Kind;

use super::RIGHT;
use crate::row::{Moment, Outcome, Row, TAGGED, with_digest};
use crate::within::Within;

const DATED: &str = "last_modified=Mon%2C%2031%20Dec%202029%2023%3A59%3A59%20GMT";
const LATER_DATE: &str = "last_modified=Wed%2C%2002%20Jan%202030%2003%3A04%3A05%20GMT";

const MISMATCH: Outcome = Outcome::Fails(Kind::ChecksumMismatch);

pub(crate) fn rows() -> Vec<Row> {
    let rows = vec![
        stale_node(Row::changing(
            "new_tag",
            "another `ETag`",
            TAGGED,
            "seed=8&etag=%22two%22",
        )),
        stale_node(Row::changing(
            "new_date",
            "another `Last-Modified`, no `ETag`",
            DATED,
            &format!("seed=8&{LATER_DATE}"),
        )),
        Row::changing(
            "new_weak_tag",
            "another weak `ETag`",
            "weak&etag=%22one%22",
            "seed=8&etag=%22two%22",
        ),
        Row::changing(
            "same_weak_tag",
            "the same weak `ETag`",
            "weak&etag=%22one%22",
            "seed=8",
        ),
        Row::changing("no_validators", "no validators at all", "", "seed=8"),
        Row::changing("tag_lost", "no `ETag` any more", TAGGED, "seed=8&etag="),
        Row::changing(
            "same_date",
            "the same `Last-Modified`, no `ETag`",
            DATED,
            "seed=8",
        ),
        Row {
            ask: with_digest,
            outcomes: vec![(Moment::Later, MISMATCH), (Moment::Resume, MISMATCH)],
            ..Row::changing(
                "same_tag",
                "the same strong `ETag`, which is a lie (a checksum is given)",
                TAGGED,
                "seed=8",
            )
        },
        sized(
            "shorter",
            "shorter, with another `ETag`",
            "etag=%22two%22",
            200_000,
        ),
        sized(
            "longer",
            "longer, with another `ETag`",
            "etag=%22two%22",
            700_000,
        ),
        sized(
            "shorter_same_tag",
            "shorter, with the same `ETag`",
            "",
            200_000,
        ),
        sized(
            "longer_untagged",
            "longer, without validators",
            "etag=",
            700_000,
        ),
    ];
    let unchanged = [
        Row::striking(
            "tag_gone",
            "the same bytes, without the `ETag`",
            "etag=",
            [RIGHT; 3],
        ),
        Row::striking(
            "tag_other",
            "the same bytes with another `ETag`",
            "etag=%22two%22",
            [RIGHT; 3],
        ),
        nodes(
            "tag_per_node",
            "an `ETag` per node with equal bytes",
            "etag_per_node=3",
        ),
        nodes(
            "weak_tag_per_node",
            "a weak `ETag` per node with equal bytes",
            "weak&etag_per_node=3",
        ),
        nodes(
            "date_per_node",
            "a `Last-Modified` per node with equal bytes",
            "last_modified_per_node=3",
        ),
        plain("weak_tag", "a weak `ETag`", "weak"),
        plain("unvalidated", "no validators", ""),
    ];
    rows.into_iter()
        .chain(unchanged)
        .map(|row| row.within(Within::ALL_TRIES))
        .collect()
}

/// Three answers of another version while the first one stays: a node that lags behind.
fn stale_node(mut row: Row) -> Row {
    row.outcomes.push((Moment::LaterPassing, RIGHT));
    row
}

fn sized(name: &'static str, fault: &'static str, tag: &str, size: u64) -> Row {
    Row {
        new_size: size,
        ..Row::changing(name, fault, TAGGED, &format!("seed=8&size={size}&{tag}"))
    }
}

fn nodes(name: &'static str, fault: &'static str, knobs: &str) -> Row {
    Row {
        has_struck: |log| log.iter().any(|seen| seen.connection > 1),
        ..plain(name, fault, knobs)
    }
}

fn plain(name: &'static str, fault: &'static str, knobs: &str) -> Row {
    Row {
        base: String::new(),
        ..Row::standing(name, fault, knobs, RIGHT)
    }
}
