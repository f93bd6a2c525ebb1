//! Whether the bytes that are held and those that the server gives are of one version: some are fetched
//! again and compared. Many when no strong validator vouches for them, a few when one does.

use std::ops::Range;
use std::sync::Arc;

use tokio::time::Instant;

use super::Download;
use super::again::Tries;
use crate::disk::Scratch;
use crate::error::{Error, Kind, Result, Retry};
use crate::meet::{FEW_WINDOWS, MOST_WINDOWS, Met, PROOF, SHORT_PROOF, Stranger, are_same, ends};
use crate::plan::ranges::RangeSet;
use crate::plan::resource::Resource;
use crate::source::Source;
use crate::sources::{Sources, is_no_use};
use crate::transfer::Halt;

/// How many bytes are fetched again where an answer began.
const PROOF_OF_ANSWER: u64 = 4 << 10;

/// Of bytes that another source has given no stretch longer than this goes without a look, as long as
/// so many looks are enough.
const LONGEST_STRETCH: u64 = 1 << 20;
const MOST_SAMPLES: usize = 256;

/// How many places are asked about at once, when so many threads are allowed.
const AT_ONCE: u16 = 8;

/// Windows that have yet to be compared at one source.
struct Windows {
    left: Vec<Range<u64>>,
    /// Tries of the download that had failed in a row before.
    failures: u32,
}

/// What a comparison has shown.
enum Compared {
    /// All bytes are the same.
    Same,
    /// Some are not.
    Different,
    /// The source speaks of another version.
    Changed(Error),
    /// It could not be asked.
    Unknown(Error),
}

impl Download {
    /// Before held bytes are built upon: whether a source still has them. The ends of held ranges are
    /// compared, because that is where new bytes are joined on. The first source that has them is
    /// enough to go on; the others are asked when they are needed.
    pub(super) async fn prove_held(
        &mut self,
        tries: &mut Tries,
        resource: &Arc<Resource>,
        scratch: &Arc<dyn Scratch>,
    ) -> Result<bool, Halt> {
        // Somebody may have put other bytes under the same tag; a look costs little.
        let windows = if resource.validators.is_strong() {
            ends(&self.record.done, FEW_WINDOWS, SHORT_PROOF)
        } else {
            ends(&self.record.done, MOST_WINDOWS, self.proof())
        };
        let mut windows = self.windows(windows);
        let sources = &mut tries.sources;
        let mut rounds = 0;
        loop {
            for at in sources.in_turn() {
                let met = if sources.said_by(at).is_some() {
                    let source = sources.source(at).clone();
                    match self
                        .compare(&source, resource, scratch, &mut windows)
                        .await?
                    {
                        Compared::Same => Ok(Met::Same {
                            resource: resource.clone(),
                            compared: 0,
                        }),
                        Compared::Different => Err(has_changed(&source)),
                        Compared::Changed(error) | Compared::Unknown(error) => Err(error),
                    }
                } else {
                    self.meet(sources, at, resource, scratch).await?
                };
                match met {
                    Ok(Met::Same {
                        resource: known,
                        compared,
                    }) => {
                        self.record.wasted += compared;
                        sources.proven(at, known);
                        return Ok(true);
                    }
                    Ok(Met::Apart(why)) => sources.keep_apart(at, why),
                    Err(error) if error.kind == Kind::Changed => sources.set_aside(at, error),
                    Err(error) if sources.said_by(at).is_none() && is_no_use(&error) => {
                        sources.set_aside(at, error);
                    }
                    Err(error) => sources.rests(at, Instant::now(), 0, error),
                }
            }
            if sources.is_file_gone() {
                return Ok(false);
            }
            let verdict = sources.verdict();
            let waited = self.wait_after(&verdict).await;
            rounds += 1;
            let is_given_up = match &waited {
                // Whoever gives no parts cannot be compared with, but may give the whole.
                Err(Halt::Failed(last)) if last.retry == Retry::NoParts => return Ok(false),
                Err(Halt::Failed(_)) => true,
                // A server that cannot be reached is waited for without end, if there is no other one.
                Ok(()) => rounds > self.context.patience().retries,
                // Whoever is stopped or gives way keeps what is held.
                Err(_) => false,
            };
            if is_given_up && sources.turn_to_one_apart(&verdict) {
                return Ok(false);
            }
            waited?;
        }
    }

