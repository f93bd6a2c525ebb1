//! The table: every fault, in the groups in which `docs/faults.md` shows them.

mod bodies;
mod connections;
mod heads;
mod mirrors;
mod names;
mod ranges;
mod redirects;
mod refusals;
mod versions;

use haul_engine::Kind;

use crate::row::{Group, Outcome};

pub(crate) fn groups() -> Vec<Group> {
    let group = |title, rows| Group { title, rows };
    vec![
        group("Answers to a range", ranges::rows()),
        group("Versions of the file", versions::rows()),
        group("Bodies", bodies::rows()),
        group("Heads", heads::rows()),
        group("Refusals", refusals::rows()),
        group("Redirects and addresses", redirects::rows()),
        group("One of two sources", mirrors::rows()),
        group("Connections, TLS, DNS", connections::rows()),
        group("Names", names::rows()),
    ]
}

const RIGHT: Outcome = Outcome::Right;
const PROTOCOL: Outcome = Outcome::Fails(Kind::Protocol);
const DISCONNECTED: Outcome = Outcome::Fails(Kind::Disconnected);
const TIMEOUT: Outcome = Outcome::Fails(Kind::Timeout);
