//! Where redirects lead, and where nothing may lead.

use haul_engine::Kind;
use haul_engine::spec::Targets;
use haul_testkit::origin::Certificate;

use super::{PROTOCOL, RIGHT};
use crate::expect::{SEED, SIZE};
use crate::ground::encoded;
use crate::row::{Outcome, Row};
use crate::within::Within;

const REFUSED: Outcome = Outcome::Fails(Kind::TargetRefused);
const TOO_MANY: Outcome = Outcome::Fails(Kind::TooManyRedirects);

/// To the file at another place.
fn to(place: &str) -> String {
    let file = encoded(&format!("?size={SIZE}&seed={SEED}&etag=%22one%22"));
    format!("redirect_to={place}{file}")
}

pub(crate) fn rows() -> Vec<Row> {
    let row = Row::standing;
    vec![
        row(
            "relative",
            "to a relative reference",
            &to("b.bin"),
            Outcome::Named("b.bin"),
        ),
        row("other_host", "to another host", &to("{other}/a.bin"), RIGHT),
        row(
            "to_https",
            "from http to https",
            &to("{secure}/a.bin"),
            RIGHT,
        ),
        row("ten_hops", "10 hops", "redirect=10", RIGHT),
        row("twenty_hops", "20 hops", "redirect=20", TOO_MANY),
        row("circle", "in a circle", "redirect_loop", TOO_MANY),
        row(
            "to_ftp",
            "to ftp",
            "redirect_to=ftp%3A%2F%2Fhost%2Fa.bin",
            REFUSED,
        ),
        row(
            "to_file",
            "to a local file",
            "redirect_to=file%3A%2F%2F%2Fetc%2Fpasswd",
            REFUSED,
        ),
        Row {
            tls: Some(Certificate::Right),
            ..row(
                "to_http",
                "from https to http",
                &to("{other}/a.bin"),
                REFUSED,
            )
        },
        row(
            "to_nonsense",
            "to something that is no URL",
            "redirect_to=http%3A%2F%2F%5B%3A%3A1",
            PROTOCOL,
        )
        .within(Within::ALL_TRIES),
        row(
            "to_nowhere",
            "a redirect that names no place",
            "status=302",
            Outcome::Fails(Kind::HttpStatus),
        ),
        Row {
            tune: |config, _| config.targets = Targets::Public,
            has_struck: |log| log.is_empty(),
            ..row(
                "private_address",
                "`targets = \"public\"`: a private address",
                "",
                REFUSED,
            )
        },
        Row {
            host: Some("private.test"),
            tune: |config, _| config.targets = Targets::Public,
            has_struck: |log| log.is_empty(),
            ..row(
                "private_name",
                "`targets = \"public\"`: a name whose address is private",
                "",
                REFUSED,
            )
        },
        Row {
            // The proxy answers for the public host; its own address is the operator's choice.
            host: Some("public.example"),
            tune: |config, ground| {
                config.targets = Targets::Public;
                config.proxy = Some(ground.origin.url("/"));
            },
            has_struck: |log| log.len() == 1,
            ..row(
                "to_private_address",
                "`targets = \"public\"`: a redirect to a private address",
                &to("{origin}/a.bin"),
                REFUSED,
            )
        },
    ]
}
