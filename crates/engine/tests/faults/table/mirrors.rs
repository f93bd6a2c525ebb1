//! Faults of a source beside which there is another one.

use haul_engine::Kind;

use super::RIGHT;
use crate::row::{Moment, Outcome, Row};
use crate::within::Within;

/// The same file, of which its server says nothing.
const SAME: &str = "size=512K&seed=7";

const NOT_FOUND: Outcome = Outcome::Fails(Kind::NotFound);

pub(crate) fn rows() -> Vec<Row> {
    let beside = [
        beside_a_mirror("mirror_404", "`404`", "status=404"),
        beside_a_mirror("mirror_403", "`403`", "status=403"),
        beside_a_mirror("mirror_500", "`500`", "status=500"),
        beside_a_mirror("mirror_503", "`503`", "status=503"),
        beside_a_mirror(
            "mirror_html",
            "an HTML error page with `200`",
            "size=1K&seed=8&ranges=no&type=text/html&etag=",
        ),
        beside_a_mirror("mirror_whole", "`200` with the whole file", "ranges=no"),
        beside_a_mirror(
            "mirror_reset",
            "a reset before the head",
            "reset_head=before",
        ),
        beside_a_mirror("mirror_close", "closed after 8 KiB", "close_after=8K"),
        beside_a_mirror("mirror_stall", "silent after 8 KiB", "stall_after=8K")
            .within(Within::ALL_SILENT),
        // The version that was begun is still to be had.
        Row {
            outcomes: vec![
                (Moment::Later, RIGHT),
                (Moment::LaterPassing, RIGHT),
                (Moment::Resume, RIGHT),
            ],
            ..beside_a_mirror(
                "mirror_new_tag",
                "a new version with another `ETag`",
                "seed=8&etag=%22two%22",
            )
        },
    ];
    let no_help = [
        no_mirror(
            "mirror_size",
            "`404`; the mirror has another size",
            "size=500K&seed=7",
        ),
        no_mirror(
            "mirror_bytes",
            "`404`; the mirror has other bytes",
            "size=512K&seed=8",
        ),
        no_mirror(
            "mirror_same_tag",
            "`404`; the mirror has other bytes under the same `ETag`",
            "size=512K&seed=8&etag=%22one%22",
        ),
        no_mirror(
            "mirror_no_ranges",
            "`404`; the mirror gives no ranges",
            "size=512K&seed=7&ranges=no",
        ),
        no_mirror(
            "mirror_page",
            "`404`; the mirror is an HTML page",
            "type=text/html",
        ),
    ];
    beside.into_iter().chain(no_help).collect()
}

/// The first source has the fault, the mirror is well.
fn beside_a_mirror(name: &'static str, fault: &'static str, knobs: &str) -> Row {
    Row {
        mirror: Some(SAME),
        ..Row::striking(name, fault, knobs, [RIGHT; 3])
    }
    .within(Within::ALL_TRIES)
}

/// The first source is gone once its file is begun, and the mirror has another one.
fn no_mirror(name: &'static str, fault: &'static str, mirror: &'static str) -> Row {
    Row {
        mirror: Some(mirror),
        outcomes: vec![
            (Moment::Later, NOT_FOUND),
            (Moment::LaterPassing, RIGHT),
            (Moment::Resume, NOT_FOUND),
        ],
        ..beside_a_mirror(name, fault, "status=404")
    }
}