    /// Asks a source of which nothing is known whether it has the file that was begun.
    async fn meet(
        &self,
        sources: &Sources,
        at: usize,
        file: &Arc<Resource>,
        scratch: &Arc<dyn Scratch>,
    ) -> Result<Result<Met>, Halt> {
        let stranger = Stranger {
            client: self.context.client.clone(),
            source: sources.source(at).clone(),
            said: None,
            html: self.html(),
            file: file.clone(),
            scratch: scratch.clone(),
            held: self.record.done.clone(),
            is_checked: sources.are_checked(),
            cap: self.tuning.borrow().block_size,
        };
        self.asking(stranger.meet()).await
    }

    /// After the last byte: whether all answers spoke of one version. A file that changed on the way
    /// without a word has other bytes now than those that were fetched first, a node that lags others
    /// than those of its answers, and a mirror may have another file that begins like this one.
    pub(super) async fn prove_whole(
        &mut self,
        tries: &mut Tries,
        resource: &Resource,
        scratch: &Arc<dyn Scratch>,
    ) -> Result<(), Halt> {
        let sources = &mut tries.sources;
        let may_be_mixed = sources.are_mixed();
        // A digest tells more than any sample.
        let is_checked_anyway = may_be_mixed && self.record.spec.checksum.is_some();
        let giver = *sources.givers().first().unwrap_or(&sources.lead());
        // One answer is one version.
        let had_several_answers = resource.ranges && self.ranges_proven;
        // Whoever was set aside meanwhile vouches for nothing.
        let vouches = |known: &Arc<Resource>| known.validators.is_strong();
        let is_vouched_for = !may_be_mixed
            && sources.known(giver).is_some_and(vouches)
            && !sources.source(giver).is_doubtful();
        if is_checked_anyway || is_vouched_for || !had_several_answers {
            return Ok(());
        }
        match self.agrees(sources, scratch).await {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            // A link that has expired since the last byte: all answers have borne the same date, and
            // asking for more than that would lose a file that is here.
            Err(Halt::Failed(refused))
                if is_no(&refused) && is_dated(resource) && !may_be_mixed =>
            {
                return Ok(());
            }
            Err(halt) => return Err(halt),
        }
        let detail = if may_be_mixed {
            sources.go_alone();
            "what several sources gave is not one file"
        } else {
            "the remote file has changed while it was downloaded, and the server did not say so"
        };
        let error = Error::new(Kind::Changed, detail);
        Err(Halt::Failed(error.at(&sources.source(giver).home)))
    }

    /// Whether the first source that can be asked has the same bytes in all windows. One that has
    /// changed since is no witness.
    async fn agrees(
        &mut self,
        sources: &mut Sources,
        scratch: &Arc<dyn Scratch>,
    ) -> Result<bool, Halt> {
        let windows = |at| self.windows(self.of_the_whole(sources, at));
        let mut left: Vec<Windows> = (0..sources.len()).map(windows).collect();
        loop {
            for at in sources.witnesses() {
                let (source, known) = (sources.source(at).clone(), sources.known(at).cloned());
                let Some(known) = known else { continue };
                match self
                    .compare(&source, &known, scratch, &mut left[at])
                    .await?
                {
                    Compared::Same => return Ok(true),
                    Compared::Different => return Ok(false),
                    Compared::Changed(error) => sources.set_aside(at, error),
                    Compared::Unknown(error) => sources.rests(at, Instant::now(), 0, error),
                }
            }
            if sources.witnesses().is_empty() {
                return Ok(false);
            }
            match self.wait_after(&sources.verdict()).await {
                Err(Halt::Failed(last)) if last.retry == Retry::NoParts => return Ok(false),
                waited => waited?,
            }
        }
    }

