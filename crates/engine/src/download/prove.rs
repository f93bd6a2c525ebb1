//! Whether the bytes that are held and those that the server gives are of one version: some are fetched
//! again and compared. Many when no strong validator vouches for them, a few when one does.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::BytesMut;
use futures_util::future::try_join_all;

use super::Download;
use crate::disk::Scratch;
use crate::error::{Error, Kind, Result, Retry};
use crate::fetch;
use crate::http::Client;
use crate::plan::ranges::RangeSet;
use crate::plan::resource::Resource;
use crate::source::Source;
use crate::transfer::Halt;

/// How many bytes of one place are fetched again.
const PROOF: u64 = 64 << 10;

/// At how many places, at most.
const MOST_WINDOWS: usize = 16;

/// The same for bytes that a strong validator vouches for.
const FEW_WINDOWS: usize = 4;
const SHORT_PROOF: u64 = 16 << 10;

/// How many bytes are fetched again where an answer began.
const PROOF_OF_ANSWER: u64 = 4 << 10;

/// How many places are asked about at once, when so many threads are allowed.
const AT_ONCE: u16 = 8;

impl Download {
    /// Before held bytes are built upon: whether the remote file still has them. The ends of held
    /// ranges are compared, because that is where new bytes are joined on.
    pub(super) async fn prove_held(
        &mut self,
        source: &Source,
        resource: &Resource,
        scratch: &Arc<dyn Scratch>,
    ) -> Result<bool, Halt> {
        // Somebody may have put other bytes under the same tag; a look costs little.
        let windows = if resource.validators.is_strong() {
            ends(&self.record.done, FEW_WINDOWS, SHORT_PROOF)
        } else {
            ends(&self.record.done, MOST_WINDOWS, self.proof())
        };
        self.compare(source, resource, scratch, &windows).await
    }

    /// After the last byte: whether all answers spoke of one version. A file that changed on the way
    /// without a word has other bytes now than those that were fetched first, and a node that lags
    /// others than those of its answers.
    pub(super) async fn prove_whole(
        &mut self,
        source: &Source,
        resource: &Resource,
        scratch: &Arc<dyn Scratch>,
    ) -> Result<(), Halt> {
        // One answer is one version.
        let had_several_answers = resource.ranges && self.ranges_proven;
        let is_vouched_for = resource.validators.is_strong() && !source.is_doubtful();
        if is_vouched_for || !had_several_answers {
            return Ok(());
        }
        let size = self.record.done.len();
        let mut windows = spread(size, self.proof());
        windows.extend(beginnings(source.answers(), size));
        match self.compare(source, resource, scratch, &windows).await {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            // A link that has expired since the last byte: all answers have borne the same date, and
            // asking for more than that would lose a file that is here.
            Err(Halt::Failed(refused)) if is_no(&refused) && is_dated(resource) => return Ok(()),
            Err(halt) => return Err(halt),
        }
        let detail =
            "the remote file has changed while it was downloaded, and the server did not say so";
        Err(Halt::Failed(
            Error::new(Kind::Changed, detail).at(&source.home),
        ))
    }

    fn proof(&self) -> u64 {
        PROOF.min(self.tuning.borrow().block_size)
    }

    /// Whether all windows have the same bytes here and there.
    async fn compare(
        &mut self,
        source: &Source,
        resource: &Resource,
        scratch: &Arc<dyn Scratch>,
        windows: &[Range<u64>],
    ) -> Result<bool, Halt> {
        let at_once = AT_ONCE.min(self.tuning.borrow().threads.max(1));
        let failures = self.failures;
        for some in windows.chunks(at_once.into()) {
            if !self.compare_some(source, resource, scratch, some).await? {
                return Ok(false);
            }
            // Each group has all patience; but what is compared is no gain, so earlier failures count on.
            self.failures = failures;
            self.record.wasted += some.iter().map(|w| w.end - w.start).sum::<u64>();
        }
        Ok(true)
    }

    async fn compare_some(
        &mut self,
        source: &Source,
        resource: &Resource,
        scratch: &Arc<dyn Scratch>,
        windows: &[Range<u64>],
    ) -> Result<bool, Halt> {
        loop {
            let stop = self.stop.clone();
            let client = &self.context.client;
            let compared = tokio::select! {
                () = stop.cancelled() => return Err(Halt::Stopped),
                compared = are_same(client, source, resource, scratch, windows) => compared,
            };
            match compared {
                Ok(are_same) => return Ok(are_same),
                Err(error) if error.kind == Kind::Changed => return Ok(false),
                Err(error) => match self.wait_after(&error).await {
                    // Whoever gives no parts cannot be compared with, but may give the whole.
                    Err(Halt::Failed(last)) if last.retry == Retry::NoParts => return Ok(false),
                    waited => waited?,
                },
            }
        }
    }
}

/// Whether the server will not give the file any more.
fn is_no(error: &Error) -> bool {
    matches!(error.kind, Kind::NotFound | Kind::Refused)
}

fn is_dated(resource: &Resource) -> bool {
    resource.validators.last_modified.is_some()
}

/// The same of a few windows, which are asked about at once.
async fn are_same(
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
fn ends(held: &RangeSet, most: usize, len: u64) -> Vec<Range<u64>> {
    let ranges: Vec<Range<u64>> = held.iter().collect();
    let count = ranges.len().min(most);
    (0..count)
        .map(|n| &ranges[n * (ranges.len() - 1) / (count - 1).max(1)])
        .map(|range| range.end - (range.end - range.start).min(len)..range.end)
        .collect()
}

/// Windows of `len` bytes, evenly over a file of `size` bytes from its first byte to its last. The
/// first ones are the oldest: whenever the file has changed on the way, they came before.
fn spread(size: u64, len: u64) -> Vec<Range<u64>> {
    let count = size.div_ceil(len.max(1)).min(MOST_WINDOWS as u64);
    let room = u128::from(size.saturating_sub(len));
    let start = |n: u64| {
        let start = room * u128::from(n) / u128::from((count - 1).max(1));
        u64::try_from(start).unwrap_or(size)
    };
    (0..count)
        .map(|n| start(n)..size.min(start(n) + len))
        .collect()
}

/// The first bytes of answers, in a file of `size` bytes: each answer may have spoken of a version of
/// its own.
fn beginnings(mut answers: Vec<u64>, size: u64) -> impl Iterator<Item = Range<u64>> {
    answers.sort_unstable();
    answers.dedup();
    let window = move |first: u64| first..size.min(first + PROOF_OF_ANSWER);
    answers.into_iter().map(window)
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

    #[test]
    fn proof_of_the_whole_is_spread_from_the_first_byte_to_the_last() {
        let windows = spread(1600, 10);
        assert_eq!(windows.len(), MOST_WINDOWS);
        assert_eq!(
            (&windows[0], &windows[1], &windows[15]),
            (&(0..10), &(106..116), &(1590..1600))
        );
        assert_eq!(spread(25, 10), [0..10, 7..17, 15..25]);
        assert_eq!(spread(5, 10).first(), Some(&(0..5)));
        assert!(spread(0, 10).is_empty());
        let whole: RangeSet = spread(155, 10).into_iter().collect();
        assert_eq!(whole, std::iter::once(0..155).collect());
    }
}
