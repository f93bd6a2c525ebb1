//! One ranged `GET`: a block's bytes as a checked stream. Knows nothing of plans, threads and disks.

use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use url::Url;

use crate::error::{Result, Retry};
use crate::http::{Ask, Body, Client};
use crate::plan::reply::{self, Head, Moved};
use crate::plan::resource::Resource;

/// Where one download's bytes come from. All its threads share it.
pub(crate) struct Source {
    /// The URL that the user gave.
    pub(crate) home: Url,
    /// Its own request headers.
    pub(crate) headers: Vec<(String, String)>,
    /// Where the last walk along the redirects ended.
    at: Mutex<Url>,
}

impl Source {
    pub(crate) fn new(home: Url, headers: Vec<(String, String)>) -> Source {
        Source {
            at: Mutex::new(home.clone()),
            home,
            headers,
        }
    }

    /// Where the bytes are, after redirects.
    pub(crate) fn address(&self) -> Url {
        self.at
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Notes where the bytes are.
    pub(crate) fn found_at(&self, url: Url) {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = url;
    }
}

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
