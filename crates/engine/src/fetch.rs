//! One ranged `GET`: a block's bytes as a checked stream. Knows nothing of plans, threads and disks.

use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use http::header::CONTENT_LENGTH;
use url::Url;

use crate::error::{Kind, Result, Retry};
use crate::http::{Ask, Body, Client};
use crate::plan::reply::{self, Head, Moved};
use crate::plan::resource::Resource;
use crate::source::Source;

/// Opens a body that brings bytes of `known` from `first` on, up to `last` (inclusive) at most. Every
/// check of the answer is behind us when this returns; it returns how many bytes the body brings.
/// `turn` is true while it waits for a connection that is in other hands.
///
/// An answer that speaks of another version is no reason to give up what is held: nodes of one
/// server may disagree for a while, or name equal bytes differently. Its connection is closed and
/// another one asked, until enough of them agree that the file has changed.
pub(crate) async fn block(
    client: &Client,
    source: &Source,
    known: &Resource,
    asked: (u64, u64),
    turn: &AtomicBool,
) -> Result<(Body, u64)> {
    loop {
        match resolved(client, source, known, asked, turn).await {
            Err(error) if error.kind == Kind::Changed && source.met_stranger() => {
                tracing::debug!(%error, "asking for the known version on another connection");
            }
            other => return other,
        }
    }
}

/// Asks where the bytes were found last, and again from the user's URL when that has expired.
async fn resolved(
    client: &Client,
    source: &Source,
    known: &Resource,
    asked: (u64, u64),
    turn: &AtomicBool,
) -> Result<(Body, u64)> {
    let address = source.address();
    let moved = if address == source.home {
        Moved::Given
    } else {
        Moved::Redirected
    };
    match open(client, source, known, asked, (&address, moved), turn).await {
        Err(error) if error.retry == Retry::Reresolve => {
            open(
                client,
                source,
                known,
                asked,
                (&source.home, Moved::Given),
                turn,
            )
            .await
        }
        other => other,
    }
}

async fn open(
    client: &Client,
    source: &Source,
    known: &Resource,
    asked: (u64, u64),
    (url, moved): (&Url, Moved),
    turn: &AtomicBool,
) -> Result<(Body, u64)> {
    let answer = client
        .get(&Ask {
            url,
            home: &source.home,
            range: Some(asked),
            headers: &source.headers,
            owner: source.owner,
            turn: Some(turn),
            ahead: Some(&source.ahead),
        })
        .await?;
    let head = Head {
        url: &answer.url,
        status: answer.status,
        headers: &answer.headers,
        at: SystemTime::now(),
    };
    match reply::block(&head, asked, known, moved) {
        Ok(len) => {
            if !answer.headers.contains_key(CONTENT_LENGTH) {
                source.doubt();
            }
            source.took(answer.first_byte);
            source.found_at(answer.url);
            Ok((answer.body, len))
        }
        Err(error) => {
            if let Retry::FewerConnections { after } = error.retry {
                answer.body.refused(after);
            }
            Err(error)
        }
    }
}
