//! Whether a source has the file that was begun: bytes that are held are fetched again and compared.
//! Knows one source and the scratch file; what becomes of the answer is others' business.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::BytesMut;
use futures_util::future::try_join_all;

use crate::disk::Scratch;
use crate::error::{Error, Kind, Result, Retry};
use crate::fetch;
use crate::http::Client;
use crate::opened::Opening;
use crate::plan::ranges::RangeSet;
use crate::plan::resource::{Identity, Resource};
use crate::probe::{self, Found, Html, Manner};
use crate::source::Source;

/// How many bytes of one place are fetched again.
pub(crate) const PROOF: u64 = 64 << 10;

/// At how many places, at most.
pub(crate) const MOST_WINDOWS: usize = 16;

/// The same for bytes that a strong validator vouches for.
pub(crate) const FEW_WINDOWS: usize = 4;
pub(crate) const SHORT_PROOF: u64 = 16 << 10;

/// A stranger's first answer need not be long: it tells what there is.
const FIRST: u64 = 4 << 10;

/// A source of which nothing is known, and what it has to have.
pub(crate) struct Stranger {
    pub(crate) client: Client,
    pub(crate) source: Arc<Source>,
    /// How it has described the file before, when it is the one that said what the file is.
    pub(crate) said: Option<Arc<Resource>>,
    pub(crate) html: Html,
    /// The file that was begun.
    pub(crate) file: Arc<Resource>,
    pub(crate) scratch: Arc<dyn Scratch>,
    /// Its bytes that are held.
    pub(crate) held: RangeSet,
    /// Whether a digest will tell in the end whether the bytes of several sources are one file.
    pub(crate) is_checked: bool,
    /// Most bytes of one request.
    pub(crate) cap: u64,
}

/// What a source has shown.
pub(crate) enum Met {
    /// It has the file that was begun.
    Same {
        /// How it describes it.
        resource: Arc<Resource>,
        /// How many bytes were fetched again to know.
        compared: u64,
    },
    /// It may have it in another version, as the error says: no byte of it goes beside others.
    Apart(Error),
}

impl Stranger {
    /// Makes sure that it has the file, and returns how it describes it. It has to have as many bytes,
    /// to give them in parts, and to have those that are held: at many places, at a few ones when it
    /// gives the file the same strong tag. And it must not call it another version, unless a digest will
    /// tell: samples would miss a few bytes.
    ///
    /// Takes one connection at a time. An error of [`Kind::Changed`] says that it has another file.
    pub(crate) async fn meet(self) -> Result<Met> {
        let Stranger {
            client,
            source,
            file,
            scratch,
            ..
        } = &self;
        let manner = Manner::Block(FIRST.min(self.cap));
        let found = probe::probe(client, source, manner, self.html).await?;
        let another = |how: String| Err(Error::new(Kind::Changed, how).at(&source.home));
        let known = found.resource.clone();
        if known.size != file.size {
            let size = known
                .size
                .map_or("unknown".to_owned(), |size| size.to_string());
            let wanted = file.size.unwrap_or(0);
            return another(format!("it has another size ({size} bytes, not {wanted})"));
        }
        if known.validators.encoding != file.validators.encoding {
            return another("it sends the file in another encoding".to_owned());
        }
        let before = self
            .said
            .as_ref()
            .map(|said| said.validators.compare(&known.validators));
        if before == Some(Identity::Different) {
            return another(
                "the remote file has changed: its ETag or date is another one".to_owned(),
            );
        }
        if !known.ranges {
            let error = Error::new(Kind::Protocol, "it gives no parts of the file");
            return Err(error.with_retry(Retry::NoParts).at(&source.home));
        }
        source.found_at(known.final_url.clone());
        source.took(found.first_byte);
        read_to_end(found).await;
        if !self.is_checked && file.validators.speak_against(&known.validators) {
            let why = "it calls the file another version (ETag, date); \
                       with a checksum it is used beside the others";
            return Ok(Met::Apart(Error::new(Kind::Changed, why).at(&source.home)));
        }
        let windows = match file.validators.compare(&known.validators) {
            Identity::Same => ends(&self.held, FEW_WINDOWS, SHORT_PROOF.min(self.cap)),
            _ => ends(&self.held, MOST_WINDOWS, PROOF.min(self.cap)),
        };
        let compared = windows.iter().map(|w| w.end - w.start).sum();
        for window in windows {
            if !are_same(client, source, &known, scratch, &[window]).await? {
                return another("it has other bytes".to_owned());
            }
        }
        Ok(Met::Same {
            resource: known.into(),
            compared,
        })
    }
}

