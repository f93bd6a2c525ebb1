//! One ranged `GET`: a block's bytes as a checked stream. Knows nothing of plans, threads and disks.

use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use url::Url;

use crate::error::{Result, Retry};
use crate::http::{Ask, Body, Client};
use crate::plan::reply::{self, Head, Moved};
use crate::plan::resource::Resource;
use crate::source::Source;

/// Opens a body that brings bytes of `known` from `first` on, up to `last` (inclusive) at most. Every
/// check of the answer is behind us when this returns; it returns how many bytes the body brings.
/// `turn` is true while it waits for a connection that is in other hands.
pub(crate) async fn block(
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
        // The address has expired: a fresh walk from the user's URL finds the present one.
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
            turn: Some(turn),
        })
        .await?;
    let head = Head {
        url: &answer.url,
        status: answer.status,
        headers: &answer.headers,
        at: SystemTime::now(),
    };
    let len = reply::block(&head, asked, known, moved)?;
    source.found_at(answer.url);
    Ok((answer.body, len))
}
