//! Every call that is a command: its name and its place in the API, what it reads, what it does, what it
//! answers and why it may not. REST and the live protocol serve this list, and their descriptions are
//! made of it.

use std::path::Path;

use haul_engine::{Error, Kind};
use http::Method;
use serde_json::Value;

use super::command::Command;
use super::error::{Code, Edge};
use super::types::add;
use super::types::answer::Shape;
use super::types::arguments::Argument;
use super::types::params::Params;
use super::types::requests::{self, id};

/// One call.
pub(super) struct Call {
    /// Its method in the live protocol.
    pub(super) name: &'static str,
    /// Its method in REST …
    pub(super) method: Method,
    /// … and its path below `/api/v1`.
    pub(super) path: &'static str,
    /// What it does, in a line.
    pub(super) summary: &'static str,
    /// What else is to be known.
    pub(super) says: &'static str,
    /// How its arguments become a command.
    pub(super) effect: Effect,
    /// What it answers.
    pub(super) answer: Shape,
    /// Why it may not be done, besides what [`Call::refusals`] adds.
    refusals: &'static [Code],
    /// Arguments as somebody might give them, JSON objects with all that are needed.
    examples: &'static [&'static str],
}

/// What a call does with its arguments.
pub(super) enum Effect {
    /// Reads a command out of them.
    Run(fn(&mut Params) -> Result<Command, Error>),
    /// Reads downloads to add, which asks the disk and may be asked again.
    Add,
}

impl Call {
    /// Whether its arguments are the members of a body. Otherwise they are those of a query.
    pub(super) fn has_body(&self) -> bool {
        matches!(self.method, Method::POST | Method::PATCH)
    }

    /// Arguments as somebody might give them.
    pub(super) fn examples(&self) -> Vec<Value> {
        let read = |text: &&str| serde_json::from_str(text).expect("an example is JSON");
        self.examples.iter().map(read).collect()
    }

    /// What it reads. Of `downloads.add`, what both REST and the live protocol read.
    pub(super) fn arguments(&self) -> Vec<Argument> {
        let example = &self.examples()[0];
        match self.effect {
            Effect::Run(read) => Params::described(example, read),
            Effect::Add => Params::described(example, |params| add::add(params, Path::new("/"))),
        }
    }

    /// Why it may not be done.
    pub(super) fn refusals(&self) -> Vec<Code> {
        let any: &[Code] = &[
            Code::Engine(Kind::InvalidOption),
            Code::Engine(Kind::Stopping),
            // What the disk under the list may say.
            Code::Engine(Kind::Store),
            Code::Engine(Kind::DiskFull),
            Code::Engine(Kind::DiskPermission),
            Code::Engine(Kind::DiskIo),
        ];
        let about_one: &[Code] = match self.path.contains("{id}") {
            true => &[
                Code::Engine(Kind::NoSuchDownload),
                // When the id is left out.
                Code::Edge(Edge::UnknownPath),
            ],
            false => &[],
        };
        let with_body: &[Code] = match self.has_body() {
            true => &[
                Code::Edge(Edge::InvalidJson),
                Code::Edge(Edge::BodyTooLarge),
                Code::Edge(Edge::BodyIncomplete),
            ],
            false => &[],
        };
        [&STRANGERS, any, about_one, with_body, self.refusals].concat()
    }
}

/// Why somebody may not ask at all.
pub(super) const STRANGERS: [Code; 3] = [
    Code::Edge(Edge::Unauthorized),
    Code::Edge(Edge::HostRefused),
    Code::Edge(Edge::OriginRefused),
];

/// The call that has this name in the live protocol.
pub(super) fn named(name: &str) -> Option<&'static Call> {
    CALLS.iter().find(|call| call.name == name)
}

const ILLEGAL_STATE: Code = Code::Engine(Kind::IllegalState);