    /// Windows all over the file, in which this source is a witness.
    fn of_the_whole(&self, sources: &Sources, at: usize) -> Vec<Range<u64>> {
        let size = self.record.done.len();
        let mut windows = spread(size, self.proof());
        windows.extend(beginnings(sources.source(at).answers(), size));
        if sources.are_mixed() {
            windows.extend(samples(&sources.given_by_others_than(at)));
        }
        windows
    }

    fn proof(&self) -> u64 {
        PROOF.min(self.tuning.borrow().block_size)
    }

    fn windows(&self, left: Vec<Range<u64>>) -> Windows {
        Windows {
            left,
            failures: self.failures,
        }
    }

    /// Whether all windows have the same bytes here and there. Those that are compared are taken away.
    async fn compare(
        &mut self,
        source: &Source,
        resource: &Resource,
        scratch: &Arc<dyn Scratch>,
        windows: &mut Windows,
    ) -> Result<Compared, Halt> {
        let at_once = usize::from(AT_ONCE.min(self.tuning.borrow().threads.max(1)));
        while !windows.left.is_empty() {
            let some = &windows.left[..at_once.min(windows.left.len())];
            let client = &self.context.client;
            let comparing = are_same(client, source, resource, scratch, some);
            match self.asking(comparing).await? {
                Ok(true) => {}
                Ok(false) => return Ok(Compared::Different),
                Err(error) if error.kind == Kind::Changed => return Ok(Compared::Changed(error)),
                Err(error) => return Ok(Compared::Unknown(error)),
            }
            // Each group has all patience; but what is compared is no gain, so earlier failures count on.
            self.failures = windows.failures;
            self.record.wasted += some.iter().map(|w| w.end - w.start).sum::<u64>();
            windows.left.drain(..at_once.min(windows.left.len()));
        }
        Ok(Compared::Same)
    }
}

/// That the bytes of a source are not those that are held.
fn has_changed(source: &Source) -> Error {
    let detail = "the remote file has changed: it has other bytes than those that are held";
    Error::new(Kind::Changed, detail).at(&source.home)
}

/// Whether the server will not give the file any more.
fn is_no(error: &Error) -> bool {
    matches!(error.kind, Kind::NotFound | Kind::Refused)
}

fn is_dated(resource: &Resource) -> bool {
    resource.validators.last_modified.is_some()
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

/// Windows in bytes that another source has given: the first and the last ones of each range, where the
/// files may begin to differ, and so many in between that no longer stretch goes without.
fn samples(given: &RangeSet) -> Vec<Range<u64>> {
    let step = (given.len() / MOST_SAMPLES as u64).max(LONGEST_STRETCH);
    let mut samples = Vec::new();
    for range in given.iter() {
        let firsts = (range.start..range.end).step_by(usize::try_from(step).unwrap_or(usize::MAX));
        samples.extend(firsts.map(|first| first..range.end.min(first + PROOF_OF_ANSWER)));
        samples.push(range.end.saturating_sub(PROOF_OF_ANSWER).max(range.start)..range.end);
    }
    // Very many short ranges are looked at here and there.
    let nth = samples.len().div_ceil(2 * MOST_SAMPLES).max(1);
    samples.into_iter().step_by(nth).collect()
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
    fn bytes_of_another_source_are_looked_at_where_they_begin_and_end_and_in_between() {
        let mib = LONGEST_STRETCH;
        let given: RangeSet = [0..2 * mib + 10, 5 * mib..5 * mib + 1]
            .into_iter()
            .collect();
        let look = |first: u64| first..first + PROOF_OF_ANSWER;
        let end = 2 * mib + 10;
        let expected = [
            look(0),
            look(mib),
            2 * mib..end,
            end - PROOF_OF_ANSWER..end,
            5 * mib..5 * mib + 1,
            5 * mib..5 * mib + 1,
        ];
        assert_eq!(samples(&given), expected);
        let long: RangeSet = std::iter::once(0..10_000 * mib).collect();
        assert!(samples(&long).len() <= MOST_SAMPLES + 2);
        let many: RangeSet = (0..10_000).map(|n| n * mib..n * mib + 9).collect();
        assert!(samples(&many).len() <= 2 * MOST_SAMPLES);
        assert!(samples(&RangeSet::new()).is_empty());
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
