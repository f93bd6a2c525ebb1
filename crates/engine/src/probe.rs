//! The first request: what is there, and its first block at once. Knows nothing of plans and disks.
//!
//! The probe asks for the first block of the file with a plain `GET`. `206` proves that ranges work
//! and tells the size; `200` is the download itself, in one stream. So no round trip is wasted, URLs
//! that answer only once survive, and servers that lie to `HEAD` are never asked.

use std::time::{Duration, SystemTime};

use crate::error::{Error, Kind, Result, Retry};
use crate::http::{Answer, Ask, Client};
use crate::opened::{Coming, Opened, Opening};
use crate::plan::reply::{self, First, Head};
use crate::plan::resource::Resource;
use crate::source::Source;

/// What the probe learned, and the body that came with it.
pub(crate) struct Found {
    pub(crate) resource: Resource,
    /// The first bytes of the file; nothing for an empty one.
    pub(crate) opened: Option<Opened>,
    /// From the start of the request to the head of the answer.
    pub(crate) first_byte: Duration,
}

impl Found {
    /// Closes the connection that it holds open, if any.
    pub(crate) fn let_go(&mut self) {
        self.opened
            .take_if(|opened| matches!(opened.bytes, Opening::Live(_)));
    }

    /// Whether a download can begin with it. Without ranges the body that came with the answer is the
    /// only one there is; when it was let go of, the server must be asked again.
    pub(crate) fn is_usable(&self) -> bool {
        self.opened.is_some() || self.resource.ranges || self.resource.size == Some(0)
    }
}

/// Whether an HTML page counts as a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Html {
    Accept,
    Refuse,
}

/// How to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// For the first so many bytes.
    Block(u64),
    /// For the whole file, without `Range`.
    Whole,
}

/// Asks `source` what there is.
pub(crate) async fn probe(
    client: &Client,
    source: &Source,
    manner: Manner,
    html: Html,
) -> Result<Found> {
    let block = match manner {
        Manner::Block(len) => Some(len),
        Manner::Whole => None,
    };
    let (mut answer, mut first) = ask(client, source, block).await?;
    if first == First::AskWhole {
        answer.body.finish();
        (answer, first) = ask(client, source, None).await?;
    }
    if html == Html::Refuse && reply::is_page(&answer.headers) {
        let detail =
            "this is an HTML page, not a file; ask to accept HTML if you want the page itself";
        return Err(Error::new(Kind::HtmlPage, detail).at(&source.home));
    }
    found(answer, first)
}

async fn ask(client: &Client, source: &Source, block: Option<u64>) -> Result<(Answer, First)> {
    let range = block.map(|len| (0, len - 1));
    let answer = client
        .get(&Ask {
            url: &source.home,
            home: &source.home,
            range,
            headers: &source.headers,
            owner: source.owner,
            turn: None,
            ahead: Some(&source.ahead),
        })
        .await?;
    let first = reply::first(&head(&answer), block);
    match first {
        Ok(first) => Ok((answer, first)),
        Err(error) => {
            // They have proven nothing of how many the server accepts.
            source.ahead.keep(0);
            if let Retry::FewerConnections { after } = error.retry {
                answer.body.refused(after);
            }
            Err(error)
        }
    }
}

fn found(answer: Answer, first: First) -> Result<Found> {
    let first_byte = answer.first_byte;
    let opened = |len| {
        let bytes = Opening::Live(Box::new(Coming::new(answer.body)));
        Some(Opened { bytes, len })
    };
    Ok(match first {
        First::Part { resource, len } => Found {
            resource,
            opened: opened(Some(len)),
            first_byte,
        },
        First::Whole(resource) if resource.size == Some(0) => Found {
            resource,
            opened: None,
            first_byte,
        },
        First::Whole(resource) => {
            let len = resource.size;
            Found {
                resource,
                opened: opened(len),
                first_byte,
            }
        }
        First::Empty(resource) => Found {
            resource,
            opened: None,
            first_byte,
        },
        First::AskWhole => {
            return Err(Error::new(
                Kind::Protocol,
                "the server has no answer to a plain request",
            ));
        }
    })
}

fn head(answer: &Answer) -> Head<'_> {
    Head {
        url: &answer.url,
        status: answer.status,
        headers: &answer.headers,
        at: SystemTime::now(),
    }
}