/// All of them, in the order in which they are described.
pub(super) static CALLS: [Call; 14] = [
    Call {
        name: "downloads.add",
        method: Method::POST,
        path: "/downloads",
        summary: "Add downloads",
        says: "`urls` makes a download of each URL; `url`, perhaps with `mirrors`, makes one. URLs that \
               cannot be downloaded are listed in `rejected`; when all are, the call fails.",
        effect: Effect::Add,
        answer: Shape::Added,
        refusals: &[
            Code::AllRejected,
            Code::Engine(Kind::InvalidUrl),
            Code::Edge(Edge::TooManyUrls),
            Code::Engine(Kind::KeyReused),
            Code::Engine(Kind::TooManyKeys),
        ],
        examples: &[
            r#"{"urls": ["https://example.com/a.iso", "https://example.com/b.iso"], "dir": "iso",
                "threads": 4, "block_size": "4M", "headers": {"Referer": "https://example.com/"},
                "speed_limit": 1048576, "priority": 1, "on_conflict": "rename"}"#,
            r#"{"url": "https://example.com/c.iso", "mirrors": ["https://example.com/mirror/c.iso"],
                "name": "d.iso", "paused": true}"#,
        ],
    },
    Call {
        name: "downloads.list",
        method: Method::GET,
        path: "/downloads",
        summary: "List downloads, a page at a time",
        says: "`total` counts what passes the filters, on all pages; `next` is the `cursor` of the next \
               page. Downloads that come or go elsewhere shift nothing.",
        effect: Effect::Run(|params| Ok(Command::List(requests::list(params)?))),
        answer: Shape::Page,
        refusals: &[],
        examples: &[
            r#"{"status": ["downloading", "queued"], "sort": "added", "order": "desc", "limit": 10}"#,
        ],
    },
    Call {
        name: "downloads.get",
        method: Method::GET,
        path: "/downloads/{id}",
        summary: "Show a download",
        says: "With what each of its threads does, and a map of the file.",
        effect: Effect::Run(|params| Ok(Command::Get(id(params)?))),
        answer: Shape::Detailed,
        refusals: &[],
        examples: &[ONE],
    },
    Call {
        name: "downloads.update",
        method: Method::PATCH,
        path: "/downloads/{id}",
        summary: "Change a download",
        says: "Also while it runs. What is left out stays as it is.",
        effect: Effect::Run(|params| {
            Ok(Command::Update {
                id: id(params)?,
                change: requests::change(params)?,
            })
        }),
        answer: Shape::Download,
        refusals: &[ILLEGAL_STATE, Code::Engine(Kind::InvalidUrl)],
        examples: &[
            r#"{"id": "9f1c2a7be04d5566", "speed_limit": "2M", "threads": 2, "priority": 5}"#,
        ],
    },
    Call {
        name: "downloads.remove",
        method: Method::DELETE,
        path: "/downloads/{id}",
        summary: "Forget a download",
        says: "It is stopped first. What it holds of an unfinished file is deleted. When its finished file \
               cannot be deleted it is forgotten all the same, and that is the error.",
        effect: Effect::Run(|params| {
            Ok(Command::Remove {
                id: id(params)?,
                files: requests::files(params)?,
            })
        }),
        answer: Shape::Download,
        refusals: &[],
        examples: &[r#"{"id": "9f1c2a7be04d5566", "files": true}"#],
    },
    Call {
        name: "downloads.why",
        method: Method::GET,
        path: "/downloads/{id}/why",
        summary: "Ask what holds a download back",
        says: "What limits it now: its own limit, the server, the line, a full disk …",
        effect: Effect::Run(|params| Ok(Command::Why(id(params)?))),
        answer: Shape::Causes,
        refusals: &[],
        examples: &[ONE],
    },
    Call {
        name: "downloads.pause",
        method: Method::POST,
        path: "/downloads/{id}/pause",
        summary: "Stop a download and keep its bytes",
        says: "Answered when no thread of it is at work any more.",
        effect: Effect::Run(|params| Ok(Command::Pause(id(params)?))),
        answer: Shape::Download,
        refusals: &[ILLEGAL_STATE],
        examples: &[ONE],
    },
    Call {
        name: "downloads.resume",
        method: Method::POST,
        path: "/downloads/{id}/resume",
        summary: "Put a paused download back into the queue",
        says: "It goes on with the bytes that it holds.",
        effect: Effect::Run(|params| Ok(Command::Resume(id(params)?))),
        answer: Shape::Download,
        refusals: &[ILLEGAL_STATE],
        examples: &[ONE],
    },
    Call {
        name: "downloads.retry",
        method: Method::POST,
        path: "/downloads/{id}/retry",
        summary: "Put a failed or cancelled download back into the queue",
        says: "A failed one goes on with the bytes that it holds.",
        effect: Effect::Run(|params| Ok(Command::Retry(id(params)?))),
        answer: Shape::Download,
        refusals: &[ILLEGAL_STATE],
        examples: &[ONE],
    },
    Call {
        name: "downloads.cancel",
        method: Method::POST,
        path: "/downloads/{id}/cancel",
        summary: "Give a download up",
        says: "Its bytes are deleted; it stays in the list, and may be retried.",
        effect: Effect::Run(|params| Ok(Command::Cancel(id(params)?))),
        answer: Shape::Download,
        refusals: &[ILLEGAL_STATE],
        examples: &[ONE],
    },
    Call {
        name: "downloads.move",
        method: Method::POST,
        path: "/downloads/{id}/move",
        summary: "Move a queued download in the queue",
        says: "Among those of another priority it takes over theirs.",
        effect: Effect::Run(|params| {
            Ok(Command::Move {
                id: id(params)?,
                position: requests::position(params)?,
            })
        }),
        answer: Shape::Download,
        refusals: &[ILLEGAL_STATE],
        examples: &[r#"{"id": "9f1c2a7be04d5566", "position": 0}"#],
    },
    Call {
        name: "stats",
        method: Method::GET,
        path: "/stats",
        summary: "Show totals",
        says: "Over all downloads, and of the process.",
        effect: Effect::Run(|_| Ok(Command::Stats)),
        answer: Shape::Totals,
        refusals: &[],
        examples: &["{}"],
    },
    Call {
        name: "settings.get",
        method: Method::GET,
        path: "/settings",
        summary: "Show the caps in force",
        says: "Those that may be changed while the daemon runs.",
        effect: Effect::Run(|_| Ok(Command::Settings)),
        answer: Shape::Settings,
        refusals: &[],
        examples: &["{}"],
    },
    Call {
        name: "settings.set",
        method: Method::PATCH,
        path: "/settings",
        summary: "Change some of the caps",
        says: "Until the daemon ends; what is left out stays as it is.",
        effect: Effect::Run(|params| Ok(Command::SetSettings(requests::settings(params)?))),
        answer: Shape::Settings,
        refusals: &[],
        examples: &[r#"{"max_downloads": 3, "speed_limit": "10M"}"#],
    },
];

/// The arguments of a call that is about one download.
const ONE: &str = r#"{"id": "9f1c2a7be04d5566"}"#;