/// Reads what the first answer brings, so that its connection serves the next request.
async fn read_to_end(found: Found) {
    let Some(opened) = found.opened else {
        return;
    };
    if let (Opening::Live(mut coming), Some(len)) = (opened.bytes, opened.len)
        && coming.read(len).await.is_ok()
    {
        coming.body.finish();
    }
}

/// Whether all windows have the same bytes here and there. They are asked about at once.
pub(crate) async fn are_same(
    client: &Client,
    source: &Source,
    resource: &Resource,
    scratch: &Arc<dyn Scratch>,
    windows: &[Range<u64>],
) -> Result<bool> {
    let fetching = windows
        .iter()
        .map(|window| fetch_again(client, source, resource, window));
    for (window, fetched) in windows.iter().zip(try_join_all(fetching).await?) {
        let mut held = vec![0; fetched.len()];
        if scratch.read_at(&mut held, window.start).is_err() || fetched != held {
            return Ok(false);
        }
    }
    Ok(true)
}

/// All bytes of a window, in as many answers as the server needs for them: one that cuts its answers
/// short is no reason to give up a file whose blocks came like that.
async fn fetch_again(
    client: &Client,
    source: &Source,
    resource: &Resource,
    window: &Range<u64>,
) -> Result<BytesMut> {
    let mut bytes = BytesMut::new();
    loop {
        let from = window.start + bytes.len() as u64;
        if from >= window.end {
            return Ok(bytes);
        }
        let before = bytes.len();
        let asked = (from, window.end - 1);
        let answered = fetch_more(client, source, resource, asked, &mut bytes).await;
        if bytes.len() == before {
            answered?;
            return Err(
                Error::passing(Kind::Disconnected, "the server sent nothing").at(&source.home),
            );
        }
    }
}

/// What one answer brings of the bytes asked for; it stays when the answer breaks off.
async fn fetch_more(
    client: &Client,
    source: &Source,
    resource: &Resource,
    asked: (u64, u64),
    bytes: &mut BytesMut,
) -> Result<()> {
    let turn = AtomicBool::new(false);
    let (mut body, len) = fetch::block(client, source, resource, asked, &turn).await?;
    let promised = bytes.len() + usize::try_from(len).unwrap_or(usize::MAX);
    while bytes.len() < promised {
        let Some(frame) = body.frame().await? else {
            return Ok(());
        };
        bytes.extend_from_slice(&frame);
    }
    bytes.truncate(promised);
    body.finish();
    Ok(())
}

/// The last bytes of held ranges, `len` of each at most: of all, or of some that are spread evenly and
/// include the first and the last.
pub(crate) fn ends(held: &RangeSet, most: usize, len: u64) -> Vec<Range<u64>> {
    let ranges: Vec<Range<u64>> = held.iter().collect();
    let count = ranges.len().min(most);
    (0..count)
        .map(|n| &ranges[n * (ranges.len() - 1) / (count - 1).max(1)])
        .map(|range| range.end - (range.end - range.start).min(len)..range.end)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proof_is_taken_from_the_ends_of_ranges_first_and_last_included() {
        let held: RangeSet = [0..10, 20..30, 40..45].into_iter().collect();
        assert_eq!(ends(&held, MOST_WINDOWS, 6), [4..10, 24..30, 40..45]);
        let many: RangeSet = (0..100).map(|n| n * 10..n * 10 + 5).collect();
        let windows = ends(&many, MOST_WINDOWS, 5);
        assert_eq!(windows.len(), MOST_WINDOWS);
        assert_eq!(
            (&windows[0], &windows[MOST_WINDOWS - 1]),
            (&(0..5), &(990..995))
        );
        assert!(ends(&RangeSet::new(), MOST_WINDOWS, 5).is_empty());
    }
}
